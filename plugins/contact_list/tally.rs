//! How many resources refer to an AE: text that grows with each change and is counted when the list is made anew.
//!
//! A line is an AE with its count (`/id-in/C1 3`), or one reference more (`+/id-in/C1`) or less (`-/id-in/C1`). So noting
//! a reference costs the copy of a text, whatever the number of AEs.

use std::collections::BTreeMap;
use std::fmt;

/// AEs that are counted for one CSE at most.
const MOST: usize = 10_000;

/// References by AE.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// From its text.
    pub(super) fn parse(text: &str) -> Self {
        let mut tally = Self::default();
        for line in text.lines() {
            if let Some(entity) = line.strip_prefix('+') {
                tally.add(entity);
            } else if let Some(entity) = line.strip_prefix('-') {
                tally.take(entity);
            } else if let Some((entity, count)) = line.split_once(' ') {
                tally.0.insert(entity.to_owned(), count.parse().unwrap_or(1));
            }
        }
        tally
    }

    /// One reference more; to one AE too many, it is not counted.
    pub(super) fn add(&mut self, entity: &str) {
        if let Some(count) = self.0.get_mut(entity) {
            *count += 1;
        } else if self.0.len() < MOST {
            self.0.insert(entity.to_owned(), 1);
        }
    }

    fn take(&mut self, entity: &str) {
        if let Some(count) = self.0.get_mut(entity) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(entity);
            }
        }
    }

    /// The AEs that something refers to, in order.
    pub(super) fn entities(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(entity, count)| writeln!(f, "{entity} {count}"))
    }
}

/// The text of a tally with references that are gone or new.
pub(super) fn continued(text: &str, gone: &[&String], new: &[&String]) -> String {
    let more: usize = gone.iter().chain(new).map(|entity| entity.len() + 2).sum();
    let mut continued = String::with_capacity(text.len() + more);
    continued.push_str(text);
    for (sign, entities) in [('-', gone), ('+', new)] {
        for entity in entities {
            continued.push(sign);
            continued.push_str(entity);
            continued.push('\n');
        }
    }
    continued
}

#[cfg(test)]
mod tests {
    use super::{Tally, continued};

    #[test]
    fn counts_what_is_noted() {
        let [one, two] = ["/id-in/C1".to_owned(), "/S2".to_owned()];
        let mut text = String::new();
        text = continued(&text, &[], &[&one, &two]);
        text = continued(&text, &[&two], &[&one]);
        text = Tally::parse(&text).to_string();
        assert_eq!(text, "/id-in/C1 2\n");
        text = continued(&text, &[&one, &two], &[]);
        assert_eq!(Tally::parse(&text).entities().collect::<Vec<_>>(), ["/id-in/C1"]);
        text = continued(&text, &[&one], &[]);
        assert_eq!(Tally::parse(&text), Tally::default());
    }

    #[test]
    fn is_bounded() {
        let mut tally = Tally::default();
        (0..10_001).for_each(|number| tally.add(&format!("/id-in/C{number}")));
        tally.add("/id-in/C5");
        assert_eq!(tally.entities().count(), 10_000);
        assert_eq!(Tally::parse(&tally.to_string()), tally);
    }
}
