//! One DTLS session: the library's state, and who is at the other end.
//!
//! Does no IO: what has to leave and what came is handed back. Which sessions there are is left to `endpoint`.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use dimpl::{Dtls, Error, Output};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::danger::ClientCertVerifier;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider as _};

use super::cookie;
use super::hello::ClientHello;
use super::psk;
use crate::tls::{client, peer};

/// Alerts that this side sends (RFC 5246 7.2.2).
const HANDSHAKE_FAILURE: u8 = 40;
const BAD_CERTIFICATE: u8 = 42;

/// What the certificate of the other side has to stand.
pub(super) enum Check {
    /// It shows none.
    Nothing,
    /// That of a client.
    Client(Arc<dyn ClientCertVerifier>),
    /// That of the server of this name.
    Server(Arc<WebPkiServerVerifier>, ServerName<'static>),
}

/// Why a session is over.
pub(super) enum Over {
    /// The other side has closed it.
    Closed,
    /// It failed: why, and what the other side is told if there are no keys yet.
    Failed(String, Option<u8>),
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the other side"),
            Self::Failed(why, _) => f.write_str(why),
        }
    }
}

/// Where a session's output goes.
#[derive(Default)]
pub(super) struct Outgoing {
    /// To the other side.
    pub(super) datagrams: Vec<Bytes>,
    /// To whoever takes what is inside.
    pub(super) received: Vec<Bytes>,
}

/// A session.
pub(super) struct Session {
    dtls: Dtls,
    /// What the client called random: tells a hello that is repeated from that of a client that begins anew.
    pub(super) random: [u8; 32],
    check: Check,
    is_checked: bool,
    /// The handshake is over.
    pub(super) is_open: bool,
    /// The identity of a pre-shared key, or what a certificate says.
    peer: Option<String>,
    /// When something came or left last.
    pub(super) used: Instant,
    /// When the library has something to do.
    pub(super) due: Instant,
}

impl Session {
    pub(super) fn new(dtls: Dtls, random: [u8; 32], check: Check, now: Instant) -> Self {
        Self { dtls, random, check, is_checked: false, is_open: false, peer: None, used: now, due: now }
    }

    /// Takes the hello with the right cookie, after the one that came before it and of which nothing was kept.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        hello: &ClientHello<'_>,
        datagram: &[u8],
        out: &mut Outgoing,
    ) -> Result<(), Over> {
        self.dtls.handle_timeout(now).map_err(failed)?;
        cookie::with_cookie(hello.cookie, || {
            self.dtls.handle_packet(&hello.first()).map_err(failed)?;
            // It asks for the cookie, which has been done.
            self.drain(&mut Outgoing::default())?;
            self.dtls.handle_packet(datagram).map_err(failed)
        })?;
        self.drain(out)
    }

    /// Begins as the client.
    pub(super) fn call(&mut self, now: Instant, out: &mut Outgoing) -> Result<(), Over> {
        self.dtls.handle_timeout(now).map_err(failed)?;
        self.drain(out)
    }

    /// Takes a datagram.
    pub(super) fn take(&mut self, now: Instant, datagram: &[u8], out: &mut Outgoing) -> Result<(), Over> {
        self.dtls.handle_timeout(now).map_err(failed)?;
        self.dtls.handle_packet(datagram).map_err(failed)?;
        let before = out.received.len();
        self.drain(out)?;
        // What anybody can send does not keep a session.
        if out.received.len() > before {
            self.used = now;
        }
        Ok(())
    }

    /// Lets the library repeat what is due.
    pub(super) fn tick(&mut self, now: Instant, out: &mut Outgoing) -> Result<(), Over> {
        self.dtls.handle_timeout(now).map_err(failed)?;
        self.drain(out)
    }

    /// Sends what is inside; within a session that is open.
    pub(super) fn send(&mut self, now: Instant, content: &[u8], out: &mut Outgoing) -> Result<(), Over> {
        self.used = now;
        self.dtls.send_application_data(content).map_err(failed)?;
        self.drain(out)
    }

    /// Says goodbye, if there is somebody.
    pub(super) fn close(&mut self, out: &mut Outgoing) {
        if self.dtls.close().is_ok() {
            // It is over either way.
            let _ = self.drain(out);
        }
    }

    /// Who is at the other end, in words for the log.
    pub(super) fn peer(&self) -> Option<&str> {
        self.peer.as_deref()
    }

    fn drain(&mut self, out: &mut Outgoing) -> Result<(), Over> {
        if let Some(identity) = psk::asked() {
            self.peer = Some(format!("PSK {}", peer::printable(&identity)));
        }
        let mut buffer = vec![0; 2048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => out.datagrams.push(Bytes::copy_from_slice(datagram)),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::Timeout(due) => {
                    self.due = due;
                    return Ok(());
                }
                Output::PeerCert(certificate) => {
                    let certificate = CertificateDer::from(certificate.to_vec());
                    self.verify(&certificate)?;
                }
                Output::Connected if self.is_checked || matches!(self.check, Check::Nothing) => {
                    self.is_open = true
                }
                Output::Connected => {
                    return Err(Over::Failed(
                        "it has shown no certificate".to_owned(),
                        Some(BAD_CERTIFICATE),
                    ));
                }
                Output::ApplicationData(content) if self.is_open => {
                    out.received.push(Bytes::copy_from_slice(content));
                }
                Output::CloseNotify => return Err(Over::Closed),
                _ => {}
            }
        }
    }

    /// Whether the certificate is by somebody who is trusted, and for this peer. The library has made sure that the
    /// other side has its key, and hands over the certificate itself, without intermediate ones.
    fn verify(&mut self, certificate: &CertificateDer<'static>) -> Result<(), Over> {
        let refused = |error: rustls::Error| {
            Over::Failed(client::explain(&error).unwrap_or_default(), Some(BAD_CERTIFICATE))
        };
        let broken =
            || Over::Failed("the clock of this machine cannot be read".to_owned(), Some(HANDSHAKE_FAILURE));
        let now = DefaultTimeProvider.current_time().ok_or_else(broken)?;
        match &self.check {
            Check::Nothing => return Ok(()),
            Check::Client(verifier) => {
                verifier.verify_client_cert(certificate, &[], now).map_err(refused)?;
            }
            Check::Server(verifier, name) => {
                verifier.verify_server_cert(certificate, &[], name, &[], now).map_err(refused)?;
            }
        }
        self.is_checked = true;
        self.peer = Some(peer::describe(certificate));
        Ok(())
    }
}

fn failed(error: Error) -> Over {
    let alert = match error {
        Error::Timeout(_) | Error::ConnectionClosed => None,
        _ => Some(HANDSHAKE_FAILURE),
    };
    Over::Failed(error.to_string(), alert)
}
