//! Certificates and keys from the files that the settings name, at the start and again at SIGHUP.
//!
//! Responsible for saying which file is wrong and what to do, and for the warnings about what will be wrong soon. What is
//! inside the files is taken apart by `dyad-bindings`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use dyad_bindings::tls::dtls::{self, ClientSecrets, ServerSecrets, SessionLimits};
use dyad_bindings::tls::{
    self, ClientAuth, ClientTls, Identity, Keys, Limits, MaterialError, SHORT_KEY, Secrets, ServerTls,
    TlsAcceptor, Validity, What,
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
    /// For clients that connect; nothing without a certificate and without keys.
    acceptor: Option<TlsAcceptor>,
    material: Material,
    /// Sockets with DTLS, which take other certificates and keys while they are open.
    endpoints: Arc<Mutex<Vec<Arc<dtls::Endpoint>>>>,
}

/// What the files hold.
#[derive(Debug)]
struct Material {
    server: Option<ServerTls>,
    client: ClientTls,
    keys: Option<Keys>,
}

impl Tls {
    /// Reads all files. The error names the setting, the file and the remedy.
    pub(crate) fn load(settings: &settings::Tls, now: Timestamp) -> anyhow::Result<Self> {
        let material = Material::read(settings, now)?;
        let limits = Limits { timeout: settings.handshake_timeout, handshakes: settings.handshakes };
        let acceptor = match (&material.server, &material.keys) {
            (None, None) => None,
            _ => Some(TlsAcceptor::new(material.tls_server(settings)?, limits)),
        };
        Ok(Self { settings: settings.clone(), acceptor, material, endpoints: Arc::default() })
    }

    /// What makes TLS connections of those that a listener accepts; `setting` is what switched it on.
    pub(crate) fn acceptor(&self, setting: &str) -> anyhow::Result<TlsAcceptor> {
        if let (None, Some(keys), Some(path)) =
            (&self.material.server, &self.material.keys, &self.settings.psk)
        {
            anyhow::ensure!(
                keys.has_long_key(),
                "{setting} needs keys of at least {SHORT_KEY} bytes, and tls.psk ({}) holds none; `openssl rand -hex 16` makes \
                 one, or name a certificate in tls.certificate",
                path.display()
            );
        }
        self.acceptor.clone().with_context(|| {
            format!(
                "{setting} needs a certificate or keys; run `dyad tls init` and name what it makes in tls.certificate and \
                 tls.key, or name a file with lines identity:key in tls.psk"
            )
        })
    }

    /// Whom the node trusts when it calls others.
    pub(crate) fn client(&self) -> &ClientTls {
        &self.material.client
    }

    /// A socket for clients over DTLS.
    pub(crate) fn dtls_server(&self, listen: SocketAddr) -> anyhow::Result<Arc<dtls::Endpoint>> {
        if self.settings.client_auth == ClientAuth::Optional && self.material.server.is_some() {
            tracing::warn!(
                "tls.client_auth = optional: clients over DTLS are not asked for certificates; required asks all of them"
            );
        }
        let secrets = self.material.dtls_server(&self.settings)?;
        let endpoint = dtls::Endpoint::server(listen, secrets, self.session_limits()).context(
            "cannot listen for CoAP over DTLS; set coap.dtls_listen to a free address, or stop what listens there",
        )?;
        let endpoint = Arc::new(endpoint);
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&endpoint));
        Ok(endpoint)
    }

    /// What the node has when it calls others over DTLS.
    pub(crate) fn dtls_client(&self) -> anyhow::Result<(Arc<ClientSecrets>, SessionLimits)> {
        let key = self.settings.psk_identity.as_deref().zip(self.material.keys.clone());
        if let (Some((identity, keys)), Some(path)) = (&key, &self.settings.psk) {
            anyhow::ensure!(
                keys.key(identity.as_bytes()).is_some(),
                "tls.psk_identity is '{identity}', which has no key in tls.psk ({}); add a line {identity}:KEY there",
                path.display()
            );
        }
        let secrets = ClientSecrets::new(&self.material.client, key, self.settings.handshake_timeout)
            .map_err(|error| of_server(&self.settings, error))?;
        Ok((Arc::new(secrets), self.session_limits()))
    }

    fn session_limits(&self) -> SessionLimits {
        let settings = &self.settings;
        SessionLimits {
            sessions: settings.sessions,
            handshakes: settings.handshakes,
            idle: settings.session_idle,
        }
    }

    /// Reads the files again at every SIGHUP, if there are any: certificates that were renewed are shown from then on.
    /// What is wrong then is logged, and the node goes on with what it has. Needs a tokio runtime.
    pub(crate) fn reload_on_hangup(&self) -> anyhow::Result<()> {
        #[cfg(unix)]
        if self.acceptor.is_some() || self.material.keys.is_some() {
            use tokio::signal::unix::{SignalKind, signal};
            let mut hangup = signal(SignalKind::hangup())?;
            let settings = self.settings.clone();
            let (acceptor, endpoints) = (self.acceptor.clone(), Arc::clone(&self.endpoints));
            tokio::spawn(async move {
                while hangup.recv().await.is_some() {
                    let (settings, acceptor) = (settings.clone(), acceptor.clone());
                    let endpoints = Arc::clone(&endpoints);
                    // A file may be slow, and the threads of the runtime have other things to do.
                    let reading =
                        tokio::task::spawn_blocking(move || reload(&settings, acceptor.as_ref(), &endpoints));
                    match reading.await.unwrap_or_else(|error| Err(error.into())) {
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
fn reload(
    settings: &settings::Tls,
    acceptor: Option<&TlsAcceptor>,
    endpoints: &Mutex<Vec<Arc<dtls::Endpoint>>>,
) -> anyhow::Result<()> {
    let material = Material::read(settings, SystemClock.now())?;
    let secrets = material.tls_server(settings)?;
    for endpoint in endpoints.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        endpoint.replace(material.dtls_server(settings)?);
    }
    if let Some(acceptor) = acceptor {
        acceptor.replace(secrets);
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
            ..ClientTls::default()
        };
        let client_ca = list("tls.client_ca", &settings.client_ca)?;
        let server = identity.map(|identity| ServerTls {
            identity,
            client_ca,
            client_auth: settings.client_auth,
            min_version: settings.min_version,
        });
        let keys = match &settings.psk {
            Some(path) => Some(keys(path)?),
            None => None,
        };
        Ok(Self { server, client, keys })
    }

    fn tls_server(&self, settings: &settings::Tls) -> anyhow::Result<Secrets> {
        Secrets::new(self.server.as_ref(), self.keys.as_ref()).map_err(|error| of_server(settings, error))
    }

    fn dtls_server(&self, settings: &settings::Tls) -> anyhow::Result<ServerSecrets> {
        ServerSecrets::new(self.server.as_ref(), self.keys.clone(), settings.handshake_timeout)
            .map_err(|error| of_server(settings, error))
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

fn keys(path: &Path) -> anyhow::Result<Keys> {
    let text = read("tls.psk", path)?;
    let keys = Keys::parse(&String::from_utf8_lossy(&text));
    let keys = keys.map_err(|why| anyhow!("tls.psk ({}) {why}", path.display()))?;
    for identity in keys.short() {
        tracing::warn!(
            "tls.psk ({}): the key of {identity} has less than {SHORT_KEY} bytes and can be found by trying; it works over DTLS \
             alone, TLS takes none that is so short",
            path.display()
        );
    }
    warn_of_readers("tls.psk", path);
    Ok(keys)
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
