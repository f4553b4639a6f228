//! Pre-shared keys over TLS with openssl as the client, on the ports where others show certificates.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Instant;
use std::{io, thread};

use dyad_tests::{Builder, Client, Node, Request, Store, Transport};
use serde_json::json;
use tempfile::TempDir;

use super::authority::Authority;
use super::{PATIENCE, curl, logged, node, run, said, until};

const KEY: &str = "000102030405060708090a0b0c0d0e0f";
const OTHER: &str = "ff0102030405060708090a0b0c0d0e0f";

const REQUEST: &[u8] = b"GET /cse-in HTTP/1.1\r\nHost: localhost\r\nX-M2M-Origin: CAdmin\r\nX-M2M-RI: 1\r\n\
    X-M2M-RVI: 3\r\nConnection: close\r\n\r\n";

/// A file with keys.
fn keys(text: &str) -> (TempDir, String) {
    let directory = tempfile::Builder::new().prefix("dyad-keys-").tempdir().unwrap();
    let path = directory.path().join("keys");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (directory, path)
}

/// A node with keys and without a certificate.
fn keyed(path: &str) -> Builder {
    Node::on(Store::Memory)
        .set("http.tls_listen", "127.0.0.1:0")
        .set("tls.psk", path)
        .set("log.level", "debug,hyper=info,reqwest=info")
}

/// What `openssl s_client` is called with for a key.
fn key<'a>(identity: &'a str, key: &'a str) -> [&'a str; 5] {
    ["-tls1_3", "-psk_identity", identity, "-psk", key]
}

fn s_client(address: SocketAddr, more: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address.to_string(), "-quiet", "-nocommands"]).args(more);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A request over HTTPS: all that openssl says of it, the answer included.
fn ask(address: SocketAddr, more: &[&str]) -> String {
    let mut child = s_client(address, more).spawn().unwrap();
    // It may be gone already.
    let mut input = child.stdin.take().unwrap();
    let _ = input.write_all(REQUEST);
    let output: Output = child.wait_with_output().unwrap();
    drop(input);
    said(&output)
}

fn is_answered(text: &str) -> bool {
    text.contains("200 OK") && text.contains("\"csi\":\"/id-in\"")
}

/// Copies what comes from one stream to the other, at most so many bytes at once.
fn copy(mut from: impl io::Read, mut to: impl io::Write, at_once: usize) {
    let mut buffer = vec![0; at_once];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).and_then(|()| to.flush()).is_err() {
            break;
        }
    }
}

/// Takes connections and does something with each, as long as the tests run.
fn relay(each: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            thread::spawn(move || each(stream));
        }
    });
    address
}

/// Takes clear text, and speaks TLS with a node through openssl.
fn with_key(node: SocketAddr) -> SocketAddr {
    relay(move |plain| {
        plain.set_nodelay(true).unwrap();
        let mut child = s_client(node, &key("meter-1", KEY)).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let back = plain.try_clone().unwrap();
        let answers = thread::spawn(move || {
            copy(output, &back, 16384);
            let _ = back.shutdown(Shutdown::Both);
        });
        copy(plain, input, 16384);
        let _ = child.kill();
        let _ = child.wait();
        answers.join().unwrap();
    })
}

/// Passes on what a client sends byte by byte.
fn in_bytes(node: SocketAddr) -> SocketAddr {
    relay(move |client| {
        let server = TcpStream::connect(node).unwrap();
        server.set_nodelay(true).unwrap();
        let (back, answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            copy(answers, &back, 16384);
            let _ = back.shutdown(Shutdown::Both);
        });
        copy(client, server, 1);
    })
}

