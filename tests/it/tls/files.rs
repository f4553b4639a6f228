//! Files that the settings name: what is wrong with them is said with the setting, the file and the remedy.

use std::process::Command;

use dyad_tests::binary;

use super::authority::Authority;
use super::{logged, node, run, said};

/// What a node says that does not start.
#[track_caller]
pub(super) fn refused(settings: &[(&str, &str)]) -> String {
    let directory = tempfile::Builder::new().prefix("dyad-files-").tempdir().unwrap();
    let mut command = Command::new(binary());
    command.arg("serve").current_dir(directory.path());
    let free = ["http.listen", "coap.listen", "mqtt.listen", "ws.listen"].map(|key| (key, "127.0.0.1:0"));
    for (key, value) in free.iter().chain(&[("store.url", "sqlite::memory:")]).chain(settings) {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{}", said(&output));
    said(&output)
}

#[test]
fn a_wrong_file_is_named_with_the_remedy() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (own, foreign) = (authority.issue("node", |_| {}), other.issue("node", |_| {}));
    let (certificate, key) = (own.certificate(), own.key());
    let rubbish = authority.issue("rubbish", |_| {});
    std::fs::write(&rubbish.certificate, "hello").unwrap();
    std::fs::write(&rubbish.key, "-----BEGIN PRIVATE KEY-----\nAAAA\n").unwrap();
    let locked = format!("{key}.locked");
    let made = run("openssl", &["pkcs8", "-topk8", "-in", key, "-out", &locked, "-passout", "pass:x"]);
    assert!(made.status.success(), "{}", said(&made));
    for (certificate, key, setting, file, expected) in [
        ("/nowhere/x.pem", key, "tls.certificate", "/nowhere/x.pem", "make one with `dyad tls init`"),
        (certificate, "/nowhere/x.key", "tls.key", "/nowhere/x.key", "make one with `dyad tls init`"),
        ("/", key, "tls.certificate", "/", "name a file"),
        (rubbish.certificate(), key, "tls.certificate", rubbish.certificate(), "no certificate in PEM form"),
        (certificate, rubbish.certificate(), "tls.key", rubbish.certificate(), "no private key in PEM form"),
        (certificate, rubbish.key(), "tls.key", rubbish.key(), "is damaged"),
        (certificate, foreign.key(), "tls.key", foreign.key(), "is not the key of the certificate"),
        (certificate, &locked, "tls.key", &locked, "with a passphrase"),
        (key, certificate, "tls.certificate", key, "no certificate in PEM form"),
    ] {
        let text = refused(&[
            ("http.tls_listen", "127.0.0.1:0"),
            ("tls.certificate", certificate),
            ("tls.key", key),
        ]);
        assert!(
            text.contains(&format!("{setting} ({file})")) && text.contains(expected),
            "{expected}: {text}"
        );
    }
    for setting in ["tls.ca", "tls.client_ca"] {
        let text = refused(&[(setting, rubbish.certificate())]);
        assert!(text.contains(&format!("{setting} ({})", rubbish.certificate())), "{text}");
    }
}

#[test]
fn settings_that_lack_their_partner_are_refused() {
    let authority = Authority::new();
    let own = authority.issue("node", |_| {});
    for (settings, expected) in [
        (
            &[("http.tls_listen", "127.0.0.1:0")][..],
            "http.tls_listen needs a certificate or keys; run `dyad tls init`",
        ),
        (&[("tls.certificate", own.certificate())], "tls.certificate is of no use without tls.key"),
        (&[("tls.key", own.key())], "tls.key is of no use without tls.certificate"),
        (&[("tls.client_auth", "required")], "tls.client_ca does not say who has signed them"),
        (&[("http.tls_listen", "8443")], "http.tls_listen cannot be \"8443\""),
    ] {
        let text = refused(settings);
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn an_end_that_is_near_or_past_is_warned_of() {
    let authority = Authority::new();
    let own = authority.expired("node-old");
    let node = node(&authority).set("tls.certificate", own.certificate()).set("tls.key", own.key()).start();
    logged(&node, "holds a certificate that ended on 2020-01-01: peers refuse it; renew it");
    #[cfg(unix)]
    logged(&node, &format!("run `chmod 600 {}`", own.key()));
}
