//! The log: lines on stderr, for people or for collectors.
//!
//! Responsible for level, form and time stamps. What is logged is decided where it happens.

use crate::settings::{Log, LogFormat};
use anyhow::{Context, anyhow};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Begins to log; once per process.
pub(crate) fn start(settings: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.level).context("log.level is not a filter")?;
    // What these say is for their authors; a filter that names them wins. What clients get wrong is an error to
    // `actix_http`: everybody who reaches the node could fill the log with it.
    let is_talkative = ["info", "debug", "trace"].iter().any(|level| settings.level.contains(level));
    let names_them = settings.level.contains("actix");
    let filter = if names_them { filter } else { filter.add_directive("actix_http=off".parse()?) };
    let filter = match is_talkative && !names_them {
        true => filter.add_directive("actix_server=warn".parse()?),
        false => filter,
    };
    // The time stamps of the default timer are RFC 3339 in UTC, so lines of several machines sort together.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => lines.compact().try_init(),
        // Fields at the top level are what collectors index without being told.
        LogFormat::Json => lines.json().flatten_event(true).with_ansi(false).try_init(),
    };
    started.map_err(|error| anyhow!("the log cannot be started: {error}"))
}
