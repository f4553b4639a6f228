//! From the sections of a file to tables: common attributes merged, announced and instance variants derived.
//!
//! Clauses: announced variants TS-0001 9.6.26, specialisations TS-0004 7.4.15 and 7.4.37. How a file is laid out is
//! left to `file`, where finished tables are kept to `mod`.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};
use toml::Spanned;

use super::file::{
    AnnouncedSection, AttributeLine, ChangeLine, File, Lines, SpecializationSection, TypeSection,
};
use super::release::Release;
use super::table::{Announcement, Attribute, Layers, Operations, Presence, Specialization, TypeTable};
use super::types::{Multiplicity, Types};

/// The numbers of the generic types, and what is added for announced variants.
const MGMT_OBJ: u32 = 13;
const FLEX_CONTAINER: u32 = 28;
const FLEX_CONTAINER_INSTANCE: u32 = 58;
const ANNOUNCED: u32 = 10_000;

/// Attributes come layer by layer in XML, and within one in the order of the lines that describe them.
#[derive(Clone, Copy)]
pub(super) enum Layer {
    /// What every announced variant has.
    Announced,
    Common,
    Type,
    Specialization,
}

/// Bytes of a file beyond which the order of lines is not kept.
const LARGEST_FILE: u32 = 1 << 28;

/// What tables are built from, besides the file itself.
pub(super) struct Loader<'a> {
    pub(super) types: &'a Types,
    pub(super) common: &'a [Attribute],
    pub(super) common_announced: &'a [Attribute],
    /// The table of a generic type.
    pub(super) base: &'a dyn Fn(u32) -> Option<Arc<TypeTable>>,
}

/// An entry of a file and what is wrong with it.
pub(super) type Problem = (SmolStr, String);

