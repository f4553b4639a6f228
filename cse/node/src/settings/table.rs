//! The table of settings: every key once, with its default, what it allows and what it is for.
//!
//! The single source for validation, the names of environment variables, `dyad settings` and `docs/settings.md`. The
//! rows are in the files below: `cse` has what the core looks at, each binding and TLS have their own, and `node` has the
//! rest. The typed form that the rest of the program uses is in `typed`; a test keeps both in step.

mod coap;
mod cse;
mod http;
mod mqtt;
mod node;
mod tls;
mod ws;

use std::sync::Arc;

use dyad_core::ServiceFunction;
use dyad_core::settings::{Hazard, Kind, Raw, Value};

use super::check;

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// `section.name`, as in the file and behind `--set`.
    pub(super) key: &'static str,
    /// The default, written as a user would.
    pub(super) default: &'static str,
    /// How it is read and what it allows.
    pub(super) kind: Kind,
    /// What it is for, one line.
    pub(super) help: &'static str,
    /// When and why it is unsafe on a public network.
    pub(super) unsafe_public: Option<Hazard>,
    /// Whether a service function declares it.
    pub(super) of_function: bool,
    /// The key of a setting that it may not exceed.
    pub(super) at_most: Option<&'static str>,
}

impl Setting {
    /// The name of its environment variable: `DYAD_HTTP__LISTEN` for `http.listen`.
    pub(super) fn variable(&self) -> String {
        format!("DYAD_{}", self.key.replace('.', "__").replace('-', "_").to_ascii_uppercase())
    }

    /// The section, the part before the dot.
    pub(super) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(section, _)| section)
    }

    /// Whether its value is never shown.
    pub(super) fn is_secret(&self) -> bool {
        self.key.ends_with(".password")
    }

    /// The default as if it had been given.
    pub(super) fn default_raw(&self) -> Raw {
        Raw::Text(self.default.to_owned())
    }

    const fn unsafe_if(mut self, when: fn(&Value) -> bool, why: &'static str) -> Self {
        self.unsafe_public = Some(Hazard { when, why });
        self
    }
}

/// All settings there are: those of the node, and those that its service functions declare.
#[derive(Clone, Debug)]
pub(crate) struct Table(Vec<&'static Setting>);

impl Table {
    /// The settings of a node with these functions. Fails if a function declares a key that exists already, or a
    /// default that it does not allow.
    pub(crate) fn new(functions: &[Arc<dyn ServiceFunction>]) -> anyhow::Result<Self> {
        let mut rows: Vec<&'static Setting> = rows().collect();
        for function in functions {
            for own in function.settings() {
                let key = own.key(function.name());
                let dyad_core::settings::Setting { default, kind, help, unsafe_public, at_most, .. } = *own;
                anyhow::ensure!(rows.iter().all(|row| row.key != key), "{key} is declared twice");
                anyhow::ensure!(
                    kind.read(&Raw::Text(default.to_owned())).is_some(),
                    "{key} has a default that it does not allow"
                );
                // Settings live as long as the process, like those of the node.
                let key: &'static str = key.leak();
                let at_most = at_most.map(|other| &*format!("{}.{other}", function.name()).leak());
                let row = Setting { key, default, kind, help, unsafe_public, of_function: true, at_most };
                rows.push(Box::leak(Box::new(row)));
            }
        }
        Ok(Self(rows))
    }

    /// Every setting, section by section.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static Setting> {
        self.0.iter().copied()
    }

    /// The setting of that name.
    pub(super) fn find(&self, key: &str) -> Option<&'static Setting> {
        self.iter().find(|setting| setting.key == key)
    }

    /// The setting of an environment variable.
    pub(super) fn of_variable(&self, variable: &str) -> Option<&'static Setting> {
        self.iter().find(|setting| setting.variable() == variable)
    }

    /// The sections with what they are about.
    pub(super) fn sections(&self) -> Vec<(&'static str, String)> {
        let mut sections: Vec<_> =
            SECTIONS.iter().map(|section| (section.name, section.about.to_owned())).collect();
        for setting in self.iter() {
            let section = setting.section();
            if sections.iter().all(|(name, _)| *name != section) {
                sections.push((section, format!("The service function {section}.")));
            }
        }
        sections
    }
}

