//! Who may publish and subscribe where: the trait that the broker asks, and the rules of the oneM2M topics
//! (TS-0010 clauses 6.3.3, 6.4).
//!
//! Nobody is authenticated here: a client is who it says it is. The rules keep a client that says that it is an AE
//! from speaking for another.

use std::fmt;
use std::sync::Arc;

use super::message::Client;
use super::topic;

/// Decides what a client may do. Asked for each PUBLISH, each filter of a SUBSCRIBE and each will; local clients are
/// not asked about.
pub trait Rules: Send + Sync + fmt::Debug + 'static {
    /// Whether it may publish to this topic.
    fn may_publish(&self, client: &Client, topic: &str) -> bool;

    /// Whether it may subscribe to this filter; that of a shared subscription comes without `$share/<group>/`.
    fn may_subscribe(&self, client: &Client, filter: &str) -> bool;
}

/// No rules at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRules;

impl Rules for NoRules {
    fn may_publish(&self, _: &Client, _: &str) -> bool {
        true
    }

    fn may_subscribe(&self, _: &Client, _: &str) -> bool {
        true
    }
}

/// What clients may do whose name is neither an AE-ID nor a CSE-ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unnamed {
    /// Anything but speak as this node: they may register, and tools may look on.
    #[default]
    Free,
    /// Within the oneM2M topics they may register, and nothing else: publish requests as `C` or `S`, the originators
    /// that ask for an AE-ID, and registration requests as their client ID or user name, and wait for the responses.
    Register,
}

/// The rules of `/oneM2M/<kind>/<originator>/<receiver>/<format>`: a client that is named after an entity publishes
/// requests with that entity as originator and responses with it as receiver, and subscribes to what is addressed to
/// it. Topics beside these are free.
///
/// The name is the client ID: `A::<AE-ID>` or `C::<CSE-ID>` (TS-0010 clause 6.3.3), or an AE-ID or CSE-ID as it is;
/// failing that the user name.
#[derive(Clone, Debug)]
pub struct TopicRules {
    /// Levels before the topics, without a slash at either end; empty for none.
    prefix: Arc<str>,
    /// The CSE-ID of this node as topics have it, `id-in`.
    cse: Arc<str>,
    unnamed: Unnamed,
}

/// A oneM2M topic or a filter for some, as far as the rules look.
#[derive(Debug)]
struct Levels<'a> {
    kind: &'a str,
    originator: &'a str,
    receiver: Option<&'a str>,
}

impl TopicRules {
    /// Rules for a node with this CSE-ID (`/id-in`, or SP-relative without the slash), whose topics begin with
    /// `prefix` (levels without a slash at either end, or nothing).
    pub fn new(cse_id: &str, prefix: &str, unnamed: Unnamed) -> Self {
        Self { prefix: prefix.trim_matches('/').into(), cse: in_topic(cse_id).into(), unnamed }
    }

    /// Which entity a client is named after, as topics have it.
    fn name(&self, client: &Client) -> Option<String> {
        let candidates = [Some(&client.id), client.user_name.as_ref()];
        candidates.into_iter().flatten().find_map(|name| entity(name))
    }

    /// Whether `level` names the entity: its AE-ID may be written with and without the CSE-ID of this node.
    fn is(&self, name: &str, level: &str) -> bool {
        let short = |text: &'_ str| -> Option<String> {
            text.strip_prefix(self.cse.as_ref())?.strip_prefix(':').map(str::to_owned)
        };
        level == name
            || short(level).is_some_and(|level| level == name)
            || short(name).is_some_and(|name| name == level)
    }

    /// Takes a topic apart: `Err` if it is none of ours. Without a prefix the first slash may be missing, since the
    /// binding understands that too.
    fn levels<'a>(&self, topic: &'a str) -> Result<Option<Levels<'a>>, ()> {
        let rest = match &*self.prefix {
            "" => topic.strip_prefix('/').unwrap_or(topic).strip_prefix("oneM2M/"),
            prefix => topic.strip_prefix(prefix).and_then(|rest| rest.strip_prefix("/oneM2M/")),
        };
        let mut levels = rest.ok_or(())?.split('/');
        let (Some(kind), Some(originator)) = (levels.next(), levels.next()) else { return Ok(None) };
        Ok(Some(Levels { kind, originator, receiver: levels.next() }))
    }

    /// Whether a filter could match a oneM2M topic.
    fn overlaps(&self, filter: &str) -> bool {
        if self.prefix.is_empty() {
            overlaps(filter, "/oneM2M") || overlaps(filter, "oneM2M")
        } else {
            overlaps(filter, &format!("{}/oneM2M", self.prefix))
        }
    }

    /// Whether a level names this node, absolute with the identifier of its service provider included.
    fn is_node(&self, level: &str) -> bool {
        let is_absolute = level.starts_with(':') && level.rsplit(':').next() == Some(&*self.cse);
        is_absolute || self.is(&self.cse, level)
    }

    /// Whether it is the credential of the client: its user name or its client ID.
    fn is_credential(client: &Client, level: &str) -> bool {
        let names = [Some(&client.id), client.user_name.as_ref()];
        names.into_iter().flatten().any(|name| name.replace('/', ":") == level)
    }
}

