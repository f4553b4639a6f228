//! Resource type tables: which types there are, what their representations look like (TS-0001 9.6, TS-0004 7.4).
//!
//! Resource types are data: the tables come from `schemas/`, embedded in the binary, and from the operator's own
//! files. Here they are kept and found. Behaviour beyond the tables is left to the core.

mod data_type;
mod file;
mod load;
mod release;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod validate;

use std::fmt;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

pub use data_type::{DataType, List, Member, Place};
pub use release::Release;
pub use table::{Announcement, Attribute, Presence, Specialization, TypeTable};
pub use text::Syntax;

use crate::primitive::ResourceType;
use file::File;
use load::{Layer, Loader, Problem};
use types::Types;

/// The files of `schemas/`, listed by `build.rs`: path and text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// Every table: that of each resource type, specialisation and variant.
#[derive(Debug, Default)]
pub struct Schemas {
    types: Types,
    common: Vec<Attribute>,
    common_announced: Vec<Attribute>,
    tables: Vec<Arc<TypeTable>>,
    by_number: FxHashMap<ResourceType, Arc<TypeTable>>,
    by_root: FxHashMap<SmolStr, Arc<TypeTable>>,
    by_container: FxHashMap<SmolStr, Arc<TypeTable>>,
    by_management: FxHashMap<u32, Arc<TypeTable>>,
    shorts: FxHashSet<SmolStr>,
}

impl Schemas {
    /// The tables that Dyad comes with.
    pub fn builtin() -> Result<Self, SchemaError> {
        let mut schemas = Self::default();
        let mut files = Vec::with_capacity(FILES.len());
        for (origin, text) in FILES {
            files.push((*origin, parse(origin, text)?));
        }
        // Attributes need data types, types common attributes, and specialisations their generic types.
        for (origin, file) in &files {
            schemas.types.add(file).map_err(|problem| SchemaError::new(origin, problem))?;
        }
        for (origin, file) in &files {
            schemas.add_common(file).map_err(|problem| SchemaError::new(origin, problem))?;
        }
        for (origin, file) in &files {
            let tables = schemas.loader(|loader| loader.types(file));
            schemas.insert(origin, tables)?;
        }
        for (origin, file) in &files {
            let tables = schemas.loader(|loader| loader.specializations(file));
            schemas.insert(origin, tables)?;
        }
        for (origin, file) in &files {
            schemas.check_parents(file).map_err(|problem| SchemaError::new(origin, problem))?;
            schemas.adopt(file);
        }
        Ok(schemas)
    }

    /// Adds the tables of one more file and returns how many there are, variants included. `origin` is what errors
    /// call the file. A root, number or definition that exists already is refused; the file then adds nothing.
    pub fn add(&mut self, origin: &str, text: &str) -> Result<usize, SchemaError> {
        let file = parse(origin, text)?;
        self.check_parents(&file).map_err(|problem| SchemaError::new(origin, problem))?;
        self.types.add(&file).map_err(|problem| SchemaError::new(origin, problem))?;
        self.add_common(&file).map_err(|problem| SchemaError::new(origin, problem))?;
        let tables = self.loader(|loader| {
            let mut tables = loader.types(&file)?;
            tables.extend(loader.specializations(&file)?);
            Ok(tables)
        });
        let count = self.insert(origin, tables)?;
        self.adopt(&file);
        Ok(count)
    }

    /// The table of a type, which for 13, 28, 58 and their announced variants is that of the generic type.
    pub fn by_number(&self, ty: ResourceType) -> Option<&Arc<TypeTable>> {
        self.by_number.get(&ty)
    }

    /// The table of a representation: `m2m:cnt`, `m2m:cntA`, `m2m:bat`, `cod:color`, `cod:colorAnnc`, `m2m:la`.
    pub fn by_root(&self, root: &str) -> Option<&Arc<TypeTable>> {
        self.by_root.get(root)
    }

    /// The specialisation of flexContainer with this `containerDefinition`.
    pub fn by_container_definition(&self, cnd: &str) -> Option<&Arc<TypeTable>> {
        self.by_container.get(cnd)
    }

    /// The specialisation of mgmtObj with this `mgmtDefinition`.
    pub fn by_management_definition(&self, mgd: u32) -> Option<&Arc<TypeTable>> {
        self.by_management.get(&mgd)
    }