#[test]
fn a_key_lets_in_over_every_binding_beside_certificates() {
    let authority = Authority::new();
    let (_directory, path) = keys(&format!("meter-1:{KEY}\n"));
    let node = node(&authority)
        .set("tls.psk", &path)
        .set("mqtt.tls_listen", "127.0.0.1:0")
        .set("ws.listen", "127.0.0.1:0")
        .set("ws.tls_listen", "127.0.0.1:0")
        .start();
    let long = "x".repeat(200_000);
    for (transport, listener) in
        [(Transport::Http, "HTTPS"), (Transport::WebSocket, "WSS"), (Transport::Mqtt, "MQTTS")]
    {
        let address = with_key(node.address_of(listener));
        let client = Client::over(transport, address, "/id-in");
        let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
        let _ =
            client.send(&Request::create("cse-in/c", 4, json!({ "m2m:cin": { "con": long } }))).expect(2001);
        let latest = client.send(&Request::retrieve("cse-in/c/la")).expect(2000);
        assert_eq!(latest.body["m2m:cin"]["con"], json!(long), "{listener}");
        let _ = client.send(&Request::delete("cse-in/c")).expect(2002);
    }
    logged(&node, "psk=\"meter-1\"");
    let (came, text) = curl(&node, &["--cacert", &authority.certificate()]);
    assert!(came, "{text}");
}

#[test]
fn keys_do_without_a_certificate() {
    let (_directory, path) = keys(&format!("# meters\nmeter-1:{KEY}\nmeter-2:0102\n"));
    // Who fails may not keep the one place.
    let node = keyed(&path).set("tls.handshake_timeout", "1h").set("tls.handshakes", 1).start();
    let address = node.address_of("HTTPS");
    logged(&node, "the key of meter-2 has less than 16 bytes");
    let began = Instant::now();
    for (arguments, alert, expected) in [
        (&key("meter-1", OTHER)[..], 51, "PSK meter-1: "),
        (&key("stranger\n", KEY), 115, "PSK stranger? has no key here"),
        (&key("meter-2", "0102"), 115, "PSK meter-2 has no key here of at least 16 bytes"),
        (&["-tls1_3"], 40, "the client offers no key, and there is no certificate"),
        (&["-tls1_2"], 40, "the client offers no key, and there is no certificate"),
    ] {
        let text = ask(address, arguments);
        assert!(text.contains(&format!("SSL alert number {alert}")), "{arguments:?}: {text}");
        logged(&node, expected);
    }
    let text = ask(address, &key("meter-1", KEY));
    assert!(is_answered(&text), "{text}");
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[test]
fn an_identity_without_a_key_leaves_certificates() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (_directory, path) = keys(&format!("meter-1:{KEY}\n"));
    let ca = authority.certificate();
    let stranger = [&key("stranger", KEY)[..], &["-CAfile", &ca, "-verify_return_error"]].concat();
    let open = node(&authority).set("tls.psk", &path).start();
    let text = ask(open.address_of("HTTPS"), &stranger);
    assert!(is_answered(&text), "{text}");
    logged(&open, "PSK stranger has no key here of at least 16 bytes: certificates are left");
    let text = ask(open.address_of("HTTPS"), &key("meter-1", OTHER));
    assert!(text.contains("SSL alert number 51"), "{text}");
    // Who has a key has proved who it is, and needs no certificate.
    let strict = node(&authority)
        .set("tls.psk", &path)
        .set("tls.client_auth", "required")
        .set("tls.client_ca", clients.certificate())
        .start();
    assert!(!is_answered(&ask(strict.address_of("HTTPS"), &stranger)));
    let text = ask(strict.address_of("HTTPS"), &key("meter-1", KEY));
    assert!(is_answered(&text), "{text}");
}

#[test]
fn sessions_with_certificates_are_resumed_beside_keys() {
    let authority = Authority::new();
    let (directory, path) = keys(&format!("meter-1:{KEY}\n"));
    let node = node(&authority).set("tls.psk", &path).start();
    let (address, ca) = (node.address_of("HTTPS"), authority.certificate());
    let session = directory.path().join("session").display().to_string();
    for version in ["-tls1_3", "-tls1_2"] {
        let text = ask(address, &[version, "-CAfile", &ca, "-verify_return_error", "-sess_out", &session]);
        assert!(is_answered(&text), "{text}");
        let address = address.to_string();
        let again = ["s_client", "-connect", &address, version, "-CAfile", &ca, "-sess_in", &session];
        let text = said(&run("openssl", &again));
        assert!(text.contains("Reused, TLSv1."), "{version}: {text}");
    }
}

