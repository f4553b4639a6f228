//! TLS and DTLS as clients and targets of the node see them: with the tools that people use, and with bytes that nobody
//! should send.

pub(crate) mod authority;
mod coaps;
mod files;
mod handshakes;
mod https;
mod init;
mod keys;
mod mqtt;
mod outgoing;
mod tunnel;
mod wss;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use dyad_tests::{Builder, Node, Store};

use authority::Authority;

/// Longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every request to a node needs.
const HEADERS: [&str; 6] = ["-H", "X-M2M-Origin: CAdmin", "-H", "X-M2M-RI: 1", "-H", "X-M2M-RVI: 3"];

/// A node with a certificate by this authority, which listens for HTTPS.
fn node(authority: &Authority) -> Builder {
    let own = authority.issue("node", |_| {});
    Node::on(Store::Memory)
        .set("http.tls_listen", "127.0.0.1:0")
        .set("tls.certificate", own.certificate.display())
        .set("tls.key", own.key.display())
        .set("log.level", "debug,hyper=info,reqwest=info")
}

/// The result of a command.
fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// `curl` for the CSEBase over HTTPS: whether it came, and what was said.
fn curl(node: &Node, more: &[&str]) -> (bool, String) {
    let url = format!("https://localhost:{}/cse-in", node.address_of("HTTPS").port());
    let mut arguments = vec!["-sS", "--max-time", "20"];
    arguments.extend(HEADERS.iter().chain(more));
    arguments.push(&url);
    let output = run("curl", &arguments);
    (output.status.success(), said(&output))
}

/// Everything that a command has written.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// Waits until the node has logged a text.
#[track_caller]
fn logged(node: &Node, text: &str) {
    let began = Instant::now();
    while !node.log().contains(text) {
        assert!(began.elapsed() < PATIENCE, "the log has no '{text}':\n{}", node.log());
        std::thread::yield_now();
    }
}
