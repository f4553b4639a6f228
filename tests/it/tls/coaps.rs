//! CoAP over DTLS with the clients of libcoap and with openssl: pre-shared keys, certificates, and bytes that are neither.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use dyad_tests::{Builder, Node, Store};
use tempfile::TempDir;

use super::authority::Authority;
use super::{logged, run, said, until};

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

/// Clients of libcoap: with OpenSSL and with GnuTLS. Tells why a test does nothing without them.
fn clients() -> Vec<&'static str> {
    let there = |program: &&str| {
        let found = Command::new(program).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
        if !found {
            eprintln!("skipped: there is no {program}");
        }
        found
    };
    ["coap-client-openssl", "coap-client-gnutls"].into_iter().filter(there).collect()
}

/// Options of every request: From, Request Identifier, Release Version (TS-0008 6.2.2.4).
const OPTIONS: [&str; 6] = ["-O", "279,CAdmin", "-O", "283,1", "-O", "271,3"];

fn coap_client(program: &str, node: &Node, host: &str, more: &[&str]) -> String {
    let url = format!("coaps://{host}:{}/cse-in", node.address_of("CoAPS").port());
    // It shows answers with options that it does not know, such as those of oneM2M, in its log alone.
    let mut arguments = vec!["-v", "7", "-B", "2"];
    arguments.extend(more);
    arguments.extend(OPTIONS);
    arguments.push(&url);
    said(&run(program, &arguments))
}

/// A file with keys, readable by its owner alone.
fn keys(directory: &TempDir, text: &str) -> PathBuf {
    let path = directory.path().join("keys");
    std::fs::write(&path, text).unwrap();
    path
}

fn listening() -> Builder {
    Node::on(Store::Memory)
        .set("coap.listen", "127.0.0.1:0")
        .set("coap.dtls_listen", "127.0.0.1:0")
        .set("log.level", "debug,hyper=info,reqwest=info,dimpl=info")
}

fn with_keys() -> (TempDir, Builder) {
    let directory = tempfile::Builder::new().prefix("dyad-psk-").tempdir().unwrap();
    let path = keys(&directory, &format!("# meters\nmeter-1:{KEY}\n"));
    let builder = listening().set("tls.psk", path.display());
    (directory, builder)
}

#[test]
fn a_key_that_both_sides_have_lets_in() {
    let (_directory, builder) = with_keys();
    let node = builder.start();
    // libcoap takes the key as text; this one has no digit that is no text.
    let directory = tempfile::tempdir().unwrap();
    let text = keys(&directory, "texts:736563726574736563726574736563\n");
    let texts = listening().set("tls.psk", text.display()).start();
    for program in clients() {
        let answer = coap_client(program, &texts, "127.0.0.1", &["-u", "texts", "-k", "secretsecretsec"]);
        assert!(answer.contains("\"csi\":\"/id-in\""), "{program}: {answer}");
        logged(&texts, "PSK texts");
        for wrong in [["-u", "texts", "-k", "wrong"], ["-u", "nobody", "-k", "secretsecretsec"]] {
            let answer = coap_client(program, &texts, "127.0.0.1", &wrong);
            assert!(!answer.contains("csi"), "{program}: {answer}");
        }
    }
    let shown =
        openssl(&node, &["-psk", KEY, "-psk_identity", "meter-1", "-cipher", "PSK-AES128-CCM8:@SECLEVEL=0"]);
    assert!(shown.contains("PSK-AES128-CCM8"), "{shown}");
    logged(&node, "PSK meter-1");
}

/// `openssl s_client` over DTLS: what it says of the handshake.
fn openssl(node: &Node, more: &[&str]) -> String {
    let address = node.address_of("CoAPS").to_string();
    let mut arguments = vec!["5", "openssl", "s_client", "-dtls1_2", "-connect", &address, "-brief"];
    arguments.extend(more);
    said(&run("timeout", &arguments))
}

#[test]
fn certificates_are_shown_and_asked_for() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let own = authority.issue("node", |_| {});
    let meter = authority.issue("meter", |_| {});
    let certified = || listening().set("tls.certificate", own.certificate()).set("tls.key", own.key());
    let node = certified().start();
    let ca = authority.certificate();
    let shown = openssl(&node, &["-CAfile", &ca, "-verify_return_error"]);
    assert!(shown.contains("Verification: OK") && shown.contains("ECDHE-ECDSA-AES"), "{shown}");
    let shown = openssl(&node, &["-CAfile", &strangers.certificate(), "-verify_return_error"]);
    assert!(!shown.contains("CONNECTION ESTABLISHED"), "{shown}");
    for program in clients() {
        let answer = coap_client(program, &node, "localhost", &["-R", &ca]);
        assert!(answer.contains("\"csi\":\"/id-in\""), "{program}: {answer}");
    }

    let asking = certified().set("tls.client_auth", "required").set("tls.client_ca", &ca).start();
    let with = |shown: &super::authority::Issued| {
        openssl(&asking, &["-CAfile", &ca, "-cert", shown.certificate(), "-key", shown.key()])
    };
    assert!(with(&meter).contains("CONNECTION ESTABLISHED"));
    logged(&asking, "CN=meter");
    for wrong in [strangers.issue("stranger", |_| {}), authority.expired("old")] {
        let shown = with(&wrong);
        assert!(shown.contains("alert"), "{shown}");
    }
    let shown = openssl(&asking, &["-CAfile", &ca]);
    assert!(!shown.contains("CONNECTION ESTABLISHED"), "{shown}");
}