#[test]
fn a_hello_may_come_in_single_bytes() {
    let authority = Authority::new();
    let (_directory, path) = keys(&format!("meter-1:{KEY}\n"));
    let node = node(&authority).set("tls.psk", &path).start();
    let address = in_bytes(node.address_of("HTTPS"));
    let text = ask(address, &key("meter-1", KEY));
    assert!(is_answered(&text), "{text}");
    let ca = authority.certificate();
    let text = ask(address, &["-CAfile", &ca, "-verify_return_error"]);
    assert!(is_answered(&text), "{text}");
}

/// A ClientHello of TLS 1.3 that offers the key of meter-1 with these binders, and no key exchange.
fn hello(binders: &[u8]) -> Vec<u8> {
    let prefixed =
        |bytes: usize, content: &[u8]| [&content.len().to_be_bytes()[8 - bytes..], content].concat();
    let identities = prefixed(2, &[&prefixed(2, b"meter-1")[..], &[0; 4]].concat());
    let offered = prefixed(2, &[&identities[..], &prefixed(2, binders)].concat());
    let extensions = [&[0, 43, 0, 3, 2, 3, 4, 0, 45, 0, 2, 1, 1, 0, 41][..], &offered].concat();
    let body = [&[3, 3][..], &[9; 32], &[0, 0, 2, 0x13, 1, 1, 0], &prefixed(2, &extensions)].concat();
    let message = [&[1][..], &prefixed(3, &body)].concat();
    [&[22, 3, 1][..], &prefixed(2, &message)].concat()
}

#[test]
fn rubbish_and_silence_are_closed() {
    let (_directory, path) = keys(&format!("meter-1:{KEY}\n"));
    let authority = Authority::new();
    for builder in [keyed(&path), node(&authority).set("tls.psk", &path)] {
        let node = builder.set("tls.handshake_timeout", "3s").start();
        let address = node.address_of("HTTPS");
        let whole = hello(&[&[32][..], &[7; 32]].concat());
        for (what, bytes, answer) in [
            ("a wrong binder", &whole[..], 7),
            ("no binder", &hello(&[]), 7),
            ("half a binder", &hello(&[32, 7, 7]), 7),
            ("half a hello", &whole[..60], 0),
            ("nothing", &[], 0),
            ("clear text", REQUEST, 7),
            ("zeros", &[0; 20_000], 7),
        ] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // The node may have closed before all of it is written.
            let _ = stream.write_all(bytes);
            let mut rest = Vec::new();
            if let Err(error) = stream.read_to_end(&mut rest) {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{what}: {error}");
            }
            assert!(rest.len() <= answer, "{what}: {} bytes", rest.len());
        }
        logged(&node, "the handshake took too long");
        let text = ask(address, &key("meter-1", KEY));
        assert!(is_answered(&text), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn keys_are_read_anew_after_a_signal() {
    let (_directory, path) = keys(&format!("meter-1:{KEY}\n"));
    let node = keyed(&path).start();
    let address = node.address_of("HTTPS");
    assert!(is_answered(&ask(address, &key("meter-1", KEY))));
    std::fs::write(&path, format!("meter-1:{OTHER}\n")).unwrap();
    assert!(run("kill", &["-HUP", &node.pid().to_string()]).status.success());
    until("the new key is not taken", || is_answered(&ask(address, &key("meter-1", OTHER))));
    assert!(!is_answered(&ask(address, &key("meter-1", KEY))));
}

#[test]
fn keys_that_are_too_short_are_no_keys() {
    let (_directory, path) = keys("meter-2:0102\n");
    let text = super::files::refused(&[("http.tls_listen", "127.0.0.1:0"), ("tls.psk", &path)]);
    assert!(text.contains("http.tls_listen needs keys of at least 16 bytes, and tls.psk ("), "{text}");
}
