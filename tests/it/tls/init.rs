//! `dyad tls init`: what it makes works as printed, and nothing is lost.

use std::path::Path;
use std::process::{Command, Output};

use dyad_tests::{Node, Store, binary};
use tempfile::TempDir;

use super::{curl, run, said};

fn init(directory: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(["tls", "init"]).args(more).current_dir(directory).output().unwrap()
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("dyad-init-").tempdir().unwrap()
}

#[test]
fn what_it_prints_works_as_printed() {
    let directory = directory();
    let output = init(directory.path(), &["--name", "gateway.lan", "--name", "10.9.8.7"]);
    assert!(output.status.success(), "{}", said(&output));
    let text = said(&output);
    let mut builder = Node::on(Store::Memory);
    for line in text.lines() {
        match line.split_once(" = ") {
            Some(("tls_listen", _)) => builder = builder.set("http.tls_listen", "127.0.0.1:0"),
            Some((key, path)) => builder = builder.set(&format!("tls.{key}"), path.trim_matches('"')),
            None => {}
        }
    }
    let node = builder.start();
    let command = text.lines().find(|line| line.starts_with("curl ")).unwrap();
    let port = format!("localhost:{}", node.address_of("HTTPS").port());
    let output = run("sh", &["-c", &command.replace("localhost:8443", &port)]);
    assert!(output.status.success() && said(&output).contains("\"csi\":\"/id-in\""), "{}", said(&output));

    let shown =
        run("openssl", &["x509", "-noout", "-ext", "subjectAltName", "-in", &path(&directory, "node.pem")]);
    let names = "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:gateway.lan, \
                 IP Address:10.9.8.7, DNS:id-in.dyad.example.com, URI://dyad.example.com/id-in";
    assert!(said(&shown).contains(names), "{}", said(&shown));
    let verified = run(
        "openssl",
        &["verify", "-x509_strict", "-CAfile", &path(&directory, "ca.pem"), &path(&directory, "node.pem")],
    );
    assert!(verified.status.success(), "{}", said(&verified));
}

fn path(directory: &TempDir, name: &str) -> String {
    directory.path().join("tls").join(name).display().to_string()
}

#[cfg(unix)]
#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = directory();
    assert!(init(directory.path(), &[]).status.success());
    let mode = |name| std::fs::metadata(path(&directory, name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["ca.pem", "ca.key", "node.pem", "node.key"].map(mode), [0o644, 0o600, 0o644, 0o600]);
}

#[test]
fn nothing_is_overwritten_unless_told_so_and_the_ca_stays() {
    let directory = directory();
    assert!(init(directory.path(), &[]).status.success());
    let read = |name| std::fs::read_to_string(path(&directory, name)).unwrap();
    let before = ["ca.pem", "ca.key", "node.pem", "node.key"].map(read);
    let output = init(directory.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("exists already") && said(&output).contains("--force"),
        "{}",
        said(&output)
    );
    assert_eq!(["ca.pem", "ca.key", "node.pem", "node.key"].map(read), before);

    let output = init(directory.path(), &["--force", "--name", "new.lan"]);
    assert!(output.status.success(), "{}", said(&output));
    let after = ["ca.pem", "ca.key", "node.pem", "node.key"].map(read);
    assert_eq!(after[..2], before[..2]);
    assert!(after[2] != before[2] && after[3] != before[3]);
    let node = Node::on(Store::Memory)
        .set("http.tls_listen", "127.0.0.1:0")
        .set("tls.certificate", path(&directory, "node.pem"))
        .set("tls.key", path(&directory, "node.key"))
        .start();
    let (came, text) = curl(&node, &["--cacert", &path(&directory, "ca.pem")]);
    assert!(came, "{text}");
}

#[test]
fn what_cannot_be_done_is_said_and_leaves_nothing() {
    let directory = directory();
    for (arguments, expected) in [
        (&["--name", "a b"][..], "neither a host name nor an address"),
        (&["--name", "http://gateway"], "neither a host name nor an address"),
        (&["--set", "cse.id=x"], "cse.id"),
        (&["--directory", "/dev/null/x"], "name another with --directory"),
    ] {
        let output = init(directory.path(), arguments);
        assert!(
            !output.status.success() && said(&output).contains(expected),
            "{arguments:?}: {}",
            said(&output)
        );
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    // Half a CA is not made whole by another key.
    assert!(init(directory.path(), &[]).status.success());
    std::fs::remove_file(path(&directory, "ca.key")).unwrap();
    let output = init(directory.path(), &["--force"]);
    assert!(said(&output).contains("is not: bring it back"), "{}", said(&output));
}

#[test]
fn the_help_explains_it() {
    let text = said(&init(directory().path(), &["--help"]));
    for expected in ["--directory", "--name", "--force", "ca.key", "dyad tls init --name gateway.lan"] {
        assert!(text.contains(expected), "{text}");
    }
}
