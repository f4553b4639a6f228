//! The CoAP binding.

use dyad_core::settings::{Kind, Value};

use super::{OPTIONAL_ADDRESS, Setting, setting};
use crate::settings::check;

/// `coap.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const SETTINGS: &[Setting] = &[
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
];
