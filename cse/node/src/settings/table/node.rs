//! What is around the core and the bindings: how the node is found, operated and watched.

use dyad_core::settings::{Kind, Value};

use super::{Setting, setting};
use crate::settings::check;

/// `discovery.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const DISCOVERY: &[Setting] = &[
    setting("discovery.enabled", "true", Kind::Switch,
        "Announce by DNS-SD what listens on other than loopback addresses."),
];

/// `operator.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const OPERATOR: &[Setting] = &[
    setting("operator.socket", "data/dyad.sock", Kind::Text(check::anything, "the path of a file, or nothing"),
        "Socket for `dyad status` and `dyad functions`, for the node's own user alone; empty = none."),
];

/// `log.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const LOG: &[Setting] = &[
    setting("log.level", "info", Kind::Text(check::log_filter, "off, error, warn, info, debug or trace, also per target: info,dyad_core=debug"),
        "What is logged."),
    setting("log.format", "text", Kind::Choice(&["text", "json"]),
        "text for people, json (one object per line) for collectors."),
];

/// `testing.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const TESTING: &[Setting] = &[
    setting("testing.enabled", "false", Kind::Switch,
        "Lets tests reset the node and move its clock; needs a loopback http.listen.")
        .unsafe_if(|value| *value == Value::Switch(true),
            "whoever reaches the node may erase everything; switch it off outside of tests"),
];
