//! The table of one resource type: its operations, children and attributes (TS-0001 9.6, TS-0004 7.4).
//!
//! Holds what the files say and answers questions about it. How files are read is left to `load`, whether a
//! representation conforms is left to `validate`.

use std::sync::Arc;

use smol_str::SmolStr;

use super::data_type::DataType;
use super::release::Release;
use crate::Operation;
use crate::primitive::ResourceType;

/// The type number of `<subscription>`.
const SUBSCRIPTION: ResourceType = 23;

/// Whether an attribute is expected in a request ("request optionality" of TS-0004 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// M
    Mandatory,
    /// O
    Optional,
    /// NP
    NotPermitted,
}

/// Whether an attribute is part of the announced variant (TS-0001 9.6.26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// NA: never.
    None,
    /// OA: when it is listed in `aa`.
    Optional,
    /// MA: always.
    Mandatory,
}

/// One attribute of a resource type.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Short name, as it travels: `mni`.
    pub short: SmolStr,
    /// Name in the specification: `maxNrOfInstances`.
    pub name: SmolStr,
    /// What values it may have.
    pub data_type: DataType,
    /// In a CREATE request.
    pub create: Presence,
    /// In an UPDATE request.
    pub update: Presence,
    /// Whether every resource has it (multiplicity 1), so that it cannot be deleted.
    pub required: bool,
    /// Whether its value is an array.
    pub is_list: bool,
    /// Whether CREATE carries it as `null`, for the receiver to fill in (`cr`, TS-0001 9.6.1.3).
    pub filled_in: bool,
    /// In the announced variant.
    pub announcement: Announcement,
    /// The release that introduced it; requests of an earlier release need not have it.
    pub since: Release,
    /// Its place among the attributes of the type in XML; not without gaps.
    pub order: u32,
}

/// Which specialisation of a generic type a table describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Specialization {
    /// A type by itself, or the generic base of specialisations.
    None,
    /// A flexContainer, with its `containerDefinition` (empty for one that the specification gives none).
    Container(SmolStr),
    /// A mgmtObj, with its `mgmtDefinition`.
    Management(u32),
}

/// The table of one resource type, of one of its specialisations, or of an announced variant.
#[derive(Clone, Debug)]
pub struct TypeTable {
    /// Resource type number; 0 for virtual resources, which have none.
    pub number: ResourceType,
    /// Name in the specification: `container`.
    pub name: SmolStr,
    /// Name of the representation's root: `m2m:cnt`.
    pub root: SmolStr,
    /// Whether this is a specialisation.
    pub specialization: Specialization,
    /// The release that introduced the type.
    pub release: u8,
    /// Whether the resource has no representation of its own (`latest`, `oldest`).
    pub is_virtual: bool,
    /// The service function that carries out the procedures of the type, `group`. Without one that owns the type
    /// (it may have another name), nobody would keep what such a resource promises: none can be created.
    pub function: Option<SmolStr>,
    pub(super) operations: Operations,
    pub(super) children: Arc<[ResourceType]>,
    pub(super) virtual_children: Arc<[SmolStr]>,
    pub(super) attributes: Layers,
    /// Short names of what CREATE has to carry, and since when.
    pub(super) mandatory: Box<[(SmolStr, Release)]>,
}

impl TypeTable {
    /// Whether requests may do this with resources of the type.
    pub fn allows(&self, operation: Operation) -> bool {
        self.operations.contains(operation)
    }

    /// Whether a resource of type `child` may be created below one of this type.
    pub fn allows_child(&self, child: ResourceType) -> bool {
        self.children.binary_search(&child).is_ok()
    }

    /// The same table with one more type of children.
    pub(super) fn with_child(&self, child: ResourceType) -> Self {
        let mut children = self.children.to_vec();
        children.push(child);
        children.sort_unstable();
        children.dedup();
        Self { children: children.into(), ..self.clone() }
    }

    /// Whether resources of the type can be subscribed to.
    pub fn is_subscribable(&self) -> bool {
        self.allows_child(SUBSCRIPTION)
    }

    /// The types that may be created below, in ascending order.
    pub fn children(&self) -> &[ResourceType] {
        &self.children
    }

    /// The roots of the virtual resources below: `m2m:la`, `m2m:ol`.
    pub fn virtual_children(&self) -> &[SmolStr] {
        &self.virtual_children
    }

    /// The attribute with this short name.
    pub fn attribute(&self, short: &str) -> Option<&Attribute> {
        self.attributes.get(short)
    }

    /// Every attribute, those of the specialisation before those of its base.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter()
    }

    /// Whether resources of the type may have the attribute.
    pub fn has(&self, short: &str) -> bool {
        self.attributes.get(short).is_some()
    }
}

/// The attributes of a table: its own, and those of its base, which hundreds of specialisations share.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    own: Arc<Sorted>,
    inherited: Arc<Sorted>,
}

impl Layers {
    pub(super) fn new(own: Vec<Attribute>, inherited: Arc<Sorted>) -> Self {
        Self { own: Arc::new(Sorted::new(own)), inherited }
    }

    /// The own attributes, to be inherited by specialisations.
    pub(super) fn own(&self) -> &Arc<Sorted> {
        &self.own
    }

    pub(super) fn get(&self, short: &str) -> Option<&Attribute> {
        self.own.get(short).or_else(|| self.inherited.get(short))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Attribute> {
        // An own attribute hides the one that the base has under the same short name.
        let inherited = self.inherited.iter().filter(|attribute| self.own.get(&attribute.short).is_none());
        self.own.iter().chain(inherited)
    }
}

/// Attributes in the order of their short names. Bisection looks at the keys alone: short names as numbers, side by
/// side, so that it compares no strings and leaves no cache line.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    keys: Box<[u64]>,
    attributes: Box<[Attribute]>,
}

impl Sorted {
    fn new(mut attributes: Vec<Attribute>) -> Self {
        attributes.sort_by(|left, right| left.short.cmp(&right.short));
        let keys = attributes.iter().map(|attribute| key(&attribute.short)).collect();
        Self { keys, attributes: attributes.into() }
    }

    fn get(&self, short: &str) -> Option<&Attribute> {
        let wanted = key(short);
        let start = self.keys.partition_point(|key| *key < wanted);
        // More than one only for names that agree in their first eight bytes.
        let same = self.keys.get(start..)?.iter().take_while(|key| **key == wanted).count();
        self.attributes.get(start..start + same)?.iter().find(|attribute| attribute.short == short)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Attribute> {
        self.attributes.iter()
    }
}

/// The first eight bytes of a short name as a number that sorts as the name does.
fn key(short: &str) -> u64 {
    short.bytes().take(8).enumerate().fold(0, |key, (at, byte)| key | u64::from(byte) << (56 - 8 * at))
}

/// The operations that a type supports.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Operations(u8);

impl Operations {
    /// From the letters C, R, U, D, N; `None` for another letter.
    pub(super) fn parse(letters: &str) -> Option<Self> {
        let mut bits = 0;
        for letter in letters.chars() {
            bits |= 1
                << match letter {
                    'C' => Operation::Create.number(),
                    'R' => Operation::Retrieve.number(),
                    'U' => Operation::Update.number(),
                    'D' => Operation::Delete.number(),
                    'N' => Operation::Notify.number(),
                    _ => return None,
                };
        }
        Some(Self(bits))
    }

    const fn contains(self, operation: Operation) -> bool {
        self.0 & (1 << operation.number()) != 0
    }
}
