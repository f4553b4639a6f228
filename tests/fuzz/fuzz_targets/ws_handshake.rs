//! The heads of both sides of a WebSocket's opening handshake, and the addresses to which this node opens one.
//!
//! No panic; a head that is taken is one of its own, whatever comes behind it; what is refused is answered by HTTP.
#![no_main]

use dyad_bindings::http::CorsSetting;
use dyad_bindings::ws::dial;
use dyad_bindings::ws::handshake::{MAX_HEAD, Rules, Verdict, judge};
use libfuzzer_sys::fuzz_target;

/// The key of RFC 6455 1.3, whose answer is in the seeds.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fuzz_target!(|data: &[u8]| {
    let page = "https://a.example".to_owned();
    for origins in [CorsSetting::Off, CorsSetting::Any, CorsSetting::Origins(vec![page])] {
        let rules = Rules { root: "/m2m".to_owned(), origins };
        match judge(data, &rules) {
            Verdict::Incomplete => assert!(data.len() < MAX_HEAD),
            Verdict::Accepted { answer, length, .. } => {
                assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\n"));
                assert!(!answer.contains("\r\n\r\n\r\n") && answer.matches("\r\n\r\n").count() == 1);
                assert!(length <= data.len());
                assert!(matches!(judge(&data[..length], &rules), Verdict::Accepted { .. }));
                assert_eq!(judge(&data[..length - 1], &rules), Verdict::Incomplete);
            }
            Verdict::Refused(answer) => assert!(answer.starts_with("HTTP/1.1 4")),
        }
    }
    if let Ok(Some((serialization, length))) = dial::judge(data, KEY) {
        assert!(length <= data.len());
        let again = dial::judge(&data[..length], KEY);
        assert!(matches!(again, Ok(Some(again)) if again == (serialization, length)));
    }
});