impl Loader<'_> {
    /// The tables of the resource type that a file describes, if it describes one.
    pub(super) fn types(&self, file: &File) -> Result<Vec<TypeTable>, Problem> {
        let Some(section) = &file.r#type else {
            return if file.attributes.is_empty() && file.changed.is_empty() && file.announced.is_none() {
                Ok(Vec::new())
            } else {
                Err((
                    "type".into(),
                    "the section is missing: it gives name, root, number and operations".to_owned(),
                ))
            };
        };
        let base = self.base_type(section, file).map_err(|(entry, problem)| {
            (
                if entry.is_empty() {
                    section.name.clone()
                } else {
                    format_smolstr!("{}.{entry}", section.name)
                },
                problem,
            )
        })?;
        let announced = file.announced.as_ref().map(|announced| self.announced_type(announced, &base));
        Ok(std::iter::once(base).chain(announced).collect())
    }

    fn base_type(&self, section: &TypeSection, file: &File) -> Result<TypeTable, Problem> {
        let mut attributes = self.attributes(&file.attributes, (Announcement::None, Layer::Type))?;
        for short in &section.common {
            let known = self.common.iter().find(|attribute| attribute.short == *short);
            let mut attribute =
                known.cloned().ok_or((short.clone(), "no such attribute in common.toml".to_owned()))?;
            if let Some(change) = file.changed.get(short) {
                amend(&mut attribute, change).map_err(|problem| (short.clone(), problem))?;
            }
            attributes.push(attribute);
        }
        if let Some(short) = file.changed.keys().find(|short| !section.common.contains(short)) {
            return Err((
                short.clone(),
                "changed, but not among the common attributes of the type".to_owned(),
            ));
        }
        let operations = Operations::parse(&section.operations)
            .ok_or_else(|| ("operations".into(), "not made of the letters C, R, U, D and N".to_owned()))?;
        Ok(TypeTable {
            number: section.number,
            name: section.name.clone(),
            root: section.root.clone(),
            specialization: Specialization::None,
            release: section.release,
            is_virtual: section.r#virtual,
            function: section.function.clone(),
            operations,
            children: sorted(&section.children),
            virtual_children: section.virtual_children.as_slice().into(),
            mandatory: mandatory(attributes.iter()),
            attributes: Layers::new(attributes, Arc::default()),
        })
    }

    fn announced_type(&self, section: &AnnouncedSection, original: &TypeTable) -> TypeTable {
        let mut attributes = self.common_announced.to_vec();
        let known = |short: &str| self.common_announced.iter().any(|attribute| attribute.short == short);
        attributes
            .extend(original.attributes().filter(|attribute| !known(&attribute.short)).filter_map(announce));
        TypeTable {
            number: section.number,
            name: format_smolstr!("{}Annc", original.name),
            root: section.root.clone(),
            specialization: Specialization::None,
            release: original.release,
            is_virtual: false,
            function: None,
            // A CSE that announces creates and updates what it announced, whatever the original allows.
            operations: Operations::parse("CRUD").unwrap_or_default(),
            children: sorted(&section.children),
            virtual_children: Arc::default(),
            mandatory: mandatory(attributes.iter()),
            attributes: Layers::new(attributes, Arc::default()),
        }
    }

    /// The tables of the specialisations that a file describes, with their variants.
    pub(super) fn specializations(&self, file: &File) -> Result<Vec<TypeTable>, Problem> {
        let mut tables = Vec::new();
        for section in &file.mgmt_obj {
            let Some(definition) = section.definition else {
                return Err((
                    section.name.clone(),
                    "definition is missing: it is the mgmtDefinition".to_owned(),
                ));
            };
            let own = self.own(section, MGMT_OBJ)?;
            if let Some(root) = &section.announced {
                let announced = own.iter().filter_map(announce).collect();
                let name = format_smolstr!("{}Annc", section.name);
                let kind = Specialization::Management(definition);
                tables.push(self.derive(
                    MGMT_OBJ + ANNOUNCED,
                    section.release,
                    (name, root.clone(), kind),
                    announced,
                )?);
            }
            let names = (section.name.clone(), section.root.clone(), Specialization::Management(definition));
            tables.push(self.derive(MGMT_OBJ, section.release, names, own)?);
        }
        for section in &file.flex_container {
            let own = self.own(section, FLEX_CONTAINER)?;
            let names = |suffix: &str, root: Option<&SmolStr>| {
                let definition = section.definition.as_ref().map(|uri| format_smolstr!("{uri}{suffix}"));
                (
                    format_smolstr!("{}{suffix}", section.name),
                    root.cloned().unwrap_or_else(|| format_smolstr!("{}{suffix}", section.root)),
                    Specialization::Container(definition.unwrap_or_default()),
                )
            };
            let announced = own.iter().filter_map(announce).collect();
            let copies = own.iter().map(copy).collect();
            let (release, annc) = (section.release, names("Annc", section.announced.as_ref()));
            tables.push(self.derive(FLEX_CONTAINER, release, names("", None), own)?);
            tables.push(self.derive(FLEX_CONTAINER + ANNOUNCED, release, annc, announced)?);
            tables.push(self.derive(FLEX_CONTAINER_INSTANCE, release, names("Inst", None), copies)?);
        }
        Ok(tables)
    }

    /// The attributes that a specialisation adds. It may narrow one of the generic type, but none that the node makes or
    /// that many types have in common.
    fn own<D>(&self, section: &SpecializationSection<D>, generic: u32) -> Result<Vec<Attribute>, Problem> {
        let base = (self.base)(generic);
        let is_common = |short: &str| self.common.iter().any(|common| common.short == short);
        let is_taken = |short: &&SmolStr| {
            base.as_ref()
                .and_then(|base| base.attribute(short))
                .is_some_and(|taken| taken.create == Presence::NotPermitted || is_common(short))
        };
        let own = match section.attributes.keys().find(is_taken) {
            Some(short) => Err((
                short.clone(),
                "all resources of the type have this attribute: give another short name".into(),
            )),
            None => self.attributes(&section.attributes, (Announcement::Optional, Layer::Specialization)),
        };
        own.map_err(|(short, problem)| (format_smolstr!("{}.{short}", section.name), problem))
    }

    fn derive(
        &self,
        base: u32,
        release: Option<u8>,
        (name, root, specialization): (SmolStr, SmolStr, Specialization),
        own: Vec<Attribute>,
    ) -> Result<TypeTable, Problem> {
        let Some(base) = (self.base)(base) else {
            return Err((name, format!("its generic type {base} has no table")));
        };
        let attributes = Layers::new(own, Arc::clone(base.attributes.own()));
        Ok(TypeTable {
            number: base.number,
            name,
            root,
            specialization,
            release: release.unwrap_or(base.release),
            is_virtual: false,
            function: base.function.clone(),
            operations: base.operations,
            children: Arc::clone(&base.children),
            virtual_children: Arc::clone(&base.virtual_children),
            mandatory: mandatory(attributes.iter()),
            attributes,
        })
    }

    /// The attributes of a section; the announcement is what a line without `announce` means.
    pub(super) fn attributes(
        &self,
        lines: &Lines<AttributeLine>,
        (announcement, layer): (Announcement, Layer),
    ) -> Result<Vec<Attribute>, Problem> {
        let build = |(short, line): (&SmolStr, &Spanned<AttributeLine>)| {
            let attribute = self.attribute(short, line.get_ref(), announcement);
            let order = u32::try_from(line.span().start).unwrap_or(u32::MAX).min(LARGEST_FILE);
            attribute
                .map(|attribute| Attribute { order: layer as u32 * LARGEST_FILE + order, ..attribute })
                .map_err(|problem| (short.clone(), problem))
        };
        lines.iter().map(build).collect()
    }

    fn attribute(
        &self,
        short: &SmolStr,
        line: &AttributeLine,
        announcement: Announcement,
    ) -> Result<Attribute, String> {
        if !is_short_name(short) {
            return Err("a short name is a letter, then letters, digits and _ or -".to_owned());
        }
        let multiplicity = Multiplicity::parse(line.multiplicity.as_deref().unwrap_or("0..1"))?;
        let filled_in = line.create.as_deref() == Some("null");
        let create = match line.create.as_deref() {
            None if multiplicity.required => Presence::Mandatory,
            None | Some("null") => Presence::Optional,
            Some(text) => presence(text)?,
        };
        let not_empty = !line.empty && (multiplicity.required || create == Presence::Mandatory);
        let data_type = multiplicity.apply(self.types.get(&line.r#type)?, not_empty);
        let since = line.since.as_deref().unwrap_or("1");
        Ok(Attribute {
            short: short.clone(),
            name: line.name.clone(),
            is_list: data_type.is_list(),
            data_type,
            create,
            update: line.update.as_deref().map_or(Ok(Presence::Optional), presence)?,
            required: multiplicity.required,
            filled_in,
            announcement: line.announce.as_deref().map_or(Ok(announcement), announce_rule)?,
            since: Release::parse(since)
                .ok_or_else(|| format!("since '{since}' is no release: 1, 2, 2a, 3, 4 or 5"))?,
            order: 0,
        })
    }
}

/// Whether a text can be the name of a member and of an XML element alike, as short names are.
fn is_short_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// An attribute as the announced variant has it; `None` for one that is not announced.
fn announce(original: &Attribute) -> Option<Attribute> {
    let required = match original.announcement {
        Announcement::None => return None,
        Announcement::Optional => false,
        Announcement::Mandatory => original.required,
    };
    let create = if required { Presence::Mandatory } else { Presence::Optional };
    Some(Attribute { create, update: Presence::Optional, required, filled_in: false, ..original.clone() })
}

/// A custom attribute as a flexContainerInstance has it: there to be read.
fn copy(original: &Attribute) -> Attribute {
    Attribute { create: Presence::NotPermitted, update: Presence::NotPermitted, ..original.clone() }
}

fn amend(attribute: &mut Attribute, change: &ChangeLine) -> Result<(), String> {
    if let Some(text) = &change.create {
        attribute.create = presence(text)?;
        attribute.filled_in = false;
    }
    if let Some(text) = &change.update {
        attribute.update = presence(text)?;
    }
    if let Some(text) = &change.announce {
        attribute.announcement = announce_rule(text)?;
    }
    Ok(())
}

fn presence(text: &str) -> Result<Presence, String> {
    match text {
        "M" => Ok(Presence::Mandatory),
        "O" => Ok(Presence::Optional),
        "NP" => Ok(Presence::NotPermitted),
        _ => Err(format!("'{text}' is none of M, O and NP")),
    }
}

fn announce_rule(text: &str) -> Result<Announcement, String> {
    match text {
        "NA" => Ok(Announcement::None),
        "OA" => Ok(Announcement::Optional),
        "MA" => Ok(Announcement::Mandatory),
        _ => Err(format!("announce '{text}' is none of NA, OA and MA")),
    }
}

fn mandatory<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Box<[(SmolStr, Release)]> {
    attributes
        .filter(|attribute| attribute.create == Presence::Mandatory)
        .map(|attribute| (attribute.short.clone(), attribute.since))
        .collect()
}

fn sorted(numbers: &[u32]) -> Arc<[u32]> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.into()
}
