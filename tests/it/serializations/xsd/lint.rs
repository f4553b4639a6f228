//! The schemas of oneM2M with short names, and what xmllint says of a document.
//!
//! They have long names where documents have short ones (TS-0004 8.3.1), so copies with short names are made, from the
//! names in the tables.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use dyad_protocol::schema::{DataType, Schemas};
use regex_lite::Regex;
use tempfile::TempDir;

/// Names that the tables do not have, or have more than once.
const NAMES: [(&str, &str); 17] = [
    ("resourceID", "ri"),
    ("originator", "or"),
    ("childResource", "ch"),
    ("aggregatedNotification", "agn"),
    ("aggregatedResponse", "agr"),
    ("attributeList", "atrl"),
    ("debugInfo", "dbg"),
    ("requestPrimitive", "rqp"),
    ("responsePrimitive", "rsp"),
    ("action", "acn"),
    ("currentState", "cus"),
    ("input", "inp"),
    ("securityInfo", "seci"),
    ("tokenReqInfo", "tqf"),
    ("resource", "rce"),
    ("resourceRefList", "rrl"),
    ("URIList", "uril"),
];

/// What later releases call otherwise.
const RENAMED: [(&str, &str); 1] = [("devId", "devID")];

/// Elements that need not be there, by file: what later releases have taken out, and what is written by who manages a
/// device.
const OPTIONAL: [(&str, &str); 7] = [
    ("timeSeries", "stateTag"),
    ("timeSeries", "latest"),
    ("timeSeries", "oldest"),
    ("firmware", "updateStatus"),
    ("software", "install"),
    ("software", "uninstall"),
    ("software", "installStatus"),
];

/// Which documents.
#[derive(Clone, Copy)]
pub(super) enum Whole {
    /// All that has to be there is.
    Yes,
    /// Some parts alone were asked for: their order and types conform.
    Partial,
}

/// The schemas with short names.
pub(super) struct Xsd {
    directory: TempDir,
    pub(super) schemas: Schemas,
    /// What is declared for all, with the names as they were, by kind and name: `element container`.
    blocks: BTreeMap<String, String>,
    /// What does not conform, and why.
    wrong: RefCell<Vec<String>>,
}

