//! TLS and DTLS beneath the bindings (TS-0003 10.2, RFC 8446, RFC 5246, RFC 6347).
//!
//! Responsible for certificates and keys as they are written in files, for the handshake of both sides, and for how many
//! handshakes may go on at a time. What travels inside is left to the bindings. Whose identity a certificate or a
//! pre-shared key stands for is left to those who decide who is let in: here it is proved and logged, no more.

mod accept;
mod client;
pub mod dtls;
mod listen;
mod material;
mod peer;
mod server;

pub use accept::{Accepted, Limits, TlsAcceptor};
pub use client::{ClientTls, SharedRoots, TlsConnector, explain};
pub use listen::TlsListener;
pub use material::{Identity, MaterialError, What, certificates};
pub use peer::{Validity, describe};
pub use server::{ClientAuth, MinVersion, ServerTls};

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
pub use rustls::pki_types::CertificateDer;

/// The cryptography of all connections over TCP. Named with every configuration, so that nothing depends on what
/// another crate has made the default of the process.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
