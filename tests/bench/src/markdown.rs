//! Writes the table into a document, between two markers, and leaves the rest of it alone.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::machine::Machine;
use crate::report::Report;

const START: &str = "<!-- bench:start -->";
const END: &str = "<!-- bench:end -->";

const INTRODUCTION: &str = "# Performance

Figures without the machine they were taken on say little, so each goal is a ratio to something that runs
beside the node, in the same run, on the same machine, in turns with it:

- **The read yardstick** is a bare actix-web handler with as many workers as the node. It answers every
  request with a fixed body of exactly the size of the node's answer. It parses nothing, checks nobody's
  rights and looks nothing up: the ceiling of what this HTTP server can do.
- **The write yardstick** is a bare actix-web program with SQLite. A POST inserts one row (id, parent, and a
  body of the size of the node's answer). One writer thread takes all inserts that wait, commits them in one
  transaction (WAL, `synchronous=FULL`) and answers them after the commit. It deletes nothing.

Both are in `tests/bench/src/yardstick/`. The load comes from one thread with 16 keep-alive connections in a
closed loop. A rate is the median of the rounds; a ratio is the median of the rounds' ratios, with the
lowest and the highest in brackets. An answer with an unexpected status fails the measure. Databases
lie on disk, and an answer 2001 means on disk on both sides.
";

/// Puts the report into the document, which is created when it is not there.
pub(crate) fn write(file: &Path, machine: &Machine, report: &Report) -> Result<()> {
    let before = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("{INTRODUCTION}\n{START}\n{END}\n")
        }
        Err(error) => return Err(error).context(file.display().to_string()),
    };
    let after = replace(&before, &section(machine, report))?;
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(file, after).with_context(|| file.display().to_string())
}

fn replace(document: &str, section: &str) -> Result<String> {
    let Some((head, rest)) = document.split_once(START) else {
        let gap = if document.ends_with('\n') { "\n" } else { "\n\n" };
        return Ok(format!("{document}{gap}{START}\n{section}{END}\n"));
    };
    let Some((_, tail)) = rest.split_once(END) else { bail!("{START} without {END}") };
    Ok(format!("{head}{START}\n{section}{END}{tail}"))
}

fn section(machine: &Machine, report: &Report) -> String {
    let Machine { date, processor, cores, kernel, load, commit } = machine;
    format!(
        "\n{date}, {processor}, {cores} cores, load {load} before, Linux {kernel}, commit {commit}:\n\n\
         ```sh\n{}\n```\n\n{}\n",
        command(),
        report.table()
    )
}

/// The command that takes these figures again.
fn command() -> String {
    let mut words = vec!["cargo run --release -p dyad-bench --".to_owned()];
    words.extend(std::env::args().skip(1));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_outside_the_markers_stays() {
        let document = format!("before\n{START}\nold\n{END}\nafter\n");
        let expected = format!("before\n{START}\nnew\n{END}\nafter\n");
        assert_eq!(replace(&document, "new\n").unwrap(), expected);
        assert_eq!(replace(&expected, "new\n").unwrap(), expected);
    }

    #[test]
    fn a_document_without_markers_gets_them_at_its_end() {
        assert_eq!(replace("prose\n", "new\n").unwrap(), format!("prose\n\n{START}\nnew\n{END}\n"));
        assert!(replace(START, "new").is_err());
    }
}