impl Xsd {
    pub(super) fn new(source: &Path) -> Self {
        let schemas = Schemas::builtin().unwrap();
        let names = short_names(&schemas);
        let directory = tempfile::tempdir().unwrap();
        let parts = directory.path().join("partial");
        fs::create_dir(&parts).unwrap();
        let mut blocks = BTreeMap::new();
        let mut all = String::from(
            r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.onem2m.org/xml/protocols">"#,
        );
        for entry in fs::read_dir(source).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            let Some(name) = file.strip_prefix("CDT-").and_then(|rest| rest.split('-').next()) else {
                continue;
            };
            let original = fs::read_to_string(&path).unwrap();
            let text = shortened(name, repaired(&file, name, &original), &names);
            fs::write(parts.join(&file), relaxed(&text)).unwrap();
            fs::write(directory.path().join(&file), text).unwrap();
            all.push_str(&format!(r#"<xs:include schemaLocation="{file}"/>"#));
            blocks.extend(declarations(&original));
        }
        all.push_str("</xs:schema>");
        fs::write(parts.join("all.xsd"), &all).unwrap();
        fs::write(directory.path().join("all.xsd"), all).unwrap();
        Self { directory, schemas, blocks, wrong: RefCell::default() }
    }

    /// Lets xmllint look at a document.
    pub(super) fn check(&self, what: &str, document: &str) {
        self.check_as(Whole::Yes, what, document);
    }

    /// Lets xmllint look at a document.
    pub(super) fn check_as(&self, whole: Whole, what: &str, document: &str) {
        let directory = match whole {
            Whole::Yes => self.directory.path().to_owned(),
            Whole::Partial => self.directory.path().join("partial"),
        };
        let path = directory.join("document.xml");
        fs::write(&path, document).unwrap();
        let lint = Command::new("xmllint")
            .args(["--noout", "--schema"])
            .args([&directory.join("all.xsd"), &path])
            .output()
            .expect("xmllint, of the Debian package libxml2-utils");
        if !lint.status.success() {
            let said = String::from_utf8_lossy(&lint.stderr);
            self.wrong.borrow_mut().push(format!("{what}: {document}\n{said}"));
        }
    }

    /// Panics unless all documents conform.
    #[track_caller]
    pub(super) fn finish(&self) {
        let wrong = self.wrong.borrow();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The declaration of the element of a resource or content.
    pub(super) fn element(&self, name: &str) -> Option<&str> {
        self.blocks.get(&format!("element {name}")).map(String::as_str)
    }

    /// Whether a declaration, or what it extends, has a part of this name.
    pub(super) fn has(&self, block: &str, part: &str) -> bool {
        let part = renamed(part);
        block.contains(&format!(r#"name="{part}""#))
            || block.contains(&format!(r#"ref="m2m:{part}""#))
            || self.base(block).is_some_and(|base| self.has(base, part))
    }

    /// The declaration of the type of a part, or where it is declared.
    pub(super) fn part<'a>(&'a self, block: &'a str, part: &str) -> &'a str {
        let name = renamed(part);
        if block.contains(&format!(r#"ref="m2m:{name}""#)) {
            return self.element(name).unwrap_or_default();
        }
        let declared = Regex::new(&format!(r#"name="{name}"\s[^>]*type="m2m:([^"]+)""#)).unwrap();
        let Some(found) = declared.captures(block) else {
            let base = self.base(block).filter(|base| self.has(base, part));
            return base.map_or(block, |base| self.part(base, part));
        };
        let of = |kind: &str| self.blocks.get(&format!("{kind} {}", &found[1]));
        of("complexType").or_else(|| of("element")).map_or("", String::as_str)
    }

    /// The type that a declaration is of or extends.
    fn base(&self, block: &str) -> Option<&str> {
        let found = Regex::new(r#"(?:^[^>]*\stype|<(?:xs:)?extension base)="m2m:([^"]+)""#)
            .unwrap()
            .captures(block)?;
        self.blocks.get(&format!("complexType {}", &found[1])).map(String::as_str)
    }

    /// A representation without the attributes that came after release 2.
    pub(super) fn of_release_2(&self, document: &str) -> String {
        let root = Regex::new(r"<(m2m:[A-Za-z]+)[ >]").unwrap().captures(document).unwrap()[1].to_owned();
        let table = self.schemas.by_root(&root).unwrap();
        let mut text = document.to_owned();
        let block = self.element(&table.name).unwrap();
        for attribute in table.attributes().filter(|attribute| !self.has(block, &attribute.name)) {
            let short = &attribute.short;
            let element = Regex::new(&format!("<{short}(/>|[ >].*?</{short}>)")).unwrap();
            text = element.replace_all(&text, "").into_owned();
        }
        text
    }
}

/// What a name was in release 2.
fn renamed(name: &str) -> &str {
    RENAMED.iter().find(|(now, _)| *now == name).map_or(name, |(_, then)| then)
}

/// Without what xmllint does not take, and what later releases have made optional.
fn repaired(file: &str, name: &str, original: &str) -> String {
    let mut text = original.to_owned();
    for (_, element) in OPTIONAL.iter().filter(|(file, _)| *file == name) {
        let required = Regex::new(&format!(r#"(name="{element}" type="[^"]*")[^>/]*/>"#)).unwrap();
        text = required.replace_all(&text, r#"$1 minOccurs="0"/>"#).into_owned();
    }
    // One includes itself, and another has escapes that regular expressions of XSD have not.
    text = text.replace(&format!(r#"<xs:include schemaLocation="{file}" />"#), "");
    text = text.replace(&format!(r#"<xs:include schemaLocation="{file}"/>"#), "");
    text.replace(r"\/", "/").replace(r"\:", ":")
}

/// With short names.
fn shortened(name: &str, mut text: String, names: &BTreeMap<String, String>) -> String {
    let declared = Regex::new(r#"(<(?:xs:)?(?:element|attribute)\s[^>]*?\bname=")([^"]+)""#).unwrap();
    let referred = Regex::new(r#"(\bref="m2m:)([^"]+)""#).unwrap();
    let short = |long: &str| match (name, long) {
        ("responsePrimitive", "childResource") => "rrf".to_owned(),
        _ => names.get(long).cloned().unwrap_or_else(|| long.to_owned()),
    };
    for pattern in [&declared, &referred] {
        text = pattern
            .replace_all(&text, |found: &regex_lite::Captures<'_>| {
                format!("{}{}\"", &found[1], short(&found[2]))
            })
            .into_owned();
    }
    text
}

/// Tags of a schema, and how deep they are; those of the schema itself are at 0. Comments are left out.
fn tags(text: &str) -> Vec<(usize, String)> {
    let comment = Regex::new(r"(?s)<!--.*?-->").unwrap();
    let tag = Regex::new(r#"(?s)<(/?)[\w:]+(?:\s+[\w:]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(/?)>"#).unwrap();
    let text = comment.replace_all(text, "");
    let mut depth = 0;
    let found = tag.captures_iter(&text).map(|found| {
        let (is_end, is_empty) = (&found[1] == "/", &found[2] == "/");
        depth -= usize::from(is_end);
        let at = depth;
        depth += usize::from(!is_end && !is_empty);
        (at, found[0].to_owned())
    });
    found.collect()
}

/// What a file declares for all, by kind and name.
fn declarations(text: &str) -> BTreeMap<String, String> {
    let head = Regex::new(r#"^<(?:xs:)?(element|complexType)\s(?:[^>]*\s)?name="([^"]+)""#).unwrap();
    let (mut blocks, mut name) = (BTreeMap::<String, String>::new(), None);
    for (depth, tag) in tags(text) {
        if depth == 1 && !tag.starts_with("</") {
            name = head.captures(&tag).map(|found| format!("{} {}", &found[1], &found[2]));
        }
        if let Some(name) = name.as_ref().filter(|_| depth > 0) {
            blocks.entry(name.clone()).or_default().push_str(&tag);
        }
    }
    blocks
}

/// With nothing that has to be there.
fn relaxed(text: &str) -> String {
    let local = Regex::new(r"^<(xs:)?element\s").unwrap();
    let least = Regex::new(r#"\sminOccurs\s*=\s*"\d+""#).unwrap();
    let mut relaxed = String::new();
    for (depth, tag) in tags(text) {
        let tag = tag.replace(r#"use="required""#, r#"use="optional""#);
        relaxed += &match depth > 1 && local.is_match(&tag) {
            true => local.replace(&least.replace(&tag, ""), r#"<${1}element minOccurs="0" "#).into_owned(),
            false => tag,
        };
    }
    relaxed
}

/// Short names by long ones.
fn short_names(schemas: &Schemas) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for table in schemas.iter().filter(|table| table.root.starts_with("m2m:")) {
        names.insert(table.name.to_string(), table.root.trim_start_matches("m2m:").to_owned());
        for attribute in table.attributes() {
            names.entry(attribute.name.to_string()).or_insert_with(|| attribute.short.to_string());
            members(&attribute.data_type, &mut names);
        }
    }
    for root in
        ["m2m:rqp", "m2m:rsp", "m2m:sgn", "m2m:rrl", "m2m:agr", "m2m:agn", "m2m:tqf", "m2m:rce", "m2m:seci"]
    {
        members(schemas.content(root).unwrap(), &mut names);
    }
    for (now, then) in RENAMED {
        if let Some(short) = names.get(now).cloned() {
            names.insert(then.to_owned(), short);
        }
    }
    names.extend(NAMES.map(|(long, short)| (long.to_owned(), short.to_owned())));
    names
}

fn members(data_type: &DataType, names: &mut BTreeMap<String, String>) {
    match data_type {
        DataType::List(list) => members(&list.element, names),
        DataType::Complex(all) => {
            for member in all.iter() {
                let short = member.short.rsplit(':').next().unwrap().to_owned();
                names.entry(member.name.to_string()).or_insert(short);
                members(&member.data_type, names);
            }
        }
        _ => {}
    }
}
