//! Queries about labels and indexed attributes.
//!
//! Responsible for: finding ids by an exact value or by a pattern in which `*` stands for any text, through the index.
//! How conditions combine, and which attributes are indexed, is left to the core.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::{Connection, either};
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::page::{bound, page};
use super::schema::{attribute, label};

// SQLite plans anew for every pattern bound to `GLOB ?`, and has no need to: the range is given.
const LABELS_GLOB: &str = "SELECT DISTINCT resource FROM label \
    WHERE value >= ? AND value < ? AND value GLOB ('' || ?) AND resource > ? ORDER BY resource LIMIT 0 + ?";
const LABELS_LIKE: &str = "SELECT DISTINCT resource FROM label \
    WHERE value >= ? AND value < ? AND value LIKE ? AND resource > ? ORDER BY resource LIMIT 0 + ?";
const ATTRIBUTES_GLOB: &str = "SELECT DISTINCT resource FROM attribute WHERE name = ? \
    AND value >= ? AND value < ? AND value GLOB ('' || ?) AND resource > ? ORDER BY resource LIMIT 0 + ?";
const ATTRIBUTES_LIKE: &str = "SELECT DISTINCT resource FROM attribute WHERE name = ? \
    AND value >= ? AND value < ? AND value LIKE ? AND resource > ? ORDER BY resource LIMIT 0 + ?";

impl Connection {
    /// Resources that have at least one of these labels.
    pub fn by_labels(
        &mut self,
        labels: &[String],
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let mut found: Vec<i64> = Vec::new();
        for value in labels {
            let ids: Vec<i64> = either!(self, link => page(limit, label::table
                .filter(label::value.eq(value))
                .filter(label::resource.gt(after_id))
                .order(label::resource)
                .select(label::resource)).load(link))?;
            found.extend(ids);
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// Resources with a label that matches a pattern. A page costs the labels that begin like the pattern does.
    pub fn by_label_pattern(
        &mut self,
        pattern: &str,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let Pattern { low, high, glob, like } = &Pattern::new(pattern);
        let limit = bound(limit);
        either!(self,
            sqlite => Fixed::<_, BigInt>::new(LABELS_GLOB, bind![
                Text: low, Text: high, Text: glob, BigInt: after_id, BigInt: limit,
            ])
            .load(sqlite),
            postgres => Fixed::<_, BigInt>::new(LABELS_LIKE, bind![
                Text: low, Text: high, Text: like, BigInt: after_id, BigInt: limit,
            ])
            .load(postgres)
        )
    }

    /// Resources with a value of an indexed attribute.
    pub fn by_attribute(
        &mut self,
        name: &str,
        value: &str,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        either!(self, link => page(limit, attribute::table
            .filter(attribute::name.eq(name))
            .filter(attribute::value.eq(value))
            .filter(attribute::resource.gt(after_id))
            .order(attribute::resource)
            .select(attribute::resource)).load(link))
    }

    /// Resources with a value of an indexed attribute that matches a pattern. A page costs the values that begin like
    /// the pattern does.
    pub fn by_attribute_pattern(
        &mut self,
        name: &str,
        pattern: &str,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let Pattern { low, high, glob, like } = &Pattern::new(pattern);
        let limit = bound(limit);
        either!(self,
            sqlite => Fixed::<_, BigInt>::new(ATTRIBUTES_GLOB, bind![
                Text: name, Text: low, Text: high, Text: glob, BigInt: after_id, BigInt: limit,
            ])
            .load(sqlite),
            postgres => Fixed::<_, BigInt>::new(ATTRIBUTES_LIKE, bind![
                Text: name, Text: low, Text: high, Text: like, BigInt: after_id, BigInt: limit,
            ])
            .load(postgres)
        )
    }
}

/// A pattern as the databases take it: the range of its literal beginning, which the index serves, and the pattern
/// itself for what the range holds.
struct Pattern {
    low: String,
    high: String,
    glob: String,
    like: String,
}

impl Pattern {
    fn new(pattern: &str) -> Self {
        let low = pattern.split('*').next().unwrap_or_default().to_owned();
        let (mut glob, mut like) = (String::new(), String::new());
        for character in pattern.chars() {
            match character {
                '?' | '[' => glob.extend(['[', character, ']']),
                _ => glob.push(character),
            }
            match character {
                '*' => like.push('%'),
                '%' | '_' | '\\' => like.extend(['\\', character]),
                _ => like.push(character),
            }
        }
        Self { high: successor(&low), low, glob, like }
    }
}

/// The least text above all that begin with `prefix`, in the order of bytes.
fn successor(prefix: &str) -> String {
    let mut rest = prefix.chars();
    while let Some(last) = rest.next_back() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            let mut above = rest.as_str().to_owned();
            above.push(next);
            return above;
        }
    }
    // There is none; this is above all that is not made to be above it, from a code point that means nothing.
    char::MAX.to_string().repeat(64)
}

#[cfg(test)]
mod tests {
    use super::{Pattern, successor};

    #[test]
    fn the_successor_of_a_prefix_bounds_it() {
        assert_eq!(successor("ab"), "ac");
        assert_eq!(successor("a\u{10FFFF}"), "b");
        assert_eq!(successor("\u{D7FF}"), "\u{E000}");
        assert!(successor("").as_str() > "\u{10FFFF}zzz");
    }

    #[test]
    fn only_stars_are_special() {
        let pattern = Pattern::new("a%_\\[?]*z");
        assert_eq!(pattern.low, "a%_\\[?]");
        assert_eq!(pattern.glob, "a%_\\[[][?]]*z");
        assert_eq!(pattern.like, "a\\%\\_\\\\[?]%z");
    }
}
