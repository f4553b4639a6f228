//! HTTPS with curl and openssl: the same answers as in clear text, for those who do the handshake right.

use dyad_tests::{Node, Request};
use serde_json::json;

use super::authority::Authority;
use super::tunnel::Tunnel;
use super::{curl, logged, node, run, said, until};

/// `openssl s_client` with a node: what it says, which ends after the handshake.
fn s_client(node: &Node, authority: &Authority, more: &[&str]) -> String {
    let address = node.address_of("HTTPS").to_string();
    let ca = authority.certificate();
    let mut arguments =
        vec!["s_client", "-connect", &address, "-CAfile", &ca, "-verify_return_error", "-brief"];
    arguments.extend(more);
    said(&run("openssl", &arguments))
}

#[test]
fn the_same_node_answers() {
    let authority = Authority::new();
    let node = node(&authority).start();
    let (came, text) = curl(&node, &["--cacert", &authority.certificate()]);
    assert!(came && text.contains("\"csi\":\"/id-in\""), "{text}");
    let points = node.client().send(&Request::retrieve("cse-in")).expect(2000);
    let secure = format!("https://{}", node.address_of("HTTPS"));
    assert!(points.body["m2m:cb"]["poa"].as_array().unwrap().contains(&json!(secure)), "{points:?}");
    // Requests of all kinds, several on a connection, contents larger than a record.
    let tunnel = Tunnel::to(node.address_of("HTTPS"), &authority);
    let client = dyad_tests::Client::new(tunnel.address());
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    let long = "x".repeat(200_000);
    let _ = client.send(&Request::create("cse-in/c", 4, json!({ "m2m:cin": { "con": long } }))).expect(2001);
    let latest = client.send(&Request::retrieve("cse-in/c/la")).expect(2000);
    assert_eq!(latest.body["m2m:cin"]["con"], json!(long));
    let _ = client.send(&Request::delete("cse-in/c")).expect(2002);
    let _ = client.send(&Request::retrieve("cse-in/c")).expect(4004);
}

#[test]
fn an_unknown_issuer_is_noticed_by_the_client() {
    let (authority, other) = (Authority::new(), Authority::new());
    let node = node(&authority).start();
    let (came, text) = curl(&node, &["--cacert", &other.certificate()]);
    assert!(!came && text.contains("certificate"), "{text}");
    logged(&node, "no TLS connection");
}

#[test]
fn old_versions_are_refused() {
    let authority = Authority::new();
    let both = node(&authority).start();
    assert!(s_client(&both, &authority, &["-tls1_2"]).contains("Protocol version: TLSv1.2"));
    let text = s_client(&both, &authority, &["-tls1_2"]);
    assert!(text.contains("ECDHE-ECDSA-AES"), "{text}");
    assert!(s_client(&both, &authority, &["-tls1_3"]).contains("Protocol version: TLSv1.3"));
    for old in [&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..], &["-tls1", "-cipher", "ALL:@SECLEVEL=0"]] {
        let text = s_client(&both, &authority, old);
        assert!(!text.contains("CONNECTION ESTABLISHED"), "{old:?}: {text}");
    }
    // Neither forward secrecy nor authentication: not offered.
    for weak in ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA256"] {
        let text = s_client(&both, &authority, &["-tls1_2", "-cipher", weak]);
        assert!(!text.contains("CONNECTION ESTABLISHED"), "{weak}: {text}");
    }
    let new = node(&authority).set("tls.min_version", "1.3").start();
    assert!(s_client(&new, &authority, &["-tls1_3"]).contains("CONNECTION ESTABLISHED"));
    let text = s_client(&new, &authority, &["-tls1_2"]);
    assert!(!text.contains("CONNECTION ESTABLISHED"), "{text}");
}

#[test]
fn clients_show_certificates_where_they_have_to() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let ca = authority.certificate();
    let with = |shown: &super::authority::Issued| {
        vec![
            "--cacert".to_owned(),
            ca.clone(),
            "--cert".into(),
            shown.certificate().into(),
            "--key".into(),
            shown.key().into(),
        ]
    };
    let ask = |node: &Node, arguments: &[String]| {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        curl(node, &arguments)
    };
    let right = with(&clients.issue("meter", |_| {}));
    let wrong = [with(&strangers.issue("stranger", |_| {})), with(&clients.expired("old"))];
    let none = vec!["--cacert".to_owned(), ca.clone()];
    for (asked, without) in [("required", false), ("optional", true)] {
        let node = node(&authority)
            .set("tls.client_auth", asked)
            .set("tls.client_ca", clients.certificate())
            .start();
        let (came, text) = ask(&node, &right);
        assert!(came, "{asked}: {text}");
        // Who it was is known, and does not matter yet.
        logged(&node, "CN=meter");
        assert!(node.log().contains("URI://sp.example.com/Cmeter"), "{}", node.log());
        for wrong in &wrong {
            let (came, text) = ask(&node, wrong);
            assert!(!came, "{asked}: {text}");
        }
        let (came, text) = ask(&node, &none);
        assert_eq!(came, without, "{asked}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn renewed_certificates_are_shown_after_a_signal() {
    let (first, second) = (Authority::new(), Authority::new());
    let node = node(&first).start();
    let own = first.issue("node", |_| {});
    let signal = || {
        assert!(run("kill", &["-HUP", &node.pid().to_string()]).status.success());
    };
    // What is wrong is not taken.
    std::fs::write(&own.certificate, "nothing").unwrap();
    signal();
    logged(&node, "the node keeps its certificates");
    assert!(curl(&node, &["--cacert", &first.certificate()]).0);
    let renewed = second.issue("node", |_| {});
    std::fs::copy(&renewed.certificate, &own.certificate).unwrap();
    std::fs::copy(&renewed.key, &own.key).unwrap();
    signal();
    until("the new certificate is not shown", || curl(&node, &["--cacert", &second.certificate()]).0);
    assert!(!curl(&node, &["--cacert", &first.certificate()]).0);
}
