//! Resources and what governs them: the rows of the access matrix.
//!
//! `${granted}` and `${custodian}` stand for the originators of these names.

use serde_json::{Value, json};

/// A resource and what governs it.
pub(super) struct Situation {
    pub(super) name: &'static str,
    /// What it is.
    pub(super) kind: Kind,
    /// Rules of its policy; without any there is no policy.
    pub(super) rules: Option<Value>,
    /// Further attributes.
    pub(super) attributes: Value,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    CseBase,
    Ae,
    Container,
    /// Below a container that has the policy.
    Instance,
    /// `la` of such a container.
    Latest,
    /// Below a container that has the policy, without one of its own.
    Child,
    /// The policy itself.
    Policy,
    Subscription,
    FlexContainer,
    Node,
}

/// The situations, in the order of the golden file.
pub(super) fn situations() -> Vec<Situation> {
    let rule = |who: &str, operations: u8| json!([{ "acor": [who], "acop": operations }]);
    let within = |context: Value| json!([{ "acor": ["${granted}"], "acop": 63, "acco": [context] }]);
    let case = |name, kind, rules: Option<Value>| Situation { name, kind, rules, attributes: json!({}) };
    let with = |name, kind, rules, attributes| Situation { name, kind, rules, attributes };
    let granted = || Some(rule("${granted}", 63));
    vec![
        case("CSEBase", Kind::CseBase, None),
        case("AE without policy", Kind::Ae, None),
        case("AE with policy", Kind::Ae, granted()),
        case("container without policy", Kind::Container, None),
        with("container with custodian", Kind::Container, None, json!({ "cstn": "${custodian}" })),
        case("container for one", Kind::Container, granted()),
        with("container for one, custodian", Kind::Container, granted(), json!({ "cstn": "${custodian}" })),
        case("container to create in", Kind::Container, Some(rule("${granted}", 1))),
        case("container to read", Kind::Container, Some(rule("${granted}", 2))),
        case("container to update", Kind::Container, Some(rule("${granted}", 4))),
        case("container to delete", Kind::Container, Some(rule("${granted}", 8))),
        case("container to discover", Kind::Container, Some(rule("${granted}", 32))),
        case("container for all", Kind::Container, Some(rule("all", 63))),
        case("container for a pattern", Kind::Container, Some(rule("C*granted", 63))),
        case("container for the domain", Kind::Container, Some(rule("//dyad.example.com", 63))),
        case("container for another CSE", Kind::Container, Some(rule("/other/*", 63))),
        case("container for nobody", Kind::Container, Some(json!([]))),
        case(
            "container, policy in time",
            Kind::Container,
            Some(within(json!({ "actw": ["* * * * * * *"] }))),
        ),
        case(
            "container, policy out of time",
            Kind::Container,
            Some(within(json!({ "actw": ["* * * * * * 2001"] }))),
        ),
        case(
            "container, policy for here",
            Kind::Container,
            Some(within(json!({ "acip": { "ipv4": ["127.0.0.0/8"] } }))),
        ),
        case(
            "container, policy for elsewhere",
            Kind::Container,
            Some(within(json!({ "acip": { "ipv4": ["10.0.0.0/8"] } }))),
        ),
        case(
            "container, policy for a place",
            Kind::Container,
            Some(within(json!({ "aclr": { "accc": ["DE"] } }))),
        ),
        with("container, retrieval disabled", Kind::Container, granted(), json!({ "disr": true })),
        case("child of container for one", Kind::Child, granted()),
        case("instance without policy", Kind::Instance, None),
        case("instance in container for one", Kind::Instance, granted()),
        with("instance, retrieval disabled", Kind::Instance, granted(), json!({ "disr": true })),
        case("latest without policy", Kind::Latest, None),
        case("latest in container for one", Kind::Latest, granted()),
        case("policy itself, others' rules", Kind::Policy, Some(rule("all", 63))),
        case("subscription without policy", Kind::Subscription, None),
        case("subscription for one", Kind::Subscription, granted()),
        case("flexContainer without policy", Kind::FlexContainer, None),
        case("flexContainer for one", Kind::FlexContainer, granted()),
        case("node without policy", Kind::Node, None),
        case("node for one", Kind::Node, granted()),
    ]
}
