//! Certificates and keys of all bindings.

use dyad_core::settings::Kind;

use super::{FILE, Setting, TIMEOUT, setting};
use crate::settings::check;

/// `tls.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const SETTINGS: &[Setting] = &[
    setting("tls.certificate", "", FILE,
        "PEM file: certificate of this node, and those that lead to its issuer."),
    setting("tls.key", "", FILE,
        "PEM file: private key of the certificate, without a passphrase."),
    setting("tls.ca", "", FILE,
        "PEM file: issuers whose certificates this node trusts when it calls others."),
    setting("tls.system_roots", "true", Kind::Switch,
        "Also trust the issuers that the operating system trusts."),
    setting("tls.client_auth", "off", Kind::Choice(&["off", "optional", "required"]),
        "Whether clients without a pre-shared key are asked for certificates, or let in only with one."),
    setting("tls.client_ca", "", FILE,
        "PEM file: issuers of the certificates of clients."),
    setting("tls.psk", "", FILE,
        "File with lines identity:key, the key in hexadecimal digits: pre-shared keys of clients."),
    setting("tls.psk_identity", "", Kind::Text(check::psk_identity, "nothing, or an identity of at most 128 bytes"),
        "Identity in tls.psk that the node has when it calls others over DTLS; empty = certificates."),
    setting("tls.min_version", "1.2", Kind::Choice(&["1.2", "1.3"]),
        "Oldest version of TLS that is spoken; with pre-shared keys always 1.3, DTLS is always 1.2."),
    setting("tls.handshake_timeout", "10s", TIMEOUT,
        "Longest time until a connection is secured; then it is closed."),
    setting("tls.handshakes", "512", Kind::Count(1, 1_000_000),
        "Most handshakes at a time; more wait for their turn."),
    setting("tls.sessions", "10000", Kind::Count(1, 1_000_000),
        "Most DTLS sessions at a time; the longest unused makes room, if it is unused for a minute."),
    setting("tls.session_idle", "1h", Kind::Duration("1s", "30d"),
        "How long a DTLS session is kept that nobody uses."),
];
