//! Conformance cases: one file each in `tests/conformance/`, read by anybody, run over every binding and database.
//!
//! The format is described in `tests/conformance/README.md`.

mod context;
mod coverage;
mod matcher;
mod run;
mod step;
mod suite;
mod template;

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Transport;
use crate::client::is_header_of_a_parameter;

pub use matcher::mismatches;
pub use step::{Step, text};
pub use suite::{Outcome, run_all};

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    clause: String,
    #[serde(default)]
    only: Option<Only>,
    #[serde(default)]
    not_over: Vec<String>,
    #[serde(default)]
    bare: bool,
    #[serde(default)]
    variables: Map<String, Value>,
    #[serde(default)]
    variants: Map<String, Value>,
    #[serde(default)]
    setup: Vec<Value>,
    steps: Vec<Value>,
}

/// Where alone a case makes sense.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Only {
    /// With the HTTP binding.
    Http,
    /// With a node of this repository: the expectation is this node's choice or setting.
    Dyad,
    /// With a CSE that tolerates nothing; a node of this repository does with `http.lenient=false`.
    Strict,
}

/// A case, or one variant of a case that has several.
#[derive(Clone, Debug)]
pub struct Case {
    /// Folder and name of the file, with the name of the variant behind an underscore.
    pub name: String,
    /// The same without the variant.
    pub file: String,
    /// One line.
    pub description: String,
    /// Where the expectation comes from.
    pub clause: String,
    /// Where alone it makes sense.
    pub only: Option<Only>,
    /// Names of bindings that cannot say what it says, or cannot know what it is about.
    pub not_over: Vec<String>,
    /// Without an AE of its own.
    pub bare: bool,
    variables: Map<String, Value>,
    setup: Vec<Value>,
    steps: Vec<Value>,
}

impl Case {
    /// Whether a binding can carry it.
    pub(crate) fn goes_over(&self, transport: Transport) -> bool {
        let is_named = self.not_over.iter().any(|name| name.eq_ignore_ascii_case(transport.name()));
        let is_sayable = match transport {
            Transport::Http => true,
            other => {
                self.only != Some(Only::Http)
                    && !self.is_http_only()
                    && (other != Transport::Coap || !self.has_long_fields())
            }
        };
        is_sayable && !is_named
    }

    /// Whether a query field is longer than an option of CoAP can be (RFC 7252 5.10).
    fn has_long_fields(&self) -> bool {
        let query = |step: &Value| match step.get("query")? {
            Value::Object(fields) => Some(fields.clone()),
            // A variable stands for all fields.
            whole => self.variables.get(text(whole).trim_matches(['$', '{', '}']))?.as_object().cloned(),
        };
        let mut fields = self.setup.iter().chain(&self.steps).filter_map(query).flatten();
        fields.any(|(name, value)| {
            let value = text(&value);
            let variables = self.variables.iter().filter(|(name, _)| value.contains(&format!("${{{name}}}")));
            name.len() + value.len() + variables.map(|(_, own)| text(own).len()).sum::<usize>() > 254
        })
    }

    /// Whether a step can only be taken, or its outcome only be seen, over HTTP: a line, a text, a header that carries no
    /// parameter, a header that is taken from the answer.
    fn is_http_only(&self) -> bool {
        self.setup.iter().chain(&self.steps).any(|step| {
            let members = |name: &str| step.get(name).and_then(Value::as_object).into_iter().flatten();
            let expected = step.pointer("/expect/headers").and_then(Value::as_object).into_iter().flatten();
            step.get("line").is_some()
                || step.get("text").is_some()
                || members("headers").any(|(name, value)| value.is_null() || !is_header_of_a_parameter(name))
                || members("capture").any(|(_, place)| text(place).starts_with("header:"))
                || expected.into_iter().any(|(name, _)| !is_header_of_a_parameter(name))
        })
    }
}

/// All cases below a directory in the order of their names. Panics, naming the file, if one cannot be understood.
pub fn load(directory: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let groups =
        std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for group in groups.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()) {
        for entry in std::fs::read_dir(&group).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let read = read(&path);
                cases.extend(read.unwrap_or_else(|why| panic!("{}: {why}", path.display())));
            }
        }
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some(twice) = cases.windows(2).find(|pair| pair[0].name == pair[1].name) {
        panic!("two cases have the name {}", twice[0].name);
    }
    cases
}

fn read(path: &Path) -> Result<Vec<Case>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file: File = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    for step in file.setup.iter().filter(|step| step.is_object()).chain(&file.steps) {
        Step::read(step)?;
    }
    let stem =
        |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = format!("{}/{}", path.parent().map(stem).unwrap_or_default(), stem(path));
    let base = Case {
        file: name.clone(),
        name,
        description: file.description,
        clause: file.clause,
        only: file.only,
        not_over: file.not_over,
        bare: file.bare,
        variables: file.variables,
        setup: file.setup,
        steps: file.steps,
    };
    if file.variants.is_empty() {
        return Ok(vec![base]);
    }
    let mut cases = Vec::with_capacity(file.variants.len());
    for (name, variables) in file.variants {
        let Value::Object(own) = variables else { return Err(format!("the variant {name} is no object")) };
        let mut case = Case { name: format!("{}_{name}", base.name), ..base.clone() };
        case.variables.extend(own);
        cases.push(case);
    }
    Ok(cases)
}
