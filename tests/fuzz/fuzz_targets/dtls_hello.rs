//! The datagram with which a DTLS handshake begins, from a source of which nothing is known; or a file with pre-shared keys.
//!
//! A hello with a cookie has to lead back to the one without, which the library never saw; what is no hello is nothing.
#![no_main]

use dyad_bindings::tls::Keys;
use dyad_bindings::tls::dtls::hello::ClientHello;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(hello) = ClientHello::parse(data) {
        let first = hello.first();
        let again = ClientHello::parse(&first).expect("a hello without its cookie is a hello");
        assert!(again.cookie.is_empty() && again.sequence == 0);
        assert_eq!((again.random, again.suites), (hello.random, hello.suites));
        assert!(first.len() + hello.cookie.len() <= data.len());
        assert_eq!(again.first(), first);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Err(why) = Keys::parse(text) {
            assert!(!why.is_empty());
        }
    }
});
