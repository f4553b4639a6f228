//! The WebSocket binding.

use dyad_core::settings::{Kind, Value};

use super::{OPTIONAL_ADDRESS, Setting, TIMEOUT, setting};
use crate::settings::check;

/// `ws.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const SETTINGS: &[Setting] = &[
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
];
