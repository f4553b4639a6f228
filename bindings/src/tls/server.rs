//! The server side: how TLS is spoken with clients.
//!
//! Responsible for the configuration: versions, the certificate that is shown, whether clients have to show one, and
//! pre-shared keys beside. Connections are left to `accept`.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::keyed::KeyServer;
use super::{Identity, Keys, MaterialError, provider};

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked, and one that they show has to be right.
    Optional,
    /// Without one there is no connection.
    Required,
}

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2, what TS-0003 10.2.1 asks for.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl MinVersion {
    pub(super) fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static FROM_12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        static FROM_13: [&SupportedProtocolVersion; 1] = [&TLS13];
        match self {
            Self::Tls12 => &FROM_12,
            Self::Tls13 => &FROM_13,
        }
    }
}

/// What a server needs for TLS.
#[derive(Clone)]
pub struct ServerTls {
    /// What the node shows.
    pub identity: Identity,
    /// Who may have signed certificates of clients.
    pub client_ca: Vec<CertificateDer<'static>>,
    /// Whether clients show certificates; needs a `client_ca` unless off.
    pub client_auth: ClientAuth,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("client_auth", &self.client_auth).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// The configuration for connections over TCP.
    pub fn config(&self) -> Result<Arc<ServerConfig>, MaterialError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(self.min_version.versions())?;
        let builder = match self.client_verifier()? {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let Identity { chain, key } = self.identity.clone();
        let mut config = builder.with_single_cert(chain, key)?;
        // Devices that come back are spared half the handshake, at no cost in memory.
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        Ok(Arc::new(config))
    }

    /// What checks the certificates of clients; nothing if they show none.
    pub(super) fn client_verifier(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, MaterialError> {
        if self.client_auth == ClientAuth::Off {
            return Ok(None);
        }
        let roots = Arc::new(store(&self.client_ca)?);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        let builder = match self.client_auth {
            ClientAuth::Optional => builder.allow_unauthenticated(),
            _ => builder,
        };
        let verifier = builder.build().map_err(|error| {
            MaterialError::Unusable(format!("cannot be used to check certificates: {error}"))
        })?;
        Ok(Some(verifier))
    }
}

/// With what the node and its clients prove to each other who they are: certificates, pre-shared keys, or both.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    pub(super) certificates: Option<Arc<ServerConfig>>,
    pub(super) keys: Option<Arc<KeyServer>>,
}

impl Secrets {
    /// For connections over TCP. Without either no handshake succeeds.
    pub fn new(certificates: Option<&ServerTls>, keys: Option<&Keys>) -> Result<Self, MaterialError> {
        Ok(Self {
            certificates: certificates.map(ServerTls::config).transpose()?,
            keys: keys.map(|keys| KeyServer::new(keys.clone()).map(Arc::new)).transpose()?,
        })
    }
}

/// The certificates as those of trusted issuers.
pub(super) fn store(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, MaterialError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone())?;
    }
    Ok(roots)
}
