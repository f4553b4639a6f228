//! The data types by their names in the specification, `m2m:batchNotify` (`schemas/data_types.toml`).
//!
//! Turns the lines of a file into [`DataType`]s. Types may refer to each other in any order, but not in a circle.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::data_type::{DataType, List, Member};
use super::file::{File, Lines, ListLine, MemberLine, SimpleLine};
use super::text::Syntax;

/// How deep data types may be nested.
const MAX_DEPTH: usize = 12;

/// The data types that are known.
#[derive(Debug, Default)]
pub(super) struct Types {
    named: FxHashMap<SmolStr, DataType>,
    contents: FxHashMap<SmolStr, DataType>,
}

/// How often something occurs: `0..1`, `1`, `0..1(L)`, `1(L)`, `0..n`, `1..n`, `0..5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Multiplicity {
    pub(super) required: bool,
    /// The most elements of an array; `None` for a single value.
    list: Option<usize>,
    /// Whether elements of an array stand by themselves in XML.
    is_repeated: bool,
}

impl Multiplicity {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("multiplicity '{text}' is none of 0..1, 1, 0..1(L), 1(L), 0..n, 1..n");
        let (range, is_list) = match text.strip_suffix("(L)") {
            Some(range) => (range, true),
            None => (text, false),
        };
        let (from, to) = range.split_once("..").unwrap_or((range, range));
        let required = match from {
            "0" => false,
            "1" => true,
            _ => return Err(wrong()),
        };
        let list = match to {
            "1" if is_list => Some(usize::MAX),
            "1" => None,
            "n" => Some(usize::MAX),
            number => Some(number.parse().map_err(|_| wrong())?),
        };
        Ok(Self { required, list, is_repeated: !is_list })
    }

    /// The type of the whole, `data_type` being that of one. Types that are lists by themselves stay as they are,
    /// but what has to be there has to have an element.
    pub(super) fn apply(self, data_type: DataType, not_empty: bool) -> DataType {
        let min = usize::from(not_empty);
        match (data_type, self.list) {
            (DataType::List(list), None) if list.min < min => {
                DataType::List(Arc::new(List::new(list.element.clone(), (min, list.max), list.is_repeated)))
            }
            (data_type, Some(max)) if !data_type.is_list() => {
                DataType::List(Arc::new(List::new(data_type, (min, max), self.is_repeated)))
            }
            (data_type, _) => data_type,
        }
    }
}

impl Types {
    /// Takes over the data types of a file. Fails with the name of the type and what is wrong with it.
    pub(super) fn add(&mut self, file: &File) -> Result<(), (SmolStr, String)> {
        let names = file
            .simple
            .keys()
            .chain(file.list.keys())
            .chain(file.enumeration.keys())
            .chain(file.complex.keys());
        if let Some(name) = names.clone().find(|name| self.named.contains_key(*name)) {
            return Err((name.clone(), "this data type exists already: choose another name".to_owned()));
        }
        for name in names {
            self.resolve(file, name, 0).map_err(|problem| (name.clone(), problem))?;
        }
        for (root, name) in &file.content {
            let data_type = self.get(name).map_err(|problem| (root.clone(), problem))?;
            if self.contents.insert(root.clone(), data_type).is_some() {
                return Err((root.clone(), "this content has a data type already".to_owned()));
            }
        }
        Ok(())
    }

    /// The data type of a name.
    pub(super) fn get(&self, name: &str) -> Result<DataType, String> {
        self.named
            .get(name)
            .cloned()
            .ok_or_else(|| format!("data type '{name}' is not defined: see schemas/data_types.toml"))
    }

    /// The data type of a content, by the name of its root.
    pub(super) fn content(&self, root: &str) -> Option<&DataType> {
        self.contents.get(root)
    }

    fn resolve(&mut self, file: &File, name: &SmolStr, depth: usize) -> Result<DataType, String> {
        if let Some(known) = self.named.get(name) {
            return Ok(known.clone());
        }
        if depth > MAX_DEPTH {
            return Err(format!("data type '{name}' contains itself, or is nested too deeply"));
        }
        let data_type = if let Some(line) = file.simple.get(name) {
            simple(line)?
        } else if let Some(line) = file.list.get(name) {
            let (element, min, max) = match line {
                ListLine::Of(of) => (of, 0, usize::MAX),
                ListLine::Limited { of, min, max } => (of, min.unwrap_or(0), max.unwrap_or(usize::MAX)),
            };
            DataType::List(Arc::new(List::new(self.resolve(file, element, depth + 1)?, (min, max), false)))
        } else if let Some(ranges) = file.enumeration.get(name) {
            enumeration(ranges)?
        } else if let Some(members) = file.complex.get(name) {
            self.complex(file, members, depth)?
        } else {
            return self.get(name);
        };
        self.named.insert(name.clone(), data_type.clone());
        Ok(data_type)
    }

    fn complex(&mut self, file: &File, lines: &Lines<MemberLine>, depth: usize) -> Result<DataType, String> {
        let mut members = Vec::with_capacity(lines.len());
        let mut lines: Vec<_> = lines.iter().collect();
        lines.sort_unstable_by_key(|(_, line)| line.span().start);
        for (short, line) in lines {
            let line = line.get_ref();
            let multiplicity = Multiplicity::parse(line.multiplicity.as_deref().unwrap_or("0..1"))?;
            let data_type = self.resolve(file, &line.r#type, depth + 1)?;
            members.push(Member {
                short: short.clone(),
                name: line.name.clone(),
                data_type: multiplicity.apply(data_type, multiplicity.required),
                required: multiplicity.required,
                place: line.xml.unwrap_or_default(),
            });
        }
        Ok(DataType::Complex(members.into()))
    }
}

fn simple(line: &SimpleLine) -> Result<DataType, String> {
    Ok(match line {
        SimpleLine::Named(name) => match name.as_str() {
            "any" => DataType::Any,
            "scalar" => DataType::Scalar,
            "boolean" => DataType::Boolean,
            "number" => DataType::Number,
            "absRelTimestamp" => DataType::AbsRelTimestamp,
            name => DataType::Text(Syntax::from_name(name).ok_or_else(|| {
                format!("'{name}' is no kind of value: see cse/protocol/src/schema/text.rs")
            })?),
        },
        // Without an upper end: up to what JSON libraries agree on for whole numbers, 64 bits.
        SimpleLine::Range { from, to } => {
            let to =
                to.map_or(Ok(u64::MAX), |to| u64::try_from(to).map_err(|_| "'to' is negative".to_owned()))?;
            DataType::Integer { from: *from, to }
        }
        SimpleLine::Words(words) => DataType::Words(words.as_slice().into()),
    })
}

fn enumeration(text: &str) -> Result<DataType, String> {
    let ranges = text.split(',').map(|part| {
        let (from, to) = part.trim().split_once("..").unwrap_or((part.trim(), part.trim()));
        Some((from.parse().ok()?, to.parse().ok()?))
    });
    let ranges: Option<Vec<(u64, u64)>> = ranges.collect();
    let ranges =
        ranges.ok_or_else(|| format!("'{text}' is no list of numbers and ranges such as '1..3, 7'"))?;
    Ok(DataType::Enumeration(ranges.into()))
}
