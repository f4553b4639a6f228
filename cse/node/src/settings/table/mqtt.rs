//! The MQTT binding and the embedded broker.

use dyad_bindings::mqtt::Address;
use dyad_core::settings::{Kind, Value};

use super::{OPTIONAL_ADDRESS, Setting, is, setting};
use crate::settings::check;

/// `mqtt.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const SETTINGS: &[Setting] = &[
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
];

/// Whether a broker is on another machine.
fn is_elsewhere(value: &Value) -> bool {
    let Value::Text(url) = value else { return false };
    Address::parse(url).is_some_and(|it| !it.authority.is_secure && !it.authority.is_loopback())
}
