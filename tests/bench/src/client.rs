//! A blocking client for what is set up before a measurement and looked at after it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::answer;

/// One keep-alive connection.
pub(crate) struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

/// An answer with its body.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, out of its chunks.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Fails unless the status is the expected one.
    pub(crate) fn expect(self, status: u16) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        let body: String = String::from_utf8_lossy(&self.body).chars().take(400).collect();
        bail!("{} instead of {status}: {body}", self.status)
    }

    /// How often a text occurs in the body.
    pub(crate) fn count(&self, needle: &str) -> usize {
        self.body.windows(needle.len()).filter(|window| *window == needle.as_bytes()).count()
    }
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, input: vec![0; 64 * 1024] })
    }

    /// Sends a request and waits for the whole answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Reply> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        loop {
            if filled == self.input.len() {
                self.input.resize(filled * 2, 0);
            }
            let room = self.input.get_mut(filled..).unwrap_or_default();
            match self.stream.read(room).context("read")? {
                0 => bail!("the connection was closed before an answer was whole"),
                count => filled += count,
            }
            let arrived = self.input.get(..filled).unwrap_or_default();
            let Some(answer) = answer::parse(arrived)? else { continue };
            let whole = arrived.get(answer.body..answer.end).unwrap_or_default();
            let mut body = Vec::with_capacity(whole.len());
            if answer.chunked {
                answer::unchunk(whole, |chunk| body.extend_from_slice(chunk))?;
            } else {
                body.extend_from_slice(whole);
            }
            return Ok(Reply { status: answer.status, body });
        }
    }
}
