//! The bindings of a node: all that listens, and all that can call out.
//!
//! Responsible for starting each binding that the settings switch on with a file of its own, for the points of access
//! that the CSEBase names, and for stopping them together. How a binding works is left to `dyad-bindings`.

mod coap;
mod discovery;
mod http;
mod mqtt;
mod ws;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use dyad_bindings::coap::Secured;
use dyad_bindings::discovery::Announced;
use dyad_bindings::http::{CorsSetting, Door, Server};
use dyad_protocol::exchange::{Receiver, Transport};
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::Codec;

use crate::settings::Settings;
use crate::tls::Tls;
use ws::WebSocket;

/// How long requests in flight may take to be answered when the node stops.
const STOP_DEADLINE: Duration = Duration::from_secs(3);

/// What every binding gets.
pub(crate) struct Common<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) schemas: &'a Arc<Schemas>,
    /// Reads and writes primitives.
    pub(crate) codec: Codec,
    pub(crate) receiver: Arc<dyn Receiver>,
    /// Certificates and keys.
    pub(crate) tls: &'a Tls,
}

/// The bindings that run.
pub(crate) struct Listeners {
    http: Server,
    coap: Option<dyad_bindings::coap::Server>,
    announced: Option<Announced>,
    coaps: Option<Secured>,
    mqtt: Option<mqtt::Mqtt>,
    ws: WebSocket,
}

impl Listeners {
    /// Starts all; `doors` are what HTTP answers beside resources. Fails if one of them cannot listen, with the
    /// setting to change in the error.
    pub(crate) async fn start(common: Common<'_>, doors: Vec<Door>) -> anyhow::Result<Self> {
        let http = http::start(&common, doors).await?;
        let coap = coap::start(&common).await?;
        let coaps = match &coap {
            Some(coap) => coap::start_securely(&common, coap)?,
            None => None,
        };
        let mqtt = mqtt::Mqtt::start(&common)?;
        let ws = ws::start(&common).await?;
        let mut listeners = Self { http, coap, coaps, announced: None, mqtt, ws };
        listeners.announced = discovery::announce(common.settings, &listeners);
        Ok(listeners)
    }

    /// Where HTTP listens, with the port that was taken for port 0.
    pub(crate) fn http(&self) -> anyhow::Result<SocketAddr> {
        self.http.addresses().first().copied().context("the HTTP server listens nowhere")
    }

    /// One line each for the banner: what it is, and where.
    pub(crate) fn lines(&self, settings: &Settings) -> Vec<(&'static str, String)> {
        let plain = self.http.addresses().iter().map(|address| ("HTTP", format!("http://{address}")));
        let secure =
            self.http.secure_addresses().iter().map(|address| ("HTTPS", format!("https://{address}")));
        let mqtt = self.mqtt.iter().flat_map(|mqtt| {
            let (plain, secure) = (mqtt.line(settings), mqtt.secure_line());
            plain.map(|line| ("MQTT", line)).into_iter().chain(secure.map(|line| ("MQTTS", line)))
        });
        let coap = self.coap.iter().flat_map(|coap| coap.addresses());
        let coap = coap.map(|address| ("CoAP", format!("coap://{address}")));
        let coaps = self.coaps.iter().map(|coaps| ("CoAPS", format!("coaps://{}", coaps.address())));
        let ws = self.ws.server.iter().map(|server| ("WebSocket", format!("ws://{}", server.address())));
        let wss = self.ws.secure.iter().map(|server| ("WSS", format!("wss://{}", server.address())));
        plain.chain(secure).chain(coap).chain(coaps).chain(mqtt).chain(ws).chain(wss).collect()
    }

    /// URLs under which others reach this node.
    pub(crate) fn points_of_access(&self, settings: &Settings) -> Vec<String> {
        let mut points = settings.http.poa.clone();
        if points.is_empty() {
            let plain = self.http.addresses().iter().map(|address| ("http", address));
            let secure = self.http.secure_addresses().iter().map(|address| ("https", address));
            points.extend(plain.chain(secure).map(|(scheme, address)| {
                format!("{scheme}://{}{}", reachable("http", *address), settings.http.root)
            }));
        }
        points.extend(
            self.coap.iter().flat_map(|coap| coap::points_of_access(settings, coap, self.coaps.as_ref())),
        );
        points.extend(self.mqtt.iter().flat_map(|mqtt| mqtt.points_of_access(settings)));
        let own = settings.ws.poa.clone();
        if own.is_empty() {
            let plain = self.ws.server.iter().map(|server| ("ws", server.address()));
            let secure = self.ws.secure.iter().map(|server| ("wss", server.address()));
            points.extend(plain.chain(secure).map(|(scheme, address)| {
                format!("{scheme}://{}{}", reachable("ws", address), settings.ws.root)
            }));
        }
        points.extend(own);
        points
    }

    /// What can call out, by the schemes of URLs.
    pub(crate) fn transports(
        &self,
        settings: &Settings,
        codec: &Codec,
        tls: &Tls,
    ) -> anyhow::Result<Vec<Arc<dyn Transport>>> {
        let mut transports: Vec<Arc<dyn Transport>> = vec![Arc::new(http::client(settings, codec, tls)?)];
        transports.push(Arc::new(coap::client(codec, tls)?));
        transports.extend(self.mqtt.iter().map(|mqtt| mqtt.transport() as Arc<dyn Transport>));
        transports.push(Arc::clone(&self.ws.transport) as Arc<dyn Transport>);
        Ok(transports)
    }

    /// Ends all: what is in flight is answered until the deadline.
    pub(crate) async fn stop(self) {
        let announced = async {
            if let Some(announced) = self.announced {
                announced.stop().await;
            }
        };
        let mqtt = async {
            if let Some(mqtt) = self.mqtt {
                mqtt.stop().await;
            }
        };
        let coap = async {
            if let Some(coap) = self.coap {
                coap.stop().await;
            }
            if let Some(coaps) = self.coaps {
                coaps.stop();
            }
        };
        tokio::join!(self.http.stop(), announced, coap, mqtt, self.ws.stop());
    }
}

/// Which web pages may use a binding.
fn cors(origins: &[String]) -> CorsSetting {
    match origins {
        [] => CorsSetting::Off,
        origins if origins.iter().any(|origin| origin == "*") => CorsSetting::Any,
        origins => CorsSetting::Origins(origins.to_vec()),
    }
}

/// The address to say for one that was listened on: for all interfaces, the one that every client on this machine
/// can use; only the operator knows the others (`http.poa` and the like in other sections).
fn reachable(section: &str, listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        ip if !ip.is_unspecified() => ip,
        ip => {
            tracing::warn!(
                "{section}.poa is not set: the CSEBase names a loopback address as its point of access"
            );
            match ip {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            }
        }
    };
    SocketAddr::new(ip, listening.port())
}
