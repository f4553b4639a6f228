//! What fuzzing reaches of the settings: the text of a file. No part of the product.

use std::path::Path;
use std::sync::LazyLock;

use super::source::from_text;
use super::{Settings, Table, overview};

static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| Table::new(&dyad_plugins::all()).ok());

/// Reads a file of settings: what they are then, as a user is shown them, or all that is wrong.
pub fn read(text: &str) -> Result<String, String> {
    let table = TABLE.as_ref().ok_or("the table of settings is wrong")?;
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    from_text(Path::new("dyad.toml"), text, table, &mut found, &mut problems);
    let settings =
        Settings::from_found(found, problems, Vec::new(), table).map_err(|wrong| wrong.to_string())?;
    drop(settings.warnings());
    Ok(overview(&settings))
}
