//! Certificates and keys from the files that the settings name, at the start and again at SIGHUP.
//!
//! Responsible for saying which file is wrong and what to do, and for the warnings about what will be wrong soon. What is
//! inside the files is taken apart by `dyad-bindings`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use dyad_bindings::tls::{
    self, ClientTls, Identity, Limits, MaterialError, ServerTls, TlsAcceptor, Validity, What,
};
use dyad_core::{Clock as _, SystemClock};
use dyad_protocol::Timestamp;

use crate::settings;

/// When a certificate ends sooner than this, in seconds, the node says so: 30 days.
const SOON: u64 = 30 * 24 * 3600;

/// What the settings say about TLS, read from their files.
#[derive(Debug)]
pub(crate) struct Tls {
    settings: settings::Tls,
    /// For clients that connect; nothing without a certificate.
    acceptor: Option<TlsAcceptor>,
    client: ClientTls,
}

/// What the files hold.
struct Material {
    server: Option<ServerTls>,
    client: ClientTls,
}

impl Tls {
    /// Reads all files. The error names the setting, the file and the remedy.
    pub(crate) fn load(settings: &settings::Tls, now: Timestamp) -> anyhow::Result<Self> {
        let Material { server, client } = Material::read(settings, now)?;
        let acceptor = match server {
            None => None,
            Some(server) => {
                let config = server.config().map_err(|error| of_server(settings, error))?;
                let limits = Limits { timeout: settings.handshake_timeout, handshakes: settings.handshakes };
                Some(TlsAcceptor::new(config, limits))
            }
        };
        Ok(Self { settings: settings.clone(), acceptor, client })
    }

    /// What makes TLS connections of those that a listener accepts; `setting` is what switched it on.
    pub(crate) fn acceptor(&self, setting: &str) -> anyhow::Result<TlsAcceptor> {
        self.acceptor.clone().with_context(|| {
            format!(
                "{setting} needs a certificate; run `dyad tls init` and name what it makes in tls.certificate and tls.key"
            )
        })
    }

    /// Whom the node trusts when it calls others.
    pub(crate) fn client(&self) -> &ClientTls {
        &self.client
    }

    /// Reads the files again at every SIGHUP, if there are any: certificates that were renewed are shown from then on.
    /// What is wrong then is logged, and the node goes on with what it has. Needs a tokio runtime.
    pub(crate) fn reload_on_hangup(&self) -> anyhow::Result<()> {
        #[cfg(unix)]
        if let Some(acceptor) = self.acceptor.clone() {
            use tokio::signal::unix::{SignalKind, signal};
            let mut hangup = signal(SignalKind::hangup())?;
            let settings = self.settings.clone();
            tokio::spawn(async move {
                while hangup.recv().await.is_some() {
                    match reload(&settings, &acceptor) {
                        Ok(()) => tracing::info!("SIGHUP: certificates are read anew"),
                        Err(error) => tracing::error!("SIGHUP: the node keeps its certificates: {error:#}"),
                    }
                }
            });
        }
        Ok(())
    }
}

#[cfg(unix)]
fn reload(settings: &settings::Tls, acceptor: &TlsAcceptor) -> anyhow::Result<()> {
    if let Some(server) = Material::read(settings, SystemClock.now())?.server {
        acceptor.replace(server.config().map_err(|error| of_server(settings, error))?);
    }
    Ok(())
}

impl Material {
    fn read(settings: &settings::Tls, now: Timestamp) -> anyhow::Result<Self> {
        let identity = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => Some(identity(certificate, key, now)?),
            _ => None,
        };
        let list = |setting, path: &Option<PathBuf>| match path {
            None => Ok(Vec::new()),
            Some(path) => {
                let found = tls::certificates(&read(setting, path)?)
                    .map_err(|error| anyhow!("{}", about(setting, path, &error)))?;
                warn_of_end(setting, path, &found, now);
                Ok::<_, anyhow::Error>(found)
            }
        };
        let client = ClientTls {
            ca: list("tls.ca", &settings.ca)?,
            system_roots: settings.system_roots,
            identity: identity.clone(),
            min_version: settings.min_version,
        };
        let client_ca = list("tls.client_ca", &settings.client_ca)?;
        let server = identity.map(|identity| ServerTls {
            identity,
            client_ca,
            client_auth: settings.client_auth,
            min_version: settings.min_version,
        });
        Ok(Self { server, client })
    }
}

fn identity(certificate: &Path, key: &Path, now: Timestamp) -> anyhow::Result<Identity> {
    let identity = Identity::from_pem(&read("tls.certificate", certificate)?, &read("tls.key", key)?);
    let identity = identity.map_err(|(what, error)| match what {
        What::Certificate => anyhow!("{}", about("tls.certificate", certificate, &error)),
        What::Key => anyhow!("{}", about("tls.key", key, &error)),
    })?;
    warn_of_end("tls.certificate", certificate, &identity.chain, now);
    warn_of_readers("tls.key", key);
    Ok(identity)
}

/// The failure to make a configuration of what was read: all but the fit of the two was looked at before.
fn of_server(settings: &settings::Tls, error: MaterialError) -> anyhow::Error {
    let (setting, path) = match error {
        MaterialError::Mismatch => ("tls.key", &settings.key),
        MaterialError::Unusable(_) if settings.client_ca.is_some() => ("tls.client_ca", &settings.client_ca),
        _ => ("tls.certificate", &settings.certificate),
    };
    anyhow!("{}", about(setting, path.as_deref().unwrap_or(Path::new("?")), &error))
}

fn about(setting: &str, path: &Path, error: &MaterialError) -> String {
    format!("{setting} ({}) {error}", path.display())
}

fn read(setting: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "name the right file, or make one with `dyad tls init`",
            std::io::ErrorKind::PermissionDenied => "let the user of the node read it",
            _ => "name a file",
        };
        anyhow!("{setting} ({}) cannot be read: {error}; {remedy}", path.display())
    })
}

/// Certificates that have ended, or soon will: peers refuse them, whatever the node thinks of it.
fn warn_of_end(setting: &str, path: &Path, certificates: &[tls::CertificateDer<'_>], now: Timestamp) {
    let present = u64::try_from(now.micros() / 1_000_000).unwrap_or_default();
    for validity in certificates.iter().filter_map(Validity::of) {
        let (path, end) = (path.display(), date(validity.not_after));
        if validity.not_after < present {
            tracing::warn!(
                "{setting} ({path}) holds a certificate that ended on {end}: peers refuse it; renew it"
            );
        } else if validity.not_after < present.saturating_add(SOON) {
            tracing::warn!("{setting} ({path}) holds a certificate that ends on {end}; renew it before");
        } else if validity.not_before > present {
            let begin = date(validity.not_before);
            tracing::warn!(
                "{setting} ({path}) holds a certificate that is not valid before {begin}; look at the clock of this machine"
            );
        }
    }
}

fn date(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|at| time::OffsetDateTime::from_unix_timestamp(at).ok());
    at.map_or_else(|| "?".to_owned(), |at| at.date().to_string())
}

/// A key that every user of the machine can read.
fn warn_of_readers(setting: &str, path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_or(0, |file| file.permissions().mode());
        if mode & 0o077 != 0 {
            let path = path.display();
            tracing::warn!(
                "{setting} ({path}) can be read by other users of this machine; run `chmod 600 {path}`"
            );
        }
    }
    #[cfg(not(unix))]
    let _ = (setting, path);
}
