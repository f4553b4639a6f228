//! The mapping of TS-0008 without sockets: what each message means, and what each response looks like.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod properties;

use std::sync::{Arc, LazyLock};

use coap_lite::{CoapOption, MessageClass, Packet};
use dyad_bindings::coap::decode::{Decoded, Observe, Refused, Rules, decode};
use dyad_bindings::coap::{encode, read};
use dyad_protocol::primitive::{ContentStatus, ResponseType};
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::Codec;
use dyad_protocol::time::{AbsRelTime, Timestamp};
use dyad_protocol::{Content, Operation, Request, Response, ResultContent, Serialization, StatusCode};
use serde_json::json;

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), 127));

fn rules(lenient: bool) -> Rules {
    Rules {
        lenient,
        default: Serialization::Json,
        codec: CODEC.clone(),
        is_attribute: Arc::new(|name| matches!(name, "cr" | "rn" | "cs" | "mni")),
        new_identifier: Arc::new(|| "made".to_owned()),
    }
}

const GET: u8 = 1;
const POST: u8 = 2;
const PUT: u8 = 3;
const DELETE: u8 = 4;

/// A message to `cse/a` with From, Request Identifier and Release Version Indicator.
fn message(method: u8, options: &[(u16, &[u8])], payload: &str) -> Packet {
    let base = [(11, &b"cse"[..]), (11, b"a"), (279, b"CAdmin"), (283, b"r1"), (271, b"4")];
    plain(method, &[&base, options].concat(), payload)
}

fn plain(method: u8, options: &[(u16, &[u8])], payload: &str) -> Packet {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::from(method);
    for (number, value) in options {
        packet.add_option(CoapOption::from(*number), value.to_vec());
    }
    packet.payload = payload.as_bytes().to_vec();
    packet
}

fn strict(packet: &Packet) -> Result<Decoded, Box<Refused>> {
    decode(packet, &rules(false))
}

fn option(packet: &Packet, number: u16) -> Option<Vec<u8>> {
    packet.get_first_option(CoapOption::from(number)).cloned()
}

const JSON: (u16, &[u8]) = (12, &[50]);

#[test]
fn operations() {
    for (method, options, payload, operation) in [
        (GET, &[][..], "", Operation::Retrieve),
        (POST, &[JSON, (267, &[3])], "{}", Operation::Create),
        (POST, &[JSON], "{}", Operation::Notify),
        (PUT, &[JSON], "{}", Operation::Update),
        (DELETE, &[], "", Operation::Delete),
        // The operation of a request that is not blocking (TS-0008 6.2.1, 6.2.2.3).
        (POST, &[(15, b"op=2"), (15, b"rt=1")], "", Operation::Retrieve),
        (POST, &[(15, b"op=4"), (15, b"rt=4")], "", Operation::Delete),
        (POST, &[(15, b"op=1"), (15, b"rt=2"), (267, &[3]), JSON], "{}", Operation::Create),
        (POST, &[(15, b"op=5"), JSON], "{}", Operation::Notify),
        (GET, &[(15, b"op=2")], "", Operation::Retrieve),
    ] {
        let request = strict(&message(method, options, payload)).unwrap().request;
        assert_eq!((request.operation, request.to.as_str()), (operation, "cse/a"));
        assert_eq!(request.content.is_some(), !payload.is_empty());
        assert_eq!(request.resource_type, (operation == Operation::Create).then_some(3));
    }
    for method in [0, 5, 6, 7, 31, 0x45, 255] {
        assert_eq!(strict(&message(method, &[], "")).unwrap_err().failure.rsc.number(), 4005, "{method}");
    }
}

