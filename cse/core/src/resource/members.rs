//! The members of a `<group>` (`mid`, TS-0001 9.6.13), compact: a group may have a hundred thousand.

use std::sync::OnceLock;

use serde::Deserialize;

/// What a member that is a sub-group ends with: what goes to the group goes to the members of that one too.
const FAN_OUT_POINT: &str = "/fopt";

/// The members of a group in the order and the form in which they were given.
#[derive(Debug, Default)]
pub struct Members {
    /// All of them, one behind the other.
    text: Box<str>,
    /// Where each ends.
    ends: Box<[u32]>,
    /// Their positions in the order of their texts, made when first somebody looks for one.
    sorted: OnceLock<Box<[u32]>>,
    sub_groups: OnceLock<Box<[u32]>>,
}

/// The one attribute that is read.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    mid: Vec<String>,
}

impl Members {
    /// From the attributes of a group as JSON text. What cannot be read has no members.
    pub(crate) fn from_body(body: &str) -> Self {
        let members = serde_json::from_str(body).map_or_else(|_| Vec::new(), |body: Body| body.mid);
        let mut text = String::with_capacity(members.iter().map(String::len).sum());
        let mut ends = Vec::with_capacity(members.len());
        for member in members {
            text.push_str(&member);
            // Bodies are far below 4 GiB: the binding bounds what a request carries.
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        Self { text: text.into(), ends: ends.into(), ..Self::default() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The member at a position.
    pub fn get(&self, position: usize) -> Option<&str> {
        let start = match position.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start as usize..*self.ends.get(position)? as usize)
    }

    /// All members.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|position| self.get(position))
    }

    /// The position of a member that is written exactly so ([`super::forms`] gives the other ways to write it).
    pub fn position(&self, member: &str) -> Option<usize> {
        let sorted = self.sorted.get_or_init(|| self.positions(|_| true, true));
        let found =
            sorted.binary_search_by(|position| self.get(*position as usize).unwrap_or_default().cmp(member));
        found.ok().and_then(|at| sorted.get(at)).map(|position| *position as usize)
    }

    /// The members that are sub-groups, whose members are meant: their addresses end with `/fopt`.
    pub fn sub_groups(&self) -> impl Iterator<Item = &str> {
        let positions =
            self.sub_groups.get_or_init(|| self.positions(|member| member.ends_with(FAN_OUT_POINT), false));
        positions.iter().filter_map(|position| self.get(*position as usize))
    }

    fn positions(&self, is_wanted: impl Fn(&str) -> bool, sorted: bool) -> Box<[u32]> {
        let mut positions: Vec<u32> = self
            .iter()
            .enumerate()
            .filter(|(_, member)| is_wanted(member))
            .filter_map(|(position, _)| u32::try_from(position).ok())
            .collect();
        if sorted {
            positions.sort_unstable_by_key(|position| self.get(*position as usize));
        }
        positions.into()
    }
}

#[cfg(test)]
mod tests {
    use super::Members;

    #[test]
    fn members_are_found_by_position_and_by_text() {
        let members = Members::from_body(r#"{"rn":"g","mid":["cnt7","","b/fopt","a/é"],"cnm":4}"#);
        assert_eq!(members.iter().collect::<Vec<_>>(), ["cnt7", "", "b/fopt", "a/é"]);
        assert_eq!((members.len(), members.get(4)), (4, None));
        for (position, member) in members.iter().enumerate() {
            assert_eq!(members.position(member), Some(position));
        }
        assert_eq!(members.position("cnt"), None);
        assert_eq!(members.sub_groups().collect::<Vec<_>>(), ["b/fopt"]);
        assert!(Members::from_body("{}").is_empty() && Members::from_body("").position("").is_none());
    }
}
