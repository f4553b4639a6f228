//! The settings of the node: read from a file, the environment and the command line, checked, and typed.
//!
//! Responsible for the order (defaults, file, environment, command line; later ones win), for finding all problems at
//! once, and for the warnings about what is unsafe. This is the only place of the program that reads the environment.
//! What the settings do is left to those who are given them.

mod check;
mod cross;
mod fill;
#[cfg(fuzzing)]
pub mod fuzzing;
mod problem;
mod show;
mod source;
mod table;
mod typed;

pub(crate) use dyad_core::settings::without_password;
pub(crate) use problem::Problems;
pub(crate) use show::{markdown, overview};
pub(crate) use source::Sources;
pub(crate) use table::Table;
pub(crate) use typed::{
    Coap, Container, Cse, CseType, Discovery, Durability, Functions, Http, Log, LogFormat, Mqtt, MqttBroker,
    Notification, Operator, Request, Schemas, Store, Testing, Tls, Ws,
};

use dyad_core::settings::{Kind, Raw, Value};
use fill::{Filled, Values};
use problem::Problem;
use source::{Found, Origin};
use table::Setting;

/// All settings, valid and in effect.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) cse: Cse,
    pub(crate) container: Container,
    pub(crate) request: Request,
    pub(crate) http: Http,
    pub(crate) tls: Tls,
    pub(crate) coap: Coap,
    pub(crate) discovery: Discovery,
    pub(crate) mqtt: Mqtt,
    pub(crate) ws: Ws,
    pub(crate) store: Store,
    pub(crate) notification: Notification,
    pub(crate) schemas: Schemas,
    pub(crate) functions: Functions,
    pub(crate) operator: Operator,
    pub(crate) log: Log,
    pub(crate) testing: Testing,
    /// The same by key, with where each comes from; for `warnings` and `dyad settings`.
    effective: Vec<Effective>,
    /// Remarks on the sources themselves.
    notes: Vec<String>,
    table: Table,
}

/// The value of one setting and where it comes from.
#[derive(Clone, Debug)]
struct Effective {
    setting: &'static Setting,
    raw: Raw,
    value: Value,
    origin: Origin,
}

impl Settings {
    /// Reads and checks all sources. The error lists all that is wrong, not only the first.
    pub(crate) fn load(sources: &Sources, table: &Table) -> Result<Self, Problems> {
        let (found, problems) = sources.read(table);
        Self::from_found(found, problems, sources.notes(table), table)
    }

    /// Checks what was found, besides the problems that there are already.
    fn from_found(
        found: Vec<Found>,
        mut problems: Vec<Problem>,
        notes: Vec<String>,
        table: &Table,
    ) -> Result<Self, Problems> {
        let (effective, broken) = apply(table, found, &mut problems);
        let settings = match Self::fill(effective, notes, table.clone()) {
            Ok(settings) => settings,
            Err(problem) => {
                problems.push(problem);
                return Err(Problems(problems));
            }
        };
        for conflict in cross::conflicts(&settings) {
            // A value that is wrong by itself was replaced by the default, whose conflicts are not the user's.
            if !conflict.keys.iter().any(|key| broken.contains(key)) {
                let given = conflict
                    .keys
                    .iter()
                    .map(|key| settings.origin(key))
                    .find(|origin| **origin != Origin::Default);
                problems.push(Problem::at(given.unwrap_or(&Origin::Default), conflict.message));
            }
        }
        if problems.is_empty() { Ok(settings) } else { Err(Problems(problems)) }
    }

    /// What is unsafe on a public network or probably not meant, one line each with the remedy.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let hazards = self.effective.iter().filter_map(|entry| {
            let hazard = entry.setting.unsafe_public.as_ref()?;
            let shown = || format!("{} = {}: {}", entry.setting.key, entry.shown(), hazard.why);
            (hazard.when)(&entry.value).then(shown)
        });
        self.notes.iter().cloned().chain(hazards).collect()
    }

    fn fill(effective: Vec<Effective>, notes: Vec<String>, table: Table) -> Filled<Self> {
        let of_functions = effective.iter().filter(|entry| entry.setting.of_function);
        let mut values = Values {
            of_functions: of_functions.map(|entry| entry.setting.key).collect(),
            values: effective.iter().map(|entry| (entry.setting.key, entry.value.clone())).collect(),
        };
        let settings = Self {
            cse: values.cse()?,
            container: values.container()?,
            request: values.request()?,
            http: values.http()?,
            tls: values.tls()?,
            coap: values.coap()?,
            discovery: values.discovery()?,
            mqtt: values.mqtt()?,
            ws: values.ws()?,
            store: values.store()?,
            notification: values.notification()?,
            schemas: values.schemas()?,
            functions: values.functions()?,
            operator: values.operator()?,
            log: values.log()?,
            testing: values.testing()?,
            effective,
            notes,
            table,
        };
        match values.values.into_keys().next() {
            Some(key) => Err(Problem::at(key, "the program does not use this setting; please report this")),
            None => Ok(settings),
        }
    }

    fn origin(&self, key: &str) -> &Origin {
        let entry = self.effective.iter().find(|entry| entry.setting.key == key);
        entry.map_or(&Origin::Default, |entry| &entry.origin)
    }
}

impl Effective {
    /// The value as a user would write it, lists always with brackets, passwords hidden.
    fn shown(&self) -> String {
        match (&self.value, &self.raw) {
            (Value::List(entries), _) => Raw::List(entries.clone()).shown(),
            (Value::Text(text), _) if self.setting.is_secret() && !text.is_empty() => "\"***\"".to_owned(),
            (Value::Text(text), _) => format!("\"{}\"", without_password(text)),
            (Value::Address(address), _) => format!("\"{address}\""),
            (Value::Switch(on), _) => on.to_string(),
            (Value::Duration(_) | Value::Number(_), raw) => raw.shown(),
        }
    }
}

/// Lets what was found override the defaults, and names the keys whose given values are not allowed.
fn apply(
    table: &Table,
    found: Vec<Found>,
    problems: &mut Vec<Problem>,
) -> (Vec<Effective>, Vec<&'static str>) {
    let mut effective: Vec<Effective> = table
        .iter()
        .filter_map(|setting| {
            let raw = setting.default_raw();
            let value = setting.kind.read(&raw)?;
            Some(Effective { setting, raw, value, origin: Origin::Default })
        })
        .collect();
    let mut broken = Vec::new();
    for Found { key, raw, origin } in found {
        let Some(entry) = effective.iter_mut().find(|entry| entry.setting.key == key) else {
            problems.push(Problem::unknown(table, &origin, &key));
            continue;
        };
        let is_list = matches!(entry.setting.kind, Kind::List(..));
        let raw = if is_list { raw.map(source::spelled_out) } else { raw };
        match raw.as_ref().and_then(|raw| Some((raw.clone(), entry.setting.kind.read(raw)?))) {
            Some((raw, value)) => *entry = Effective { setting: entry.setting, raw, value, origin },
            None => {
                problems.push(Problem::wrong(&origin, entry.setting, raw.as_ref()));
                broken.push(entry.setting.key);
            }
        }
    }
    (effective, broken)
}

#[cfg(test)]
mod tests;
