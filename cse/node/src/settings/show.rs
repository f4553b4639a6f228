//! The settings for reading: `dyad settings` and `docs/settings.md`.
//!
//! Responsible for both texts, made from the table alone.

use super::table::{Setting, Table};
use super::{Effective, Settings};
use dyad_core::settings::{Kind, Raw};
use std::fmt::Write;

/// The head of `docs/settings.md`.
const HEAD: &str = "\
# Settings

<!-- Made by `cargo run -p dyad -- settings --markdown > docs/settings.md`; change cse/node/src/settings/table.rs, or
     what a service function declares. -->

Every setting has a default; `dyad serve` alone starts a node. Settings are taken from these places, later ones
overriding earlier ones:

| from | like |
|---|---|
| the defaults below | |
| a file: `--config FILE`, or `dyad.toml` in the working directory | `[http]`, then `listen = \"127.0.0.1:8090\"` |
| the environment | `DYAD_HTTP__LISTEN=127.0.0.1:8090` (two underscores between section and name) |
| the command line, repeatable | `--set http.listen=127.0.0.1:8090` |

Lists are TOML lists in the file and texts between commas elsewhere. Durations: `500ms`, `10s`, `5min`, `2h`, `1d`,
`5y`, or seconds. Sizes: `256kB` (1000), `1MiB` (1024), or bytes. A key that does not exist or a value that is not
allowed ends the program with exit code 2 and a list of all that is wrong. `dyad settings` shows what is in effect.
";

/// What `docs/settings.md` holds.
pub(crate) fn markdown(table: &Table) -> String {
    let mut page = HEAD.to_owned();
    for (section, about) in table.sections() {
        // Writing to a String does not fail.
        let _ =
            write!(page, "\n## {section}\n\n{about}\n\n| key | default | allowed | |\n|---|---|---|---|\n");
        for setting in table.iter().filter(|setting| setting.section() == section) {
            let allowed = escaped(&setting.kind.allowed());
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {} | {} |",
                setting.key,
                default(setting),
                allowed,
                escaped(setting.help)
            );
        }
    }
    page.push_str("\n## Unsafe on a public network\n\n");
    page.push_str("The node warns at its start about each of these that is in effect.\n\n| key | why, and what to do |\n|---|---|\n");
    for setting in table.iter() {
        if let Some(hazard) = &setting.unsafe_public {
            let _ = writeln!(page, "| `{}` | {} |", setting.key, hazard.why);
        }
    }
    page
}

/// What `dyad settings` prints: every key with its default and, where it differs, what is in effect and from where.
pub(crate) fn overview(settings: &Settings) -> String {
    let mut text = String::new();
    for (section, about) in settings.table.sections() {
        let _ = writeln!(text, "{}[{section}]  {about}", if text.is_empty() { "" } else { "\n" });
        for entry in settings.effective.iter().filter(|entry| entry.setting.section() == section) {
            let _ = writeln!(text, "  {} = {}", entry.setting.key, default(entry.setting));
            if differs(entry) {
                let _ = writeln!(text, "      now {}  ({})", entry.shown(), entry.origin);
            }
            let _ = writeln!(text, "      {}", entry.setting.help);
            let _ = writeln!(text, "      allowed: {}", entry.setting.kind.allowed());
        }
    }
    text
}

fn differs(entry: &Effective) -> bool {
    entry.setting.kind.read(&entry.setting.default_raw()).as_ref() != Some(&entry.value)
}

/// The default as it would stand in the file.
fn default(setting: &Setting) -> String {
    let raw = setting.default_raw();
    match (setting.kind, setting.kind.read(&raw)) {
        (Kind::List(..), Some(super::Value::List(entries))) => Raw::List(entries).shown(),
        (Kind::Switch | Kind::Count(..), _) => setting.default.to_owned(),
        _ => format!("\"{}\"", setting.default),
    }
}

/// Stars and underscores would make text between them italic, bars would end the cell.
fn escaped(text: &str) -> String {
    text.replace('*', "\\*").replace('_', "\\_").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::markdown;
    use crate::settings::Table;

    #[test]
    fn the_documentation_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
        let on_disk = std::fs::read_to_string(path).unwrap_or_default();
        let table = Table::new(&dyad_plugins::all()).unwrap();
        assert!(
            on_disk == markdown(&table),
            "docs/settings.md differs from the table of settings; regenerate it with\n    \
             cargo run -p dyad -- settings --markdown > docs/settings.md"
        );
    }
}
