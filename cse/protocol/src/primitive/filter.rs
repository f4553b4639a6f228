//! The Filter Criteria parameter (TS-0004 6.3.5.8, 7.3.3.17; TS-0001 8.1.2).
//!
//! Responsible for what was asked for; matching resources against it is left to the core.

use crate::Timestamp;
use serde_json::Value;

/// How a filter is used (`fu`, TS-0004 6.3.4.2.31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterUsage {
    /// 1: answer with the identifiers of what matches.
    Discovery,
    /// 2 (or absent): answer with the resources themselves.
    ConditionalOperation,
    /// 3: discovery that an interworking proxy may extend.
    IpeOnDemandDiscovery,
}

impl FilterUsage {
    /// From the number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Discovery,
            2 => Self::ConditionalOperation,
            3 => Self::IpeOnDemandDiscovery,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Discovery => 1,
            Self::ConditionalOperation => 2,
            Self::IpeOnDemandDiscovery => 3,
        }
    }
}

/// How conditions of different kinds combine (`fo`); conditions of the same kind always combine by OR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilterOperation {
    /// 1
    #[default]
    And,
    /// 2
    Or,
    /// 3 (release 4): an odd number of the conditions holds.
    Xor,
}

impl FilterOperation {
    /// From the number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::And,
            2 => Self::Or,
            3 => Self::Xor,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::And => 1,
            Self::Or => 2,
            Self::Xor => 3,
        }
    }
}

/// A name and a value (`atr`, `catr`, `patr`); the value may hold `*` for any run of characters.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeCondition {
    /// Short name.
    pub name: String,
    /// The value or pattern; text for strings, or the JSON value where the serialisation gives its type.
    pub value: Value,
}

/// Content-based discovery (`cfs`, `cfq`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFilter {
    /// Number of the syntax; 1 is JSON path.
    pub syntax: u8,
    /// The expression.
    pub query: String,
}

/// The Filter Criteria parameter. Empty lists and `None` are conditions that were not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilterCriteria {
    /// `crb`
    pub created_before: Option<Timestamp>,
    /// `cra`
    pub created_after: Option<Timestamp>,
    /// `ms`
    pub modified_since: Option<Timestamp>,
    /// `us`
    pub unmodified_since: Option<Timestamp>,
    /// `sts`
    pub state_tag_smaller: Option<u64>,
    /// `stb`
    pub state_tag_bigger: Option<u64>,
    /// `exb`
    pub expire_before: Option<Timestamp>,
    /// `exa`
    pub expire_after: Option<Timestamp>,
    /// `lbl`: any of these; `*` matches any run of characters.
    pub labels: Vec<String>,
    /// `clbl`
    pub child_labels: Vec<String>,
    /// `palb`
    pub parent_labels: Vec<String>,
    /// `lbq`: expressions over labels of the form `key:value`.
    pub labels_query: Vec<String>,
    /// `ty`
    pub resource_type: Vec<u32>,
    /// `chty`
    pub child_resource_type: Vec<u32>,
    /// `pty`
    pub parent_resource_type: Vec<u32>,
    /// `sza`
    pub size_above: Option<u64>,
    /// `szb`
    pub size_below: Option<u64>,
    /// `cty`
    pub content_type: Vec<String>,
    /// `atr`
    pub attribute: Vec<AttributeCondition>,
    /// `catr`
    pub child_attribute: Vec<AttributeCondition>,
    /// `patr`
    pub parent_attribute: Vec<AttributeCondition>,
    /// `smf`: SPARQL queries.
    pub semantics_filter: Vec<String>,
    /// `cfs` and `cfq`
    pub content_filter: Option<ContentFilter>,
    /// `gmty`, `gsf`, `geom` (release 4), as they came: geometry type, spatial function, coordinates.
    pub geo_query: Option<(u8, u8, String)>,
    /// `fo`
    pub operation: FilterOperation,
    /// `fu`
    pub usage: Option<FilterUsage>,
    /// `lim`
    pub limit: Option<u64>,
    /// `lvl`, at least 1.
    pub level: Option<u32>,
    /// `ofst`, at least 1: the number of the first match that is answered.
    pub offset: Option<u64>,
    /// `arp`: appended to each match.
    pub apply_relative_path: Option<String>,
}

impl FilterCriteria {
    /// Whether the request is a discovery (`fu` 1 or 3).
    pub fn is_discovery(&self) -> bool {
        matches!(self.usage, Some(FilterUsage::Discovery | FilterUsage::IpeOnDemandDiscovery))
    }

    /// Two conditions of which no resource can meet both, because the upper bound is below the lower one.
    pub fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        fn is_empty<T: PartialOrd>(below: Option<T>, from: Option<T>) -> bool {
            matches!((below, from), (Some(below), Some(from)) if below < from)
        }
        let pairs = [
            (is_empty(self.created_before, self.created_after), ("crb", "cra")),
            (is_empty(self.unmodified_since, self.modified_since), ("us", "ms")),
            (is_empty(self.state_tag_smaller, self.state_tag_bigger), ("sts", "stb")),
            (is_empty(self.expire_before, self.expire_after), ("exb", "exa")),
            (is_empty(self.size_below, self.size_above), ("szb", "sza")),
        ];
        pairs.into_iter().find_map(|(is_empty, names)| is_empty.then_some(names))
    }

    /// Whether any matching condition is given, as opposed to handling conditions such as `lim`.
    pub fn has_conditions(&self) -> bool {
        let handling = Self {
            operation: self.operation,
            usage: self.usage,
            limit: self.limit,
            level: self.level,
            offset: self.offset,
            apply_relative_path: self.apply_relative_path.clone(),
            ..Self::default()
        };
        *self != handling
    }
}
