//! What the design forbids and no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

use dyad_tests::workspace;

/// Folders that hold nothing that was written here.
const SKIPPED: [&str; 5] = ["target", "corpus", "artifacts", "data", ".git"];

/// What the top level of the repository may hold, besides dotfiles and what `.gitignore` leaves out.
const TOP_LEVEL: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", "README.md", "cse", "plugins", "bindings", "schemas", "tests", "docs"];

/// Every Rust file, as its path in the repository, with its text.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(workspace(), &mut files);
    assert!(files.len() > 100, "the files of the workspace are not where they were");
    let root = workspace();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        (name, fs::read_to_string(&path).unwrap())
    };
    files.into_iter().map(read).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().unwrap();
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.contains(&name) {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The files in which `is_wrong` finds something, with what it found.
#[track_caller]
fn none(rule: &str, is_wrong: impl Fn(&str, &str) -> Option<String>) {
    let found = sources()
        .into_iter()
        .filter_map(|(name, text)| is_wrong(&name, &text).map(|what| format!("{name}: {what}")));
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{rule}\n  {}", found.join("\n  "));
}

/// The first line that contains one of the texts and is no comment.
fn line_with(text: &str, wanted: &[&str]) -> Option<String> {
    let mut code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let (number, line) = code.find(|(_, line)| wanted.iter().any(|wanted| line.contains(wanted)))?;
    Some(format!("line {}: {}", number + 1, line.trim()))
}

#[test]
fn the_database_is_spoken_to_in_the_store_alone() {
    none(
        "diesel is used under cse/core/src/store/ alone, so that the database can be changed there",
        |name, text| {
            let is_store = name.starts_with("cse/core/src/store/") || name == "cse/core/src/store.rs";
            // The tests make databases on the server, from outside; the bench has a store of its own to compare with.
            let is_outside = name.starts_with("tests/");
            if is_store || is_outside {
                None
            } else {
                line_with(text, &["diesel::", "use diesel", "diesel_migrations"])
            }
        },
    );
}

#[test]
fn bindings_know_the_protocol_alone() {
    none("bindings/ depends on dyad-protocol and on no other crate of the node", |name, text| {
        if !name.starts_with("bindings/") {
            return None;
        }
        line_with(text, &["dyad_core", "dyad_plugins"])
    });
    none("cse/protocol/ depends on no other crate of the node, on no runtime and no clock", |name, text| {
        if !name.starts_with("cse/protocol/src/") || name.contains("/tests/") {
            return None;
        }
        line_with(
            text,
            &["dyad_core", "dyad_bindings", "tokio", "std::net::Tcp", "SystemTime", "Instant::now"],
        )
    });
    for manifest in ["bindings/Cargo.toml", "cse/protocol/Cargo.toml"] {
        let text = fs::read_to_string(workspace().join(manifest)).unwrap();
        assert!(!text.contains("dyad-core"), "{manifest} names dyad-core");
    }
}

#[test]
fn the_core_knows_no_function_and_no_binding() {
    none("cse/core/ depends on dyad-protocol alone", |name, text| {
        if !name.starts_with("cse/core/") {
            return None;
        }
        line_with(text, &["dyad_plugins", "dyad_bindings", "dyad_node"])
    });
}

#[test]
fn every_file_says_what_it_is_for() {
    none("a file opens with //! and what it is responsible for", |_, text| {
        let first = text.lines().next().unwrap_or_default();
        if first.starts_with("//! ") { None } else { Some(format!("opens with '{first}'")) }
    });
}

#[test]
fn files_are_short() {
    none("no file has more than 600 lines: split it by procedure or thing", |name, text| {
        let (lines, is_generated) = (text.lines().count(), name.contains("generated"));
        if lines <= 600 || is_generated { None } else { Some(format!("{lines} lines")) }
    });
}

#[test]
fn names_say_what_a_thing_is() {
    none("no type is called a manager, a helper or a utility: say what it does", |_, text| {
        text.lines().find_map(|line| {
            let line = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
            let line = line.trim_start_matches("pub ");
            let name = ["struct ", "enum ", "trait ", "type ", "mod "]
                .iter()
                .find_map(|word| line.strip_prefix(word))?;
            let name =
                name.split(|character: char| !character.is_alphanumeric() && character != '_').next()?;
            let lower = name.to_ascii_lowercase();
            let is_vague = ["manager", "helper", "util"].iter().any(|vague| lower.contains(vague));
            is_vague.then(|| name.to_owned())
        })
    });
}

#[test]
fn the_top_level_stays_small() {
    let ignored = fs::read_to_string(workspace().join(".gitignore")).unwrap();
    let mut entries: Vec<String> = fs::read_dir(workspace())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    entries
        .retain(|name| !name.starts_with('.') && !ignored.lines().any(|line| line.trim_matches('/') == name));
    entries.retain(|name| !TOP_LEVEL.contains(&name.as_str()));
    assert!(entries.is_empty(), "the top level has {entries:?}; docs, tests and crates have their folders");
}
