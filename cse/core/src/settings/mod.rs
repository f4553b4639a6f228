//! Settings of service functions: what a function declares, and the values that are in effect.
//!
//! Responsible for kinds of values, which the settings of the node itself share, and for handing values to functions.
//! Where a value was written, and what the user is told about a wrong one, is left to the node.

mod units;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

pub use value::{Kind, Raw, Value, without_password};

use crate::Cse;
use crate::function::ServiceFunction;

/// A setting that a service function declares. Its key is `name.of_the_function.name`, so that a function has a section
/// of its own.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name within the section: lower case, words joined by `_`.
    pub name: &'static str,
    /// The default, written as a user would.
    pub default: &'static str,
    /// How it is read and what it allows.
    pub kind: Kind,
    /// What it is for, one line with a full stop.
    pub help: &'static str,
    /// When and why it is unsafe on a public network.
    pub unsafe_public: Option<Hazard>,
    /// The name of a setting of the same function and kind, which it may not exceed.
    pub at_most: Option<&'static str>,
}

/// Values of a setting that are unsafe on a public network: the node warns of them at its start.
#[derive(Clone, Copy, Debug)]
pub struct Hazard {
    /// Whether a value is among them.
    pub when: fn(&Value) -> bool,
    /// Why, and the remedy.
    pub why: &'static str,
}

impl Setting {
    /// A setting that is safe with every value that it allows.
    pub const fn new(name: &'static str, default: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, default, kind, help, unsafe_public: None, at_most: None }
    }

    /// The same, unsafe on a public network with some values.
    #[must_use]
    pub const fn unsafe_if(mut self, when: fn(&Value) -> bool, why: &'static str) -> Self {
        self.unsafe_public = Some(Hazard { when, why });
        self
    }

    /// The same, which may not be more than another setting of the function.
    #[must_use]
    pub const fn at_most(mut self, other: &'static str) -> Self {
        self.at_most = Some(other);
        self
    }

    /// The key in the file and behind `--set`.
    pub fn key(&self, function: &str) -> String {
        format!("{function}.{}", self.name)
    }
}

/// The values of the settings of one function.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<&'static str, Value>);

/// What a function did not declare, or declared as another kind, is a mistake in its program, which gets nothing.
impl Values {
    /// The values of a function's settings: those that were given by key, and defaults. Fails for a default that the
    /// declaration itself does not allow, and for a name that is declared twice.
    pub fn of(function: &dyn ServiceFunction, given: &BTreeMap<String, Value>) -> anyhow::Result<Self> {
        let mut values = BTreeMap::new();
        for setting in function.settings() {
            let key = setting.key(function.name());
            let default = setting.kind.read(&Raw::Text(setting.default.to_owned()));
            let default =
                default.ok_or_else(|| anyhow::anyhow!("{key} has a default that it does not allow"))?;
            let value = given.get(&key).cloned().unwrap_or(default);
            anyhow::ensure!(values.insert(setting.name, value).is_none(), "{key} is declared twice");
        }
        for setting in function.settings() {
            let Some(most) = setting.at_most else { continue };
            let exceeds = values.get(setting.name).zip(values.get(most)).is_some_and(|(a, b)| a.exceeds(b));
            anyhow::ensure!(
                !exceeds,
                "{} is more than {}.{most}",
                setting.key(function.name()),
                function.name()
            );
        }
        Ok(Self(values))
    }

    /// A whole number, or a size in bytes; 0 if there is none.
    pub fn number(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    /// The same where it counts things in memory.
    pub fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    /// A text or choice; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// A list; empty if there is none.
    pub fn list(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(Value::List(entries)) => entries,
            _ => &[],
        }
    }

    /// A duration; zero if there is none.
    pub fn duration(&self, name: &str) -> Duration {
        match self.0.get(name) {
            Some(Value::Duration(duration)) => *duration,
            _ => Duration::ZERO,
        }
    }

    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Switch(true))
    }
}

impl Cse {
    /// The settings of the function of that name, as they are in effect.
    pub fn settings(&self, function: &str) -> &Values {
        self.hosts().settings(function)
    }
}
