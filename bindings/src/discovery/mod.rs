//! Announcing this node on the local network (DNS-SD, RFC 6763, over multicast DNS, RFC 6762).
//!
//! Responsible for the records and for taking them back. Which services there are is left to the node.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

/// oneM2M over HTTP or WebSocket, secured or not: the property `scheme` says which.
pub const ONEM2M: &str = "_onem2m._tcp.local.";

/// CoAP (RFC 7252 7.1, 12.7).
pub const COAP: &str = "_coap._udp.local.";

/// CoAP over DTLS (RFC 7252 12.8).
pub const COAPS: &str = "_coaps._udp.local.";

/// An MQTT broker, by the name that IANA has for it.
pub const MQTT: &str = "_mqtt._tcp.local.";

/// The same over TLS.
pub const MQTTS: &str = "_secure-mqtt._tcp.local.";

/// How long taking a record back may last.
const GOODBYE: Duration = Duration::from_secs(1);

/// The longest label of a name (RFC 1035 2.3.4).
const LABEL: usize = 63;

/// A service of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name of this instance of its kind, of which there is one. It gets a number behind it if another node on the
    /// network has it.
    pub name: String,
    /// [`ONEM2M`] or one of the others.
    pub kind: &'static str,
    /// Where it is; all addresses of the machine if that is unspecified.
    pub address: SocketAddr,
    /// What is said of it (RFC 6763 6): keys and values, each pair shorter than 255 bytes.
    pub properties: Vec<(&'static str, String)>,
}

/// What is announced. Dropping it leaves it announced until the process ends.
pub struct Announced {
    daemon: ServiceDaemon,
    names: Vec<String>,
}

/// Announces services of a host, which is called by what host names may have of a name. Answers of the network are not
/// waited for. Fails if there is no network to speak to, or a property is too long.
pub fn announce(name: &str, services: &[Service]) -> io::Result<Announced> {
    let host = format!("{}.local.", host(name));
    let daemon = ServiceDaemon::new().map_err(io::Error::other)?;
    let mut announced = Announced { daemon, names: Vec::new() };
    for service in services {
        let info = record(&host, service).and_then(|info| {
            let full = info.get_fullname().to_owned();
            announced.daemon.register(info).map(|()| full)
        });
        match info {
            Ok(full) => announced.names.push(full),
            Err(error) => {
                // Whatever was said so far ends with the daemon.
                let _ = announced.daemon.shutdown();
                return Err(io::Error::other(error));
            }
        }
    }
    Ok(announced)
}

fn record(host: &str, service: &Service) -> mdns_sd::Result<ServiceInfo> {
    let ip = service.address.ip();
    let addresses = if ip.is_unspecified() { String::new() } else { ip.to_string() };
    let port = service.address.port();
    let mut info = ServiceInfo::new(
        service.kind,
        label(&service.name),
        host,
        &*addresses,
        port,
        &service.properties[..],
    )?;
    if ip.is_unspecified() {
        info = info.enable_addr_auto();
    } else {
        info.set_interfaces(vec![IfKind::Addr(ip)]);
    }
    Ok(info)
}

/// A name cut so that it is a label, with room for a number behind it.
fn label(name: &str) -> &str {
    let mut end = name.len().min(LABEL - 8);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}

/// A name as that of a host: letters, digits and hyphens.
fn host(name: &str) -> String {
    let host: String = label(name).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let host = host.trim_matches('-');
    if host.is_empty() { "onem2m".to_owned() } else { host.to_ascii_lowercase() }
}

impl Announced {
    /// Takes back what was announced (RFC 6762 10.1).
    pub async fn stop(self) {
        let farewell = async {
            for name in &self.names {
                if let Ok(done) = self.daemon.unregister(name) {
                    // An error means that the daemon is gone already.
                    let _ = done.recv_async().await;
                }
            }
            if let Ok(done) = self.daemon.shutdown() {
                let _ = done.recv_async().await;
            }
        };
        // Nobody waits for a network that does not answer.
        let _ = tokio::time::timeout(GOODBYE, farewell).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{host, label};

    #[test]
    fn names() {
        assert_eq!(label("cse-in"), "cse-in");
        assert_eq!(label(&"é".repeat(60)).len(), 54);
        assert_eq!(host("cse-in id-in"), "cse-in-id-in");
        assert_eq!(host("Ünder_Score"), "nder-score");
        assert_eq!(host("é"), "onem2m");
    }
}