#[test]
fn parameters() {
    let packet = message(
        GET,
        &[
            (259, b"20261121T033156"),
            (291, b"5000"),
            (295, b"20301121T033156,500000"),
            (299, b"20291121T033156"),
            (263, b"http://a&coap://b"),
            (303, &[2]),
            (311, b"g1"),
            (331, b"v"),
            (335, b"a/b+c"),
            (339, b"s1+s2"),
            (15, b"tkns=t1+t2"),
            (15, b"rcn=4"),
            (15, "lbl=\u{e9} b+c".as_bytes()),
            (15, b"cr=a+b&c"),
            (3, b"host"),
            (7, &[0x16, 0x33]),
            // Elective and unknown.
            (2048, b"x"),
        ],
        "",
    );
    let request = strict(&packet).unwrap().request;
    assert_eq!(request.from.as_deref(), Some("CAdmin"));
    assert_eq!(request.request_identifier, "r1");
    assert_eq!(request.release_version_indicator.as_deref(), Some("4"));
    assert_eq!(request.originating_timestamp, Timestamp::parse("20261121T033156"));
    assert_eq!(request.request_expiration_timestamp, AbsRelTime::parse("5000"));
    assert_eq!(request.result_expiration_timestamp, AbsRelTime::parse("20301121T033156,500000"));
    assert_eq!(request.operation_execution_time, AbsRelTime::parse("20291121T033156"));
    assert_eq!(request.response_type.notification_uri.as_ref().unwrap(), &["http://a", "coap://b"]);
    assert_eq!(request.event_category, Some(2));
    assert_eq!(request.group_request_identifier.as_deref(), Some("g1"));
    assert_eq!(request.vendor_information.as_deref(), Some("v"));
    assert_eq!(request.group_request_target_members, ["a/b", "c"]);
    assert_eq!(request.authorization_signatures, ["s1", "s2"]);
    assert_eq!(request.tokens, ["t1", "t2"]);
    assert_eq!(request.result_content, Some(ResultContent::AttributesAndChildResources));
    let filter = request.filter_criteria.unwrap();
    assert_eq!(filter.labels, ["\u{e9} b", "c"]);
    assert_eq!(filter.attribute[0].value, "a+b&c");
}

#[test]
fn refusals() {
    let long = vec![b'a'; 256];
    for (method, options, payload, rsc, code) in [
        // RFC 7252 5.4.1, 5.4.3, 5.4.5: unknown, too long, repeated, and critical.
        (GET, &[(9, &b""[..])][..], "", 4000, 0x82),
        (GET, &[(1, b"etag")], "", 4000, 0x82),
        (GET, &[(5, b"")], "", 4000, 0x82),
        (GET, &[(65001, b"x")], "", 4000, 0x82),
        (GET, &[(257, b"r1")], "", 4000, 0x82),
        (GET, &[(279, b"CAdmin")], "", 4000, 0x82),
        (GET, &[(311, &long)], "", 4000, 0x82),
        (GET, &[(11, &long)], "", 4000, 0x82),
        (GET, &[(15, &long)], "", 4000, 0x82),
        (GET, &[(303, &[0, 0, 2])], "", 4000, 0x82),
        (GET, &[(17, &[50]), (17, &[60])], "", 4000, 0x82),
        (GET, &[(35, b"coap://other/")], "", 5001, 0xa5),
        (GET, &[(39, b"http")], "", 5001, 0xa5),
        (GET, &[(17, &[42])], "", 5207, 0x86),
        (GET, &[(17, &[0x27, 0x15])], "", 5207, 0x86),
        (PUT, &[(12, &[])], "{}", 4015, 0x8f),
        (PUT, &[(12, &[42])], "{}", 4015, 0x8f),
        (PUT, &[], "{}", 4000, 0x80),
        (PUT, &[JSON], "{", 4000, 0x80),
        (PUT, &[JSON, (267, &[3])], "{}", 4000, 0x80),
        (GET, &[(311, b"\xff")], "", 4000, 0x80),
        (GET, &[(311, b"a\0")], "", 4000, 0x80),
        (GET, &[(311, b"")], "", 4000, 0x80),
        (GET, &[(291, b"soon")], "", 4000, 0x80),
        (GET, &[(11, b"")], "", 4000, 0x80),
        (GET, &[(11, b"a/b")], "", 4000, 0x80),
        (GET, &[(15, b"rt=1")], "", 4000, 0x80),
        (GET, &[(15, b"op=4")], "", 4000, 0x80),
        (POST, &[(15, b"op=6")], "", 4000, 0x80),
        (POST, &[(15, b"op=1"), (15, b"op=1")], "", 4000, 0x80),
        (GET, &[(15, b"nonsense=1")], "", 4000, 0x80),
        (GET, &[(15, b"rcn")], "", 4000, 0x80),
        (GET, &[(15, b"tkns=")], "", 4000, 0x80),
        (8, &[], "", 4005, 0x85),
    ] {
        let refused = strict(&message(method, options, payload)).unwrap_err();
        let packet = encode::refusal(&refused, &CODEC);
        assert_eq!(refused.failure.rsc.number(), rsc, "{options:?}: {}", refused.failure);
        assert_eq!(u8::from(packet.header.code), code, "{options:?}: {}", refused.failure);
        assert_eq!(option(&packet, 307).unwrap(), rsc.to_be_bytes());
        assert_eq!(option(&packet, 283).unwrap(), b"r1");
        assert_eq!(option(&packet, 14).unwrap(), b"", "no cache keeps it");
    }
}

