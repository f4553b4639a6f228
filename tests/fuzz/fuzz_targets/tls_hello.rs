//! The bytes with which a TLS client begins, from a source of which nothing is known.
//!
//! However they are cut, they mean the same, all of them are kept for who answers, and no more than those.
#![no_main]

use dyad_bindings::tls::hello::{Opening, Seen};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((cut, bytes)) = data.split_first() else { return };
    let mut whole = Opening::default();
    let seen = whole.push(bytes);
    let mut pieces = Opening::default();
    let mut again = Seen::Part;
    for piece in bytes.chunks(usize::from(*cut).max(1)) {
        again = pieces.push(piece);
        if again != Seen::Part {
            break;
        }
    }
    // Bytes beyond what is looked at do not count, however many come at once.
    if bytes.len() < 16 * 1024 {
        assert_eq!(seen, again);
        assert!(pieces.identities().eq(whole.identities()));
    }
    let identities: usize = whole.identities().map(<[u8]>::len).sum();
    assert!(identities <= bytes.len());
    assert_eq!(whole.into_bytes(), bytes);
});
