//! The settings as the program uses them: one struct per section, one typed field per key.
//!
//! Responsible for the shape alone. What each means, its default and its bounds are in `table`; fields say only what is
//! not plain from there. Filling them is left to `fill`.

use dyad_bindings::mqtt::broker::Unnamed;
use dyad_bindings::mqtt::{Address, Version};
use dyad_bindings::tls::{ClientAuth, MinVersion};
use dyad_core::settings::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The kind of node (m2m:cseTypeID).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CseType {
    /// Infrastructure node.
    In,
    /// Middle node.
    Mn,
    /// Application service node.
    Asn,
}

impl fmt::Display for CseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "IN",
            Self::Mn => "MN",
            Self::Asn => "ASN",
        })
    }
}

/// `cse.*`
#[derive(Clone, Debug)]
pub(crate) struct Cse {
    /// `cse.type`
    pub(crate) kind: CseType,
    /// With its slash.
    pub(crate) id: String,
    pub(crate) name: String,
    /// With both slashes.
    pub(crate) sp_id: String,
    pub(crate) admin: String,
    pub(crate) supported_releases: Vec<String>,
    pub(crate) default_expiration: Duration,
    pub(crate) max_expiration: Duration,
    pub(crate) check_expirations_every: Duration,
}

/// `container.*`; `None` is no limit.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) default_max_nr_of_instances: Option<u64>,
    pub(crate) default_max_byte_size: Option<u64>,
    /// At least a second.
    pub(crate) default_max_instance_age: Option<Duration>,
}

/// `request.*`
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) timeout: Duration,
    pub(crate) flex_wait: Duration,
    pub(crate) pending: usize,
    pub(crate) keep_results: Duration,
    pub(crate) max_results: usize,
    pub(crate) max_depth: usize,
}

/// `http.*`
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    pub(crate) tls_listen: Option<SocketAddr>,
    /// Empty, or with a leading and without a trailing slash.
    pub(crate) root: String,
    pub(crate) lenient: bool,
    pub(crate) max_body: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    /// `None` closes after each answer.
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) cors: Vec<String>,
    /// At least one; the 0 of the table is resolved.
    pub(crate) workers: usize,
    pub(crate) max_connections: usize,
    pub(crate) poa: Vec<String>,
}

/// `tls.*`
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) system_roots: bool,
    pub(crate) client_auth: ClientAuth,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) psk: Option<PathBuf>,
    pub(crate) psk_identity: Option<String>,
    pub(crate) min_version: MinVersion,
    pub(crate) handshake_timeout: Duration,
    pub(crate) handshakes: usize,
    pub(crate) sessions: usize,
    pub(crate) session_idle: Duration,
}

/// Which broker requests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MqttBroker {
    /// The one in this process.
    Embedded,
    /// None.
    Off,
    /// One elsewhere; the address may hold a password.
    Elsewhere(Address),
}

/// `coap.*`
#[derive(Clone, Debug)]
pub(crate) struct Coap {
    pub(crate) enabled: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) dtls_listen: Option<SocketAddr>,
    pub(crate) lenient: bool,
    pub(crate) max_body: usize,
    /// 0 is no limit.
    pub(crate) rate: u32,
    pub(crate) max_pending: usize,
    /// In bytes, for each direction.
    pub(crate) transfers: usize,
    pub(crate) transfers_per_address: usize,
    pub(crate) remembered: usize,
    pub(crate) known_addresses: usize,
    pub(crate) observers: usize,
    pub(crate) observers_per_address: usize,
    pub(crate) links: usize,
    pub(crate) multicast: bool,
    pub(crate) poa: Vec<String>,
}

/// `mqtt.*`
#[derive(Clone)]
pub(crate) struct Mqtt {
    pub(crate) is_enabled: bool,
    pub(crate) broker: MqttBroker,
    pub(crate) listen: SocketAddr,
    pub(crate) tls_listen: Option<SocketAddr>,
    pub(crate) client_id: Option<String>,
    /// Empty, or without slashes at the ends.
    pub(crate) prefix: String,
    pub(crate) version: Version,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) lenient: bool,
    pub(crate) keep_alive: Duration,
    pub(crate) max_payload: usize,
    pub(crate) in_progress: usize,
    pub(crate) waiting: usize,
    pub(crate) waiting_bytes: usize,
    pub(crate) repeats_for: Duration,
    pub(crate) repeats: usize,
    pub(crate) repeats_bytes: usize,
    pub(crate) brokers: usize,
    /// What clients may do that are not named after an entity; `None` without rules.
    pub(crate) rules: Option<Unnamed>,
    pub(crate) max_connections: usize,
    pub(crate) max_sessions: usize,
    pub(crate) session_expiry: Duration,
    pub(crate) max_subscriptions: usize,
    /// In each direction.
    pub(crate) max_inflight: u16,
    pub(crate) max_queued: usize,
    pub(crate) max_queued_bytes: usize,
    pub(crate) max_retained: usize,
    pub(crate) max_retained_bytes: usize,
    pub(crate) poa: Vec<String>,
}

impl fmt::Debug for Mqtt {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mqtt")
            .field("broker", &self.broker)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// `ws.*`
#[derive(Clone, Debug)]
pub(crate) struct Ws {
    pub(crate) enabled: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) tls_listen: Option<SocketAddr>,
    /// Empty, or with a leading and without a trailing slash.
    pub(crate) root: String,
    pub(crate) origins: Vec<String>,
    pub(crate) max_message: usize,
    pub(crate) max_in_progress: usize,
    pub(crate) handshake_timeout: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) max_connections: usize,
    pub(crate) poa: Vec<String>,
}

/// `discovery.*`
#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    pub(crate) enabled: bool,
}

/// How much a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// A power cut.
    Full,
    /// The end of the process; after a power cut the last moments may be missing.
    Normal,
}

/// `store.*`
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// May hold a password: print it through [`super::without_password`] only.
    pub(crate) url: String,
    pub(crate) durability: Durability,
    /// In bytes.
    pub(crate) cache: usize,
    /// At least one; the 0 of the table is resolved.
    pub(crate) readers: usize,
}

/// `notification.*`
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) timeout: Duration,
    pub(crate) retry_first: Duration,
    pub(crate) retry_longest: Duration,
    pub(crate) keep_for: Duration,
    pub(crate) queue: usize,
    pub(crate) targets: usize,
    pub(crate) stored: usize,
    pub(crate) batch_duration: Duration,
}

/// `schemas.*`
#[derive(Clone, Debug)]
pub(crate) struct Schemas {
    pub(crate) directory: Option<PathBuf>,
}

/// `functions.*`
#[derive(Clone, Debug)]
pub(crate) struct Functions {
    pub(crate) off: Vec<String>,
    pub(crate) time_limit: Duration,
    /// 0 is never.
    pub(crate) max_faults: u32,
    /// Settings that functions declare, by key.
    pub(crate) own: BTreeMap<String, Value>,
}

/// `operator.*`
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    /// `None` is no socket.
    pub(crate) socket: Option<PathBuf>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// `log.*`
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// A filter as tracing-subscriber reads it.
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// `testing.*`
#[derive(Clone, Debug)]
pub(crate) struct Testing {
    pub(crate) enabled: bool,
}
