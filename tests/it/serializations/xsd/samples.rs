//! Every type and content that the tables share with the schemas of release 2, with a value for each of its parts.
//!
//! So what no node makes by itself conforms too: announced variants, types without a service function, tokens.

use dyad_protocol::schema::{DataType, Member, Syntax};
use dyad_protocol::{Object, Serialization};
use serde_json::{Value, json};

use super::lint::{Whole, Xsd};
use super::with_xsd;
use crate::serializations::peer::codec;

/// Contents that are no resources, and the names that their elements have in the schemas.
const CONTENTS: [(&str, &str); 12] = [
    ("m2m:agn", "aggregatedNotification"),
    ("m2m:agr", "aggregatedResponse"),
    ("m2m:atrl", "attributeList"),
    ("m2m:dbg", "debugInfo"),
    ("m2m:rce", "resource"),
    ("m2m:rqp", "requestPrimitive"),
    ("m2m:rrl", "resourceRefList"),
    ("m2m:rsp", "responsePrimitive"),
    ("m2m:seci", "securityInfo"),
    ("m2m:sgn", "notification"),
    ("m2m:uri", "URI"),
    ("m2m:uril", "URIList"),
];

/// Values that the schemas restrict further than the tables; `null` is left out: other types in release 2, one of two.
const PARTICULAR: [(&str, &str); 14] = [
    ("accc", "null"),
    ("atr", "null"),
    ("cmlk", r#"[{ "nm": "a", "typ": 1001, "val": "b" }]"#),
    ("dcrp", r#""application/rdf+xml:1""#),
    ("di", r#"["urn:meid:0123456789abcd"]"#),
    ("epo", r#""a.b.c.d.e""#),
    ("lda", "[false, true]"),
    ("mgd", "1001"),
    ("om", "null"),
    ("pc", r#"{ "m2m:uri": "a" }"#),
    ("rsc", "2000"),
    ("tids", r#"["a@b.c"]"#),
    ("tkid", r#""a@b.c""#),
    ("tkns", "null"),
];

/// The schema of the first has other types than the specification of the time; in that of the second a name means what it means
/// nowhere else.
const LEFT_OUT: [&str; 2] = ["genericInterworkingService", "request"];

const TIME: &str = "20261121T033156";

#[test]
fn every_type_conforms_to_the_schemas_of_release_2() {
    let Some(xsd) = with_xsd() else { return };
    let mut count = 0;
    for table in xsd.schemas.iter().filter(|table| table.root.starts_with("m2m:") && !table.is_virtual) {
        let Some(block) = xsd.element(&table.name).filter(|_| !LEFT_OUT.contains(&table.name.as_str()))
        else {
            continue;
        };
        let attributes = table.attributes().filter(|attribute| xsd.has(block, &attribute.name));
        let object: Object = attributes
            .filter_map(|attribute| {
                part(&xsd, block, &attribute.short, &attribute.name, &attribute.data_type)
            })
            .collect();
        let document =
            codec().write_content(Serialization::Xml, &json!({ table.root.as_str(): object }).into());
        // Some parts have to be there that later releases do not announce any more.
        xsd.check_as(Whole::Partial, &table.name, std::str::from_utf8(&document).unwrap());
        count += 1;
    }
    assert!(count > 50, "{count}");
    xsd.finish();
}

#[test]
fn every_content_conforms_to_the_schemas_of_release_2() {
    let Some(xsd) = with_xsd() else { return };
    for (root, element) in CONTENTS {
        let block = xsd.element(element).unwrap_or_else(|| panic!("no schema has {element}"));
        let mut value = sample(&xsd, block, xsd.schemas.content(root).unwrap());
        if root == "m2m:rce" {
            value["m2m:cin"] = json!({ "rn": "a", "ty": 4, "ri": "a", "pi": "b", "ct": TIME, "lt": TIME, "et": TIME, "st": 0, "cs": 1, "con": "1" });
        }
        let document = codec().write_content(Serialization::Xml, &json!({ root: value }).into());
        xsd.check(root, std::str::from_utf8(&document).unwrap());
    }
    xsd.finish();
}

/// A value of a type, with all members that release 2 knows.
fn sample(xsd: &Xsd, block: &str, data_type: &DataType) -> Value {
    match data_type {
        DataType::Any => json!("a"),
        DataType::Scalar => json!(1),
        DataType::Boolean => json!(true),
        DataType::Number => json!(1.5),
        DataType::Integer { from, .. } => json!(from.max(&1)),
        DataType::Enumeration(ranges) => json!(ranges[0].1.min(ranges[0].0.max(1))),
        DataType::Words(words) => json!(words.last().unwrap()),
        DataType::Text(syntax) => json!(text(*syntax)),
        DataType::AbsRelTimestamp => json!(TIME),
        DataType::List(list) => {
            let most = list.min.max(2).min(list.max);
            (0..most).map(|_| sample(xsd, block, &list.element)).collect()
        }
        DataType::Complex(members) => {
            let known = members.iter().filter(|member| xsd.has(block, &member.name) || member.short == "val");
            let value = |member: &Member| part(xsd, block, &member.short, &member.name, &member.data_type);
            known.filter_map(value).collect::<Object>().into()
        }
    }
}

/// An attribute or a member with its value, unless it is to be left out.
fn part(xsd: &Xsd, block: &str, short: &str, name: &str, data_type: &DataType) -> Option<(String, Value)> {
    let particular = PARTICULAR.iter().find(|(known, _)| *known == short);
    let value = match particular {
        Some((_, value)) => serde_json::from_str(value).unwrap(),
        None => sample(xsd, xsd.part(block, name), data_type),
    };
    (!value.is_null()).then(|| (short.to_owned(), value))
}

fn text(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Timestamp | Syntax::AbsRelTimestamp => TIME,
        Syntax::Duration => "PT1S",
        Syntax::Date => "2026-11-21",
        Syntax::Time => "03:31:56",
        Syntax::DateTime => "2026-11-21T03:31:56",
        Syntax::Base64 => "QUJD",
        Syntax::Digits => "262011234567890",
        Syntax::Ipv4 => "127.0.0.1",
        Syntax::Ipv6 => "::1",
        Syntax::ContentInfo => "text/plain:0",
        Syntax::ScheduleEntry => "* * * * * * *",
        Syntax::CountryCode => "KR",
        Syntax::Coordinates => "[1.5, 2]",
        Syntax::String => "a text ",
        Syntax::Identifier => "a@b",
        Syntax::Token | Syntax::Label | Syntax::ResourceName | Syntax::NcName => "a",
    }
}
