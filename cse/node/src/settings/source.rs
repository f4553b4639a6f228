//! Where settings come from: a file, the environment, the command line.
//!
//! Responsible for finding keys with their raw values and remembering where each was. Whether a key exists and a
//! value is allowed is left to the module above.

use super::problem::Problem;
use super::table::Table;
use dyad_core::settings::Raw;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The file that is read if none is named and it exists.
const DEFAULT_FILE: &str = "dyad.toml";

/// All that settings are taken from, later ones overriding earlier ones: file, environment, command line.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// Environment variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// `key=value` of the command line.
    pub(crate) set: Vec<String>,
}

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In a file, with the line.
    File(PathBuf, usize),
    /// In an environment variable of this name.
    Environment(String),
    /// Behind `--set`.
    CommandLine(String),
}

/// A key with its value, `None` for a value of a form that no setting has.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: String,
    pub(super) raw: Option<Raw>,
    pub(super) origin: Origin,
}

impl Sources {
    /// What this process was given, with `dyad.toml` of the working directory if no file is named.
    pub(crate) fn of_process(config: Option<PathBuf>, set: Vec<String>) -> Self {
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
        Self { file: config.or_else(default), environment: std::env::vars_os().collect(), set }
    }

    /// All keys in the order in which they override each other, and what could not be read.
    pub(super) fn read(&self, table: &Table) -> (Vec<Found>, Vec<Problem>) {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        self.read_file(table, &mut found, &mut problems);
        found.extend(self.environment.iter().filter_map(|variable| from_environment(table, variable)));
        for argument in &self.set {
            match argument.split_once('=') {
                Some((key, value)) => found.push(Found {
                    key: key.trim().to_owned(),
                    raw: Some(Raw::Text(value.to_owned())),
                    origin: Origin::CommandLine(key.trim().to_owned()),
                }),
                None => problems.push(Problem::at(
                    format_args!("--set {argument}"),
                    "there is no value; write it as --set http.listen=127.0.0.1:8090",
                )),
            }
        }
        (found, problems)
    }

    fn read_file(&self, table: &Table, found: &mut Vec<Found>, problems: &mut Vec<Problem>) {
        let Some(path) = &self.file else { return };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let message =
                    format!("cannot be read: {error}; name another file with --config or create this one");
                return problems.push(Problem::at(path.display(), message));
            }
        };
        from_text(path, &text, table, found, problems);
    }

    /// Variables that look as if they were meant as settings, but are none: one underscore where two are needed.
    pub(super) fn notes(&self, table: &Table) -> Vec<String> {
        let one = |variable: &str| {
            table.iter().find(|setting| setting.variable().replacen("__", "_", 1) == variable)
        };
        let names = self.environment.iter().filter_map(|(name, _)| name.to_str());
        names
            .filter_map(|name| one(name).map(|setting| (name, setting)))
            .map(|(name, setting)| {
                format!("environment {name} is not used; the setting is called {}", setting.variable())
            })
            .collect()
    }
}

/// What a file says.
pub(super) fn from_text(
    path: &Path,
    text: &str,
    table: &Table,
    found: &mut Vec<Found>,
    problems: &mut Vec<Problem>,
) {
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let (tree, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let origin = |offset| Origin::File(path.to_owned(), line(offset));
        return walk(table, "", tree.get_ref(), &origin, found);
    }
    for error in errors {
        let line = error.span().map_or(1, |span| line(span.start));
        let message = format!(
            "this is not TOML: {}; texts stand between quotes, key = \"text\"",
            error.message().replace('\n', ", ")
        );
        problems.push(Problem::at(Origin::File(path.to_owned(), line), message));
    }
}

/// Collects the leaves of a file's tables under their dotted keys.
fn walk(
    known: &Table,
    prefix: &str,
    table: &DeTable<'_>,
    origin: &dyn Fn(usize) -> Origin,
    found: &mut Vec<Found>,
) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{prefix}.{}", name.get_ref())
        };
        let known_section = prefix.is_empty() && known.iter().any(|setting| setting.section() == key);
        match value.get_ref() {
            // A table in place of a value is reported as that; so is an empty section of an unknown name.
            DeValue::Table(inner) if known.find(&key).is_none() && (known_section || !inner.is_empty()) => {
                walk(known, &key, inner, origin, found);
            }
            value => found.push(Found { key, raw: raw(value), origin: origin(name.span().start) }),
        }
    }
}

/// A value of a file as text or list of texts; nothing for tables and lists within lists.
fn raw(value: &DeValue<'_>) -> Option<Raw> {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => {
            Some(i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    };
    match value {
        DeValue::Array(entries) => {
            entries.iter().map(|entry| text(entry.get_ref())).collect::<Option<Vec<_>>>().map(Raw::List)
        }
        value => text(value).map(Raw::Text),
    }
}

/// A list that is written in one text like a list of the file: as the list.
pub(super) fn spelled_out(given: Raw) -> Raw {
    let list = match &given {
        Raw::Text(text) if text.trim_start().starts_with('[') => {
            DeValue::parse(text.trim()).ok().and_then(|value| raw(value.get_ref()))
        }
        _ => None,
    };
    match list {
        Some(Raw::List(entries)) => Raw::List(entries),
        // Texts between commas have no brackets: what is no list of the file is none.
        _ => given,
    }
}

/// A variable that means a setting. `DYAD_TEST…` belongs to the test tools, except for the section `testing`.
fn from_environment(table: &Table, (name, value): &(OsString, OsString)) -> Option<Found> {
    let variable = name.to_str()?;
    let (section, key) = variable.strip_prefix("DYAD_")?.split_once("__")?;
    if section.is_empty() || (section.starts_with("TEST") && section != "TESTING") {
        return None;
    }
    let spelled = || format!("{section}.{}", key.replace("__", ".")).to_ascii_lowercase();
    Some(Found {
        key: table.of_variable(variable).map_or_else(spelled, |setting| setting.key.to_owned()),
        raw: Some(Raw::Text(value.to_string_lossy().into_owned())),
        origin: Origin::Environment(variable.to_owned()),
    })
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::CommandLine(key) => write!(f, "--set {key}"),
        }
    }
}
