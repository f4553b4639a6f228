//! TLS and DTLS beneath the bindings (TS-0003 10.2, RFC 8446, RFC 5246, RFC 6347).
//!
//! Responsible for certificates and keys as they are written in files, for the handshake of both sides, and for how many
//! handshakes may go on at a time. What travels inside is left to the bindings. Whose identity a certificate or a
//! pre-shared key stands for is left to those who decide who is let in: here it is proved and logged, no more.

mod accept;
mod alert;
mod client;
pub mod dtls;
pub mod hello;
mod keyed;
mod keys;
mod listen;
mod material;
mod peer;
mod reader;
mod replay;
mod server;
mod stream;

pub use accept::{Limits, TlsAcceptor};
pub use client::{ClientTls, SharedRoots, TlsConnector, explain};
pub use keys::{Keys, SHORT_KEY};
pub use listen::TlsListener;
pub use material::{Identity, MaterialError, What, certificates};
pub use peer::{Peer, Validity, describe};
pub use server::{ClientAuth, MinVersion, Secrets, ServerTls};
pub use stream::Accepted;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
pub use rustls::pki_types::CertificateDer;

/// The cryptography of all connections over TCP. Named with every configuration, so that nothing depends on what
/// another crate has made the default of the process.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
