//! What the two sides of a DTLS session have: certificates, keys, and whom they trust.
//!
//! Responsible for the configuration of the library and for beginning a session with it; what can be wrong is found when
//! these are made, not in the middle of a handshake.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::crypto::Dtls12CipherSuite as Suite;
use dimpl::{Config, ConfigBuilder, Dtls, DtlsCertificate};
use rustls::client::WebPkiServerVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::cookie;
use super::hello::ClientHello;
use super::session::{Check, Session};
use crate::tls::client::server_name;
use crate::tls::{ClientAuth, ClientTls, Identity, Keys, MaterialError, ServerTls, provider};

/// The longest datagram of a handshake, which passes every network with IPv6.
const MTU: usize = 1200;

/// Suites with certificates that the library has.
const CERTIFICATE_SUITES: [Suite; 3] = [
    Suite::ECDHE_ECDSA_AES128_GCM_SHA256,
    Suite::ECDHE_ECDSA_AES256_GCM_SHA384,
    Suite::ECDHE_ECDSA_CHACHA20_POLY1305_SHA256,
];

fn config(handshake: Duration) -> ConfigBuilder {
    Config::builder().mtu(MTU).with_crypto_provider(cookie::provider()).handshake_timeout(handshake)
}

fn unusable(error: impl std::fmt::Display) -> MaterialError {
    MaterialError::Unusable(format!("cannot be used for DTLS: {error}"))
}

/// The certificate as the library wants it; it knows keys of ECDSA with P-256 and P-384 alone, and shows the certificate
/// itself without intermediate ones.
fn shown(identity: &Identity) -> Result<DtlsCertificate, MaterialError> {
    let certificate = identity.chain.first().ok_or(MaterialError::NoCertificate)?.to_vec();
    let private_key = identity.key.secret_der().to_vec();
    cookie::provider().key_provider.load_private_key(&private_key).map_err(|_| {
        MaterialError::Unusable(
            "cannot be used for DTLS, which needs an ECDSA key on P-256 or P-384; `dyad tls init` makes one"
                .to_owned(),
        )
    })?;
    Ok(DtlsCertificate { certificate, private_key })
}

/// With a certificate.
struct Certified {
    config: Arc<Config>,
    shown: DtlsCertificate,
}

impl Certified {
    fn session(&self, now: Instant) -> Dtls {
        Dtls::new_12(Arc::clone(&self.config), self.shown.clone(), now)
    }
}

/// What a server has.
pub struct ServerSecrets {
    certified: Option<Certified>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    keyed: Option<Arc<Config>>,
}

impl ServerSecrets {
    /// With a certificate, with keys, or both. The library asks all clients for certificates or none: with
    /// [`ClientAuth::Optional`] none is asked.
    pub fn new(
        tls: Option<&ServerTls>,
        keys: Option<Keys>,
        handshake: Duration,
    ) -> Result<Self, MaterialError> {
        let mut secrets = Self { certified: None, verifier: None, keyed: None };
        if let Some(tls) = tls {
            let is_required = tls.client_auth == ClientAuth::Required;
            let config = config(handshake).require_client_certificate(is_required);
            let config = Arc::new(config.build().map_err(unusable)?);
            secrets.certified = Some(Certified { config, shown: shown(&tls.identity)? });
            secrets.verifier = if is_required { tls.client_verifier()? } else { None };
        }
        if let Some(keys) = keys {
            let config = config(handshake).with_psk_server(None, Arc::new(keys));
            secrets.keyed = Some(Arc::new(config.build().map_err(unusable)?));
        }
        Ok(secrets)
    }

    /// A session with a client that has brought the right cookie. Nothing if there is no suite that both sides have.
    pub(super) fn accept(&self, now: Instant, hello: &ClientHello<'_>) -> Option<Session> {
        let is_psk = |suite| suite == Suite::PSK_AES128_CCM_8.as_u16();
        let is_known = |suite| {
            let is_certified = CERTIFICATE_SUITES.iter().any(|known| known.as_u16() == suite);
            (self.certified.is_some() && is_certified) || (self.keyed.is_some() && is_psk(suite))
        };
        let random = hello.random.first_chunk().copied().unwrap_or_default();
        if hello.wants_psk(is_known, is_psk)? {
            let dtls = Dtls::new_12_psk(Arc::clone(self.keyed.as_ref()?), now);
            return Some(Session::new(dtls, random, Check::Nothing, now));
        }
        let check =
            self.verifier.as_ref().map_or(Check::Nothing, |verifier| Check::Client(Arc::clone(verifier)));
        Some(Session::new(self.certified.as_ref()?.session(now), random, check, now))
    }
}

/// What a client has.
pub struct ClientSecrets {
    certified: Option<Certified>,
    verifier: Option<Arc<WebPkiServerVerifier>>,
    keyed: Option<Arc<Config>>,
}

impl ClientSecrets {
    /// With the key of an identity, which is used for all servers then; or with the certificates of `tls`.
    pub fn new(
        tls: &ClientTls,
        key: Option<(&str, Keys)>,
        handshake: Duration,
    ) -> Result<Self, MaterialError> {
        let mut secrets = Self { certified: None, verifier: None, keyed: None };
        if let Some((identity, keys)) = key {
            let config = config(handshake).with_psk_client(identity.as_bytes().to_vec(), Arc::new(keys));
            secrets.keyed = Some(Arc::new(config.build().map_err(unusable)?));
        } else if let Some(identity) = &tls.identity {
            // One that cannot be used is no reason not to start: most nodes never call a server over DTLS.
            if let Ok(shown) = shown(identity) {
                let config = Arc::new(config(handshake).build().map_err(unusable)?);
                secrets.certified = Some(Certified { config, shown });
            }
            secrets.verifier =
                WebPkiServerVerifier::builder_with_provider(tls.roots()?, provider()).build().ok();
        }
        Ok(secrets)
    }

    /// A session with a server, whose certificate has to be for this host.
    pub(super) fn connect(&self, now: Instant, host: &str) -> io::Result<Session> {
        let (mut dtls, check) = match (&self.keyed, &self.certified, &self.verifier) {
            (Some(config), _, _) => (Dtls::new_12_psk(Arc::clone(config), now), Check::Nothing),
            (None, Some(certified), Some(verifier)) => {
                let name = server_name(host)?;
                (certified.session(now), Check::Server(Arc::clone(verifier), name))
            }
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "this node has neither a key nor a certificate for DTLS; set tls.psk and tls.psk_identity, or \
                     tls.certificate and tls.key with an ECDSA key, and tls.ca",
                ));
            }
        };
        dtls.set_active(true);
        Ok(Session::new(dtls, [0; 32], check, now))
    }
}
