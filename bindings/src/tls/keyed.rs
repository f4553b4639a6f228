//! The handshake with a client that has a pre-shared key (RFC 8446 2.2, 4.2.11; RFC 9257).
//!
//! Responsible for the key that a client names, and for the configuration of the library: TLS 1.3 alone, the key together
//! with a key exchange (`psk_dhe_ke`, so that what was recorded stays secret if the key gets known), suites with SHA-256.
//! Which connections come here is left to `accept`.

use std::fmt;
use std::io;

use s2n_tls::config::Config;
use s2n_tls::connection::{Connection, ModifiedBuilder};
use s2n_tls::enums::PskHmac;
use s2n_tls::error::Error;
use s2n_tls::psk::Psk;
use s2n_tls::security::Policy;
use tokio::io::{AsyncRead, AsyncWrite};

use super::alert::{self, Undecided};
use super::peer::printable;
use super::replay::Replayed;
use super::stream::{Accepted, Keyed};
use super::{Keys, MaterialError};

/// What the library calls TLS 1.3 and nothing older, with P-256, X25519 and P-384. Policies with a number stay as they are.
const POLICY: &str = "AWS-CRT-SDK-TLSv1.3-2023";

/// The side of the node in handshakes with pre-shared keys.
pub(super) struct KeyServer {
    keys: Keys,
    config: Config,
}

impl fmt::Debug for KeyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyServer").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl KeyServer {
    pub(super) fn new(keys: Keys) -> Result<Self, MaterialError> {
        let unusable = |error: Error| MaterialError::Unusable(format!("cannot be used for TLS: {error}"));
        Ok(Self { keys, config: config().map_err(unusable)? })
    }

    /// The first of these identities that has a key. Keys that are too short for TLS 1.3 do not count.
    pub(super) fn choose<'a>(&self, mut identities: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
        identities.find(|identity| self.keys.long_key(identity).is_some())
    }

    /// The handshake with a client that has offered this identity. The client gets an alert if it fails, and the error says
    /// for whom it was.
    pub(super) async fn accept<S>(&self, identity: &[u8], stream: Replayed<S>) -> io::Result<Accepted<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let failed = |error: Error| {
            let text = format!("PSK {}: {error}", printable(identity));
            io::Error::new(io::Error::from(error).kind(), text)
        };
        // This key alone: the library would look through all of them, one after the other.
        let key = self.key(identity).map_err(failed)?;
        let builder = ModifiedBuilder::new(self.config.clone(), |connection: &mut Connection| {
            connection.append_psk(&key)?;
            Ok(connection)
        });
        let mut stream = Undecided::new(stream);
        let stream = match s2n_tls_tokio::TlsAcceptor::new(builder).accept(&mut stream).await {
            Ok(open) => {
                let (connection, _) = open.into_parts();
                Keyed::from_parts(connection, stream.into_inner())
            }
            Err(error) => {
                // The client may be gone; why it failed is what counts.
                let _ = stream.fail(alert_for(&error)).await;
                return Err(failed(error));
            }
        };
        match proved(&stream) {
            Some(proved) if *proved == *identity => Ok(Accepted::keyed(stream, proved)),
            // Cannot be: without a certificate there is no other way.
            _ => Err(io::Error::other(format!("PSK {}: no key was used", printable(identity)))),
        }
    }

    fn key(&self, identity: &[u8]) -> Result<Psk, Error> {
        let mut key = Psk::builder()?;
        key.set_identity(identity)?;
        key.set_secret(self.keys.key(identity).unwrap_or_default())?;
        key.set_hmac(PskHmac::SHA256)?;
        key.build()
    }
}

fn config() -> Result<Config, Error> {
    let mut config = Config::builder();
    config.set_security_policy(&Policy::from_version(POLICY)?)?;
    // The library would wait for 10 to 30 seconds before it tells that a handshake has failed, and whoever fails on purpose
    // would keep the places of those who do not. What the wait hides is how long the padding of CBC took to be checked:
    // in TLS 1.3 there is none, all suites are AEAD, and the proof that a client has the key is compared in constant time.
    config.set_max_blinding_delay(0)?;
    config.build()
}

/// What a client is told: that its key is not the one, or that something else is wrong.
fn alert_for(error: &Error) -> u8 {
    match error.name() {
        "S2N_ERR_BAD_PSK_BINDER" => alert::DECRYPT_ERROR,
        _ => alert::HANDSHAKE_FAILURE,
    }
}

/// The identity whose key was used.
fn proved<S: AsyncRead + AsyncWrite + Unpin>(stream: &Keyed<S>) -> Option<Box<[u8]>> {
    let connection: &Connection = stream.as_ref();
    let mut identity = vec![0; connection.negotiated_psk_identity_length().ok()?];
    connection.negotiated_psk_identity(&mut identity).ok()?;
    Some(identity.into_boxed_slice())
}
