//! Clients of others: those of Mosquitto, and paho-mqtt.

use std::io::Read as _;
use std::process::{Command, Output, Stdio};

use dyad_tests::{variable, workspace};
use serde_json::{Value, json};

use super::everywhere;

/// A program that is installed by `tests/run`; tells why a test does nothing without it.
fn is_there(program: &str, argument: &str) -> bool {
    let found = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        eprintln!("skipped: there is no {program}");
    }
    found.is_ok()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn mosquittos_clients_register_and_listen() {
    if !is_there("mosquitto_rr", "--help") {
        return;
    }
    everywhere(|_, broker| {
        let port = broker.port().to_string();
        let ae = json!({ "m2m:ae": { "rn": "shell", "api": "Nshell", "rr": false, "srv": ["3"] } });
        let request =
            json!({ "op": 1, "to": "cse-in", "fr": "Cshell", "rqi": "1", "rvi": "3", "ty": 2, "pc": ae });
        let output = Command::new("mosquitto_rr")
            .args(["-h", "127.0.0.1", "-p", &port, "-q", "1", "-W", "20", "-i", "A::Cshell"])
            .args(["-t", "/oneM2M/req/Cshell/id-in/json", "-e", "/oneM2M/resp/Cshell/id-in/json"])
            .args(["-m", &request.to_string()])
            .output()
            .unwrap();
        let answer: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        assert_eq!((&answer["rsc"], &answer["rqi"]), (&json!(2001), &json!("1")), "{answer}");
    });
}

#[test]
fn paho_plays_an_application() {
    let python = variable("DYAD_PYTHON").unwrap_or_else(|| "python3".into());
    let has_paho =
        Command::new(&python).args(["-c", "import paho.mqtt.client"]).stderr(Stdio::null()).status();
    if !has_paho.is_ok_and(|status| status.success()) {
        eprintln!("skipped: {python} has no paho-mqtt");
        return;
    }
    everywhere(|_, broker| {
        let mut played = Command::new(&python)
            .arg(workspace().join("tests/it/mqtt/paho_application.py"))
            .args([broker.ip().to_string(), broker.port().to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let _ = played.stdout.take().unwrap().read_to_string(&mut said);
        let output = played.wait_with_output().unwrap();
        assert!(output.status.success() && said.ends_with("ok\n"), "{said}{}", text(&output));
    });
}
