//! The programs the node is held against. Each does one thing as fast as its libraries allow.

pub(crate) mod echo;
pub(crate) mod read;
pub(crate) mod sink;
pub(crate) mod write;
pub(crate) mod ws_echo;

use std::net::SocketAddr;

use anyhow::{Context, Result};

/// Says where a server answers, in the form in which the node says it.
pub(crate) fn announce(addresses: &[SocketAddr]) -> Result<()> {
    println!("  HTTP       http://{}", addresses.first().context("no address was bound")?);
    Ok(())
}

/// A JSON object of exactly this size, if it can be that small.
pub(crate) fn body(size: usize) -> String {
    format!(r#"{{"b":"{}"}}"#, "x".repeat(size.saturating_sub(8)))
}
