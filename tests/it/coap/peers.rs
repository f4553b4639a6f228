//! Another implementation: aiocoap as a client and as a target of notifications.
//!
//! Left out where it is not installed; `tests/run` installs it.

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

pub(super) fn said(output: &Output) -> String {
    let tail = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.chars().rev().take(3000).collect::<Vec<_>>().into_iter().rev().collect::<String>()
    };
    format!("{}\n{}", tail(&output.stdout), tail(&output.stderr))
}