#[test]
fn lenience() {
    let bare = plain(GET, &[(11, b"cse"), (279, b"C1")], "");
    assert_eq!(strict(&bare).unwrap_err().failure.rsc.number(), 4000);
    let decoded = decode(&bare, &rules(true)).unwrap();
    assert_eq!(decoded.request.request_identifier, "made");
    assert_eq!(decoded.request.release_version_indicator, None);
    let update = message(PUT, &[JSON, (267, &[3])], "{}");
    assert_eq!(decode(&update, &rules(true)).unwrap().request.resource_type, None);
    let kept = message(GET, &[(15, b"rt=1")], "");
    assert_eq!(
        decode(&kept, &rules(true)).unwrap().request.response_type.value,
        ResponseType::NonBlockingSynch
    );
}

#[test]
fn numbers_of_release_1_are_answered_in_kind() {
    let options =
        [(11, &b"cse"[..]), (256, b"C1"), (257, b"r9"), (260, b"5000"), (264, &[3]), (267, &[3]), JSON];
    let decoded = decode(&plain(POST, &options, "{}"), &rules(true)).unwrap();
    let request = &decoded.request;
    assert_eq!((request.originator(), request.request_identifier.as_str()), ("C1", "r9"));
    assert_eq!((request.operation, request.event_category), (Operation::Create, Some(3)));
    let answer = encode::response(&Response::to(request, StatusCode::Created), &decoded.reply, &CODEC);
    assert_eq!(option(&answer, 265).unwrap(), 2001_u16.to_be_bytes());
    assert_eq!(option(&answer, 257).unwrap(), b"r9");
    assert!(option(&answer, 307).is_none() && option(&answer, 283).is_none());
    // Both numbers of one parameter are one too many.
    let both = [(11, &b"cse"[..]), (256, b"C1"), (279, b"C1"), (257, b"r9")];
    assert_eq!(decode(&plain(GET, &both, ""), &rules(true)).unwrap_err().failure.rsc.number(), 4000);
}

#[test]
fn formats_and_observation() {
    let get = |options| strict(&message(GET, options, "")).unwrap();
    assert_eq!(get(&[]).reply.format.number, 50);
    assert_eq!(get(&[(17, &[0x27, 0x11])]).reply.format.number, 10001);
    assert_eq!(get(&[]).observe, None);
    assert_eq!(get(&[(6, &[])]).observe, Some(Observe::Register));
    assert_eq!(get(&[(6, &[1])]).observe, Some(Observe::Deregister));
    assert_eq!(get(&[(6, &[2])]).observe, None);
    assert_eq!(get(&[(6, &[0, 0, 0, 0])]).observe, None);
    assert_eq!(strict(&message(DELETE, &[(6, &[])], "")).unwrap().observe, None);
}

