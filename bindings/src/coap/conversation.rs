//! One request of the client with all its blocks (RFC 7959 2.3 to 2.7, 3; RFC 9175 2.3).
//!
//! Responsible for sending a long request in blocks, in the size that the server wants, for fetching the rest of a
//! long response, and for echoing what a server asks to be echoed. One message and its response are left to `line`.

use std::net::SocketAddr;
use std::time::Instant;

use coap_lite::{CoapOption, Packet};
use dyad_protocol::exchange::TransportError;

use super::block::{self, Block};
use super::call::{CONTINUE, ECHO, TOO_LARGE, UNAUTHORIZED};
use super::line::Line;

/// A request under way to a server.
pub(super) struct Conversation<'a> {
    pub(super) line: &'a Line,
    pub(super) to: SocketAddr,
    pub(super) deadline: Instant,
    /// The largest block.
    pub(super) exponent: u8,
    /// The longest content of a response.
    pub(super) max_body: usize,
}

impl Conversation<'_> {
    /// Sends a request and gives its whole response. Fails as [`Line::ask`] does, and if blocks do not fit to each
    /// other or are too many.
    pub(super) async fn hold(&self, mut request: Packet) -> Result<Packet, TransportError> {
        let payload = std::mem::take(&mut request.payload);
        let response = if payload.len() <= Block::first(self.exponent).size() {
            request.payload = payload;
            let response = self.ask(&mut request).await?;
            request.payload = Vec::new();
            response
        } else {
            self.upload(&mut request, &payload).await?
        };
        request.clear_option(CoapOption::Block1);
        request.clear_option(CoapOption::Size1);
        match Block::of(&response, CoapOption::Block2) {
            None => Ok(response),
            Some(None) => Err(malformed("Block2 names a size that there is not")),
            Some(Some(block)) if block.number > 0 => Err(malformed("the response begins in the middle")),
            Some(Some(block)) => self.download(request, response, block).await,
        }
    }

    /// Sends a payload block by block; gives the response to the last one.
    async fn upload(&self, request: &mut Packet, payload: &[u8]) -> Result<Packet, TransportError> {
        let (mut exponent, mut offset) = (self.exponent, 0);
        loop {
            let block = Block::at(offset, exponent);
            let (block, bytes) = block.cut(payload).ok_or_else(|| malformed("Block1 names no block"))?;
            block.put(request, CoapOption::Block1);
            request.clear_option(CoapOption::Size1);
            if offset == 0 {
                block::put_number(request, CoapOption::Size1, payload.len());
            }
            request.payload = bytes.to_vec();
            let response = self.ask(request).await?;
            request.payload = Vec::new();
            let code = u8::from(response.header.code);
            let taken = Block::of(&response, CoapOption::Block1).flatten();
            match taken {
                // Too large for the server, which says what is not (RFC 7959 2.9.3).
                Some(taken) if code == TOO_LARGE && offset == 0 && taken.exponent < exponent => {
                    exponent = taken.exponent;
                }
                Some(taken) if block.more && code >> 5 == CONTINUE >> 5 => {
                    if taken.number != block.number {
                        return Err(malformed("another block was acknowledged than was sent"));
                    }
                    offset += bytes.len();
                    exponent = exponent.min(taken.exponent);
                }
                _ if code == CONTINUE => return Err(malformed("the server waits for more than there is")),
                _ => return Ok(response),
            }
        }
    }

    /// Fetches what follows the first block of a response.
    async fn download(
        &self,
        mut request: Packet,
        mut response: Packet,
        mut block: Block,
    ) -> Result<Packet, TransportError> {
        request.clear_option(CoapOption::Observe);
        let tag = response.get_first_option(CoapOption::ETag).cloned();
        let mut payload = std::mem::take(&mut response.payload);
        while block.more {
            let whole = payload.len() == block.offset() + block.size();
            if !whole {
                return Err(malformed("a block is shorter than it says"));
            }
            if payload.len() > self.max_body {
                return Err(malformed("the response is too long"));
            }
            let next = Block::at(payload.len(), block.exponent.min(self.exponent));
            next.put(&mut request, CoapOption::Block2);
            let part = self.ask(&mut request).await?;
            if part.header.code != response.header.code
                || part.get_first_option(CoapOption::ETag) != tag.as_ref()
            {
                return Err(malformed("the response changed while it was fetched"));
            }
            let came = Block::of(&part, CoapOption::Block2).flatten();
            block = came
                .filter(|came| came.offset() == payload.len())
                .ok_or_else(|| malformed("another block came than was asked for"))?;
            payload.extend_from_slice(&part.payload);
        }
        response.payload = payload;
        Ok(response)
    }

    /// Sends one message, and once more with what the server wants to have echoed.
    async fn ask(&self, request: &mut Packet) -> Result<Packet, TransportError> {
        let response = self.line.ask(self.to, request, self.deadline).await?;
        match response.get_first_option(ECHO) {
            Some(echo) if u8::from(response.header.code) == UNAUTHORIZED => {
                request.clear_option(ECHO);
                request.add_option(ECHO, echo.clone());
                self.line.ask(self.to, request, self.deadline).await
            }
            _ => Ok(response),
        }
    }
}

fn malformed(what: &str) -> TransportError {
    TransportError::Malformed(what.to_owned())
}
