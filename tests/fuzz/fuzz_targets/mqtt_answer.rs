//! What a broker elsewhere writes to this node: a stream of packets of one version, in one piece or byte by byte.
//!
//! No panic, no more kept than what came, the same packets however they come in, and no message beyond the limit.
#![no_main]

use bytes::BytesMut;
use dyad_bindings::mqtt::settings::{LinkSettings, Version};
use dyad_bindings::mqtt::wire::{Frame, Reader};
use libfuzzer_sys::fuzz_target;

const MAX_PAYLOAD: usize = 1_000;

fuzz_target!(|data: &[u8]| {
    for version in [Version::V3, Version::V5] {
        let settings = LinkSettings { version, max_payload: MAX_PAYLOAD, ..LinkSettings::new("C::id-in") };
        let (whole, whole_failed) = read([data], &settings);
        let (pieces, pieces_failed) = read(data.chunks(1), &settings);
        assert_eq!((whole, whole_failed), (pieces, pieces_failed));
    }
});

fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    settings: &LinkSettings,
) -> (Vec<Frame>, bool) {
    let (mut reader, mut frames) = (Reader::new(settings), Vec::new());
    reader.buffer = BytesMut::new();
    for piece in pieces {
        reader.buffer.extend_from_slice(piece);
        loop {
            match reader.frame() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    if let Frame::Message { payload: Some(payload), .. } = &frame {
                        assert!(payload.len() <= MAX_PAYLOAD);
                    }
                    frames.push(frame);
                }
                Err(why) => {
                    assert!(!why.is_empty());
                    return (frames, true);
                }
            }
        }
    }
    (frames, false)
}
