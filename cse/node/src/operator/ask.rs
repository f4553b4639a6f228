//! Asking a running node, and saying its answer for people.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::Command;

/// Longest until the node has answered.
const PATIENCE: Duration = Duration::from_secs(15);

/// Gives a command to the node at a socket, and its answer. Fails if there is no node, or the node refuses.
pub(crate) fn ask(socket: &Path, command: &Command) -> anyhow::Result<Value> {
    let mut stream = UnixStream::connect(socket).map_err(|error| {
        anyhow::anyhow!(
            "no node answers at {} ({error}); does it run, in this directory and with the same operator.socket?",
            socket.display()
        )
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{}\n", command.line()).as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).context("the node does not answer")?;
    anyhow::ensure!(!text.is_empty(), "the node turns this user away; ask as the user that it runs as");
    let answer: Value = serde_json::from_str(&text).context("the node answers with what is no JSON")?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => anyhow::bail!("{error}"),
        None => Ok(answer),
    }
}

/// The answer to `status`, for people.
pub(crate) fn table(status: &Value) -> String {
    let text = |name: &str| status.get(name).map(plain).unwrap_or_default();
    let mut page = format!(
        "{} node {} ({}), dyad {}, process {}\n{} write requests and {} notifications wait\n\n",
        text("type"),
        text("cse"),
        text("name"),
        text("version"),
        text("process"),
        text("writes_waiting"),
        text("notifications_waiting"),
    );
    for function in status.get("functions").and_then(Value::as_array).into_iter().flatten() {
        let of = |name: &str| function.get(name).map(plain).unwrap_or_default();
        // Writing to a String does not fail.
        let _ = writeln!(page, "{:<20} {:<4} {}", of("name"), of("state"), of("summary"));
        if function.get("off_since").is_some_and(|since| !since.is_null()) {
            let _ = writeln!(page, "{:<25} off since {}: {}", "", of("off_since"), of("off_because"));
        }
        if function.get("faults").and_then(Value::as_u64).is_some_and(|faults| faults > 0) {
            let _ = writeln!(page, "{:<25} faults: {}, the last: {}", "", of("faults"), of("last_fault"));
        }
    }
    page
}

/// The answer to `on` and `off`, for people.
pub(crate) fn told(answer: &Value) -> String {
    let text = |name: &str| answer.get(name).map(plain).unwrap_or_default();
    let before = if answer.get("changed") == Some(&Value::Bool(false)) { "already " } else { "" };
    format!("{} is {before}{}\n", text("function"), text("state"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{table, told};
    use serde_json::json;

    #[test]
    fn people_can_read_it() {
        let status = json!({
            "type": "IN", "cse": "/id-in", "name": "cse-in", "version": "1", "process": 7,
            "writes_waiting": 0, "notifications_waiting": 2,
            "functions": [
                { "name": "group", "state": "on", "off_since": null, "faults": 0, "summary": "fine" },
                { "name": "p2p", "state": "off", "off_since": "T", "off_because": "B", "faults": 5,
                  "last_fault": "apply panicked: x", "summary": "" },
            ],
        });
        let text = table(&status);
        assert!(
            text.starts_with("IN node /id-in (cse-in), dyad 1, process 7\n0 write requests and 2 "),
            "{text}"
        );
        assert!(text.contains("\ngroup                on   fine\n"), "{text}");
        assert!(
            text.contains("off since T: B\n") && text.contains("faults: 5, the last: apply panicked: x\n")
        );
        assert_eq!(
            told(&json!({ "function": "p2p", "state": "on", "changed": false })),
            "p2p is already on\n"
        );
    }
}
