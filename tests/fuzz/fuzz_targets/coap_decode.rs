//! A CoAP message, as it comes in one datagram, through the mapping of the binding: as a request, as a response, and as
//! a request for links.
//!
//! It must not panic, refuse with client errors alone (and with 5.05 what is for a proxy), and what it understands must
//! be written as a message that reads the same again.
#![no_main]

use std::sync::{Arc, LazyLock};

use coap_lite::{CoapOption, Packet};
use dyad_bindings::coap::decode::{Rules, decode};
use dyad_bindings::coap::links::Filter;
use dyad_bindings::coap::{encode, read};
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Request, Serialization};
use libfuzzer_sys::fuzz_target;

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), 64));

fn rules(lenient: bool) -> Rules {
    Rules {
        lenient,
        default: Serialization::Json,
        codec: CODEC.clone(),
        is_attribute: Arc::new(|name| name.len() < 5),
        new_identifier: Arc::new(|| "new".to_owned()),
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(packet) = Packet::from_bytes(data) else { return };
    for field in packet.get_option(CoapOption::UriQuery).into_iter().flatten() {
        if let Ok(field) = std::str::from_utf8(field) {
            let _ = Filter::parse(field);
        }
    }
    for lenient in [true, false] {
        match decode(&packet, &rules(lenient)) {
            Ok(decoded) => again(*decoded.request),
            Err(refused) => {
                let status = refused.failure.rsc.number();
                let is_expected = (4000..5000).contains(&status) || status == 5207 || refused.code == Some(0xa5);
                assert!(is_expected, "{status}: {}", refused.failure);
                assert!(!refused.request.request_identifier.is_empty());
                let answer = encode::refusal(&refused, &CODEC);
                assert!(u8::from(answer.header.code) >> 5 >= 4);
            }
        }
    }
    let _ = read::response(&packet, &Request::default(), &CODEC);
});

/// What was understood is written and read back the same, unless an option has no room for it.
fn again(request: Request) {
    assert!(!request.request_identifier.is_empty());
    let Ok(packet) = encode::request("", None, &request, Serialization::Json, &CODEC) else { return };
    let read = decode(&packet, &rules(true)).unwrap_or_else(|refused| panic!("{request:?}: {}", refused.failure));
    assert_eq!(*read.request, request);
}
