//! Data types of attributes (TS-0004 6.3): what JSON values conform to them.
//!
//! Which types there are is left to `schemas/data_types.toml`, the syntaxes of strings to `text`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;

use super::text::Syntax;

/// What values an attribute, a member or an element may have. Cheap to clone.
#[derive(Clone, Debug)]
pub enum DataType {
    /// Anything.
    Any,
    /// A string, a number or a boolean.
    Scalar,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A whole number in a range, ends included.
    Integer {
        /// The smallest.
        from: i64,
        /// The largest.
        to: u64,
    },
    /// A number of an enumeration, as ranges with their ends included.
    Enumeration(Arc<[(u64, u64)]>),
    /// A string of a list.
    Words(Arc<[SmolStr]>),
    /// A string of a syntax.
    Text(Syntax),
    /// A point in time or a number of milliseconds, as a string or as a number.
    AbsRelTimestamp,
    /// An array.
    List(Arc<List>),
    /// An object with known members.
    Complex(Arc<[Member]>),
}

/// The elements of an array.
#[derive(Debug)]
pub struct List {
    /// What each is.
    pub element: DataType,
    /// How many there are at least.
    pub min: usize,
    /// How many there are at most.
    pub max: usize,
    /// Whether each stands by itself in XML (`maxOccurs`), rather than all in one text (`xs:list`).
    pub is_repeated: bool,
}

/// A member of a complex type.
#[derive(Debug)]
pub struct Member {
    /// Short name, as it travels.
    pub short: SmolStr,
    /// Name in the specification.
    pub name: SmolStr,
    /// What values it may have.
    pub data_type: DataType,
    /// Whether it has to be there.
    pub required: bool,
    /// Where it stands in XML.
    pub place: Place,
}

/// Where a member of a complex type stands in XML (TS-0004 8.3). Members are in the order that they have there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// An element of its short name.
    #[default]
    Element,
    /// An element of its short name, without the namespace that it has in JSON.
    Local,
    /// An element for each entry of the whole, which is an array in JSON.
    Entry,
    /// An attribute.
    Attribute,
    /// The text beside attributes (`val`).
    Text,
}

/// Why a value does not conform: where in it, and what would.
#[derive(Debug)]
pub(super) struct Violation {
    /// Short names and positions from the value down to what is wrong, innermost first.
    path: Vec<String>,
    problem: Cow<'static, str>,
}

impl Violation {
    fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self { path: Vec::new(), problem: problem.into() }
    }

    fn within(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    /// The sentence for the originator, about the attribute `short`.
    pub(super) fn describe(&self, short: &str) -> String {
        let mut text = format!("attribute '{short}");
        for step in self.path.iter().rev() {
            let separator = if step.starts_with('[') { "" } else { "." };
            let _ = write!(text, "{separator}{step}");
        }
        let _ = write!(text, "' {}", self.problem);
        text
    }
}

impl DataType {
    /// Whether values are arrays.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    /// Whether a value conforms.
    pub fn accepts(&self, value: &Value) -> bool {
        self.check(value).is_ok()
    }

    /// Whether the value conforms. Nothing is allocated unless it does not.
    pub(super) fn check(&self, value: &Value) -> Result<(), Violation> {
        let fits = match self {
            Self::Any => true,
            Self::Scalar => matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)),
            Self::Boolean => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Integer { from, to } => match value.as_u64() {
                Some(number) => number <= *to && (*from <= 0 || number >= from.unsigned_abs()),
                None => value.as_i64().is_some_and(|number| number >= *from),
            },
            Self::Enumeration(ranges) => value
                .as_u64()
                .is_some_and(|number| ranges.iter().any(|(from, to)| (*from..=*to).contains(&number))),
            Self::Words(words) => value.as_str().is_some_and(|text| words.iter().any(|word| word == text)),
            Self::Text(syntax) => value.as_str().is_some_and(|text| syntax.accepts(text)),
            Self::AbsRelTimestamp => match value {
                Value::String(text) => Syntax::AbsRelTimestamp.accepts(text),
                value => value.as_u64().is_some(),
            },
            Self::List(list) => return list.check(value),
            Self::Complex(members) => return check_members(members, value),
        };
        if fits { Ok(()) } else { Err(Violation::new(format!("has to be {}", self.expected()))) }
    }

    /// What a value has to be, for a message.
    fn expected(&self) -> Cow<'static, str> {
        match self {
            Self::Any => "any value".into(),
            Self::Scalar => "a string, a number or a boolean".into(),
            Self::Boolean => "true or false".into(),
            Self::Number => "a number".into(),
            Self::Integer { from, to: u64::MAX } => format!("a whole number from {from}").into(),
            Self::Integer { from: i64::MIN, .. } => "a whole number".into(),
            Self::Integer { from, to } if *to == i64::MAX.unsigned_abs() => {
                format!("a whole number from {from}").into()
            }
            Self::Integer { from, to } => format!("a whole number from {from} to {to}").into(),
            Self::Enumeration(ranges) => {
                let ranges: Vec<_> = ranges
                    .iter()
                    .map(|(from, to)| if from == to { from.to_string() } else { format!("{from}..{to}") })
                    .collect();
                format!("one of the numbers {}", ranges.join(", ")).into()
            }
            Self::Words(words) => format!("one of the strings {}", words.join(", ")).into(),
            Self::Text(syntax) => syntax.expected().into(),
            Self::AbsRelTimestamp => Syntax::AbsRelTimestamp.expected().into(),
            Self::List(_) => "an array".into(),
            Self::Complex(_) => "an object".into(),
        }
    }
}

impl List {
    /// Elements of a type, so and so many of them. What has parts is repeated in XML whatever the multiplicity says.
    pub(super) fn new(element: DataType, (min, max): (usize, usize), is_repeated: bool) -> Self {
        let is_repeated = is_repeated || matches!(element, DataType::Complex(_) | DataType::List(_));
        Self { element, min, max, is_repeated }
    }

    fn check(&self, value: &Value) -> Result<(), Violation> {
        let Value::Array(elements) = value else { return Err(Violation::new("has to be an array")) };
        if elements.len() < self.min {
            return Err(Violation::new(format!("has to have {} or more elements", self.min)));
        }
        if elements.len() > self.max {
            return Err(Violation::new(format!("has to have {} elements at most", self.max)));
        }
        for (position, element) in elements.iter().enumerate() {
            self.element.check(element).map_err(|violation| violation.within(format!("[{position}]")))?;
        }
        Ok(())
    }
}

fn check_members(members: &[Member], value: &Value) -> Result<(), Violation> {
    let Value::Object(object) = value else { return Err(Violation::new("has to be an object")) };
    let mut required = members.iter().filter(|member| member.required).count();
    for (short, value) in object {
        let Some(member) = members.iter().find(|member| member.short == short.as_str()) else {
            return Err(Violation::new(format!("has no member '{short}'")));
        };
        member.data_type.check(value).map_err(|violation| violation.within(short.as_str()))?;
        required -= usize::from(member.required);
    }
    if required == 0 {
        return Ok(());
    }
    let missing =
        members.iter().find(|member| member.required && !object.contains_key(member.short.as_str()));
    Err(Violation::new(format!(
        "has to have the member '{}'",
        missing.map_or("", |member| member.short.as_str())
    )))
}
