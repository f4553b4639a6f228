//! MQTT: its settings, the broker that comes with the node, and the way to one elsewhere.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use dyad_bindings::mqtt::broker::{Broker, BrokerSettings, NoRules, Rules, TopicRules};
use dyad_bindings::mqtt::settings::client_id;
use dyad_bindings::mqtt::{
    Address, Binding, LinkSettings, Login, MqttSettings, MqttTransport, Parts, Remote, Secure,
};
use dyad_bindings::tls::{TlsConnector, TlsListener};

use super::{Common, STOP_DEADLINE, reachable};
use crate::settings::{self, MqttBroker, Settings};

/// How long a handshake with a broker may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// What the framing of a message and its topic may take beside the payload.
const FRAMING: usize = 64 * 1024;

/// MQTT that runs.
pub(super) struct Mqtt {
    binding: Binding,
    broker: Option<Broker>,
    secure: Option<TlsListener>,
}

impl Mqtt {
    /// Starts the broker if it is in this process, and takes requests; `None` if MQTT is switched off. One elsewhere that
    /// is away is waited for in the background.
    pub(super) fn start(common: &Common<'_>) -> anyhow::Result<Option<Self>> {
        let settings = common.settings;
        let mqtt = &settings.mqtt;
        if !mqtt.is_enabled {
            return Ok(None);
        }
        let (codec, receiver) = (common.codec.clone(), Arc::clone(&common.receiver));
        let connector = Arc::new(Secure::new(TlsConnector::new(common.tls.client().config()?, HANDSHAKE)));
        let parts = Parts { settings: binding(settings), codec, receiver, connector };
        Ok(Some(match &mqtt.broker {
            MqttBroker::Off => Self { binding: Binding::without_broker(parts), broker: None, secure: None },
            MqttBroker::Elsewhere(address) => {
                let remote = Remote { address: address.clone(), login: login(&settings.mqtt)? };
                Self { binding: Binding::with_remote(parts, remote), broker: None, secure: None }
            }
            MqttBroker::Embedded => {
                let rules: Arc<dyn Rules> = match mqtt.rules {
                    Some(unnamed) => Arc::new(TopicRules::new(&settings.cse.id, &mqtt.prefix, unnamed)),
                    None => Arc::new(NoRules),
                };
                let broker = Broker::start(broker(settings), rules).map_err(unavailable)?;
                let binding = Binding::with_broker(parts, &broker)
                    .context("cannot join the embedded MQTT broker; set mqtt.client_id to another name")?;
                let secure = match mqtt.tls_listen {
                    None => None,
                    Some(listen) => {
                        let acceptor = common.tls.acceptor("mqtt.tls_listen")?;
                        let entrance = broker.entrance();
                        let listening = TlsListener::start(
                            listen,
                            acceptor,
                            mqtt.max_connections,
                            move |stream, peer| entrance.clone().serve(stream, Some(peer)),
                        );
                        Some(listening.context(
                            "cannot listen for MQTT over TLS; set mqtt.tls_listen to a free address",
                        )?)
                    }
                };
                Self { binding, broker: Some(broker), secure }
            }
        }))
    }

    /// The line of the banner, if there is a broker.
    pub(super) fn line(&self, settings: &Settings) -> Option<String> {
        match (&self.broker, &settings.mqtt.broker) {
            (Some(broker), _) => {
                let address = broker.addresses().first()?;
                Some(format!("mqtt://{address} (embedded broker)"))
            }
            (None, MqttBroker::Elsewhere(address)) => Some(address.authority.to_string()),
            (None, _) => None,
        }
    }

    /// The line for connections over TLS.
    pub(super) fn secure_line(&self) -> Option<String> {
        Some(format!("mqtts://{} (embedded broker)", self.secure_address()?))
    }

