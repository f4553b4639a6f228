//! Primitives in every serialisation: what is written is read back, and what is wrong is refused by name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::sync::{Arc, LazyLock};

use dyad_protocol::primitive::json::{
    parse, request_from_json, request_from_text, request_to_json, request_to_text, response_from_json,
    response_to_json, response_to_text,
};
use dyad_protocol::primitive::{
    AttributeCondition, ContentFilter, ContentStatus, DesiredIdentifierResultType, FilterCriteria,
    FilterOperation, FilterUsage, ResponseType, ResponseTypeInfo,
};
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::{Codec, PARSER_LIMIT, Serialization};
use dyad_protocol::time::{AbsRelTime, Span, Timestamp};
use dyad_protocol::{Content, Operation, Request, Response, ResultContent, StatusCode};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn example_of_the_specification() {
    let text = br#"{"op":1,"to":"//example.net/mncse1234","rqi":"A1000","rcn":7,"pc":{"m2m:ae":{"rn":"SmartHomeApplication","api":"Na56","apn":"app1234"}},"ty":2}"#;
    let request = request_from_json(parse(text).unwrap()).unwrap();
    assert_eq!((request.operation, request.resource_type), (Operation::Create, Some(2)));
    assert_eq!(request.result_content, Some(ResultContent::OriginalResource));
    assert_eq!(request_to_json(&request), parse(text).unwrap());
    let partial = json!({"op": 2, "to": "a", "rqi": "r", "pc": {"m2m:atrl": ["ri", "lbl"]}});
    let request = request_from_json(partial.clone()).unwrap();
    assert_eq!((request.attribute_list.len(), request.content.is_none()), (2, true));
    assert_eq!(request_to_json(&request), partial);
}

#[test]
fn refusals_name_the_member() {
    let base = json!({"op": 2, "to": "a", "rqi": "r"});
    for (name, value) in [
        ("op", json!(6)),
        ("op", json!("2")),
        ("to", json!(1)),
        ("to", Value::Null),
        ("rqi", json!([])),
        ("ty", json!(-1)),
        ("ty", json!(1.5)),
        ("rcn", json!(13)),
        ("rt", json!(3)),
        ("rt", json!({"rtv": 9})),
        ("rt", json!({"rtv": 2, "nu": "x"})),
        ("rt", json!({"rtv": 3, "x": 1})),
        ("ot", json!("now")),
        ("rqet", json!(true)),
        ("da", json!("true")),
        ("fc", json!({"lbl": "a"})),
        ("fc", json!({"foo": 1})),
        ("fc", json!({"cfs": 1})),
        ("fc", json!({"atr": [{"nm": "a"}]})),
        ("fc", json!({"lvl": 0})),
        ("rids", json!("a")),
        ("drt", json!(3)),
        ("x", json!(1)),
        ("rsc", json!(2000)),
    ] {
        let mut wrong = base.clone();
        wrong[name] = value.clone();
        assert_eq!(request_from_json(wrong).unwrap_err().rsc, StatusCode::BadRequest, "{name} {value}");
    }
    for name in ["op", "to", "rqi"] {
        let mut wrong = base.clone();
        wrong.as_object_mut().unwrap().remove(name);
        assert!(request_from_json(wrong).unwrap_err().debug.contains(name));
    }
    for wrong in [
        json!({"rsc": 2000}),
        json!({"rqi": "r"}),
        json!({"rsc": "2000", "rqi": "r"}),
        json!({"rsc": 70000, "rqi": "r"}),
        json!([]),
        json!({"rsc": 2000, "rqi": "r", "ati": {"ltia": [{"lti": "a"}]}}),
        json!({"rsc": 2000, "rqi": "r", "op": 1}),
    ] {
        assert!(response_from_json(wrong).is_err());
    }
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

static CODEC: LazyLock<Codec> =
    LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), PARSER_LIMIT));

/// The same without texts that are empty, or have blanks at their ends or several in a row, which lists in XML lose.
fn solid(value: Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() || single_blanks(&text) != text => "x".into(),
        Value::Array(elements) => elements.into_iter().map(solid).collect(),
        Value::Object(object) => object.into_iter().map(|(name, value)| (name, solid(value))).collect(),
        value => value,
    }
}

