//! Tests of the rules of the oneM2M topics.

use super::*;

fn client(id: &str, user_name: Option<&str>) -> Client {
    Client { id: id.into(), user_name: user_name.map(Into::into), peer: None, is_local: false }
}

fn rules(unnamed: Unnamed) -> TopicRules {
    TopicRules::new("/id-in", "", unnamed)
}

#[test]
fn an_entity_speaks_for_itself_alone() {
    let rules = rules(Unnamed::Free);
    for id in ["A::Cgarden", "Cgarden", "A::/id-in/Cgarden", "/id-in/Cgarden"] {
        let client = client(id, None);
        for (topic, expected) in [
            ("/oneM2M/req/Cgarden/id-in/json", true),
            ("/oneM2M/req/id-in:Cgarden/id-in/cbor", true),
            ("/oneM2M/resp/id-in/Cgarden/json", true),
            ("/oneM2M/req/Cother/id-in/json", false),
            ("/oneM2M/req/id-mn:Cgarden/id-in/json", false),
            ("/oneM2M/req/id-in/id-in/json", false),
            ("/oneM2M/resp/Cgarden/id-in/json", false),
            ("/oneM2M/resp/id-in/Cother/json", false),
            ("/oneM2M/req", false),
            ("/oneM2M/req/Cgarden", false),
            ("/oneM2M/other/Cgarden/id-in", false),
            ("home/garden", true),
            ("oneM2M/req/Cgarden/id-in/json", true),
            ("oneM2M/req/Cother/id-in/json", false),
            ("//oneM2M/req/Cother/id-in/json", true),
        ] {
            assert_eq!(rules.may_publish(&client, topic), expected, "{id} {topic}");
        }
    }
}

#[test]
fn an_entity_hears_what_is_addressed_to_it() {
    let rules = rules(Unnamed::Free);
    let client = client("A::Cgarden", None);
    for (filter, expected) in [
        ("/oneM2M/req/+/Cgarden/#", true),
        ("/oneM2M/req/+/Cgarden/json", true),
        ("/oneM2M/req/id-in/Cgarden/+", true),
        ("/oneM2M/resp/Cgarden/id-in/json", true),
        ("/oneM2M/resp/Cgarden/#", true),
        ("/oneM2M/req/+/Cother/#", false),
        ("/oneM2M/req/+/+/json", false),
        ("/oneM2M/req/#", false),
        ("/oneM2M/resp/+/id-in/json", false),
        ("/oneM2M/#", false),
        ("/+/req/+/Cgarden/json", false),
        ("+/oneM2M/req/+/Cgarden/json", false),
        ("oneM2M/req/+/Cgarden/json", true),
        ("oneM2M/req/+/Cother/json", false),
        ("+/req/+/Cother/json", false),
        ("#", false),
        ("home/#", true),
        ("/home/#", true),
    ] {
        assert_eq!(rules.may_subscribe(&client, filter), expected, "{filter}");
    }
}

#[test]
fn a_user_name_counts_if_the_client_id_says_nothing() {
    let rules = rules(Unnamed::Free);
    let client = client("mosq-17", Some("Cgarden"));
    assert!(rules.may_publish(&client, "/oneM2M/req/Cgarden/id-in/json"));
    assert!(!rules.may_publish(&client, "/oneM2M/req/Cother/id-in/json"));
}

#[test]
fn clients_without_a_name_are_free_or_may_register() {
    let client = client("mosq-17", Some("credential-1"));
    let (free, strict) = (rules(Unnamed::Free), rules(Unnamed::Register));
    for (topic, when_free, when_strict) in [
        ("/oneM2M/req/C/id-in/json", true, true),
        ("/oneM2M/req/S/id-in/json", true, true),
        ("/oneM2M/reg_req/credential-1/id-in/json", true, true),
        ("/oneM2M/reg_req/credential-2/id-in/json", true, false),
        ("/oneM2M/req/Cgarden/id-in/json", true, false),
        ("/oneM2M/req/id-in/Cgarden/json", false, false),
        ("/oneM2M/resp/Cgarden/:dyad.example.com:id-in/json", false, false),
        ("/oneM2M/resp/Cgarden/id-in/json", false, false),
        ("home/garden", true, true),
    ] {
        assert_eq!(free.may_publish(&client, topic), when_free, "free {topic}");
        assert_eq!(strict.may_publish(&client, topic), when_strict, "strict {topic}");
    }
    for (filter, when_strict) in [
        ("/oneM2M/resp/C/id-in/json", true),
        ("/oneM2M/reg_resp/credential-1/id-in/json", true),
        ("/oneM2M/resp/+/id-in/json", false),
        ("#", false),
    ] {
        assert!(free.may_subscribe(&client, filter), "free {filter}");
        assert_eq!(strict.may_subscribe(&client, filter), when_strict, "strict {filter}");
    }
}

#[test]
fn cses_are_named_too_and_prefixes_are_looked_behind() {
    let rules = TopicRules::new("id-in", "/site/a/", Unnamed::Free);
    let client = client("C::/id-mn", None);
    assert!(rules.may_publish(&client, "site/a/oneM2M/req/id-mn/id-in/json"));
    assert!(!rules.may_publish(&client, "site/a/oneM2M/req/id-other/id-in/json"));
    assert!(rules.may_publish(&client, "/oneM2M/req/id-other/id-in/json"));
    assert!(rules.may_subscribe(&client, "site/a/oneM2M/req/+/id-mn/#"));
    assert!(!rules.may_subscribe(&client, "site/+/oneM2M/req/+/id-mn/#"));
    assert!(rules.may_subscribe(&client, "site/b/#"));
}