    /// Every table, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TypeTable>> {
        self.tables.iter()
    }

    /// The data type of a content that is no resource: `m2m:sgn`, `m2m:uril`. For `ch`, that of the references to
    /// children that a representation may have beside its attributes (TS-0004 7.5.2, Tables 7.5.2-1 and -2).
    pub fn content(&self, root: &str) -> Option<&DataType> {
        self.types.content(root)
    }

    /// Whether any type has an attribute with this short name.
    pub fn is_attribute(&self, short: &str) -> bool {
        self.shorts.contains(short)
    }

    fn loader<T>(&self, build: impl FnOnce(Loader<'_>) -> T) -> T {
        build(Loader {
            types: &self.types,
            common: &self.common,
            common_announced: &self.common_announced,
            base: &|number| self.by_number.get(&number).cloned(),
        })
    }

    fn add_common(&mut self, file: &File) -> Result<(), Problem> {
        let (common, announced) = self.loader(|loader| {
            let common = loader.attributes(&file.common, (Announcement::None, Layer::Common))?;
            let announced = (Announcement::None, Layer::Announced);
            Ok((common, loader.attributes(&file.common_announced, announced)?))
        })?;
        self.common.extend(common);
        self.common_announced.extend(announced);
        Ok(())
    }

    fn check_parents(&self, file: &File) -> Result<(), Problem> {
        let Some(section) = &file.r#type else { return Ok(()) };
        match section.parents.iter().find(|parent| !self.by_number.contains_key(parent)) {
            Some(parent) => Err((section.name.clone(), format!("parents: there is no type {parent}"))),
            None => Ok(()),
        }
    }

    /// Lets the types that a file names as parents, their specialisations included, have its type as a child.
    fn adopt(&mut self, file: &File) {
        let Some(section) = &file.r#type else { return };
        for table in self.tables.iter_mut().filter(|table| section.parents.contains(&table.number)) {
            *table = Arc::new(table.with_child(section.number));
            let by_definition = self.by_container.values_mut().chain(self.by_management.values_mut());
            let slots = self.by_number.values_mut().chain(self.by_root.values_mut()).chain(by_definition);
            slots.filter(|slot| slot.root == table.root).for_each(|slot| *slot = Arc::clone(table));
        }
    }

    fn insert(
        &mut self,
        origin: &str,
        tables: Result<Vec<TypeTable>, Problem>,
    ) -> Result<usize, SchemaError> {
        let tables = tables.map_err(|problem| SchemaError::new(origin, problem))?;
        let mut roots = FxHashSet::default();
        for table in &tables {
            if !roots.insert(&table.root) || self.is_taken(table) {
                let problem = format!(
                    "'{}' or its number or definition exists already: remove one of them",
                    table.root
                );
                return Err(SchemaError::new(origin, (table.name.clone(), problem)));
            }
        }
        let count = tables.len();
        for table in tables {
            let table = Arc::new(table);
            self.shorts.extend(table.attributes.own().iter().map(|attribute| attribute.short.clone()));
            self.by_root.insert(table.root.clone(), Arc::clone(&table));
            match &table.specialization {
                Specialization::None if table.is_virtual => {}
                Specialization::None => {
                    self.by_number.insert(table.number, Arc::clone(&table));
                }
                Specialization::Container(uri) if !uri.is_empty() => {
                    self.by_container.insert(uri.clone(), Arc::clone(&table));
                }
                // The announced variant has the definition of its original, which is what a search by it means.
                Specialization::Management(number) if table.number < 10_000 => {
                    self.by_management.insert(*number, Arc::clone(&table));
                }
                Specialization::Container(_) | Specialization::Management(_) => {}
            }
            self.tables.push(table);
        }
        Ok(count)
    }

    fn is_taken(&self, table: &TypeTable) -> bool {
        self.by_root.contains_key(&table.root)
            || match &table.specialization {
                Specialization::None => !table.is_virtual && self.by_number.contains_key(&table.number),
                Specialization::Container(uri) => self.by_container.contains_key(uri),
                Specialization::Management(number) => {
                    table.number < 10_000 && self.by_management.contains_key(number)
                }
            }
    }
}

fn parse(origin: &str, text: &str) -> Result<File, SchemaError> {
    toml::from_str(text).map_err(|error| SchemaError::new(origin, (SmolStr::default(), error.to_string())))
}

/// A table file that cannot be used: which, what in it, why, and what to do.
#[derive(Debug)]
pub struct SchemaError {
    origin: String,
    entry: SmolStr,
    problem: String,
}

impl SchemaError {
    fn new(origin: &str, (entry, problem): Problem) -> Self {
        Self { origin: origin.to_owned(), entry, problem }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if !self.entry.is_empty() {
            write!(f, ": {}", self.entry)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for SchemaError {}
