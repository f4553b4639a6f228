//! The CoAP server: sockets, starting and stopping.
//!
//! What is sent to them is left to `receiving`, what is done with a datagram to `serving`.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::task::JoinHandle;

use super::endpoint::LINKS;
use super::link::{Link, Udp};
use super::multicast;
use super::receiving::{self, Receivers};
use super::resources::{Notifier, Resources, Source};
use super::serving::Serving;
use super::settings::ServerSettings;

/// Bytes of datagrams that the operating system keeps until they are received, if it lets us say so.
const BACKLOG: usize = 4 * 1024 * 1024;

/// A server that runs. Dropping it ends it at once.
pub struct Server {
    addresses: Vec<SocketAddr>,
    sockets: Vec<Arc<UdpSocket>>,
    serving: Arc<Serving>,
    /// They end when they are dropped.
    _receivers: Vec<Receivers>,
    groups: Vec<JoinHandle<()>>,
    repeating: JoinHandle<()>,
}

impl Server {
    /// The addresses that it listens on, with the ports that were taken for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops: new requests are answered with 5.03, those in flight until the deadline of the settings. Returns when
    /// all is closed.
    pub async fn stop(self) {
        self.serving.begin_stop();
        let settled = async {
            self.serving.settled().await;
            // Answers of their own wait for their acknowledgement.
            while self.serving.endpoint.under_way() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        // What is not done by then is given up.
        let _ = tokio::time::timeout(self.serving.settings.stop_deadline, settled).await;
    }

    /// Receives what is sent to the groups of all CoAP nodes (RFC 7252 8, 12.8), on the interfaces of the addresses that
    /// it listens on but loopback. Answers leave through the socket of that address. Within the runtime.
    ///
    /// Fails if there is no interface to join on; groups that were joined before stay so.
    pub fn join_groups(&mut self) -> io::Result<()> {
        for (link, socket) in self.sockets.iter().enumerate() {
            let is_loopback = socket.local_addr()?.ip().is_loopback();
            let Some(link) = u16::try_from(link).ok().filter(|_| !is_loopback) else { continue };
            for group in multicast::sockets(socket)? {
                let receiving = receiving::of_group(Arc::clone(&self.serving), group, link);
                self.groups.push(tokio::spawn(receiving));
            }
        }
        Ok(())
    }

    /// Adds something else to send through, such as secured sockets. Its number is the `link` of its sources.
    pub fn attach(&self, link: Arc<dyn Link>) -> u16 {
        self.serving.endpoint.attach(link)
    }

    /// Takes a datagram that came in through something that was attached; within the runtime.
    pub fn received(&self) -> impl Fn(Source, &[u8]) + Clone + Send + Sync + 'static {
        let serving = Arc::clone(&self.serving);
        move |source, datagram| {
            let answer = serving.datagram(Instant::now(), source, false, datagram);
            serving.say(source, answer);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.repeating.abort();
        for receiving in &self.groups {
            receiving.abort();
        }
    }
}

/// Binds all addresses, then serves until [`Server::stop`]. Needs to be called within a tokio runtime with IO and
/// time.
///
/// Fails with the error of the operating system, the address in its text, if one cannot be bound.
pub async fn start(settings: ServerSettings, resources: Arc<dyn Resources>) -> io::Result<Server> {
    let sockets = settings.listen.iter().copied().map(bind).collect::<io::Result<Vec<_>>>()?;
    // One is left for DTLS.
    if sockets.is_empty() || sockets.len() >= LINKS {
        let why = format!("1 to {} addresses can be listened on", LINKS - 1);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let addresses = sockets.iter().map(|socket| socket.local_addr()).collect::<io::Result<_>>()?;
    let receivers = settings.receivers.clamp(1, 64);
    let serving = Serving::new(settings, Arc::clone(&resources));
    resources.started(Arc::clone(&serving) as Arc<dyn Notifier>);
    let mut started = Vec::new();
    for socket in &sockets {
        let link = serving.endpoint.attach(Arc::new(Udp(Arc::clone(socket))));
        started.push(Receivers::start(&serving, socket, link, receivers)?);
    }
    let repeated = Arc::clone(&serving);
    let repeating = tokio::spawn(async move { repeated.endpoint.run().await });
    Ok(Server { addresses, sockets, serving, _receivers: started, groups: Vec::new(), repeating })
}

/// A socket for datagrams that does not block.
pub(super) fn bind(address: SocketAddr) -> io::Result<Arc<UdpSocket>> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if matches!(address.ip(), IpAddr::V6(_)) {
            // So that both families can have the same port.
            socket.set_only_v6(true)?;
        }
        multicast::deafen(&socket, address.is_ipv4())?;
        // Less is not worth a failure.
        let _ = socket.set_recv_buffer_size(BACKLOG).and_then(|()| socket.set_send_buffer_size(BACKLOG));
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Arc::new(UdpSocket::from(socket)))
    };
    bind().map_err(|error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}")))
}
