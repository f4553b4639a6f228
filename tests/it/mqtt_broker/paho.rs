//! What MQTT 5 adds, and sessions, by paho-mqtt. The cases are in `five.py`.

use std::process::Command;

use dyad_tests::{Node, Store, variable, workspace};

/// Runs a case against a node of its own; without the Python that `tests/run` makes it is skipped.
#[track_caller]
fn case(name: &str) {
    let Some(python) = variable("DYAD_PYTHON") else {
        eprintln!("skipped: DYAD_PYTHON names no Python with paho-mqtt");
        return;
    };
    let node = Node::on(Store::Memory).start();
    let mut command = Command::new(python);
    command.arg(workspace().join("tests/it/mqtt_broker/five.py"));
    let output = command.arg(node.address_of("MQTT").port().to_string()).arg(name).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("held"),
        "{said}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        node.log()
    );
}

macro_rules! cases {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            case(stringify!($name));
        }
    )*};
}

cases! {
    properties_are_passed_on
    request_and_response
    connack_says_what_is_supported
    reason_codes
    subscription_identifiers
    no_local_and_retain_options
    sessions
    old_sessions
    takeover
    will_delay
    message_expiry
    receive_maximum
    maximum_packet_size
    keep_alive
    many_both_ways
}