/// A section of the table.
#[derive(Debug)]
struct Section {
    /// What its keys begin with.
    name: &'static str,
    /// What it is about, one line.
    about: &'static str,
    /// Its settings, in their order.
    settings: &'static [Setting],
}

const fn section(name: &'static str, settings: &'static [Setting], about: &'static str) -> Section {
    Section { name, about, settings }
}

/// All sections there are, in their order.
#[rustfmt::skip] // a table: one line per row
static SECTIONS: [Section; 16] = [
    section("cse", cse::CSE, "Who this node is."),
    section("container", cse::CONTAINER, "Limits of containers whose creator names none."),
    section("request", cse::REQUEST, "How requests are answered, and limits of one."),
    section("http", http::SETTINGS, "The HTTP binding."),
    section("tls", tls::SETTINGS, "Certificates and keys for HTTPS and the like; [how to begin](tls.md). SIGHUP lets the node read the files anew."),
    section("coap", coap::SETTINGS, "The CoAP binding."),
    section("mqtt", mqtt::SETTINGS, "The MQTT binding, and the broker that comes with it."),
    section("ws", ws::SETTINGS, "The WebSocket binding."),
    section("discovery", node::DISCOVERY, "How this node is found on the local network."),
    section("store", cse::STORE, "Where resources are kept."),
    section("notification", cse::NOTIFICATION, "How notifications are delivered."),
    section("schemas", cse::SCHEMAS, "Resource types beyond the built-in ones."),
    section("functions", cse::FUNCTIONS, "Service functions."),
    section("operator", node::OPERATOR, "How `dyad status` and `dyad functions` reach the node."),
    section("log", node::LOG, "What is logged; the log goes to stderr."),
    section("testing", node::TESTING, "For test systems only."),
];

/// All settings of the node, section by section.
fn rows() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

const fn setting(key: &'static str, default: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting { key, default, kind, help, unsafe_public: None, of_function: false, at_most: None }
}

const TIMEOUT: Kind = Kind::Duration("100ms", "1h");
const OPTIONAL_ADDRESS: Kind = Kind::Text(
    check::optional_address,
    "nothing, or an IP address and a port, like 0.0.0.0:8443, localhost:8443; port 0 takes a free one",
);
const FILE: Kind = Kind::Text(check::anything, "the path of a file, or nothing");
const EXPIRATION: Kind = Kind::Duration("1s", "100y");

fn is(value: &Value, text: &str) -> bool {
    matches!(value, Value::Text(actual) if actual == text)
}

#[cfg(test)]
mod tests {
    use super::{SECTIONS, rows};

    #[test]
    fn defaults_are_allowed_and_keys_are_unique() {
        for (index, setting) in rows().enumerate() {
            assert!(setting.kind.read(&setting.default_raw()).is_some(), "{}", setting.key);
            assert!(rows().skip(index + 1).all(|other| other.key != setting.key), "{} twice", setting.key);
            assert!(
                setting.help.len() < 100 && setting.help.ends_with('.'),
                "{}: {}",
                setting.key,
                setting.help
            );
        }
    }

    #[test]
    fn settings_are_in_their_section_and_sections_are_unique() {
        for (index, section) in SECTIONS.iter().enumerate() {
            assert!(SECTIONS.iter().skip(index + 1).all(|other| other.name != section.name));
            assert!(!section.settings.is_empty(), "{}", section.name);
            for setting in section.settings {
                assert_eq!(setting.section(), section.name, "{}", setting.key);
            }
        }
    }
}
