//! The table of settings: every key once, with its default, what it allows and what it is for.
//!
//! The single source for validation, the names of environment variables, `dyad settings` and `docs/settings.md`. The
//! typed form that the rest of the program uses is in `typed`; a test keeps both in step.

use super::check;
use std::sync::Arc;

use dyad_bindings::mqtt::Address;
use dyad_core::ServiceFunction;
use dyad_core::settings::{Hazard, Kind, Raw, Value};

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// `section.name`, as in the file and behind `--set`.
    pub(super) key: &'static str,
    /// The default, written as a user would.
    pub(super) default: &'static str,
    /// How it is read and what it allows.
    pub(super) kind: Kind,
    /// What it is for, one line.
    pub(super) help: &'static str,
    /// When and why it is unsafe on a public network.
    pub(super) unsafe_public: Option<Hazard>,
    /// Whether a service function declares it.
    pub(super) of_function: bool,
    /// The key of a setting that it may not exceed.
    pub(super) at_most: Option<&'static str>,
}

impl Setting {
    /// The name of its environment variable: `DYAD_HTTP__LISTEN` for `http.listen`.
    pub(super) fn variable(&self) -> String {
        format!("DYAD_{}", self.key.replace('.', "__").replace('-', "_").to_ascii_uppercase())
    }

    /// The section, the part before the dot.
    pub(super) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(section, _)| section)
    }

    /// Whether its value is never shown.
    pub(super) fn is_secret(&self) -> bool {
        self.key.ends_with(".password")
    }

    /// The default as if it had been given.
    pub(super) fn default_raw(&self) -> Raw {
        Raw::Text(self.default.to_owned())
    }

    const fn unsafe_if(mut self, when: fn(&Value) -> bool, why: &'static str) -> Self {
        self.unsafe_public = Some(Hazard { when, why });
        self
    }
}

/// All settings there are: those of the node, and those that its service functions declare.
#[derive(Clone, Debug)]
pub(crate) struct Table(Vec<&'static Setting>);

impl Table {
    /// The settings of a node with these functions. Fails if a function declares a key that exists already, or a
    /// default that it does not allow.
    pub(crate) fn new(functions: &[Arc<dyn ServiceFunction>]) -> anyhow::Result<Self> {
        let mut rows: Vec<&'static Setting> = TABLE.iter().collect();
        for function in functions {
            for own in function.settings() {
                let key = own.key(function.name());
                let dyad_core::settings::Setting { default, kind, help, unsafe_public, at_most, .. } = *own;
                anyhow::ensure!(rows.iter().all(|row| row.key != key), "{key} is declared twice");
                anyhow::ensure!(
                    kind.read(&Raw::Text(default.to_owned())).is_some(),
                    "{key} has a default that it does not allow"
                );
                // Settings live as long as the process, like those of the node.
                let key: &'static str = key.leak();
                let at_most = at_most.map(|other| &*format!("{}.{other}", function.name()).leak());
                let row = Setting { key, default, kind, help, unsafe_public, of_function: true, at_most };
                rows.push(Box::leak(Box::new(row)));
            }
        }
        Ok(Self(rows))
    }

    /// Every setting, section by section.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static Setting> {
        self.0.iter().copied()
    }

    /// The setting of that name.
    pub(super) fn find(&self, key: &str) -> Option<&'static Setting> {
        self.iter().find(|setting| setting.key == key)
    }

    /// The setting of an environment variable.
    pub(super) fn of_variable(&self, variable: &str) -> Option<&'static Setting> {
        self.iter().find(|setting| setting.variable() == variable)
    }

    /// The sections with what they are about.
    pub(super) fn sections(&self) -> Vec<(&'static str, String)> {
        let mut sections: Vec<_> =
            SECTIONS.iter().map(|(name, about)| (*name, (*about).to_owned())).collect();
        for setting in self.iter() {
            let section = setting.section();
            if sections.iter().all(|(name, _)| *name != section) {
                sections.push((section, format!("The service function {section}.")));
            }
        }
        sections
    }
}

