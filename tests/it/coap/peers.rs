//! Other implementations: aiocoap as a client and as a target of notifications, and libcoap's command line.
//!
//! Each test is left out where its peer is not installed; `tests/run` installs both.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use dyad_tests::{Request, variable};
use serde_json::json;

use super::{instances, latest, node};

/// A client that creates and reads a long content, with ordinary requests before.
const CLIENT: &str = include_str!("aiocoap_client.py");

/// A target of notifications that says how long they are.
const TARGET: &str = include_str!("aiocoap_target.py");

/// A Python that has aiocoap.
fn python() -> Option<String> {
    let python = variable("DYAD_PYTHON")?;
    let has = Command::new(&python).args(["-c", "import aiocoap"]).stderr(Stdio::null()).status();
    has.is_ok_and(|status| status.success()).then_some(python)
}

/// The command line of libcoap, under one of the names that it has.
fn coap_client() -> Option<&'static str> {
    ["coap-client", "coap-client-notls", "coap-client-openssl", "coap-client-gnutls"].into_iter().find(
        |name| Command::new(name).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok(),
    )
}

#[test]
fn aiocoap_creates_and_reads_100_kilobytes() {
    let Some(python) = python() else { return };
    let node = node();
    let output = Command::new(python).args(["-c", CLIENT, node.url_of("CoAP")]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(instances(&node), 1);
    assert_eq!(latest(&node), "x".repeat(100_000));
}

#[test]
fn aiocoap_is_notified_of_100_kilobytes() {
    let Some(python) = python() else { return };
    let node = node();
    let mut target = Command::new(python)
        .args(["-c", TARGET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(target.stdout.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.next().expect("where it listens");
    let subscription = json!({"m2m:sub": {"rn": "s", "nu": [url], "enc": {"net": [3]}, "nct": 1}});
    let client = node.client();
    let _ = client.send(&Request::create("cse-in/c", 23, subscription)).expect(2001);
    let instance = json!({"m2m:cin": {"con": "x".repeat(100_000)}});
    let _ = client.send(&Request::create("cse-in/c", 4, instance)).expect(2001);
    assert_eq!(lines.next().as_deref(), Some("100000"));
    let _ = target.stdin.take().unwrap().write_all(b"\n");
    assert!(target.wait().unwrap().success());
}

/// Its client takes no answer with critical options that it does not know, and those of oneM2M are critical: what it
/// does can be seen by what the node has afterwards, and by answers without them.
#[test]
fn libcoap_creates_100_kilobytes() {
    let Some(program) = coap_client() else { return };
    let node = node();
    let file = node.directory().join("instance.json");
    std::fs::write(&file, json!({"m2m:cin": {"con": "y".repeat(100_000)}}).to_string()).unwrap();
    let output = Command::new(program)
        .args(["-m", "post", "-t", "50", "-b", "1024", "-B", "10", "-f"])
        .arg(&file)
        .args(["-O", "279,CAdmin", "-O", "283,r1", "-O", "271,3", "-O", "267,0x04"])
        .arg(format!("{}/cse-in/c", node.url_of("CoAP")))
        .output()
        .unwrap();
    assert_eq!(instances(&node), 1, "{}", said(&output));
    assert_eq!(latest(&node), "y".repeat(100_000));
}

/// Links have no options of oneM2M: a thousand of them are some 100 kilobytes.
#[test]
fn libcoap_reads_100_kilobytes() {
    let Some(program) = coap_client() else { return };
    let node = node();
    let client = node.client();
    let policy = json!({"m2m:acp": {"rn": "open", "pv": {"acr": [{"acor": ["all"], "acop": 34}]},
        "pvs": {"acr": [{"acor": ["CAdmin"], "acop": 63}]}}});
    let _ = client.send(&Request::create("cse-in", 1, policy)).expect(2001);
    for number in 0..900 {
        let name = format!("container-with-a-long-name-{number:04}-{}", "x".repeat(60));
        let container = json!({"m2m:cnt": {"rn": name, "acpi": ["cse-in/open"]}});
        let _ = client.send(&Request::create("cse-in", 3, container)).expect(2001);
    }
    let output = Command::new(program)
        .args(["-m", "get", "-B", "30"])
        .arg(format!("{}/.well-known/core", node.url_of("CoAP")))
        .output()
        .unwrap();
    let links = String::from_utf8_lossy(&output.stdout);
    assert!(
        links.matches("container-with-a-long-name-").count() >= 900,
        "{} bytes\n{}",
        links.len(),
        said(&output)
    );
}

fn said(output: &Output) -> String {
    let tail = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.chars().rev().take(3000).collect::<Vec<_>>().into_iter().rev().collect::<String>()
    };
    format!("{}\n{}", tail(&output.stdout), tail(&output.stderr))
}
