//! Identifiers and names that the node assigns.
//!
//! A resource ID is the short name of the type and the row number, `cnt17`; a name that the originator left out is
//! the same text. Both derive from the row, so neither costs an index. AE-IDs begin with `C` or `S` and the
//! CSEBase has the CSE-ID; those are stored.

use std::fmt::Write;

use super::Id;

/// The resource ID of a row: `("m2m:cnt", 17)` gives `cnt17`.
pub fn derived(root: &str, id: Id) -> String {
    let short = root.rsplit(':').next().unwrap_or(root);
    let mut identifier = String::with_capacity(short.len() + 12);
    // Specialisations of other namespaces may have digits or capitals in their short names.
    let letters = short.chars().filter(char::is_ascii_alphabetic);
    identifier.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    // Writing to a text cannot fail.
    let _ = write!(identifier, "{id}");
    identifier
}

/// The row that a derived identifier means, before it is checked that the row exists and has this identifier.
pub fn row_of(identifier: &str) -> Option<Id> {
    let digits = identifier.trim_start_matches(|c: char| c.is_ascii_lowercase());
    if digits.len() == identifier.len() || digits.is_empty() || digits.starts_with('0') {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{derived, row_of};

    #[test]
    fn derived_names_lead_back() {
        assert_eq!(derived("m2m:cnt", 17), "cnt17");
        assert_eq!(derived("agd:dCAMr", 5), "dcamr5");
        assert_eq!(row_of("cnt17"), Some(17));
        for other in ["17", "cnt", "cnt017", "Cae1", "cnt1x", "id-in", "cnt99999999999999999999"] {
            assert_eq!(row_of(other), None, "{other}");
        }
    }
}
