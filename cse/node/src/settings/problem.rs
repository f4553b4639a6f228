//! What is wrong with the settings, said so that the reader can put it right at once.
//!
//! Responsible for the wording of problems and for the nearest right name. Finding them is left to `source` and the
//! module above.

use super::source::Origin;
use super::table::{Setting, Table};
use dyad_core::settings::Raw;
use std::fmt;

/// Below this likeness a suggestion would only confuse.
const ALIKE: f64 = 0.5;

/// One thing that is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    at: String,
    message: String,
}

/// All that is wrong; the program does not start.
#[derive(Debug)]
pub(crate) struct Problems(pub(super) Vec<Problem>);

impl Problem {
    /// Something wrong at a place that is not a known setting.
    pub(super) fn at(place: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { at: place.to_string(), message: message.into() }
    }

    /// A key that no setting has.
    pub(super) fn unknown(table: &Table, origin: &Origin, key: &str) -> Self {
        let remedy = match (nearest(table, key), origin) {
            (Some(setting), Origin::Environment(_)) => format!("did you mean {}?", setting.variable()),
            (Some(setting), _) => format!("did you mean {}?", setting.key),
            (None, _) => "`dyad settings` lists all there are".to_owned(),
        };
        Self::at(origin, format!("there is no setting {key}; {remedy}"))
    }

    /// A value that a setting does not allow.
    pub(super) fn wrong(origin: &Origin, setting: &Setting, raw: Option<&Raw>) -> Self {
        let value = match raw {
            Some(Raw::Text(_)) => raw.map(|raw| format!("\"{}\"", raw.shown())),
            _ => raw.map(Raw::shown),
        };
        let value = value.unwrap_or_else(|| "a table or nested list".to_owned());
        Self::at(origin, format!("{} cannot be {value}; allowed: {}", setting.key, setting.kind.allowed()))
    }
}

/// The setting with the name most like an unknown one.
fn nearest(table: &Table, key: &str) -> Option<&'static Setting> {
    let likeness = |setting: &Setting| {
        let whole = strsim::normalized_damerau_levenshtein(key, setting.key);
        // A key without its section, or in the wrong one, is a frequent slip.
        let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
        let own = setting.key.rsplit_once('.').map_or(setting.key, |(_, name)| name);
        whole.max(0.9 * strsim::normalized_damerau_levenshtein(name, own))
    };
    // Of several that are as like, the first in the table.
    let best = table
        .iter()
        .map(|setting| (likeness(setting), setting))
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, setting)| setting)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "the settings have a problem:")?,
            count => writeln!(f, "the settings have {count} problems:")?,
        }
        for problem in &self.0 {
            writeln!(f, "  {problem}")?;
        }
        write!(f, "`dyad settings` explains every setting.")
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::nearest;
    use crate::settings::Table;

    #[test]
    fn nearest_names() {
        let cases = [
            ("http.listn", Some("http.listen")),
            ("htp.listen", Some("http.listen")),
            ("listen", Some("http.listen")),
            ("cse.durability", Some("store.durability")),
            ("http.max-body", Some("http.max_body")),
            ("log.levle", Some("log.level")),
            ("zzzzzz", None),
        ];
        let table = Table::new(&[]).unwrap();
        for (key, expected) in cases {
            assert_eq!(nearest(&table, key).map(|setting| setting.key), expected, "{key}");
        }
    }
}
