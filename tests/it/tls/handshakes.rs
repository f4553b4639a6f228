//! Bytes at a TLS port that are no handshake, or stop within one: the node closes them, and serves the others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use dyad_tests::Node;

use super::authority::Authority;
use super::{PATIENCE, curl, logged, node};

/// The beginning of a record that announces a ClientHello, which does not come.
const BEGUN: [u8; 9] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];

fn connect(node: &Node) -> TcpStream {
    let stream = TcpStream::connect(node.address_of("HTTPS")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads until the node closes; how many bytes came.
#[track_caller]
fn closed(what: &str, mut stream: TcpStream) -> usize {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what}: {error}"),
    }
    rest.len()
}

#[test]
fn what_is_no_tls_is_closed_at_once() {
    let authority = Authority::new();
    let node = node(&authority).set("tls.handshake_timeout", "1h").start();
    let mut random = Vec::new();
    (0..4000_u32).for_each(|byte| random.extend_from_slice(&byte.wrapping_mul(2_654_435_761).to_be_bytes()));
    let plain = b"GET /cse-in HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: CAdmin\r\nX-M2M-RI: 1\r\n\r\n";
    let mut oversized = vec![0x16, 3, 1, 0xff, 0xff];
    oversized.resize(70_000, 1);
    // A ClientHello of TLS 1.2 without cipher suites.
    let mut empty = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    empty.resize(11 + 32, 7);
    empty.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0]);
    for (what, bytes) in [
        ("HTTP in clear text", &plain[..]),
        ("random bytes", &random),
        ("zeros", &[0; 512]),
        ("a record that is too long", &oversized),
        ("a hello without suites", &empty),
        ("an alert", &[0x15, 3, 3, 0, 2, 2, 40]),
        ("application data first", &[0x17, 3, 3, 0, 4, 1, 2, 3, 4]),
    ] {
        let mut stream = connect(&node);
        // The node may have closed before all of it is written.
        let _ = stream.write_all(bytes);
        let answered = closed(what, stream);
        assert!(answered <= 16, "{what}: {answered} bytes in return, which is more than an alert");
    }
    let (came, text) = curl(&node, &["--cacert", &authority.certificate()]);
    assert!(came, "{text}");
}

#[test]
fn a_slow_handshake_is_given_up() {
    let authority = Authority::new();
    let node = node(&authority).set("tls.handshake_timeout", "300ms").start();
    let began = Instant::now();
    // One that says nothing, and one that trickles.
    let silent = connect(&node);
    let mut slow = connect(&node);
    for byte in BEGUN {
        if slow.write_all(&[byte]).is_err() {
            break;
        }
    }
    assert_eq!((closed("a silent one", silent), closed("a slow one", slow)), (0, 0));
    assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
    logged(&node, "the handshake took too long");
}

#[test]
fn half_handshakes_by_the_hundred_keep_nobody_out() {
    let authority = Authority::new();
    let node = node(&authority).set("tls.handshake_timeout", "1s").set("tls.handshakes", 50).start();
    let mut half: Vec<_> = (0..600).map(|_| connect(&node)).collect();
    for stream in &mut half {
        stream.write_all(&BEGUN).unwrap();
    }
    // Others get their turn: all of the half ones are gone after their time, also those that waited for a place.
    let ca = authority.certificate();
    super::until("nobody gets in", || curl(&node, &["--cacert", &ca]).0);
    for stream in half {
        assert_eq!(closed("a half one", stream), 0);
    }
    // Who is in stays in, whatever goes on at the door.
    let (came, text) = curl(&node, &["--cacert", &ca]);
    assert!(came, "{text}");
}
