//! The mapping of TS-0009 without sockets: what each message means, and what each response looks like.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::sync::Arc;

use bytes::Bytes;
use dyad_bindings::http::decode::{Decoded, Line, Refused, Rules, decode};
use dyad_bindings::http::{address, encode, media};
use dyad_bindings::query;
use dyad_protocol::primitive::{
    AttributeCondition, ContentFilter, DesiredIdentifierResultType, FilterCriteria, FilterOperation,
    FilterUsage, ResponseType,
};
use dyad_protocol::serialization::{Codec, PARSER_LIMIT};
use dyad_protocol::time::{AbsRelTime, Span, Timestamp};
use dyad_protocol::{Content, Operation, Request, Response, ResultContent, StatusCode};
use proptest::prelude::*;
use serde_json::json;

fn codec() -> Codec {
    Codec::new(Arc::default(), PARSER_LIMIT)
}

fn rules(lenient: bool) -> Rules {
    Rules {
        root: String::new(),
        lenient,
        codec: codec(),
        default_content_type: &media::JSON,
        is_attribute: Arc::new(|name| matches!(name, "cr" | "rn" | "cs" | "mni")),
        new_identifier: Arc::new(|| "made".to_owned()),
    }
}

type Result = std::result::Result<Decoded, Box<Refused>>;

fn message(method: &str, target: &str, headers: &[(&str, &str)], body: &str, lenient: bool) -> Result {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    decode(Line { method, path, query }, headers, Bytes::copy_from_slice(body.as_bytes()), &rules(lenient))
}

const BASE: [(&str, &str); 3] = [("x-m2m-origin", "CAdmin"), ("x-m2m-ri", "r1"), ("x-m2m-rvi", "4")];

fn strict(method: &str, target: &str, more: &[(&str, &str)], body: &str) -> Result {
    message(method, target, &[&BASE, more].concat(), body, false)
}

fn get(query: &str) -> Request {
    let decoded = strict("GET", &format!("/cse?{query}"), &[], "");
    *decoded.unwrap_or_else(|refused| panic!("{query}: {}", refused.failure)).request
}

#[test]
fn operations() {
    let json = [("content-type", "application/json")];
    let create = [("content-type", "application/vnd.onem2m-res+json; ty=3")];
    for (method, headers, body, operation) in [
        ("GET", &[][..], "", Operation::Retrieve),
        ("GET", &json, "", Operation::Retrieve),
        ("POST", &create, "{}", Operation::Create),
        ("POST", &json, "{}", Operation::Notify),
        ("PUT", &json, "{}", Operation::Update),
        ("DELETE", &[], "", Operation::Delete),
        ("DELETE", &[("content-type", "application/x-www-form-urlencoded")], "", Operation::Delete),
    ] {
        let request = strict(method, "/cse/a", headers, body).unwrap().request;
        assert_eq!((request.operation, request.to.as_str()), (operation, "cse/a"));
        assert_eq!(request.content.is_some(), !body.is_empty());
        assert_eq!(request.resource_type, (operation == Operation::Create).then_some(3));
    }
    for method in ["HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", ""] {
        assert_eq!(strict(method, "/cse", &[], "").unwrap_err().failure.rsc.number(), 4005, "{method}");
    }
}

/// The answer is in what the originator prefers, then in what it sent, then in JSON.
#[test]
fn serializations() {
    let onem2m = "application/vnd.onem2m-res+cbor;ty=3";
    for (headers, accept) in [
        (&[("content-type", onem2m)][..], "application/cbor"),
        (&[("content-type", onem2m), ("accept", "*/*")], "application/cbor"),
        (&[("content-type", onem2m), ("accept", "application/json")], "application/json"),
        (&[("accept", "application/vnd.onem2m-res+cbor")], "application/vnd.onem2m-res+cbor"),
        (&[], "application/json"),
    ] {
        // A text of one letter.
        let decoded = strict("POST", "/cse", headers, if headers.len() > 1 { "aa" } else { "" }).unwrap();
        assert_eq!(decoded.accept.name, accept, "{headers:?}");
        let content = decoded.request.content.map(Content::into_value);
        assert!(content.is_none_or(|content| content == "a"), "{headers:?}");
    }
    let refused = strict("POST", "/cse", &[("content-type", onem2m)], "a").unwrap_err();
    assert_eq!((refused.failure.rsc, refused.accept.name), (StatusCode::BadRequest, "application/cbor"));
    let outgoing = encode::refusal(&refused, &codec());
    assert_eq!(outgoing.body.first(), Some(&0xa1), "a map with one member");
}

