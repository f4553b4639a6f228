//! The CoAP client: brings requests to `coap://` and `coaps://` addresses.
//!
//! Responsible for addresses and sockets, one per family, which all requests share. The mapping is left to `encode` and
//! `read`, blocks to `conversation`, messages to `line`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use coap_lite::{CoapOption, Packet};
use dyad_protocol::exchange::{Transport, TransportError};
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Request, Response, Serialization};

use super::conversation::Conversation;
use super::line::Line;
use super::serving::lock;
use super::settings::ClientSettings;
use super::{encode, read};
use crate::tls::dtls::{ClientSecrets, SessionLimits};

/// The ports of `coap` and `coaps` (RFC 7252 6.1, 6.2).
const PORT: u16 = 5683;
const SECURE_PORT: u16 = 5684;

/// What requests over DTLS need.
#[derive(Clone)]
pub(super) struct ClientDtls {
    pub(super) secrets: Arc<ClientSecrets>,
    pub(super) limits: SessionLimits,
}

/// A socket for each family.
#[derive(Default)]
struct Lines {
    v4: Mutex<Option<Arc<Line>>>,
    v6: Mutex<Option<Arc<Line>>>,
}

/// Brings requests to `coap://` and `coaps://` addresses, as confirmable messages, over one socket per family.
pub struct CoapTransport {
    settings: ClientSettings,
    codec: Codec,
    plain: Lines,
    secure: Lines,
    dtls: Option<ClientDtls>,
}

impl CoapTransport {
    /// A transport. Its sockets are opened with the first request.
    pub fn new(settings: ClientSettings, codec: Codec) -> Self {
        Self { settings, codec, plain: Lines::default(), secure: Lines::default(), dtls: None }
    }

    /// With certificates or keys for `coaps://` addresses.
    #[must_use]
    pub fn with_dtls(self, secrets: Arc<ClientSecrets>, limits: SessionLimits) -> Self {
        Self { dtls: Some(ClientDtls { secrets, limits }), ..self }
    }

    fn line(&self, to: SocketAddr, is_secure: bool) -> Result<Arc<Line>, TransportError> {
        let lines = if is_secure { &self.secure } else { &self.plain };
        let mut line = lock(if to.is_ipv4() { &lines.v4 } else { &lines.v6 });
        if let Some(line) = &*line {
            return Ok(Arc::clone(line));
        }
        let opened = match &self.dtls {
            Some(dtls) if is_secure => Line::open_securely(to, self.settings.limits, dtls),
            None if is_secure => {
                return Err(TransportError::Unreachable("coaps:// is not spoken here".to_owned()));
            }
            _ => Line::open(to, self.settings.limits),
        };
        let opened = Arc::new(opened.map_err(|error| TransportError::Unreachable(error.to_string()))?);
        *line = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

#[async_trait]
impl Transport for CoapTransport {
    fn schemes(&self) -> &[&'static str] {
        &["coap", "coaps"]
    }

    async fn send(
        &self,
        url: &str,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError> {
        let deadline = Instant::now() + timeout;
        let target =
            Target::of(url).ok_or_else(|| TransportError::Malformed(format!("no address: {url}")))?;
        let serialization = request.serialization.unwrap_or(Serialization::Json);
        let mut packet = encode::request(target.path, target.query, request, serialization, &self.codec)?;
        let resolved = tokio::time::timeout_at(deadline.into(), target.resolve(&mut packet));
        let to = resolved.await.unwrap_or(Err(TransportError::TimedOut))?;
        let line = self.line(to, target.is_secure)?;
        line.prepare(to, target.host, deadline).await?;
        let conversation = Conversation {
            line: &line,
            to,
            deadline,
            exponent: self.settings.block_exponent,
            max_body: self.settings.max_body,
        };
        read::response(&conversation.hold(packet).await?, request, &self.codec)
    }
}

/// The parts of a `coap://` URL (RFC 7252 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target<'a> {
    /// `coaps`
    is_secure: bool,
    /// Without the brackets of IPv6.
    host: &'a str,
    port: u16,
    /// With its slash, or empty.
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_secure = scheme.eq_ignore_ascii_case("coaps");
        let rest = rest.split('#').next()?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']')?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some(""))?)
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let usual = if is_secure { SECURE_PORT } else { PORT };
        let port = if port.is_empty() { usual } else { port.parse().ok()? };
        (!host.is_empty()).then_some(Self { is_secure, host, port, path, query })
    }

    /// The address; a name that was resolved is named in the request (RFC 7252 6.4).
    async fn resolve(self, packet: &mut Packet) -> Result<SocketAddr, TransportError> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, self.port));
        }
        packet.add_option(CoapOption::UriHost, self.host.to_ascii_lowercase().into_bytes());
        let found = tokio::net::lookup_host((self.host, self.port)).await;
        let mut found =
            found.map_err(|error| TransportError::Unreachable(format!("{}: {error}", self.host)))?;
        found.next().ok_or_else(|| TransportError::Unreachable(format!("{} has no address", self.host)))
    }
}