/// The sections with what they are about, in the order of the table.
pub(super) const SECTIONS: [(&str, &str); 16] = [
    ("cse", "Who this node is."),
    ("container", "Limits of containers whose creator names none."),
    ("request", "How requests are answered, and limits of one."),
    ("http", "The HTTP binding."),
    (
        "tls",
        "Certificates and keys for HTTPS and the like; [how to begin](tls.md). SIGHUP lets the node read the files anew.",
    ),
    ("coap", "The CoAP binding."),
    ("mqtt", "The MQTT binding, and the broker that comes with it."),
    ("ws", "The WebSocket binding."),
    ("discovery", "How this node is found on the local network."),
    ("store", "Where resources are kept."),
    ("notification", "How notifications are delivered."),
    ("schemas", "Resource types beyond the built-in ones."),
    ("functions", "Service functions."),
    ("operator", "How `dyad status` and `dyad functions` reach the node."),
    ("log", "What is logged; the log goes to stderr."),
    ("testing", "For test systems only."),
];

const fn setting(key: &'static str, default: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting { key, default, kind, help, unsafe_public: None, of_function: false, at_most: None }
}

const TIMEOUT: Kind = Kind::Duration("100ms", "1h");
const OPTIONAL_ADDRESS: Kind = Kind::Text(
    check::optional_address,
    "nothing, or an IP address and a port, like 0.0.0.0:8443, localhost:8443; port 0 takes a free one",
);
const FILE: Kind = Kind::Text(check::anything, "the path of a file, or nothing");
const EXPIRATION: Kind = Kind::Duration("1s", "100y");

