//! The MQTT binding (TS-0010).
//!
//! `topic` and `address` are pure and hold the mapping; `server` and `answer` carry out what comes, `client` and
//! `pool` send what goes out, both over a `link`: to a broker elsewhere (`session`) or to the one in this process (`local`,
//! [`broker`]). What a primitive means is left to the core.

pub mod address;
mod answer;
pub mod broker;
mod client;
pub mod link;
mod local;
mod pending;
mod pool;
mod repeats;
mod server;
mod session;
pub mod settings;
pub mod topic;

use std::sync::Arc;

use dyad_protocol::exchange::Receiver;
use dyad_protocol::serialization::Codec;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::address::{Address, Authority};
pub use self::client::MqttTransport;
pub use self::session::{Connector, Secure, Stream, Tcp, wire};
pub use self::settings::{LinkSettings, Login, MqttSettings, Remote, Version};

use self::answer::Answering;
use self::broker::Broker;
use self::client::Caller;
use self::link::{Events, Link, LinkError};
use self::pool::{IsOwn, Means, Pool};
use self::repeats::Repeats;
use self::server::Server;
use self::session::Destination;
use self::topic::{Names, base};

/// What a binding is made with.
pub struct Parts {
    /// Its settings.
    pub settings: MqttSettings,
    /// Reads and writes primitives.
    pub codec: Codec,
    /// Takes the requests.
    pub receiver: Arc<dyn Receiver>,
    /// Makes connections with brokers elsewhere.
    pub connector: Arc<dyn Connector>,
}

/// A binding that runs.
pub struct Binding {
    transport: Arc<MqttTransport>,
    serving: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl Binding {
    /// Takes no requests, and calls brokers that points of access name.
    pub fn without_broker(parts: Parts) -> Self {
        Self { transport: Arc::new(parts.transport(None)), serving: None }
    }

    /// Takes requests from a broker elsewhere. If it is away it is waited for, in the background.
    pub fn with_remote(parts: Parts, remote: Remote) -> Self {
        let Remote { address, login } = remote;
        let authority = address.authority.clone();
        let destination = Destination {
            authority: address.authority,
            login: address.login.or(login),
            connector: Arc::clone(&parts.connector),
        };
        let (names, own) = (parts.names(), parts.settings.own.clone());
        let filters = server::filters(&parts.settings, &names);
        let (session, events) = session::open(destination, parts.settings.link.clone(), filters);
        let is_own = move |other: &Authority| {
            let is_host = other.host == authority.host || other.is_loopback() && authority.is_loopback();
            let is_same = is_host && other.port == authority.port && other.is_secure == authority.is_secure;
            is_same || own.contains(other)
        };
        Self::over(parts, session, events, Box::new(is_own))
    }

    /// Takes requests from the broker in this process, which is reached under some addresses. The broker is stopped after
    /// the binding. Fails if the client identifier of the node is taken.
    pub fn with_broker(parts: Parts, broker: &Broker) -> Result<Self, LinkError> {
        let listening = broker.addresses().to_vec();
        let filters = server::filters(&parts.settings, &parts.names());
        let (link, events) = local::open(broker, &parts.settings.link.client_id, &filters)?;
        let own = parts.settings.own.clone();
        let is_own = move |other: &Authority| {
            let is_listening = listening.iter().any(|address| {
                let is_host = match address.ip() {
                    ip if ip.is_unspecified() || ip.is_loopback() => other.is_loopback(),
                    ip => other.host == ip.to_string(),
                };
                is_host && other.port == address.port() && !other.is_secure
            });
            is_listening || own.contains(other)
        };
        Ok(Self::over(parts, link, events, Box::new(is_own)))
    }

    fn over(parts: Parts, link: Arc<dyn Link>, events: Events, is_own: IsOwn) -> Self {
        let settings = parts.settings.clone();
        let pending = Arc::default();
        let answering = Arc::new(Answering {
            names: parts.names(),
            cse_id: settings.cse_id.clone(),
            max_payload: settings.max_payload,
            codec: parts.codec.clone(),
            receiver: Arc::clone(&parts.receiver),
            repeats: Repeats::new(settings.repeats_for, settings.repeats, settings.repeats_bytes),
        });
        let caller = Arc::new(Caller {
            link: Arc::clone(&link),
            pending: Arc::clone(&pending),
            bases: tokio::sync::Mutex::new([base(&settings.prefix)].into()),
        });
        let server = Server::new(link, answering, pending, settings);
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(server.serve(events, stopped));
        Self { transport: Arc::new(parts.transport(Some((is_own, caller)))), serving: Some((stop, serving)) }
    }

    /// What calls out.
    pub fn transport(&self) -> Arc<MqttTransport> {
        Arc::clone(&self.transport)
    }

    /// Ends: what is in flight is answered until the deadline, then the connection is closed with DISCONNECT.
    pub async fn stop(self) {
        let Some((stop, serving)) = self.serving else { return };
        stop.send_replace(true);
        if serving.await.is_err() {
            tracing::error!("the MQTT binding has ended before it was stopped");
        }
    }
}

impl Parts {
    fn names(&self) -> Names {
        Names::new(&self.settings.cse_id, &self.settings.sp_id)
    }

    fn transport(&self, own: Option<(IsOwn, Arc<Caller>)>) -> MqttTransport {
        let (settings, names) = (&self.settings, self.names());
        let means = Means {
            connector: Arc::clone(&self.connector),
            settings: settings.link.clone(),
            most: settings.brokers,
            idle: settings.idle,
            names: names.clone(),
            codec: self.codec.clone(),
        };
        MqttTransport {
            pool: Pool::new(own, means),
            names,
            codec: self.codec.clone(),
            is_secure: self.connector.is_secure(),
        }
    }
}
