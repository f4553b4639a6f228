//! Topics: which entity speaks to which, and how the payload is written (TS-0010 6.4.2 to 6.4.4, 6.5.4, 6.6).
//!
//! Responsible for taking a topic apart and putting one together. Whether an originator may use its topic is left to
//! [`super::answer`].

use dyad_protocol::Serialization;

/// The longest identifier that a topic may hold, in bytes: an absolute one of three parts.
const MAX_LEVEL: usize = 3 * dyad_protocol::id::MAX_SEGMENT + 3;

/// What a message on a topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `req`
    Request,
    /// `resp`
    Response,
    /// `reg_req`: a request of an entity that knows its credential and not yet its identifier.
    RegistrationRequest,
    /// `reg_resp`
    RegistrationResponse,
}

impl Kind {
    const ALL: [Self; 4] =
        [Self::Request, Self::Response, Self::RegistrationRequest, Self::RegistrationResponse];

    /// The level of the topic.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "req",
            Self::Response => "resp",
            Self::RegistrationRequest => "reg_req",
            Self::RegistrationResponse => "reg_resp",
        }
    }

    /// What the answer to it is; an answer to itself for what has none.
    pub const fn answer(self) -> Self {
        match self {
            Self::Request | Self::Response => Self::Response,
            Self::RegistrationRequest | Self::RegistrationResponse => Self::RegistrationResponse,
        }
    }
}

/// A topic taken apart: `<base>oneM2M/<kind>/<originator>/<receiver>[/<format>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic<'a> {
    /// What precedes `oneM2M`: `/`, or `abc/def/` for the prefix `abc/def`, or nothing where the slash was left out.
    pub base: &'a str,
    /// What the message is.
    pub kind: Kind,
    /// The identifier of the originator, or its credential, with `:` for `/`.
    pub originator: &'a str,
    /// The identifier of the receiver with `:` for `/`.
    pub receiver: &'a str,
    /// How the payload is written, as it was said; `None` where the level was left out, as release 1 did.
    pub format: Option<&'a str>,
}

impl<'a> Topic<'a> {
    /// Takes a topic apart. `None` for one with too few or too many levels, an empty or overlong identifier, or
    /// another purpose.
    pub fn parse(topic: &'a str) -> Option<Self> {
        Self::behind(topic, true).or_else(|| Self::behind(topic, false))
    }

    fn behind(topic: &'a str, has_format: bool) -> Option<Self> {
        let (rest, format) = match topic.rsplit_once('/') {
            Some((rest, format)) if has_format => (rest, Some(format)),
            _ if has_format => return None,
            _ => (topic, None),
        };
        let (rest, receiver) = rest.rsplit_once('/')?;
        let (rest, originator) = rest.rsplit_once('/')?;
        let (rest, kind) = rest.rsplit_once('/')?;
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind)?;
        let base = rest.strip_suffix("oneM2M")?;
        let is_identifier = |level: &str| !level.is_empty() && level.len() <= MAX_LEVEL;
        let is_topic = (base.is_empty() || base.ends_with('/'))
            && is_identifier(originator)
            && is_identifier(receiver)
            && format != Some("");
        is_topic.then_some(Self { base, kind, originator, receiver, format })
    }

    /// The topic as one text.
    pub fn name(&self) -> String {
        let Self { base, kind, originator, receiver, .. } = self;
        let mut name = format!("{base}oneM2M/{}/{originator}/{receiver}", kind.name());
        if let Some(format) = self.format {
            name.push('/');
            name.push_str(format);
        }
        name
    }

    /// Where the answer goes: the same parties and the same form, in a serialisation.
    pub fn answer(&self, serialization: Serialization) -> String {
        let format = self.format.map(|_| serialization.name());
        Self { kind: self.kind.answer(), format, ..*self }.name()
    }
}

/// What precedes `oneM2M` under a prefix (`mqtt.prefix`, the path of a point of access; TS-0010 6.6).
pub fn base(prefix: &str) -> String {
    format!("{}/", prefix.trim_matches('/'))
}

/// The filter for all that comes to an entity: `/oneM2M/req/+/<receiver>/#`, or `/oneM2M/resp/<originator>/#` for
/// what it asked itself.
pub fn filter(base: &str, kind: Kind, entity: &str) -> String {
    match kind {
        Kind::Request | Kind::RegistrationRequest => format!("{base}oneM2M/{}/+/{entity}/#", kind.name()),
        Kind::Response | Kind::RegistrationResponse => format!("{base}oneM2M/{}/{entity}/#", kind.name()),
    }
}

/// An identifier as a level: `/id-in/Cgarden` → `id-in:Cgarden`, `//sp.example.com/id-in` → `:sp.example.com:id-in`.
pub fn level(identifier: &str) -> String {
    match identifier.strip_prefix("//") {
        Some(absolute) => format!(":{}", absolute.replace('/', ":")),
        None => identifier.trim_start_matches('/').replace('/', ":"),
    }
}

/// Who this node is, in levels.
#[derive(Clone, Debug)]
pub struct Names {
    /// `id-in`
    pub cse: String,
    /// `:dyad.example.com:id-in`, by which CSEs of other service providers call it.
    pub absolute: String,
}

impl Names {
    /// Of a CSE-ID (`/id-in`) and an M2M-SP-ID (`//dyad.example.com`).
    pub fn new(cse_id: &str, sp_id: &str) -> Self {
        Self { cse: level(cse_id), absolute: level(&format!("{sp_id}{cse_id}")) }
    }

    /// Whether a level names this node.
    pub fn is_own(&self, level: &str) -> bool {
        level == self.cse || level == self.absolute
    }

