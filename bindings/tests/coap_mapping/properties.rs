//! Requests and responses of all kinds that read as they were written, and messages that are noise.

use coap_lite::{CoapOption, MessageClass, Packet};
use dyad_bindings::coap::decode::decode;
use dyad_bindings::coap::{encode, read};
use dyad_protocol::primitive::{AttributeCondition, FilterCriteria, FilterUsage, ResponseType};
use dyad_protocol::time::{AbsRelTime, Span, Timestamp};
use dyad_protocol::{Content, Operation, Request, Response, ResultContent, Serialization, StatusCode};
use proptest::prelude::*;
use serde_json::json;

use super::{CODEC, rules, strict};

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[ -*,-~é]{1,8}", 0..3)
}

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[!-%'-*,-~é]{1,9}")
}

prop_compose! {
    fn requests()(
        operation in 1_u64..6, to in "(/|//[a-z]{1,5}/)?[a-zA-Z][a-z~_-]{1,5}(/[a-z0-9._~-]{3,5}){1,3}",
        texts in (text(), text(), text()), profile in proptest::option::of("[a-z0-9=/+&-]{1,9}"), labels in texts(), members in texts(), millis in any::<Option<u32>>(),
        moment in proptest::option::of(0_i64..4_000_000_000_000_000), rt in 1_u64..6, rcn in 0_u64..13,
        ec in any::<Option<u16>>(), ty in any::<u16>(), fu in 1_u64..4, uris in proptest::option::of(proptest::collection::vec("[a-z:/]{1,9}", 1..3)),
        value in "[ -~é]{0,9}",
    ) -> Request {
        let operation = Operation::from_number(operation).unwrap();
        let members: Vec<String> = members.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect();
        let filter = FilterCriteria {
            labels, usage: FilterUsage::from_number(fu),
            attribute: vec![AttributeCondition { name: "cr".to_owned(), value: value.into() }],
            ..FilterCriteria::default()
        };
        let mut request = Request {
            operation, to, from: texts.0, request_identifier: "r1".to_owned(), release_version_indicator: Some("2a".to_owned()),
            group_request_identifier: texts.1, vendor_information: texts.2, primitive_profile_identifier: profile, event_category: ec,
            originating_timestamp: moment.map(Timestamp::from_micros),
            request_expiration_timestamp: millis.map(|millis| AbsRelTime::After(Span::from_millis(millis))),
            filter_criteria: Some(Box::new(filter)), result_content: ResultContent::from_number(rcn).ok(),
            group_request_target_members: members, tokens: vec!["a.b.c".to_owned()],
            resource_type: (operation == Operation::Create).then_some(ty.into()),
            content: (operation != Operation::Retrieve).then(|| Content::from_value(json!({"a": [1, "é"]}))),
            ..Request::default()
        };
        request.response_type.value = ResponseType::from_number(rt).unwrap();
        request.response_type.notification_uri = uris;
        request
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_round_trip(request in requests()) {
        let packet = encode::request("", None, &request, Serialization::Json, &CODEC).unwrap();
        // Over the wire, so that the order of options is that of their numbers.
        let packet = Packet::from_bytes(&packet.to_bytes().unwrap()).unwrap();
        prop_assert_eq!(*strict(&packet).map_err(|refused| refused.failure).unwrap().request, request);
    }

    #[test]
    fn responses_round_trip(request in requests(), rsc in any::<u16>(), offset in any::<Option<u32>>(), vsi in text()) {
        let packet = encode::request("", None, &request, Serialization::Json, &CODEC).unwrap();
        let decoded = strict(&packet).unwrap();
        let mut response = Response::to(&request, StatusCode::from_number(rsc));
        response.content_offset = offset.map(u64::from);
        response.vendor_information = vsi;
        response.authorization_signature_request_information = Some(true);
        let answer = encode::response(&response, &decoded.reply, &CODEC);
        prop_assert_eq!(read::response(&answer, &request, &CODEC).unwrap(), response);
    }

    #[test]
    fn nothing_panics(code: u8, options in proptest::collection::vec((any::<u16>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..8), payload: Vec<u8>) {
        let mut packet = Packet::new();
        packet.header.code = MessageClass::from(code);
        for (number, value) in options {
            // Half of them are numbers of oneM2M's.
            let number = if number % 2 == 0 { 256 + number % 90 } else { number };
            packet.add_option(CoapOption::from(number), value);
        }
        packet.payload = payload;
        for lenient in [true, false] {
            if let Err(refused) = decode(&packet, &rules(lenient)) {
                encode::refusal(&refused, &CODEC);
            }
        }
        let _ = read::response(&packet, &Request::default(), &CODEC);
    }
}
