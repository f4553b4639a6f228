//! The client side: how TLS is spoken with other nodes and applications.
//!
//! Responsible for whom this node trusts, what it shows of itself, and for saying what is wrong with a certificate in
//! words that name the remedy. Connections over HTTP are made by the HTTP client with the configuration from here.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Identity, MaterialError, MinVersion, provider, server};

/// What a client needs for TLS.
#[derive(Clone, Default)]
pub struct ClientTls {
    /// Issuers that are trusted beside those of the operating system.
    pub ca: Vec<CertificateDer<'static>>,
    /// Whether the issuers that the operating system trusts are trusted.
    pub system_roots: bool,
    /// What the node shows to servers that ask for it.
    pub identity: Option<Identity>,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
    /// What became of `ca` and `system_roots`, which several clients share.
    pub roots: SharedRoots,
}

/// Trusted issuers, read once.
pub type SharedRoots = Arc<OnceLock<Arc<RootCertStore>>>;

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("ca", &self.ca.len()).finish_non_exhaustive()
    }
}

impl ClientTls {
    /// The configuration for connections over TCP.
    pub fn config(&self) -> Result<ClientConfig, MaterialError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(self.min_version.versions())?
            .with_root_certificates(self.roots()?);
        Ok(match self.identity.clone() {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key)?,
        })
    }

    /// All issuers that are trusted. A machine that trusts nobody is no error: most nodes talk to their own alone.
    pub(super) fn roots(&self) -> Result<Arc<RootCertStore>, MaterialError> {
        if let Some(roots) = self.roots.get() {
            return Ok(Arc::clone(roots));
        }
        let mut roots = server::store(&self.ca)?;
        if self.system_roots {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!(%error, "some certificates of the operating system cannot be read");
            }
            let (taken, passed) = roots.add_parsable_certificates(found.certs);
            tracing::debug!(taken, passed, "issuers that the operating system trusts");
        }
        Ok(Arc::clone(self.roots.get_or_init(|| Arc::new(roots))))
    }
}

/// Makes TLS connections of those that this node has opened.
#[derive(Clone)]
pub struct TlsConnector {
    connector: tokio_rustls::TlsConnector,
    timeout: Duration,
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl TlsConnector {
    /// A connector; `timeout` is for how long a handshake may take.
    pub fn new(config: ClientConfig, timeout: Duration) -> Self {
        Self { connector: Arc::new(config).into(), timeout }
    }

    /// The handshake with a server of this name: a host name or an IP address (also in brackets), for which its
    /// certificate has to be.
    pub async fn connect<S>(&self, host: &str, stream: S) -> io::Result<tokio_rustls::client::TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = server_name(host)?;
        match tokio::time::timeout(self.timeout, self.connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => match explain(&error) {
                Some(why) => Err(io::Error::new(error.kind(), why)),
                None => Err(error),
            },
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long")),
        }
    }
}

/// A host of a URL as the name that a certificate has to be for.
pub(super) fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{host} is no name that a certificate can be for"),
        )
    })
}

/// What is wrong with the TLS of another side, with the remedy, if that is why something failed. Looks through the
/// causes of an error.
pub fn explain(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(in_words(error));
        }
        // An IO error does not name what it wraps as its source, but the source of that.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn in_words(error: &rustls::Error) -> String {
    use CertificateError as C;
    let remedy = match error {
        // A CA that was made anew under the same name shows as a wrong signature.
        rustls::Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature) => {
            "nobody whom this node trusts has signed its certificate; if it is the right one, put the certificate of its \
             issuer into tls.ca"
        }
        rustls::Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => {
            "its certificate has expired; it needs a new one (or the clock of this machine is wrong)"
        }
        rustls::Error::InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => {
            "its certificate is not valid yet; look at the clocks of both machines"
        }
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            "its certificate is for another host; use the name that is in the certificate"
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS at this port",
        rustls::Error::AlertReceived(_) => {
            "it has broken off the handshake; it may ask for another certificate, version or cipher suite"
        }
        _ => return format!("TLS: {error}"),
    };
    format!("TLS: {error}: {remedy}")
}

#[cfg(test)]
mod tests {
    use super::{explain, server_name};
    use std::io;

    #[test]
    fn names_of_hosts() {
        for right in ["localhost", "10.0.0.7", "[::1]", "node.example"] {
            assert!(server_name(right).is_ok(), "{right}");
        }
        for wrong in ["", "a b", "[::1"] {
            assert!(server_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn finds_the_cause() {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, unknown));
        assert!(explain(&wrapped).unwrap().contains("tls.ca"));
        assert_eq!(explain(&io::Error::other("no")), None);
    }
}
