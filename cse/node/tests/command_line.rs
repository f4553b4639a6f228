//! The binary as its users meet it: exit codes, streams, help.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::process::{Command, Output};

/// Runs `dyad` without the settings of the surroundings.
fn dyad(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dyad"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DYAD_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn wrong_settings_end_with_2_and_are_all_named() {
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["--set", "http.listn=x"],
            &["--set http.listn: there is no setting http.listn; did you mean http.listen?"],
        ),
        (
            &["--set", "cse.type=XN", "--set", "store.url=x"],
            &["2 problems", "allowed: IN, MN, ASN", "sqlite:PATH"],
        ),
        (&["--config", "absent.toml"], &["absent.toml: cannot be read"]),
        (&["--set", "testing.enabled=true", "--set", "http.listen=0.0.0.0:0"], &["loopback"]),
        (&["--set", "log.level=chatty"], &["log.level cannot be \"chatty\"; allowed: off, error, warn"]),
    ];
    for (arguments, expected) in cases {
        for command in ["serve", "settings"] {
            let output = dyad(&[&[command], arguments].concat());
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
            assert!(output.stdout.is_empty(), "{arguments:?}");
            for part in expected {
                assert!(error.contains(part), "{arguments:?}: {error}");
            }
        }
    }
}

#[test]
fn unknown_arguments_end_with_2() {
    for arguments in [&[][..], &["sevre"], &["serve", "--st", "x"]] {
        let output = dyad(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("Usage: dyad"), "{arguments:?}");
    }
}

#[test]
fn help_and_version_end_with_0() {
    let output = dyad(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), concat!("dyad ", env!("CARGO_PKG_VERSION"), "\n"));
    let output = dyad(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("dyad serve --set http.listen=127.0.0.1:8090"));
}

#[test]
fn settings_show_what_differs_and_where_it_is_from() {
    let output = dyad(&["settings", "--set", "http.listen=127.0.0.1:8090", "--set", "http.max_body=1024kiB"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        shown.contains(
            "  http.listen = \"127.0.0.1:8080\"\n      now \"127.0.0.1:8090\"  (--set http.listen)\n"
        )
    );
    // The same value, written differently, is no difference.
    assert_eq!(shown.matches("      now ").count(), 1, "{shown}");
}

#[test]
fn markdown_is_the_documentation() {
    let output = dyad(&["settings", "--markdown"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("# Settings\n"));
}

/// Without listeners that others may have.
const QUIET: [&str; 11] = [
    "serve",
    "--set",
    "http.listen=127.0.0.1:0",
    "--set",
    "coap.enabled=false",
    "--set",
    "mqtt.enabled=false",
    "--set",
    "ws.enabled=false",
    "--set",
    "store.url=sqlite::memory:",
];

#[test]
fn only_sockets_are_replaced_by_the_operators_socket() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("precious.db");
    std::fs::write(&path, "precious").unwrap();
    let socket = format!("operator.socket={}", path.display());
    let output = dyad(&[&QUIET[..], &["--set", &socket]].concat());
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("operator.socket") && error.contains("no socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_file_of_specialisations_that_cannot_be_read_is_named() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("unreadable");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("pump.toml"), b"\xff\xfe").unwrap();
    let schemas = format!("schemas.directory={}", directory.display());
    let output = dyad(&[&QUIET[..], &["--set", &schemas]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("pump.toml"), "{}", text(&output.stderr));
}