#[test]
fn responses() {
    let decoded = strict(&message(POST, &[JSON, (267, &[3])], "{}")).unwrap();
    let mut response = Response::to(&decoded.request, StatusCode::Created);
    response.content = Some(Content::from_value(json!({"m2m:cnt": {"rn": "c"}})));
    response.location = Some("/id-in/cse/c".to_owned());
    response.assigned_token_identifiers =
        vec![("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d".to_owned())];
    response.originating_timestamp = Timestamp::parse("20261121T033156,123456");
    response.content_status = Some(ContentStatus::Partial);
    response.content_offset = Some(501);
    let packet = encode::response(&response, &decoded.reply, &CODEC);
    assert_eq!(u8::from(packet.header.code), 0x41);
    assert_eq!(packet.payload, br#"{"m2m:cnt":{"rn":"c"}}"#);
    for (number, value) in [
        (307, &2001_u16.to_be_bytes()[..]),
        (283, b"r1"),
        (271, b"4"),
        (259, b"20261121T033156"),
        (327, b"a:b+c:d"),
        (12, &[50]),
        (323, &[1]),
        (319, &501_u16.to_be_bytes()),
    ] {
        assert_eq!(option(&packet, number).as_deref(), Some(value), "{number}");
    }
    let path: Vec<_> = packet.get_option(CoapOption::LocationPath).unwrap().iter().collect();
    assert_eq!(path, [&b"~"[..], b"id-in", b"cse", b"c"]);
    assert_eq!(option(&packet, 14), None);
    response.suppressed = true;
    let nothing = encode::response(&response, &decoded.reply, &CODEC);
    assert_eq!((u8::from(nothing.header.code), nothing.options().count()), (0x44, 0));
    assert!(nothing.payload.is_empty());
}

#[test]
fn acknowledgements_name_the_request_resource() {
    let decoded = strict(&message(POST, &[(15, b"op=2"), (15, b"rt=1")], "")).unwrap();
    let mut response = Response::to(&decoded.request, StatusCode::AcceptedNonBlockingSynch);
    response.content = Some(Content::from_value(json!({"m2m:uri": "cse/req1"})));
    let packet = encode::response(&response, &decoded.reply, &CODEC);
    assert_eq!(u8::from(packet.header.code), 0x41);
    let path: Vec<_> = packet.get_option(CoapOption::LocationPath).unwrap().iter().collect();
    assert_eq!(path, [&b"cse"[..], b"req1"]);
    response = Response::to(&decoded.request, StatusCode::AcceptedNonBlockingAsynch);
    let packet = encode::response(&response, &decoded.reply, &CODEC);
    assert_eq!(u8::from(packet.header.code), 0x44);
}

#[test]
fn notifications_are_answered_without_payload() {
    let decoded = strict(&message(POST, &[JSON], "{}")).unwrap();
    let mut response = Response::to(&decoded.request, StatusCode::Ok);
    response.content = Some(Content::from_value(json!({})));
    let packet = encode::response(&response, &decoded.reply, &CODEC);
    assert_eq!((u8::from(packet.header.code), packet.payload.len()), (0x44, 0));
}

#[test]
fn targets_that_are_urls() {
    let notify = Request {
        operation: Operation::Notify,
        to: "coap://h/a%20b/c?x=1&y=%26".to_owned(),
        request_identifier: "n1".to_owned(),
        content: Some(Content::from_value(json!({"m2m:sgn": {}}))),
        ..Request::default()
    };
    let packet =
        encode::request("/a%20b/c", Some("x=1&y=%26"), &notify, Serialization::Json, &CODEC).unwrap();
    let values = |number| -> Vec<String> {
        let values = packet.get_option(CoapOption::from(number)).unwrap();
        values.iter().map(|value| String::from_utf8(value.clone()).unwrap()).collect()
    };
    assert_eq!(values(11), ["a b", "c"]);
    assert_eq!(values(15), ["x=1", "y=&"]);
    assert_eq!(u8::from(packet.header.code), POST);
    let long = Request { from: Some("C".repeat(256)), ..notify };
    assert!(encode::request("", None, &long, Serialization::Json, &CODEC).is_err());
    assert!(encode::request("/%zz", None, &Request::default(), Serialization::Json, &CODEC).is_err());
}

/// Whether a CREATE has what it needs is not the binding's to say, and least of all by making something else of it.
#[test]
fn a_create_without_a_type_stays_one() {
    let create = Request {
        operation: Operation::Create,
        to: "cse/a".to_owned(),
        request_identifier: "r1".to_owned(),
        ..Request::default()
    };
    let packet = encode::request("", None, &create, Serialization::Json, &CODEC).unwrap();
    assert_eq!(*decode(&packet, &rules(true)).unwrap().request, create);
}

#[test]
fn answers_of_plain_servers() {
    let request = Request { request_identifier: "r1".to_owned(), ..Request::default() };
    let answer = read::response(&plain(0x84, &[], "no such thing"), &request, &CODEC).unwrap();
    assert_eq!((answer.status, answer.content), (StatusCode::NotFound, None));
    let answer = read::response(&plain(0x45, &[JSON], "{\"a\":1}"), &request, &CODEC).unwrap();
    assert_eq!((answer.status, answer.content.unwrap().value()), (StatusCode::Ok, &json!({"a": 1})));
    assert!(read::response(&plain(0x43, &[], ""), &request, &CODEC).is_err());
    let old = [(265, &2004_u16.to_be_bytes()[..]), JSON];
    assert_eq!(
        read::response(&plain(0x44, &old, "{}"), &request, &CODEC).unwrap().status,
        StatusCode::Updated
    );
    assert!(read::response(&plain(0x44, &old, "{"), &request, &CODEC).is_err());
    assert!(read::response(&plain(0x45, &[(307, &[1, 2, 3])], ""), &request, &CODEC).is_err());
}
