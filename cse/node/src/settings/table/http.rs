//! The HTTP binding.

use dyad_core::settings::{Kind, Value};

use super::{OPTIONAL_ADDRESS, Setting, TIMEOUT, setting};
use crate::settings::check;

/// `http.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const SETTINGS: &[Setting] = &[
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
];
