//! The link format (RFC 6690): writing links and filtering them. Pure.

use std::fmt::Write as _;

use dyad_protocol::Failure;

/// A link with the attributes that this node gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads to, a path with a leading slash and without characters that would have to be escaped.
    pub target: String,
    /// `rt`: resource types, separated by spaces.
    pub types: String,
    /// `if`: interface descriptions, separated by spaces.
    pub interfaces: &'static str,
    /// `ct`: content formats, separated by spaces.
    pub formats: String,
    /// `obs`: whether it can be observed (RFC 7641 6).
    pub is_observable: bool,
}

/// Writes links as one document; empty if there are none.
pub fn write<'a>(links: impl IntoIterator<Item = &'a Link>) -> String {
    let mut text = String::new();
    for link in links {
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "<{}>", link.target);
        for (name, values) in [("rt", &*link.types), ("if", link.interfaces), ("ct", &*link.formats)] {
            if !values.is_empty() {
                let values: String = values.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
                let _ = write!(text, ";{name}=\"{values}\"");
            }
        }
        if link.is_observable {
            text.push_str(";obs");
        }
    }
    text
}

/// A condition on links (RFC 6690 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter<'a> {
    name: &'a str,
    value: &'a str,
    is_prefix: bool,
}

impl<'a> Filter<'a> {
    /// Reads `name=value`, unescaped; a `*` at the end of the value stands for anything. BAD_REQUEST without a value.
    pub fn parse(field: &'a str) -> Result<Self, Failure> {
        let (name, value) = field
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Failure::bad_request("a filter of links is name=value"))?;
        let (value, is_prefix) = value.strip_suffix('*').map_or((value, false), |value| (value, true));
        Ok(Self { name, value, is_prefix })
    }

    /// Whether a link meets it. An attribute with several values does if one of them does; one that no link has never
    /// does.
    pub fn matches(&self, link: &Link) -> bool {
        match self.name {
            "href" => self.meets(&link.target),
            "rt" => link.types.split(' ').any(|value| self.meets(value)),
            "if" => link.interfaces.split(' ').any(|value| self.meets(value)),
            "ct" => link.formats.split(' ').any(|value| self.meets(value)),
            "obs" => link.is_observable && self.meets(""),
            _ => false,
        }
    }

    /// The one resource type that links have to have, if it says so.
    pub fn resource_type(&self) -> Option<&'a str> {
        (self.name == "rt" && !self.is_prefix).then_some(self.value)
    }

    fn meets(&self, value: &str) -> bool {
        if self.is_prefix { value.starts_with(self.value) } else { value == self.value }
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Link, write};
    use proptest::prelude::*;

    fn link(target: &str, types: &str) -> Link {
        Link {
            target: target.to_owned(),
            types: types.to_owned(),
            interfaces: "m2m:mca",
            formats: "50 60".to_owned(),
            is_observable: true,
        }
    }

    #[test]
    fn documents() {
        assert_eq!(write(&[]), "");
        let links =
            [link("/cse-in", "m2m:cb"), Link { is_observable: false, ..link("/cse-in/a", "m2m:fcnt a\"b") }];
        assert_eq!(
            write(&links),
            "</cse-in>;rt=\"m2m:cb\";if=\"m2m:mca\";ct=\"50 60\";obs,\
             </cse-in/a>;rt=\"m2m:fcnt ab\";if=\"m2m:mca\";ct=\"50 60\""
        );
    }

    #[test]
    fn filters() {
        let link = link("/cse-in/x", "m2m:fcnt org.example.lamp");
        for yes in [
            "rt=m2m:fcnt",
            "rt=org.example.lamp",
            "rt=org*",
            "rt=*",
            "href=/cse-in/x",
            "href=/cse-in*",
            "if=m2m*",
            "ct=60",
            "obs=",
        ] {
            assert!(Filter::parse(yes).unwrap().matches(&link), "{yes}");
        }
        for no in [
            "rt=m2m",
            "rt=m2m:fcnt org.example.lamp",
            "rt=",
            "href=/cse-in",
            "ct=6",
            "title=x",
            "obs=1",
            "rt=M2M*",
        ] {
            assert!(!Filter::parse(no).unwrap().matches(&link), "{no}");
        }
        for wrong in ["", "rt", "=x"] {
            assert_eq!(Filter::parse(wrong).unwrap_err().rsc.number(), 4000, "{wrong}");
        }
        assert_eq!(Filter::parse("rt=m2m:ae").unwrap().resource_type(), Some("m2m:ae"));
        assert_eq!(Filter::parse("rt=m2m:a*").unwrap().resource_type(), None);
    }

    proptest! {
        #[test]
        fn prefixes_of_a_value_match(value in "[a-z:.]{1,12}", cut in 0_usize..13) {
            let prefix: String = value.chars().take(cut).collect();
            let text = format!("rt={prefix}*");
            prop_assert!(Filter::parse(&text).unwrap().matches(&link("/x", &value)));
        }

        #[test]
        fn nothing_panics(field in ".{0,30}", types in ".{0,30}") {
            let link = link("/x", &types);
            let _ = Filter::parse(&field).map(|filter| filter.matches(&link));
            let text = write(&[link]);
            prop_assert_eq!(text.matches('"').count() % 2, 0);
        }
    }
}
