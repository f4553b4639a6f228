//! The CSE that tests are put to: a node of their own, or the one that `CSE_SUBJECT` names.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::node::{Builder, Node, Store};
use crate::{Client, Transport, variable};

/// `functions.time_limit`: all bindings ask one node for what takes long, on a machine that is busy with it.
const PATIENCE: &str = "1min";

/// `notification.timeout`: longer than a sink holds an answer back.
const TARGETS: &str = "30s";

/// `request.flex_wait`: what is done at once is answered within it, also then.
const FLEXIBLE: &str = "4s";

/// A CSE and what it calls itself.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where it answers HTTP.
    pub address: SocketAddr,
    /// CSE-ID with its slash, `/id-in`.
    pub cse_id: String,
    /// Resource name of the CSEBase.
    pub name: String,
    /// M2M-SP-ID with its slashes.
    pub sp_id: String,
    /// Originator that may do everything.
    pub admin: String,
    /// Whether it is a node of this repository, started for the tests.
    pub is_own: bool,
    /// Whether it tolerates common slips.
    pub is_lenient: bool,
    /// Where it answers over other bindings.
    listening: Vec<(Transport, SocketAddr)>,
    log: Option<PathBuf>,
}

impl Subject {
    /// The CSE of `CSE_SUBJECT=http://host:port`; what it calls itself comes from `CSE_SUBJECT_ID`, `_NAME`, `_SP` and
    /// `_ADMIN`.
    pub fn foreign() -> Option<Self> {
        let url = variable("CSE_SUBJECT")?;
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        let address = host.to_socket_addrs().ok().and_then(|mut found| found.next());
        let or = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
        Some(Self {
            address: address.unwrap_or_else(|| panic!("CSE_SUBJECT is no http://host:port: {url}")),
            cse_id: or("CSE_SUBJECT_ID", "/id-in"),
            name: or("CSE_SUBJECT_NAME", "cse-in"),
            sp_id: or("CSE_SUBJECT_SP", "//dyad.example.com"),
            admin: or("CSE_SUBJECT_ADMIN", "CAdmin"),
            is_own: false,
            is_lenient: false,
            listening: Vec::new(),
            log: None,
        })
    }

    /// A node with the identity that nodes have by default.
    pub fn of(node: &Node) -> Self {
        Self {
            address: node.address(),
            cse_id: "/id-in".into(),
            name: "cse-in".into(),
            sp_id: "//dyad.example.com".into(),
            admin: "CAdmin".into(),
            is_own: true,
            is_lenient: true,
            listening: Transport::ALL
                .into_iter()
                .filter_map(|one| Some((one, node.listens(one.name())?)))
                .collect(),
            log: Some(node.log_file()),
        }
    }

    /// The subject on a store, shared by all tests that do not mind others: they keep to resources of their own and
    /// neither stop nor reset it.
    pub fn shared(store: Store) -> Self {
        static SQLITE: OnceLock<Node> = OnceLock::new();
        static MEMORY: OnceLock<Node> = OnceLock::new();
        static POSTGRES: OnceLock<Node> = OnceLock::new();
        if let Some(foreign) = Self::foreign() {
            return foreign;
        }
        let node = match store {
            Store::Sqlite => &SQLITE,
            Store::Memory => &MEMORY,
            Store::Postgres => &POSTGRES,
        };
        Self::of(node.get_or_init(|| patient(Node::on(store)).start()))
    }

    /// The foreign subject, or a node that is not lenient.
    pub fn strict() -> Self {
        static STRICT: OnceLock<Node> = OnceLock::new();
        Self::foreign().unwrap_or_else(|| {
            let node =
                STRICT.get_or_init(|| patient(Node::on(Store::Memory)).set("http.lenient", false).start());
            Self { is_lenient: false, ..Self::of(node) }
        })
    }

    /// What a node of this repository complained about, each complaint once.
    pub fn complaints(&self) -> String {
        let log = self.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
        let mut complaints: Vec<&str> = Vec::new();
        for line in log.lines().filter(|line| !line.contains(" INFO ") && !line.contains(" WARN dyad::cli")) {
            let message = line.split_once("Z ").map_or(line, |(_, message)| message);
            if complaints.len() < 40 && !complaints.contains(&message) {
                complaints.push(message);
            }
        }
        complaints.join("\n")
    }

    /// A client of the subject.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// A client of the subject over a binding; panics if it does not listen there.
    #[track_caller]
    pub fn client_over(&self, transport: Transport) -> Client {
        let address = match transport {
            Transport::Http => Some(self.address),
            other => self.listening.iter().find(|(own, _)| *own == other).map(|(_, address)| *address),
        };
        let address = address.unwrap_or_else(|| panic!("{self:?} does not listen on {transport:?}"));
        Client::over(transport, address, &self.cse_id)
    }
}

/// A node with the times that cases count on.
fn patient(node: Builder) -> Builder {
    node.set("functions.time_limit", PATIENCE)
        .set("notification.timeout", TARGETS)
        .set("request.flex_wait", FLEXIBLE)
}
