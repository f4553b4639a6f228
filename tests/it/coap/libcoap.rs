//! Another implementation: libcoap, by its command line.
//!
//! That takes no answer with critical options that it does not know, as those of oneM2M are; `libcoap_known.c` teaches it
//! two of them, which suffice for the answers to requests with the first numbers and without a release. Left out where it is
//! not installed; `tests/run` installs it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use dyad_tests::{Node, Request};
use serde_json::{Value, json};

use super::peers::said;
use super::{instances, latest, node};

/// What a client that knows the options needs beside itself.
const KNOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/coap/libcoap_known.c");

/// The command line of libcoap, under one of the names that it has.
pub(crate) fn coap_client() -> Option<&'static str> {
    ["coap-client", "coap-client-notls", "coap-client-openssl", "coap-client-gnutls"].into_iter().find(
        |name| Command::new(name).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok(),
    )
}

/// The same, taught the options; left out, with a word, without a C compiler.
fn taught(node: &Node) -> Option<Command> {
    let program = coap_client()?;
    let library = node.directory().join("known.so");
    let made =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).args([KNOWN, "-ldl"]).output();
    if !made.is_ok_and(|output| output.status.success()) {
        eprintln!("left out: cc cannot make a library");
        return None;
    }
    let mut command = Command::new(program);
    command.env("LD_PRELOAD", library).args(["-O", "256,CAdmin", "-O", "257,r1"]);
    command.stdin(Stdio::null());
    Some(command)
}

fn put(node: &Node, con: &str) {
    let instance = json!({"m2m:cin": {"con": con}});
    let _ = node.client().send(&Request::create("cse-in/c", 4, instance)).expect(2001);
}

#[test]
fn libcoap_observes() {
    let node = node();
    let Some(mut command) = taught(&node) else { return };
    put(&node, "0");
    // For two seconds, after which it ends the observation.
    command.args(["-w", "-s", "2"]).arg(format!("{}/cse-in/c/la", node.url_of("CoAP")));
    let mut observing = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(observing.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut lines = lines.filter(|line| !line.is_empty());
    for con in ["0", "1", "2", "3"] {
        if con != "0" {
            put(&node, con);
        }
        let line = lines.next().expect("a notification");
        let told: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["m2m:cin"]["con"], con, "{line}");
    }
    assert_eq!(lines.count(), 0, "more than was changed");
    assert!(observing.wait().unwrap().success());
}

#[test]
fn libcoap_reads_and_creates_100_kilobytes_of_a_resource() {
    let node = node();
    let (Some(mut reading), Some(mut creating)) = (taught(&node), taught(&node)) else { return };
    put(&node, &"x".repeat(100_000));
    let output =
        reading.args(["-B", "30", &format!("{}/cse-in/c/la", node.url_of("CoAP"))]).output().unwrap();
    let read: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert_eq!(read["m2m:cin"]["con"], "x".repeat(100_000));
    let file = node.directory().join("instance.json");
    std::fs::write(&file, json!({"m2m:cin": {"con": "y".repeat(100_000)}}).to_string()).unwrap();
    creating.args(["-m", "post", "-t", "50", "-b", "1024", "-B", "30", "-O", "267,0x04", "-f"]).arg(&file);
    let output = creating.arg(format!("{}/cse-in/c", node.url_of("CoAP"))).output().unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert_eq!(made["m2m:cin"]["cs"], 100_000, "{}", said(&output));
    assert_eq!(latest(&node), "y".repeat(100_000));
}

/// Untaught, it takes no answer of a resource: what it does can be seen by what the node has afterwards.
#[test]
fn libcoap_creates_100_kilobytes() {
    let Some(program) = coap_client() else { return };
    let node = node();
    let file = node.directory().join("instance.json");
    std::fs::write(&file, json!({"m2m:cin": {"con": "y".repeat(100_000)}}).to_string()).unwrap();
    let mut creating = Command::new(program)
        .args(["-m", "post", "-t", "50", "-b", "1024", "-B", "20", "-f"])
        .arg(&file)
        .args(["-O", "279,CAdmin", "-O", "283,r1", "-O", "271,3", "-O", "267,0x04"])
        .arg(format!("{}/cse-in/c", node.url_of("CoAP")))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while instances(&node) == 0 {
        assert_eq!(creating.try_wait().unwrap(), None, "it has given up");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    // It waits for an answer that it takes.
    creating.kill().unwrap();
    creating.wait().unwrap();
    assert_eq!((instances(&node), latest(&node)), (1, "y".repeat(100_000)));
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