    /// Where the embedded broker listens.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        self.broker.as_ref().map(Broker::addresses).unwrap_or_default()
    }

    /// Where it listens for connections over TLS.
    pub(super) fn secure_address(&self) -> Option<SocketAddr> {
        self.secure.as_ref().map(TlsListener::address)
    }

    /// URLs under which others reach this node.
    pub(super) fn points_of_access(&self, settings: &Settings) -> Vec<String> {
        let mqtt = &settings.mqtt;
        if !mqtt.poa.is_empty() {
            return mqtt.poa.clone();
        }
        let below = |authority: String| match mqtt.prefix.as_str() {
            "" => authority,
            prefix => format!("{authority}/{prefix}"),
        };
        match (&self.broker, &mqtt.broker) {
            (Some(broker), _) => {
                let plain = broker.addresses().iter().map(|address| ("mqtt", *address));
                let secure = self.secure.iter().map(|secure| ("mqtts", secure.address()));
                let listening = plain.chain(secure);
                listening
                    .map(|(scheme, address)| below(format!("{scheme}://{}", reachable("mqtt", address))))
                    .collect()
            }
            (None, MqttBroker::Elsewhere(address)) => vec![below(address.authority.to_string())],
            (None, _) => Vec::new(),
        }
    }

    /// What calls out.
    pub(super) fn transport(&self) -> Arc<MqttTransport> {
        self.binding.transport()
    }

    /// Ends: what is in flight is answered until the deadline, before the broker leaves.
    pub(super) async fn stop(self) {
        drop(self.secure);
        self.binding.stop().await;
        if let Some(broker) = self.broker {
            broker.stop().await;
        }
    }
}

fn binding(settings: &Settings) -> MqttSettings {
    let (cse, mqtt) = (&settings.cse, &settings.mqtt);
    let usual = MqttSettings::new(&cse.id, &cse.sp_id);
    MqttSettings {
        prefix: mqtt.prefix.clone(),
        lenient: mqtt.lenient,
        max_payload: mqtt.max_payload,
        in_progress: mqtt.in_progress,
        waiting: mqtt.waiting,
        waiting_bytes: mqtt.waiting_bytes,
        repeats_for: mqtt.repeats_for,
        repeats: mqtt.repeats,
        repeats_bytes: mqtt.repeats_bytes,
        brokers: mqtt.brokers,
        stop_deadline: STOP_DEADLINE,
        own: mqtt.poa.iter().filter_map(|url| Address::parse(url)).map(|it| it.authority).collect(),
        link: LinkSettings {
            version: mqtt.version,
            keep_alive: mqtt.keep_alive,
            max_payload: mqtt.max_payload,
            ..LinkSettings::new(mqtt.client_id.clone().unwrap_or_else(|| client_id(&cse.id)))
        },
        ..usual
    }
}

fn broker(settings: &Settings) -> BrokerSettings {
    let mqtt = &settings.mqtt;
    BrokerSettings {
        listen: vec![mqtt.listen],
        max_connections: mqtt.max_connections,
        max_packet: mqtt.max_payload.saturating_add(FRAMING),
        max_sessions: mqtt.max_sessions,
        session_expiry: mqtt.session_expiry,
        max_subscriptions: mqtt.max_subscriptions,
        max_inflight: mqtt.max_inflight,
        receive_maximum: mqtt.max_inflight,
        max_queued: mqtt.max_queued,
        max_queued_bytes: mqtt.max_queued_bytes,
        max_retained: mqtt.max_retained,
        max_retained_bytes: mqtt.max_retained_bytes,
        stop_deadline: STOP_DEADLINE,
        ..BrokerSettings::default()
    }
}

fn login(mqtt: &settings::Mqtt) -> anyhow::Result<Option<Login>> {
    let password = match (&mqtt.password, &mqtt.password_file) {
        (Some(password), _) => password.clone(),
        (None, Some(file)) => first_line(file)
            .with_context(|| format!("mqtt.password_file ({}) cannot be read", file.display()))?,
        (None, None) => String::new(),
    };
    Ok(mqtt.username.clone().map(|username| Login { username, password }))
}

fn first_line(file: &Path) -> io::Result<String> {
    Ok(std::fs::read_to_string(file)?.lines().next().unwrap_or_default().to_owned())
}

/// Why the embedded broker cannot listen, with the remedy: mostly there is a broker on the machine already.
fn unavailable(error: io::Error) -> anyhow::Error {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another MQTT broker seems to run there: use it with mqtt.broker=mqtt://127.0.0.1, or set mqtt.listen to \
             another port; mqtt.enabled=false does without MQTT"
        }
        _ => "set mqtt.listen to an address of this machine, or mqtt.enabled to false",
    };
    anyhow::Error::new(error).context(format!("cannot listen for MQTT (mqtt.listen); {remedy}"))
}
