//! What an element is: its parts, its place and its type, from the tables of resource types and data types.

use crate::schema::{DataType, Member, Place, Schemas, TypeTable};

/// What stands in an element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape<'a> {
    /// A representation.
    Resource(&'a TypeTable),
    /// A value of a data type.
    Data(&'a DataType),
    /// Several representations of children, each in an element.
    Children(&'a TypeTable),
    /// Nobody knows.
    Unknown,
}

/// A part of an element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) place: Place,
    /// Its place among the parts.
    pub(super) order: (u8, u32),
}

impl<'a> Shape<'a> {
    /// What the element of a name is where any may stand.
    pub(super) fn of_root(schemas: &'a Schemas, root: &str) -> Self {
        if let Some(table) = schemas.by_root(root) {
            return Self::Resource(table);
        }
        schemas.content(root).map_or(Self::Unknown, Self::Data)
    }

    /// Whether it is one element for each element of an array: what one of them is.
    pub(super) fn repeated(self) -> Option<Self> {
        match self {
            Self::Children(table) => Some(Self::Resource(table)),
            Self::Data(DataType::List(list)) if list.is_repeated => Some(Self::Data(&list.element)),
            _ => None,
        }
    }

    /// Whether it is a text of several values: what one of them is.
    pub(super) fn listed(self) -> Option<&'a DataType> {
        match self {
            Self::Data(DataType::List(list)) if !list.is_repeated => Some(&list.element),
            _ => None,
        }
    }

    /// Members of a complex data type.
    pub(super) fn members(self) -> Option<&'a [Member]> {
        match self {
            Self::Data(DataType::Complex(members)) => Some(members),
            _ => None,
        }
    }

    /// What the array consists of that the element is in JSON.
    pub(super) fn entry(self) -> Option<&'a Member> {
        self.members()?.iter().find(|member| member.place == Place::Entry)
    }

    /// The part with a name, as it is in JSON.
    pub(super) fn part(self, schemas: &'a Schemas, name: &str) -> Part<'a> {
        match self {
            Self::Resource(table) => resource_part(schemas, table, name),
            Self::Data(DataType::Complex(members)) => {
                match (1_u32..).zip(members.iter()).find(|(_, member)| member.short == name) {
                    Some((order, member)) => {
                        Part { shape: Self::Data(&member.data_type), place: member.place, order: (1, order) }
                    }
                    // A resource stands before what says where it is (`m2m:resourceWrapper`).
                    None => {
                        let shape = Self::of_root(schemas, name);
                        let known = u8::from(matches!(shape, Self::Unknown)) * 2;
                        Part { shape, place: Place::Element, order: (known, 0) }
                    }
                }
            }
            _ => Part { shape: Self::of_root(schemas, name), place: Place::Element, order: (0, 0) },
        }
    }
}

/// Attributes, what no table knows, references to children, children.
fn resource_part<'a>(schemas: &'a Schemas, table: &'a TypeTable, name: &str) -> Part<'a> {
    if let Some(attribute) = table.attribute(name) {
        let place = if name == "rn" { Place::Attribute } else { Place::Element };
        return Part { shape: Shape::Data(&attribute.data_type), place, order: (0, attribute.order) };
    }
    let (shape, order) = match Shape::of_root(schemas, name) {
        Shape::Resource(child) => (Shape::Children(child), 3),
        shape @ Shape::Data(_) => (shape, 2),
        _ => (Shape::Unknown, 1),
    };
    Part { shape, place: Place::Element, order: (order, 0) }
}
