//! The settings of the MQTT binding. Where they come from is left to the node.

use std::fmt;
use std::time::Duration;

use super::address::{Address, Authority};

/// The version of the protocol towards brokers elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1
    #[default]
    V3,
    /// 5
    V5,
}

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The password; never shown.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The settings of one binding.
#[derive(Clone, Debug)]
pub struct MqttSettings {
    /// The SP-relative CSE-ID, `/id-in`.
    pub cse_id: String,
    /// The M2M-SP-ID, `//dyad.example.com`.
    pub sp_id: String,
    /// What precedes `/oneM2M/…` in topics; empty for nothing.
    pub prefix: String,
    /// Takes topics without their first slash or without the level of the format too.
    pub lenient: bool,
    /// The longest payload of a request or response in bytes; a longer request is answered with BAD_REQUEST.
    pub max_payload: usize,
    /// Requests that are carried out at the same time. More wait, unacknowledged, so that the broker holds back.
    pub in_progress: usize,
    /// Requests that wait to be carried out; more are refused.
    pub waiting: usize,
    /// Bytes of their payloads.
    pub waiting_bytes: usize,
    /// For how long a request that comes again is answered as it was; zero answers each anew.
    pub repeats_for: Duration,
    /// How many requests are remembered for that.
    pub repeats: usize,
    /// Bytes of contents of their answers, all together.
    pub repeats_bytes: usize,
    /// How long an answer waits for a broker that is away before it is dropped.
    pub answer_within: Duration,
    /// How long requests in flight may go on after the stop.
    pub stop_deadline: Duration,
    /// Brokers that are the node's own one under another name: those of its points of access.
    pub own: Vec<Authority>,
    /// How links to brokers elsewhere are made.
    pub link: LinkSettings,
    /// Brokers of points of access to which a link is kept at the same time.
    pub brokers: usize,
    /// How long a link to such a broker is kept without use.
    pub idle: Duration,
}

/// How links to brokers elsewhere are made.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// The client identifier, `C::id-in` (TS-0010 6.3.3).
    pub client_id: String,
    /// The version of the protocol.
    pub version: Version,
    /// How often a silent connection is tried; a broker that is silent for twice as long is lost.
    pub keep_alive: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// The pause before the first new attempt; it doubles with each.
    pub retry_first: Duration,
    /// The longest pause between attempts.
    pub retry_longest: Duration,
    /// Messages that are sent and not acknowledged by the broker, at a time.
    pub window: u16,
    /// The longest payload that is read, in bytes; of longer ones only the topic is.
    pub max_payload: usize,
}

impl LinkSettings {
    /// For a node, with what is usual.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            version: Version::default(),
            keep_alive: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            retry_first: Duration::from_millis(250),
            retry_longest: Duration::from_secs(30),
            window: 512,
            max_payload: 1024 * 1024,
        }
    }
}

impl MqttSettings {
    /// For a node, with what is usual.
    pub fn new(cse_id: &str, sp_id: &str) -> Self {
        Self {
            cse_id: cse_id.to_owned(),
            sp_id: sp_id.to_owned(),
            prefix: String::new(),
            lenient: true,
            max_payload: 1024 * 1024,
            in_progress: 256,
            waiting: 10_000,
            waiting_bytes: 64 * 1024 * 1024,
            repeats_for: Duration::from_secs(60),
            repeats: 10_000,
            repeats_bytes: 8 * 1024 * 1024,
            answer_within: Duration::from_secs(30),
            stop_deadline: Duration::from_secs(3),
            own: Vec::new(),
            link: LinkSettings::new(client_id(cse_id)),
            brokers: 64,
            idle: Duration::from_secs(300),
        }
    }
}

/// The client identifier of a CSE: `C::` and its CSE-ID, without the slash, which brokers' access rules treat as a
/// separator.
pub fn client_id(cse_id: &str) -> String {
    format!("C::{}", cse_id.trim_start_matches('/'))
}

/// Which broker a node takes its requests from.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Where it is.
    pub address: Address,
    /// As whom the node logs in, unless the address says so.
    pub login: Option<Login>,
}