fn single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

fn moment() -> impl Strategy<Value = Option<Timestamp>> {
    option::of((0_i64..4_000_000_000_000_000).prop_map(Timestamp::from_micros))
}

fn time() -> impl Strategy<Value = Option<AbsRelTime>> {
    option::of(prop_oneof![
        (0_i64..4_000_000_000_000_000).prop_map(|micros| AbsRelTime::At(Timestamp::from_micros(micros))),
        any::<u32>().prop_map(|millis| AbsRelTime::After(Span::from_millis(millis))),
        any::<u32>().prop_map(|seconds| AbsRelTime::After(Span::from_seconds(seconds))),
    ])
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn conditions() -> impl Strategy<Value = Vec<AttributeCondition>> {
    vec((text(), value()).prop_map(|(name, value)| AttributeCondition { name, value }), 0..3)
}

prop_compose! {
    fn filters()(
        times in [moment(), moment(), moment(), moment(), moment(), moment()], labels in [texts(), texts(), texts(), texts(), texts(), texts()],
        kinds in [vec(any::<u32>(), 0..3), vec(any::<u32>(), 0..3), vec(any::<u32>(), 0..3)], numbers in any::<[Option<u64>; 5]>(),
        level in option::of(1_u32..), offset in option::of(1_u64..), attributes in [conditions(), conditions(), conditions()],
        fo in 1_u64..4, fu in 0_u64..4, content in option::of((any::<u8>(), text())), geo in option::of((any::<u8>(), any::<u8>(), text())), arp in option::of(text()),
    ) -> FilterCriteria {
        let [created_before, created_after, modified_since, unmodified_since, expire_before, expire_after] = times;
        let [labels, child_labels, parent_labels, labels_query, content_type, semantics_filter] = labels;
        let [resource_type, child_resource_type, parent_resource_type] = kinds;
        let [state_tag_smaller, state_tag_bigger, size_above, size_below, limit] = numbers;
        let [attribute, child_attribute, parent_attribute] = attributes;
        FilterCriteria {
            created_before, created_after, modified_since, unmodified_since, expire_before, expire_after, labels, child_labels, parent_labels, labels_query,
            content_type, semantics_filter, resource_type, child_resource_type, parent_resource_type, state_tag_smaller, state_tag_bigger, size_above,
            size_below, limit, attribute, child_attribute, parent_attribute, level, offset, geo_query: geo, apply_relative_path: arp,
            operation: FilterOperation::from_number(fo).unwrap(), usage: FilterUsage::from_number(fu),
            content_filter: content.map(|(syntax, query)| ContentFilter { syntax, query }),
        }
    }
}

prop_compose! {
    fn requests()(
        codes in (1_u64..6, 1_u64..6, option::of(0_u64..13), 0_u64..3), names in (text(), text()), more in [option::of(text()), option::of(text()), option::of(text()), option::of(text()), option::of(text())],
        lists in [texts(), texts(), texts(), texts(), texts(), texts(), texts()], flags in any::<[Option<bool>; 5]>(), numbers in any::<(Option<u32>, Option<u16>)>(),
        times in [time(), time(), time(), time()], ot in moment(), nu in option::of(texts()), filter in option::of(filters()), content in option::of(value()),
    ) -> Request {
        let [from, group_request_identifier, release_version_indicator, vendor_information, primitive_profile_identifier] = more;
        let [role_ids, tokens, token_ids, local_token_ids, group_request_target_members, authorization_signatures, attribute_list] = lists;
        let [delivery_aggregation, token_request_indicator, authorization_signature_indicator, authorization_relationship_indicator, semantic_query_indicator] = flags;
        let [request_expiration_timestamp, result_expiration_timestamp, operation_execution_time, result_persistence] = times;
        Request {
            operation: Operation::from_number(codes.0).unwrap(), to: names.0, from, request_identifier: names.1, resource_type: numbers.0,
            content: content.map(Content::from_value), role_ids, originating_timestamp: ot, request_expiration_timestamp, result_expiration_timestamp,
            operation_execution_time, response_type: ResponseTypeInfo { value: ResponseType::from_number(codes.1).unwrap(), notification_uri: nu },
            result_persistence, result_content: codes.2.map(|number| ResultContent::from_number(number).unwrap()), event_category: numbers.1,
            delivery_aggregation, group_request_identifier, filter_criteria: filter.map(Box::new),
            desired_identifier_result_type: DesiredIdentifierResultType::from_number(codes.3), tokens, token_ids, local_token_ids, token_request_indicator,
            group_request_target_members, authorization_signature_indicator, authorization_signatures, authorization_relationship_indicator,
            semantic_query_indicator, release_version_indicator, vendor_information, primitive_profile_identifier, attribute_list, serialization: None,
        }
    }
}

prop_compose! {
    fn responses()(
        status in any::<u16>(), rqi in text(), more in [option::of(text()), option::of(text()), option::of(text()), option::of(text())], content in option::of(value()),
        ot in moment(), rset in time(), ec in any::<Option<u16>>(), cnst in 0_u64..3, cnot in any::<Option<u64>>(), ati in vec((text(), text()), 0..3), tqf in option::of(value()), asri in any::<Option<bool>>(),
    ) -> Response {
        let [to, from, release_version_indicator, vendor_information] = more;
        let request = Request { request_identifier: rqi, release_version_indicator, ..Request::default() };
        let mut response = Response::to(&request, StatusCode::from_number(status));
        response.content = content.map(Content::from_value);
        (response.to, response.from, response.vendor_information) = (to, from, vendor_information);
        (response.originating_timestamp, response.result_expiration_timestamp, response.event_category) = (ot, rset, ec);
        (response.content_status, response.content_offset) = (ContentStatus::from_number(cnst), cnot);
        (response.assigned_token_identifiers, response.token_request_information) = (ati, tqf);
        response.authorization_signature_request_information = asri;
        response
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_round_trip(request in requests()) {
        let text = request_to_json(&request).to_string();
        prop_assert_eq!(text.clone().into_bytes(), request_to_text(&request).to_vec());
        prop_assert_eq!(request_from_text(text.as_bytes()), Some(request.clone()));
        prop_assert_eq!(request_from_json(parse(text.as_bytes()).unwrap()).unwrap(), request);
    }

    #[test]
    fn text_and_value_are_read_alike(value in value(), name in "op|to|fr|fc|rt|pc|rqi|atrl|x", more in "|,|,\"op\":2|} |]") {
        let members = json!({"op": 1, "to": "", "rqi": ""});
        let mut request = members.clone();
        request[name.as_str()] = value;
        let text = request.to_string();
        let text = format!("{}{more}}}", text.strip_suffix('}').unwrap_or(&text));
        let by_value = parse(text.as_bytes()).and_then(request_from_json).ok();
        prop_assert_eq!(request_from_text(text.as_bytes()), by_value, "{}", text);
    }

    #[test]
    fn responses_round_trip(response in responses()) {
        let text = response_to_json(&response).to_string();
        prop_assert_eq!(text.clone().into_bytes(), response_to_text(&response).to_vec());
        prop_assert_eq!(response_from_json(parse(text.as_bytes()).unwrap()).unwrap(), response);
    }

    #[test]
    fn requests_in_every_serialization(request in requests()) {
        let request = request_from_json(solid(request_to_json(&request))).unwrap();
        for serialization in Serialization::ALL {
            let bytes = CODEC.write_request(serialization, &request);
            let read = CODEC.read_request(serialization, bytes.clone()).map_err(|refused| refused.failure.to_string());
            prop_assert_eq!(read.as_ref(), Ok(&request), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn responses_in_every_serialization(response in responses()) {
        let response = response_from_json(solid(response_to_json(&response))).unwrap();
        for serialization in Serialization::ALL {
            let bytes = CODEC.write_response(serialization, &response);
            let read = CODEC.read_response(serialization, bytes.clone()).map_err(|failure| failure.to_string());
            prop_assert_eq!(read.as_ref(), Ok(&response), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn nothing_panics(value in value(), name in "op|to|fc|rt|pc|ati|rsc|rqi|nu|atrl") {
        let members = json!({"op": 1, "to": "", "rqi": "", "rsc": 1});
        let mut request = members.clone();
        request[name.as_str()] = value;
        let _ = (request_from_json(request.clone()), response_from_json(request));
    }
}
