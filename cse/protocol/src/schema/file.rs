//! What a table file looks like: the sections and keys of `schemas/**/*.toml`, as they are read.
//!
//! `docs/adding-a-resource-type.md` explains them. What they mean is left to `load` and `types`.

use std::collections::BTreeMap;

use serde::Deserialize;
use smol_str::SmolStr;
use toml::Spanned;

use super::data_type::Place;

/// Lines by short name, with the place in the file that each has.
pub(super) type Lines<T> = BTreeMap<SmolStr, Spanned<T>>;

/// A file. Every section is optional; which ones appear depends on what the file describes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct File {
    /// Attributes that types take over by their short name.
    pub(super) common: Lines<AttributeLine>,
    /// Attributes of every announced variant.
    pub(super) common_announced: Lines<AttributeLine>,
    /// A resource type.
    pub(super) r#type: Option<TypeSection>,
    /// The announced variant of the resource type.
    pub(super) announced: Option<AnnouncedSection>,
    /// In what common attributes differ for the type.
    pub(super) changed: BTreeMap<SmolStr, ChangeLine>,
    /// The attributes of the type besides the common ones.
    pub(super) attributes: Lines<AttributeLine>,
    /// Specialisations of flexContainer.
    pub(super) flex_container: Vec<SpecializationSection<String>>,
    /// Specialisations of mgmtObj.
    pub(super) mgmt_obj: Vec<SpecializationSection<u32>>,
    /// Simple data types.
    pub(super) simple: BTreeMap<SmolStr, SimpleLine>,
    /// Data types that are lists.
    pub(super) list: BTreeMap<SmolStr, ListLine>,
    /// Enumerations, `1..3, 7`.
    pub(super) enumeration: BTreeMap<SmolStr, String>,
    /// Complex data types, by short names of their members.
    pub(super) complex: BTreeMap<SmolStr, Lines<MemberLine>>,
    /// Data types of contents that are no resources, by the names of their roots.
    pub(super) content: BTreeMap<SmolStr, SmolStr>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypeSection {
    pub(super) name: SmolStr,
    pub(super) root: SmolStr,
    #[serde(default)]
    pub(super) number: u32,
    #[serde(default)]
    pub(super) r#virtual: bool,
    pub(super) release: u8,
    pub(super) operations: String,
    /// The service function that carries out the procedures of the type.
    pub(super) function: Option<SmolStr>,
    #[serde(default)]
    pub(super) virtual_children: Vec<SmolStr>,
    #[serde(default)]
    pub(super) common: Vec<SmolStr>,
    #[serde(default)]
    pub(super) children: Vec<u32>,
    /// Types that were there before and may have this one as a child.
    #[serde(default)]
    pub(super) parents: Vec<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnnouncedSection {
    pub(super) root: SmolStr,
    pub(super) number: u32,
    #[serde(default)]
    pub(super) children: Vec<u32>,
}

/// A specialisation; `D` is what its definition is, a URI or a number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpecializationSection<D> {
    pub(super) name: SmolStr,
    pub(super) root: SmolStr,
    pub(super) definition: Option<D>,
    /// Root of the announced variant.
    pub(super) announced: Option<SmolStr>,
    pub(super) release: Option<u8>,
    #[serde(default)]
    pub(super) attributes: Lines<AttributeLine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttributeLine {
    pub(super) name: SmolStr,
    pub(super) r#type: SmolStr,
    pub(super) multiplicity: Option<SmolStr>,
    /// An array that has to be there may have no elements.
    #[serde(default)]
    pub(super) empty: bool,
    pub(super) create: Option<SmolStr>,
    pub(super) update: Option<SmolStr>,
    pub(super) announce: Option<SmolStr>,
    pub(super) since: Option<SmolStr>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeLine {
    pub(super) create: Option<SmolStr>,
    pub(super) update: Option<SmolStr>,
    pub(super) announce: Option<SmolStr>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberLine {
    pub(super) name: SmolStr,
    pub(super) r#type: SmolStr,
    pub(super) multiplicity: Option<SmolStr>,
    /// Where it stands in XML, if not in an element of its name.
    pub(super) xml: Option<Place>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum SimpleLine {
    /// `"identifier"`: what the code calls it.
    Named(SmolStr),
    /// `{ from = 0, to = 63 }`: whole numbers.
    Range { from: i64, to: Option<i64> },
    /// `["xml", "json"]`: these strings.
    Words(Vec<SmolStr>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ListLine {
    /// The type of the elements.
    Of(SmolStr),
    /// The same, with limits of how many there are.
    Limited { of: SmolStr, min: Option<usize>, max: Option<usize> },
}