    /// Whether a level of a topic names the entity of an identifier of a primitive: both may say or leave out that
    /// it is registered here.
    pub fn is_same(&self, topic_level: &str, identifier: &str) -> bool {
        self.shortened(topic_level) == self.shortened(&level(identifier))
    }

    /// A level without the service provider and the CSE, if they are this node's.
    pub(super) fn shortened<'a>(&self, level: &'a str) -> &'a str {
        let provider = self.absolute.strip_suffix(self.cse.as_str()).unwrap_or_default();
        let relative = level.strip_prefix(provider).filter(|_| !provider.is_empty()).unwrap_or(level);
        let local = relative.strip_prefix(self.cse.as_str()).and_then(|rest| rest.strip_prefix(':'));
        local.filter(|local| !local.is_empty()).unwrap_or(relative)
    }
}

#[cfg(test)]
mod tests {
    use dyad_protocol::Serialization;
    use proptest::prelude::*;

    use super::{Kind, Names, Topic, base, filter, level};

    #[test]
    fn forms_of_the_specification() {
        let topic = Topic::parse("/oneM2M/req/Cgarden/id-in/json").unwrap();
        let expected = Topic {
            base: "/",
            kind: Kind::Request,
            originator: "Cgarden",
            receiver: "id-in",
            format: Some("json"),
        };
        assert_eq!(topic, expected);
        assert_eq!(topic.answer(Serialization::Json), "/oneM2M/resp/Cgarden/id-in/json");

        let topic = Topic::parse("abc/def/oneM2M/reg_req/key:1/id-in/json").unwrap();
        assert_eq!((topic.base, topic.kind), ("abc/def/", Kind::RegistrationRequest));
        assert_eq!(topic.answer(Serialization::Json), "abc/def/oneM2M/reg_resp/key:1/id-in/json");
        assert_eq!(base("/abc/def/"), "abc/def/");
        assert_eq!(base(""), "/");
    }

    #[test]
    fn what_the_field_leaves_out() {
        let topic = Topic::parse("oneM2M/req/Cgarden/id-in").unwrap();
        assert_eq!((topic.base, topic.format), ("", None));
        assert_eq!(topic.answer(Serialization::Json), "oneM2M/resp/Cgarden/id-in");
        let topic = Topic::parse("/oneM2M/req/C/id-in/yaml").unwrap();
        assert_eq!(topic.format, Some("yaml"));
        assert_eq!(topic.answer(Serialization::Json), "/oneM2M/resp/C/id-in/json");
    }

    #[test]
    fn refusals() {
        for topic in [
            "",
            "/",
            "/oneM2M",
            "/oneM2M/req/a",
            "/oneM2M/req/a/b/json/x",
            "/oneM2M/req//id-in/json",
            "/oneM2M/req/a//json",
            "/oneM2M/req/a/b/",
            "/onem2m/req/a/b/json",
            "/xoneM2M/req/a/b/json",
            "/oneM2M/REQ/a/b/json",
            "/oneM2M/request/a/b/json",
            &format!("/oneM2M/req/{}/b/json", "a".repeat(1_000)),
        ] {
            assert_eq!(Topic::parse(topic), None, "{topic}");
        }
    }

    #[test]
    fn identifiers() {
        for (identifier, expected) in [
            ("Cgarden", "Cgarden"),
            ("/id-in", "id-in"),
            ("/id-in/Cgarden", "id-in:Cgarden"),
            ("/Sgarden", "Sgarden"),
            ("//sp.example.com/id-in", ":sp.example.com:id-in"),
        ] {
            assert_eq!(level(identifier), expected);
        }
        let names = Names::new("/id-in", "//sp.example.com");
        for (level, identifier) in [
            ("Cgarden", "Cgarden"),
            ("id-in:Cgarden", "Cgarden"),
            ("Cgarden", "/id-in/Cgarden"),
            ("Cgarden", "//sp.example.com/id-in/Cgarden"),
            (":sp.example.com:id-in:Cgarden", "Cgarden"),
            ("Sgarden", "/Sgarden"),
            ("id-mn:Cgarden", "/id-mn/Cgarden"),
            ("id-mn", "/id-mn"),
            ("id-in", "/id-in"),
        ] {
            assert!(names.is_same(level, identifier), "{level} {identifier}");
        }
        for (level, identifier) in [
            ("Cgarden", "Cother"),
            ("id-mn:Cgarden", "Cgarden"),
            ("Cgarden", "/id-mn/Cgarden"),
            ("id-in:", ""),
            ("id-in", "Cgarden"),
            (":other.example.com:id-in:Cgarden", "Cgarden"),
        ] {
            assert!(!names.is_same(level, identifier), "{level} {identifier}");
        }
        assert!(names.is_own("id-in") && names.is_own(":sp.example.com:id-in") && !names.is_own("id-mn"));
    }

    #[test]
    fn filters() {
        assert_eq!(filter("/", Kind::Request, "id-in"), "/oneM2M/req/+/id-in/#");
        assert_eq!(filter("a/", Kind::Response, "id-in"), "a/oneM2M/resp/id-in/#");
    }

    proptest! {
        #[test]
        fn never_panics(topic in "[/a-z:oneM2Mreqspg_]{0,60}") {
            if let Some(parsed) = Topic::parse(&topic) {
                prop_assert_eq!(parsed.name(), topic);
            }
        }

        #[test]
        fn there_and_back(
            base in "([a-z]{1,4}/){0,3}|/",
            originator in "[A-Za-z0-9:._-]{1,30}",
            receiver in "[A-Za-z0-9:._-]{1,30}",
            format in proptest::option::of("json|cbor|xml"),
        ) {
            let format = format.as_deref();
            let topic = Topic { base: &base, kind: Kind::Request, originator: &originator, receiver: &receiver, format };
            let name = topic.name();
            prop_assert_eq!(Topic::parse(&name), Some(topic));
        }
    }
}