impl Rules for TopicRules {
    fn may_publish(&self, client: &Client, topic: &str) -> bool {
        let levels = match self.levels(topic) {
            Err(()) => return true,
            Ok(None) => return false,
            Ok(Some(levels)) => levels,
        };
        let Levels { kind, originator, receiver: Some(receiver) } = levels else { return false };
        let speaker = match kind {
            "req" | "reg_req" => originator,
            "resp" | "reg_resp" => receiver,
            _ => return false,
        };
        if self.is_node(speaker) {
            return false;
        }
        if kind == "reg_req" && Self::is_credential(client, originator) {
            return true;
        }
        match (self.name(client), self.unnamed) {
            (Some(name), _) => self.is(&name, speaker),
            (None, Unnamed::Free) => true,
            (None, Unnamed::Register) => kind == "req" && is_unassigned(originator),
        }
    }

    fn may_subscribe(&self, client: &Client, filter: &str) -> bool {
        if !self.overlaps(filter) {
            return true;
        }
        let name = self.name(client);
        if name.is_none() && self.unnamed == Unnamed::Free {
            return true;
        }
        let Ok(Some(Levels { kind, originator, receiver })) = self.levels(filter) else { return false };
        let addressee = match kind {
            "req" | "reg_req" => receiver,
            "resp" | "reg_resp" => Some(originator),
            _ => return false,
        };
        let Some(addressee) = addressee.filter(|level| !matches!(*level, "+" | "#")) else { return false };
        let is_registering = kind == "reg_resp" && Self::is_credential(client, addressee);
        match name {
            Some(name) => is_registering || self.is(&name, addressee),
            None => is_registering || kind == "resp" && is_unassigned(addressee),
        }
    }
}

/// Whether a filter could match a topic below these levels.
fn overlaps(filter: &str, root: &str) -> bool {
    let mut levels = filter.split('/');
    for expected in root.split('/') {
        match levels.next() {
            Some("#") => return true,
            Some(level) if level == "+" || level == expected => {}
            _ => return false,
        }
    }
    true
}

/// The originators of a registration that leave the AE-ID to the CSE (TS-0001 clause 10.2.2.2).
fn is_unassigned(level: &str) -> bool {
    matches!(level, "C" | "S")
}

/// An identifier as a level of a topic: without leading slashes, with colons for the others; `//` at the front is a
/// colon (TS-0010 clause 6.4.2).
fn in_topic(id: &str) -> String {
    match id.strip_prefix("//") {
        Some(absolute) => format!(":{}", absolute.replace('/', ":")),
        None => id.trim_start_matches('/').replace('/', ":"),
    }
}

/// The entity that a client ID or user name says, as a level of a topic: `A::` and `C::` say so by themselves; without
/// one, a CSE-ID begins with a slash, and the last part of an AE-ID with `C` or `S` and something behind it.
fn entity(name: &str) -> Option<String> {
    let bare = name.strip_prefix("A::").or_else(|| name.strip_prefix("C::"));
    if let Some(bare) = bare {
        return Some(in_topic(bare)).filter(|level| !level.is_empty() && !is_unassigned(level));
    }
    let stem = name.rsplit(['/', ':']).next().unwrap_or_default();
    let is_stem = stem.len() > 1 && stem.starts_with(['C', 'S']) && stem.chars().all(is_unreserved);
    (name.starts_with('/') && name.len() > 1 || is_stem && topic::is_name(name)).then(|| in_topic(name))
}

/// What identifiers are made of (TS-0004 clause 6.2.3, the unreserved characters of RFC 3986).
fn is_unreserved(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | '~')
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
