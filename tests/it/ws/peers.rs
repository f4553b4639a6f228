//! A client of others: the websockets library of Python, which keeps to RFC 6455 as browsers do.

use std::process::Command;

use dyad_tests::{Node, Store, variable, workspace};

#[test]
fn websockets_plays_an_application() {
    let python = variable("DYAD_PYTHON").unwrap_or_else(|| "python3".into());
    let has_it = Command::new(&python).args(["-c", "import websockets.sync.client"]).output();
    if !has_it.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} has no websockets");
        return;
    }
    let node = Node::on(Store::Memory).start();
    let played = Command::new(&python)
        .arg(workspace().join("tests/it/ws/websockets_application.py"))
        .arg(format!("ws://{}/", node.address_of("WebSocket")))
        .output()
        .unwrap();
    let (said, failed) = (String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
    assert!(played.status.success() && said.ends_with("ok\n"), "{said}{failed}");
}