/// All settings, section by section.
#[rustfmt::skip] // a table: one or two lines per row
pub(super) static TABLE: &[Setting] = &[
    setting("cse.type", "IN", Kind::Choice(&["IN", "MN", "ASN"]),
        "Kind of node: infrastructure, middle or application service node."),
    setting("cse.id", "/id-in", Kind::Text(dyad_protocol::id::is_cse_id, "a slash and then letters, digits and - . _ ~, like /id-in"),
        "CSE-ID, unique within the service provider."),
    setting("cse.name", "cse-in", Kind::Text(dyad_protocol::id::is_resource_name, "letters, digits and - . _ ~, like cse-in"),
        "Resource name of the CSEBase, the first segment of structured addresses."),
    setting("cse.sp_id", "//dyad.example.com", Kind::Text(dyad_protocol::id::is_sp_id, "two slashes and a domain name, like //sp.example.com"),
        "M2M-SP-ID, the domain of the service provider.")
        .unsafe_if(|value| is(value, "//dyad.example.com"),
            "absolute addresses name a domain that is not yours; set it to the domain of your service provider"),
    setting("cse.admin", "CAdmin", Kind::Text(check::originator, "an AE-ID, like CAdmin, SAdmin or /id-in/CAdmin"),
        "Originator with full access to everything.")
        .unsafe_if(|value| is(value, "CAdmin"),
            "everybody knows this name and whoever sends it may do everything; choose one that nobody guesses, like C and 20 random letters"),
    setting("cse.supported_releases", "1, 2, 2a, 3, 4, 5", Kind::List(check::releases, "a list of some of 1, 2, 2a, 3, 4, 5, each once"),
        "Release versions that requests may name."),
    setting("cse.default_expiration", "5y", EXPIRATION,
        "Life time of resources that are created without an expirationTime."),
    setting("cse.max_expiration", "10y", EXPIRATION,
        "Longest life time of a resource; later expirationTimes are shortened to it."),
    setting("cse.check_expirations_every", "10s", Kind::Duration("100ms", "1d"),
        "How often expired resources are cleared away; they stop being visible at once."),

    setting("container.default_max_nr_of_instances", "0", Kind::Count(0, i64::MAX as u64),
        "maxNrOfInstances of containers created without; 0 = no limit."),
    setting("container.default_max_byte_size", "0", Kind::Size("0", "8388608GiB"),
        "maxByteSize of containers created without; 0 = no limit."),
    setting("container.default_max_instance_age", "0s", Kind::Duration("0s", "100y"),
        "maxInstanceAge of containers created without, in whole seconds; 0s = no limit."),

    setting("request.timeout", "30s", TIMEOUT,
        "Longest time until a blocking request is answered, if it names no earlier one."),
    setting("request.flex_wait", "2s", Kind::Duration("0s", "1h"),
        "How long a flexBlocking request is waited for before it goes on as a non-blocking one."),
    setting("request.pending", "1000", Kind::Count(1, 1_000_000),
        "Non-blocking requests that may wait or be carried out at a time; more are refused."),
    setting("request.keep_results", "10min", Kind::Duration("0s", "1y"),
        "How long the result of a non-blocking request is kept if its originator names no time."),
    setting("request.max_results", "10000", Kind::Count(1, 1_000_000),
        "Most resources in one answer (discovery, children); the rest is fetched with offset."),
    setting("request.max_depth", "127", Kind::Count(8, 127),
        "Levels that objects and lists of a content may nest."),

    setting("http.listen", "127.0.0.1:8080", Kind::Address,
        "Where HTTP requests are accepted.")
        .unsafe_if(|value| matches!(value, Value::Address(address) if !address.ip().is_loopback()),
            "requests travel as clear text and can be read and changed on the way; listen on 127.0.0.1, and for others with http.tls_listen"),
    setting("http.tls_listen", "", OPTIONAL_ADDRESS,
        "Where HTTPS requests are accepted, usually port 8443; empty = nowhere."),
    setting("http.root", "", Kind::Text(check::root, "nothing, or path segments like /onem2m"),
        "What precedes every path of the HTTP binding."),
    setting("http.lenient", "true", Kind::Switch,
        "Accept common slips: no X-M2M-RI or X-M2M-RVI, a trailing slash, ty without CREATE."),
    setting("http.max_body", "1MiB", Kind::Size("1kB", "1GiB"),
        "Largest body of a request."),
    setting("http.header_timeout", "5s", TIMEOUT,
        "Longest time until the head of a request is complete."),
    setting("http.body_timeout", "20s", TIMEOUT,
        "Longest time until the body of a request is complete."),
    setting("http.keep_alive", "75s", Kind::Duration("0s", "1d"),
        "How long an idle connection stays open; 0 = closed after each answer."),
    setting("http.cors", "", Kind::List(check::origins, "a list of origins like https://console.example.com, or * alone"),
        "Web origins whose pages may send requests; none = CORS is off.")
        .unsafe_if(|value| matches!(value, Value::List(entries) if entries == &["*"]),
            "every web page that a user opens may send requests to the node; list the origins of your pages"),
    setting("http.workers", "0", Kind::Count(0, 1024),
        "Threads that serve HTTP; 0 = number of processors."),
    setting("http.max_connections", "25000", Kind::Count(1, 1_000_000),
        "Most connections at a time; more wait to be accepted. Each takes an open file (ulimit -n)."),
    setting("http.poa", "", Kind::List(check::points_of_access, "a list of URLs like http://gateway.example.com:8080"),
        "URLs under which others reach this node; none = derived from http.listen and http.tls_listen."),

    setting("tls.certificate", "", FILE,
        "PEM file: certificate of this node, and those that lead to its issuer."),
    setting("tls.key", "", FILE,
        "PEM file: private key of the certificate, without a passphrase."),
    setting("tls.ca", "", FILE,
        "PEM file: issuers whose certificates this node trusts when it calls others."),
    setting("tls.system_roots", "true", Kind::Switch,
        "Also trust the issuers that the operating system trusts."),
    setting("tls.client_auth", "off", Kind::Choice(&["off", "optional", "required"]),
        "Whether clients are asked for certificates, or let in only with one."),
    setting("tls.client_ca", "", FILE,
        "PEM file: issuers of the certificates of clients."),
    setting("tls.psk", "", FILE,
        "File with lines identity:key, the key in hexadecimal digits: pre-shared keys for DTLS."),
    setting("tls.psk_identity", "", Kind::Text(check::psk_identity, "nothing, or an identity of at most 128 bytes"),
        "Identity in tls.psk that the node has when it calls others over DTLS; empty = certificates."),
    setting("tls.min_version", "1.2", Kind::Choice(&["1.2", "1.3"]),
        "Oldest version of TLS that is spoken; DTLS is always 1.2."),
    setting("tls.handshake_timeout", "10s", TIMEOUT,
        "Longest time until a connection is secured; then it is closed."),
    setting("tls.handshakes", "512", Kind::Count(1, 1_000_000),
        "Most handshakes at a time; more wait for their turn."),
    setting("tls.sessions", "10000", Kind::Count(1, 1_000_000),
        "Most DTLS sessions at a time; the longest unused makes room, if it is unused for a minute."),
    setting("tls.session_idle", "1h", Kind::Duration("1s", "30d"),
        "How long a DTLS session is kept that nobody uses."),

    setting("coap.enabled", "true", Kind::Switch,
        "Accept requests over CoAP."),
    setting("coap.listen", "127.0.0.1:5683", Kind::Address,
        "Where CoAP requests are accepted, over UDP.")
        .unsafe_if(|value| matches!(value, Value::Address(address) if !address.ip().is_loopback()),
            "requests travel as clear text and can be read, changed and sent in another's name on the way; keep CoAP on a network that you trust, or on 127.0.0.1"),
    setting("coap.dtls_listen", "", OPTIONAL_ADDRESS,
        "Where CoAP requests are accepted over DTLS, usually port 5684; empty = nowhere."),
    setting("coap.lenient", "true", Kind::Switch,
        "Accept common slips, and the option numbers and content formats of release 1."),
    setting("coap.max_body", "1MiB", Kind::Size("1kB", "8MiB"),
        "Largest content of a request, all its blocks together."),
    setting("coap.rate", "5000", Kind::Count(0, 1_000_000),
        "Requests per second from one IPv4 address or 64 bits of an IPv6 one; 0 = no limit."),
    setting("coap.max_pending", "20000", Kind::Count(1, 1_000_000),
        "Requests that may wait for their answer at a time; more are refused with 5.03."),
    setting("coap.transfers", "64MiB", Kind::Size("1MiB", "64GiB"),
        "Memory for contents that come in blocks, and as much for those that leave in blocks."),
    setting("coap.transfers_per_address", "16MiB", Kind::Size("64KiB", "64GiB"),
        "How much of that one IP address may take."),
    setting("coap.remembered", "65536", Kind::Count(1024, 16_777_216),
        "Requests that are remembered, to answer repetitions as before; 384 bytes for each at the most."),
    setting("coap.known_addresses", "65536", Kind::Count(1024, 16_777_216),
        "Addresses that have shown that they get what is sent to them; others get short answers first."),
    setting("coap.observers", "20000", Kind::Count(0, 1_000_000),
        "Observations of resources at the same time; who comes when there are too many is answered once."),
    setting("coap.observers_per_address", "1000", Kind::Count(0, 1_000_000),
        "Observations from one IP address at the same time."),
    setting("coap.links", "1000", Kind::Count(0, 10_000),
        "Links at /.well-known/core to what anybody may discover, beside that to the CSEBase."),
    setting("coap.multicast", "true", Kind::Switch,
        "Answer who asks all CoAP nodes for /.well-known/core; never on a loopback address."),
    setting("coap.poa", "", Kind::List(check::points_of_access, "a list of URLs like coap://gateway.example.com"),
        "URLs under which others reach this node over CoAP; none = derived from coap.listen."),

    setting("mqtt.enabled", "true", Kind::Switch,
        "Whether the node speaks MQTT at all."),
    setting("mqtt.broker", "embedded", Kind::Text(check::broker, "embedded, off, or mqtt:// or mqtts://[USER:PASSWORD@]HOST[:PORT]"),
        "Broker that requests come from: the one in this process, none, or one elsewhere.")
        .unsafe_if(is_elsewhere,
            "messages to the broker travel as clear text; keep it on this machine or in a network that you trust"),
    setting("mqtt.listen", "127.0.0.1:1883", Kind::Address,
        "Where the embedded broker accepts connections.")
        .unsafe_if(|value| matches!(value, Value::Address(address) if !address.ip().is_loopback()),
            "MQTT clients are not authenticated and their messages travel as clear text; listen on 127.0.0.1, and for others with mqtt.tls_listen"),
    setting("mqtt.tls_listen", "", OPTIONAL_ADDRESS,
        "Where the embedded broker accepts connections over TLS, usually port 8883; empty = nowhere."),
    setting("mqtt.client_id", "", Kind::Text(check::client_id, "1 to 128 characters without + # and /"),
        "Client identifier of the node; empty = C:: and the CSE-ID."),
    setting("mqtt.prefix", "", Kind::Text(check::topic_prefix, "nothing, or levels of a topic like site/a"),
        "What precedes /oneM2M/ in topics."),
    setting("mqtt.version", "3.1.1", Kind::Choice(&["3.1.1", "5"]),
        "Protocol version towards brokers elsewhere; the embedded one speaks both."),
    setting("mqtt.username", "", Kind::Text(check::anything, "a text"),
        "User name at a broker elsewhere, unless its URL has one."),
    setting("mqtt.password", "", Kind::Text(check::anything, "a text"),
        "Password at a broker elsewhere, unless its URL has one."),
    setting("mqtt.password_file", "", Kind::Text(check::anything, "the path of a file, or nothing"),
        "File whose first line is the password at a broker elsewhere."),
    setting("mqtt.lenient", "true", Kind::Switch,
        "Accept common slips: topics without the first slash or without the level of the format."),
    setting("mqtt.keep_alive", "30s", Kind::Duration("1s", "1h"),
        "How often a silent connection with a broker elsewhere is tried."),
    setting("mqtt.max_payload", "1MiB", Kind::Size("1kB", "128MiB"),
        "Largest payload of a request."),
    setting("mqtt.in_progress", "256", Kind::Count(1, 65_536),
        "Requests that are carried out at the same time."),
    setting("mqtt.waiting", "10000", Kind::Count(1, 1_000_000),
        "Requests that wait to be carried out; more are refused."),
    setting("mqtt.waiting_bytes", "64MiB", Kind::Size("1MiB", "64GiB"),
        "Memory for the payloads of requests that wait."),
    setting("mqtt.repeats_for", "1min", Kind::Duration("0s", "1h"),
        "How long a request that comes again is answered as before instead of carried out; 0 = not."),
    setting("mqtt.repeats", "10000", Kind::Count(0, 1_000_000),
        "Requests that are remembered for that."),
    setting("mqtt.repeats_bytes", "8MiB", Kind::Size("64KiB", "64GiB"),
        "Memory for the answers that are remembered for that."),
    setting("mqtt.brokers", "64", Kind::Count(1, 10_000),
        "Brokers of points of access to which a link is kept at a time."),
    setting("mqtt.rules", "names", Kind::Choice(&["names", "strict", "off"]),
        "Who may use which oneM2M topics: names binds clients named after an AE or CSE, strict all.")
        .unsafe_if(|value| is(value, "off"),
            "an MQTT client may speak for any AE, and as the node; switch the rules on"),
    setting("mqtt.max_connections", "12000", Kind::Count(1, 1_000_000),
        "Most connections to the embedded broker. Each takes an open file (ulimit -n)."),
    setting("mqtt.max_sessions", "20000", Kind::Count(1, 1_000_000),
        "Sessions that the embedded broker keeps, those of clients that are away included."),
    setting("mqtt.session_expiry", "1d", Kind::Duration("1s", "1y"),
        "How long the embedded broker keeps the session of a client that is away."),
    setting("mqtt.max_subscriptions", "100", Kind::Count(1, 100_000),
        "Subscriptions of one client of the embedded broker."),
    setting("mqtt.max_inflight", "100", Kind::Count(1, 65_535),
        "Messages with QoS 1 and 2 to or from one client that may be unacknowledged at a time."),
    setting("mqtt.max_queued", "1000", Kind::Count(1, 10_000_000),
        "Messages that wait for one client in the embedded broker; more are dropped."),
    setting("mqtt.max_queued_bytes", "64MiB", Kind::Size("1MiB", "64GiB"),
        "Memory for messages that wait in the embedded broker."),
    setting("mqtt.max_retained", "10000", Kind::Count(0, 10_000_000),
        "Retained messages that the embedded broker keeps; more are passed on and not kept."),
    setting("mqtt.max_retained_bytes", "16MiB", Kind::Size("0", "64GiB"),
        "Memory for retained messages."),
    setting("mqtt.poa", "", Kind::List(check::points_of_access, "a list of URLs like mqtt://gateway.example.com"),
        "URLs of the broker for others; none = derived from mqtt.listen or mqtt.broker."),

    setting("ws.enabled", "true", Kind::Switch,
        "Accept WebSocket connections; without, the node still opens some to ws:// addresses."),
    setting("ws.listen", "127.0.0.1:8180", Kind::Address,
        "Where WebSocket connections are accepted.")
        .unsafe_if(|value| matches!(value, Value::Address(address) if !address.ip().is_loopback()),
            "requests travel as clear text and can be read and changed on the way; listen on 127.0.0.1, and for others with ws.tls_listen"),
    setting("ws.tls_listen", "", OPTIONAL_ADDRESS,
        "Where WebSocket connections are accepted over TLS, usually port 8181; empty = nowhere."),
    setting("ws.root", "", Kind::Text(check::root, "nothing, or path segments like /onem2m"),
        "Path of the WebSocket binding."),
    setting("ws.origins", "", Kind::List(check::origins, "a list of origins like https://console.example.com, or * alone"),
        "Web origins whose pages may connect; none = no page may, other clients may.")
        .unsafe_if(|value| matches!(value, Value::List(entries) if entries == &["*"]),
            "every web page that a user opens may send requests to the node; list the origins of your pages"),
    setting("ws.max_message", "1MiB", Kind::Size("1kB", "1GiB"),
        "Largest message; a longer one closes its connection."),
    setting("ws.max_in_progress", "64", Kind::Count(1, 10_000),
        "Requests of one connection, in each direction, that are in progress at a time; more wait."),
    setting("ws.handshake_timeout", "10s", TIMEOUT,
        "Longest time until the opening handshake is complete."),
    setting("ws.keep_alive", "30s", Kind::Duration("100ms", "1d"),
        "Silence after which a sign of life is asked for; a connection ends after as long again without."),
    setting("ws.max_connections", "25000", Kind::Count(1, 1_000_000),
        "Most connections at a time; more wait to be accepted. Each takes an open file (ulimit -n)."),
    setting("ws.poa", "", Kind::List(check::points_of_access, "a list of URLs like ws://gateway.example.com:8180"),
        "URLs under which others reach this node; none = derived from ws.listen."),

    setting("discovery.enabled", "true", Kind::Switch,
        "Announce by DNS-SD what listens on other than loopback addresses."),

    setting("store.url", "sqlite:./data/dyad.db", Kind::Text(check::store, "sqlite:PATH, sqlite::memory:, postgres://USER:PASSWORD@HOST/DATABASE"),
        "Database that keeps the resources; sqlite::memory: forgets all at the stop."),
    setting("store.durability", "full", Kind::Choice(&["full", "normal"]),
        "full: what was answered survives a power cut; normal: the last moments may be lost.")
        .unsafe_if(|value| is(value, "normal"),
            "requests that were answered in the last moments before a power cut may be lost; set it to full unless you can send them again"),
    setting("store.cache", "768MiB", Kind::Size("1MiB", "1024GiB"),
        "Memory that the resource tree may take; the rest is read from the database."),
    setting("store.readers", "0", Kind::Count(0, 1024),
        "Database connections for reading; 0 = twice the number of processors."),

    setting("notification.timeout", "10s", TIMEOUT,
        "Longest time until a target answers a notification."),
    setting("notification.retry_first", "1s", Kind::Duration("10ms", "1d"),
        "Pause before the first repetition; it doubles with each."),
    setting("notification.retry_longest", "5min", Kind::Duration("10ms", "7d"),
        "Longest pause between repetitions."),
    setting("notification.keep_for", "1d", Kind::Duration("0s", "1y"),
        "Age at which a notification that cannot be delivered is dropped."),
    setting("notification.queue", "1000", Kind::Count(1, 1_000_000),
        "Notifications per target that wait in memory; more wait in the database."),
    setting("notification.targets", "256", Kind::Count(1, 65_536),
        "Targets that are served at the same time."),
    setting("notification.stored", "100000", Kind::Count(1, 100_000_000),
        "Notifications per target that are kept; the least important and oldest make room for more."),
    setting("notification.batch_duration", "1min", Kind::Duration("1s", "1d"),
        "How long a batch of notifications may take to fill, where a subscription or group does not say."),

    setting("schemas.directory", "", Kind::Text(check::anything, "a directory"),
        "Directory of flexContainer specialisations loaded at the start; empty = none."),

    setting("functions.off", "", Kind::List(check::function_names, "a list of names of service functions, like p2p"),
        "Service functions that are switched off."),
    setting("functions.time_limit", "10s", TIMEOUT,
        "Longest time that a function may take over its part in a request, unless it waits for others."),
    setting("functions.max_faults", "5", Kind::Count(0, 1_000),
        "Panics in ten minutes, or late calls in a row, that switch a function off; 0 = never."),

    setting("operator.socket", "data/dyad.sock", Kind::Text(check::anything, "the path of a file, or nothing"),
        "Socket for `dyad status` and `dyad functions`, for the node's own user alone; empty = none."),

    setting("log.level", "info", Kind::Text(check::log_filter, "off, error, warn, info, debug or trace, also per target: info,dyad_core=debug"),
        "What is logged."),
    setting("log.format", "text", Kind::Choice(&["text", "json"]),
        "text for people, json (one object per line) for collectors."),

    setting("testing.enabled", "false", Kind::Switch,
        "Lets tests reset the node and move its clock; needs a loopback http.listen.")
        .unsafe_if(|value| *value == Value::Switch(true),
            "whoever reaches the node may erase everything; switch it off outside of tests"),
];

/// Whether a broker is on another machine.
fn is_elsewhere(value: &Value) -> bool {
    let Value::Text(url) = value else { return false };
    Address::parse(url).is_some_and(|it| !it.authority.is_secure && !it.authority.is_loopback())
}

fn is(value: &Value, text: &str) -> bool {
    matches!(value, Value::Text(actual) if actual == text)
}

#[cfg(test)]
mod tests {
    use super::{SECTIONS, TABLE};

    #[test]
    fn defaults_are_allowed_and_keys_are_unique() {
        for (index, setting) in TABLE.iter().enumerate() {
            assert!(setting.kind.read(&setting.default_raw()).is_some(), "{}", setting.key);
            assert!(
                TABLE.iter().skip(index + 1).all(|other| other.key != setting.key),
                "{} twice",
                setting.key
            );
            assert!(
                setting.help.len() < 100 && setting.help.ends_with('.'),
                "{}: {}",
                setting.key,
                setting.help
            );
        }
    }

    #[test]
    fn every_section_is_described_and_contiguous() {
        let mut sections: Vec<&str> = TABLE.iter().map(super::Setting::section).collect();
        sections.dedup();
        assert_eq!(sections, SECTIONS.map(|(name, _)| name));
    }
}