#[test]
fn refusals() {
    let long = format!("/cse?lbl={}", "x".repeat(10));
    for (method, target, headers, body, rsc) in [
        ("POST", "/cse", &[("content-type", "application/yaml;ty=3")][..], "<a/>", 4015),
        ("POST", "/cse", &[("content-type", "application/vnd.onem2m-res+yaml;ty=3")], "x", 4015),
        ("POST", "/cse", &[], "{}", 4000),
        ("POST", "/cse", &[("content-type", "application/json;ty=abc")], "{}", 4000),
        ("POST", "/cse", &[("content-type", "application/json;ty=3")], "{", 4000),
        ("POST", "/cse", &[("content-type", "application/json;ty=3")], r#"{"a":1,"a":2}"#, 4000),
        ("PUT", "/cse", &[("content-type", "application/json;ty=3")], "{}", 4000),
        ("GET", "/cse", &[("accept", "application/yaml")], "", 5207),
        ("GET", "/cse", &[("x-m2m-ot", "yesterday")], "", 4000),
        ("GET", "/cse", &[("x-m2m-ret", "soon")], "", 4000),
        ("GET", "/cse", &[("x-m2m-rst", "20261301T000000")], "", 4000),
        ("GET", "/cse", &[("x-m2m-oet", "-1")], "", 4000),
        ("GET", "/cse", &[("x-m2m-ec", "x")], "", 4000),
        ("GET", "/cse", &[("x-m2m-ri", "r2")], "", 4000),
        ("GET", "/cse", &[("x-m2m-origin", "CMallory")], "", 4000),
        ("GET", "/cse", &[("x-m2m-as", "a++b")], "", 4000),
        ("GET", "/cse", &[("authorization", "abc.d$f.ghi")], "", 4000),
        ("GET", "/cse;x", &[], "", 4000),
        ("GET", "/~/id-in", &[], "", 4000),
        ("GET", &long, &[("x-m2m-rvi", "")], "", 4000),
    ] {
        let refused = strict(method, target, headers, body).unwrap_err();
        assert_eq!(refused.failure.rsc.number(), rsc, "{method} {target} {headers:?}: {}", refused.failure);
        assert!(!refused.request.request_identifier.is_empty());
    }
}

#[test]
fn lenience() {
    let request = message("GET", "/cse/", &[], "", true).unwrap().request;
    assert_eq!((request.request_identifier.as_str(), request.release_version_indicator), ("made", None));
    for headers in [&[("x-m2m-ri", "r")][..], &[("x-m2m-rvi", "3")], &[]] {
        let refused = message("GET", "/cse", headers, "", false).unwrap_err();
        assert_eq!(refused.failure.rsc, StatusCode::BadRequest);
    }
    assert!(message("GET", "/~/id-in", &BASE, "", true).is_ok());
    let update =
        message("PUT", "/a", &[("content-type", "application/json;ty=4")], "{}", true).unwrap().request;
    assert_eq!(update.resource_type, None);
}

#[test]
fn headers() {
    let request = strict(
        "GET",
        "/cse",
        &[
            ("x-m2m-gid", "g"),
            ("x-m2m-rtu", "http://a/x&mqtt://b"),
            ("x-m2m-ot", "20261121T033156"),
            ("x-m2m-rst", "PT5S"),
            ("x-m2m-ret", "3000"),
            ("x-m2m-oet", "20261121T033157"),
            ("x-m2m-ec", "3"),
            ("x-m2m-vsi", "v"),
            ("x-m2m-prpi", "cse/profile"),
            ("x-m2m-as", "sig1==+ sig2"),
            ("authorization", "a.b.c+ d.e.f.g.h"),
            ("x-unknown", "\u{1}"),
        ],
        "",
    )
    .unwrap()
    .request;
    assert_eq!(request.originator(), "CAdmin");
    assert_eq!(request.response_type.notification_uri.unwrap(), ["http://a/x", "mqtt://b"]);
    assert_eq!(request.originating_timestamp, Timestamp::parse("20261121T033156"));
    assert_eq!(request.result_expiration_timestamp, Some(AbsRelTime::After(Span::from_seconds(5))));
    assert_eq!(request.request_expiration_timestamp, Some(AbsRelTime::After(Span::from_seconds(3))));
    assert_eq!(request.event_category, Some(3));
    assert_eq!(request.primitive_profile_identifier.as_deref(), Some("cse/profile"));
    assert_eq!(request.authorization_signatures, ["sig1==", "sig2"]);
    assert_eq!(request.tokens, ["a.b.c", "d.e.f.g.h"]);
    let bearer = strict("GET", "/cse", &[("authorization", "Bearer x.y.z")], "").unwrap().request;
    assert_eq!(bearer.tokens, ["x.y.z"]);
    assert!(strict("GET", "/cse", &[("authorization", "Basic dTpw")], "").unwrap().request.tokens.is_empty());
}

#[test]
fn query_fields() {
    let filter = |query: &str| *get(query).filter_criteria.unwrap();
    assert_eq!(filter("ty=2+3&ty=4%205&fu=1").resource_type, [2, 3, 4, 5]);
    assert_eq!(filter("lbl=a+b%2Bc&lbl=d%20e").labels, ["a", "b+c", "d e"]);
    assert_eq!(filter("fo=3").operation, FilterOperation::Xor);
    assert_eq!(
        filter("cty=application/json:0+text/plain").content_type,
        ["application/json:0", "text/plain"]
    );
    assert_eq!(filter("smf=SELECT%20%3Fa%20%2B").semantics_filter, ["SELECT ?a +"]);
    assert_eq!(filter("smf=SELECT+%3Fa+%2B").semantics_filter, ["SELECT ?a +"]);
    assert_eq!(filter("smf=SELECT%20%3Fa%20+").semantics_filter, ["SELECT ?a +"]);
    assert_eq!(
        filter("cfs=1&cfq=%24.a").content_filter,
        Some(ContentFilter { syntax: 1, query: "$.a".to_owned() })
    );
    assert_eq!(filter("gmty=1&gsf=2&geom=[1,2]").geo_query, Some((1, 2, "[1,2]".to_owned())));
    let attributes = filter("cr=S*am&c.cs=5&p.rn=a%26b");
    let condition =
        |name: &str, value: &str| AttributeCondition { name: name.to_owned(), value: value.into() };
    assert_eq!(attributes.attribute, [condition("cr", "S*am")]);
    assert_eq!(attributes.child_attribute, [condition("cs", "5")]);
    assert_eq!(attributes.parent_attribute, [condition("rn", "a&b")]);
    let request = get(
        "rt=2&rp=PT1S&rcn=4&da=1&drt=2&rids=a+b&tids=c&ltids=d&tqi=true&asi=0&auri=false&sqi=1&atrl=ri+lbl+rr",
    );
    assert!(request.filter_criteria.is_none());
    assert_eq!(request.response_type.value, ResponseType::NonBlockingAsynch);
    assert_eq!(request.result_content, Some(ResultContent::AttributesAndChildResources));
    assert_eq!(request.desired_identifier_result_type, Some(DesiredIdentifierResultType::Unstructured));
    assert_eq!(request.attribute_list, ["ri", "lbl", "rr"]);
    assert_eq!(
        (request.token_request_indicator, request.authorization_signature_indicator),
        (Some(true), Some(false))
    );
}

#[test]
fn query_refusals_name_the_field() {
    for (query, field) in [
        ("rt=6", "rt"),
        ("rcn=13", "rcn"),
        ("rcn=+1", "rcn"),
        ("da=yes", "da"),
        ("crb=x", "crb"),
        ("lim=-1", "lim"),
        ("lim=1&lim=2", "lim"),
        ("lvl=0", "lvl"),
        ("ofst=0", "ofst"),
        ("ty=", "ty"),
        ("ty=2+", "ty"),
        ("ty=x", "ty"),
        ("lbl=", "lbl"),
        ("lbl=a++b", "lbl"),
        ("foo=1", "foo"),
        ("c.foo=1", "c.foo"),
        ("atr=1", "atr"),
        ("cfs=1", "cfq"),
        ("gmty=1&gsf=1", "geom"),
        ("fu=4", "fu"),
        ("lbl=%zz", "lbl"),
        ("sza=99999999999999999999", "sza"),
        ("rp=soon", "rp"),
        ("fo=1&fo=1", "fo"),
        ("cr", "query field"),
        ("lbl=%00", "lbl"),
    ] {
        let refused = strict("GET", &format!("/cse?{query}"), &[], "").unwrap_err();
        assert_eq!(refused.failure.rsc, StatusCode::BadRequest, "{query}");
        assert!(refused.failure.debug.contains(field), "{query}: {}", refused.failure.debug);
    }
}

#[test]
fn responses() {
    let request = Request {
        request_identifier: "r1".to_owned(),
        release_version_indicator: Some("4".to_owned()),
        ..Request::default()
    };
    let mut response = Response::to(&request, StatusCode::Created);
    response.content = Some(Content::from_value(json!({"m2m:cnt": {"rn": "c"}})));
    response.location = Some("/id-in/cse/c".to_owned());
    response.assigned_token_identifiers =
        vec![("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d".to_owned())];
    response.originating_timestamp = Timestamp::parse("20261121T033156");
    let outgoing = encode::encode(&response, &media::TYPES[0], &codec(), "/root");
    let header = |name: &str| {
        outgoing.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(outgoing.status, 201);
    assert_eq!(&outgoing.body[..], br#"{"m2m:cnt":{"rn":"c"}}"#);
    for (name, value) in [
        ("x-m2m-rsc", "2001"),
        ("x-m2m-ri", "r1"),
        ("x-m2m-rvi", "4"),
        ("content-location", "/root/~/id-in/cse/c"),
        ("content-type", "application/vnd.onem2m-res+json"),
        ("x-m2m-ati", "a:b+c:d"),
        ("x-m2m-ot", "20261121T033156"),
    ] {
        assert_eq!(header(name), Some(value), "{name}");
    }
    response.suppressed = true;
    assert_eq!(encode::encode(&response, &media::JSON, &codec(), "").status, 204);
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[ -~é]{1,8}", 0..3)
}

fn moment() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of((0_i64..4_000_000_000_000_000).prop_map(Timestamp::from_micros))
}

prop_compose! {
    fn filters()(
        times in (moment(), moment(), moment()), labels in (texts(), texts(), texts()), kinds in proptest::collection::vec(any::<u32>(), 0..3),
        numbers in any::<(Option<u64>, Option<u64>, Option<u64>)>(), level in proptest::option::of(1_u32..), fo in 1_u64..4, fu in 1_u64..4,
        value in "[ -~é]{0,9}", content in proptest::option::of((any::<u8>(), "[ -~]{1,9}")), geo in proptest::option::of((any::<u8>(), any::<u8>(), "[ -~]{1,9}")),
    ) -> FilterCriteria {
        FilterCriteria {
            created_before: times.0, modified_since: times.1, expire_after: times.2,
            labels: labels.0, labels_query: labels.1, semantics_filter: labels.2,
            resource_type: kinds.clone(), child_resource_type: kinds,
            size_above: numbers.0, limit: numbers.1, state_tag_bigger: numbers.2, level,
            operation: FilterOperation::from_number(fo).unwrap(), usage: FilterUsage::from_number(fu),
            attribute: vec![AttributeCondition { name: "cr".to_owned(), value: value.clone().into() }],
            parent_attribute: vec![AttributeCondition { name: "rn".to_owned(), value: value.into() }],
            content_filter: content.map(|(syntax, query)| ContentFilter { syntax, query }), geo_query: geo,
            ..FilterCriteria::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn queries_round_trip(filter in filters(), rcn in 0_u64..13, rt in 1_u64..6, da in any::<Option<bool>>(), rids in texts(), rp in any::<Option<u32>>()) {
        let mut request = Request {
            filter_criteria: Some(Box::new(filter)), result_content: ResultContent::from_number(rcn).ok(), delivery_aggregation: da, role_ids: rids,
            result_persistence: rp.map(|millis| AbsRelTime::After(Span::from_millis(millis))), ..Request::default()
        };
        request.response_type.value = ResponseType::from_number(rt).unwrap();
        let mut read = Request::default();
        query::decode(&query::encode(&request), &mut read, &|name| matches!(name, "cr" | "rn")).unwrap();
        prop_assert_eq!(read, request);
    }

    #[test]
    fn paths_round_trip(to in "(/|//[a-z]{1,5}/)?[a-zA-Z][a-z~_-]{1,5}(/[a-z0-9._~-]{3,5}){1,3}") {
        prop_assert_eq!(address::from_path(&address::to_path(&to), "", true).unwrap(), to);
    }

    #[test]
    fn nothing_panics_or_is_our_fault(
        method in "GET|POST|PUT|DELETE|[A-Z]{0,5}", path in "/?([ -~]|%[0-9a-fA-F]{2}|é|/){0,30}", query in proptest::option::of("([a-z]{1,4}=|&|[ -~]|%[0-9a-f]{2}){0,12}"),
        headers in proptest::collection::vec(("x-m2m-(ri|ot|ret|rtu|ec|as|rvi|origin)|content-type|accept|authorization", proptest::collection::vec(any::<u8>(), 0..20)), 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..40), lenient in any::<bool>(),
    ) {
        let line = Line { method: &method, path: &path, query: query.as_deref() };
        if let Err(refused) = decode(line, headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())), body.into(), &rules(lenient)) {
            prop_assert!(encode::refusal(&refused, &codec()).status < 500);
        }
    }
}