/// A ClientHello of DTLS 1.2 with one suite (PSK with CCM-8), as somebody who looks for victims would send it.
fn hello(random: u8) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(&[random; 32]);
    body.extend_from_slice(&[0, 0, 0, 2, 0xc0, 0xa8, 1, 0, 0, 4, 0, 23, 0, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, length + 12];
    datagram.extend_from_slice(&[1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length]);
    datagram.extend_from_slice(&body);
    datagram
}

fn socket(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

#[test]
fn nothing_is_kept_of_who_has_not_shown_where_he_is() {
    let (_directory, builder) = with_keys();
    // One place: it would be taken by the first of those who never come again.
    let node = builder.set("tls.handshakes", 1).set("tls.sessions", 1).start();
    let address = node.address_of("CoAPS");
    let mut cookies = Vec::new();
    for random in 0..200 {
        let socket = socket(address);
        let sent = hello(random);
        socket.send(&sent).unwrap();
        let mut answer = [0; 2048];
        let length = socket.recv(&mut answer).unwrap();
        assert!(length <= sent.len(), "{length} bytes for {}", sent.len());
        // HelloVerifyRequest with a cookie.
        assert_eq!((answer[0], answer[13], answer[27]), (22, 3, 32));
        cookies.push(answer[28..60].to_vec());
    }
    cookies.sort();
    cookies.dedup();
    assert_eq!(cookies.len(), 200);
    let shown =
        openssl(&node, &["-psk", KEY, "-psk_identity", "meter-1", "-cipher", "PSK-AES128-CCM8:@SECLEVEL=0"]);
    assert!(shown.contains("PSK-AES128-CCM8"), "{shown}");
}

#[test]
fn what_is_no_dtls_is_not_answered() {
    let (_directory, builder) = with_keys();
    let node = builder.start();
    let address = node.address_of("CoAPS");
    let random: Vec<u8> = (0..1400_u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let socket = socket(address);
    // A CoAP ping in clear text, application data, an alert, a Finished, half a hello, a fragment, an old version.
    let mut fragment = hello(1);
    fragment[21] = 1;
    let mut old = hello(1);
    old[26] = 0xff;
    for bytes in [
        &[0x40, 0, 0x12, 0x34][..],
        &[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2],
        &[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40],
        &[22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 20, 0, 0],
        &hello(1)[..40],
        &fragment,
        &old,
        &random,
        &[],
    ] {
        socket.send(bytes).unwrap();
    }
    // The next that comes is the answer to this.
    socket.send(&hello(2)).unwrap();
    let mut answer = [0; 2048];
    let _ = socket.recv(&mut answer).unwrap();
    assert_eq!((answer[0], answer[13]), (22, 3));
    let shown =
        openssl(&node, &["-psk", KEY, "-psk_identity", "meter-1", "-cipher", "PSK-AES128-CCM8:@SECLEVEL=0"]);
    assert!(shown.contains("PSK-AES128-CCM8"), "{shown}");
}

#[test]
fn keys_that_are_wrong_are_named_with_their_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = keys(&directory, "meter-1:xyz\n");
    let text = super::files::refused(&[("tls.psk", path.to_str().unwrap())]);
    assert!(text.contains("is wrong in line 1: the key is not in pairs of hexadecimal digits"), "{text}");
    let text = super::files::refused(&[("coap.dtls_listen", "127.0.0.1:0")]);
    assert!(text.contains("coap.dtls_listen needs keys or a certificate"), "{text}");
    let path = keys(&directory, &format!("meter-1:{KEY}\n"));
    let settings = [("tls.psk", path.to_str().unwrap()), ("tls.psk_identity", "other")];
    let text = super::files::refused(&settings);
    assert!(text.contains("tls.psk_identity is 'other', which has no key"), "{text}");
}

#[cfg(unix)]
#[test]
fn new_keys_are_taken_after_a_signal() {
    let (directory, builder) = with_keys();
    let node = builder.start();
    let _ = keys(&directory, &format!("meter-2:{KEY}\n"));
    assert!(run("kill", &["-HUP", &node.pid().to_string()]).status.success());
    let open = |identity| {
        let shown = openssl(
            &node,
            &["-psk", KEY, "-psk_identity", identity, "-cipher", "PSK-AES128-CCM8:@SECLEVEL=0"],
        );
        shown.contains("PSK-AES128-CCM8")
    };
    until("the new key is not taken", || open("meter-2"));
    assert!(!open("meter-1"));
}

/// Two nodes: what one owes, it brings to the other's socket with DTLS.
#[test]
fn notifications_travel_over_dtls() {
    use dyad_tests::Request;
    use serde_json::json;
    let (_directory, builder) = with_keys();
    let target = builder.start();
    for (identity, expected) in [("meter-1", "does not accept the subscription"), ("", "cannot be asked")] {
        let (_directory, builder) = with_keys();
        let node = builder.set("tls.psk_identity", identity).start();
        let client = node.client();
        let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
        let url = format!("coaps://{}/cse-in/nowhere", target.address_of("CoAPS"));
        let subscription = json!({ "m2m:sub": { "rn": "s", "nu": [url], "enc": { "net": [3] } } });
        let answer = client.send(&Request::create("cse-in/c", 23, subscription)).expect(5204);
        // The other node has answered, if only that there is nobody to notify; or there was no session.
        let told = format!("{answer:?}{}", node.log());
        assert!(told.contains(expected), "{told}");
    }
    logged(&target, "PSK meter-1");
}
