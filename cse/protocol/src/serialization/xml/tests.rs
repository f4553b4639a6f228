//! Documents and the values that they stand for, both ways; bad input; properties from the tables.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{read, write};
use crate::Object;
use crate::schema::{DataType, Place, Schemas, Syntax};

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::builtin().unwrap());

const M2M: &str = r#"xmlns:m2m="http://www.onem2m.org/xml/protocols""#;

fn parsed(document: &str) -> Value {
    read(&SCHEMAS, document.as_bytes(), 32).unwrap_or_else(|failure| panic!("{document}: {failure}"))
}

fn written(value: &Value) -> String {
    let document = write(&SCHEMAS, value);
    let document = document.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?>"#).unwrap();
    document.replace(&format!(" {M2M}"), "")
}

fn check(cases: impl IntoIterator<Item = (&'static str, Value)>) {
    for (document, value) in cases {
        assert_eq!(written(&value), document);
        assert_eq!(parsed(document), value, "{document}");
        assert_eq!(parsed(&write(&SCHEMAS, &value)), value);
    }
}

#[test]
fn representations() {
    check([
        // The order of the schemas, whatever that of the members.
        (
            r#"<m2m:cnt rn="a"><ty>3</ty><lbl>x y</lbl><acpi>a/b</acpi><et>20300101T000000</et><mni>10</mni><disr>true</disr></m2m:cnt>"#,
            json!({"m2m:cnt": {"rn": "a", "disr": true, "mni": 10, "et": "20300101T000000", "acpi": ["a/b"], "lbl": ["x", "y"], "ty": 3}}),
        ),
        (r#"<m2m:cnt></m2m:cnt>"#, json!({"m2m:cnt": {}})),
        (r#"<m2m:cnt rn="&quot;a&lt;&amp;&gt;"></m2m:cnt>"#, json!({"m2m:cnt": {"rn": "\"a<&>"}})),
        (r#"<m2m:cnt><lbl/><mni/></m2m:cnt>"#, json!({"m2m:cnt": {"lbl": null, "mni": null}})),
        (r#"<m2m:cnt><lbl><![CDATA[]]></lbl></m2m:cnt>"#, json!({"m2m:cnt": {"lbl": []}})),
        (r#"<m2m:cml><lda>0 1</lda></m2m:cml>"#, json!({"m2m:cml": {"lda": [false, true]}})),
        (r#"<m2m:cnt><lbl>a&#32;b c</lbl></m2m:cnt>"#, json!({"m2m:cnt": {"lbl": ["a b", "c"]}})),
        // Contents of any type.
        (r#"<m2m:cin><con>12</con></m2m:cin>"#, json!({"m2m:cin": {"con": "12"}})),
        (r#"<m2m:cin><con><![CDATA[]]></con></m2m:cin>"#, json!({"m2m:cin": {"con": ""}})),
        (
            r#"<m2m:cin><con> a&#13;
&lt;&amp;&gt; "é" </con></m2m:cin>"#,
            json!({"m2m:cin": {"con": " a\r\n<&> \"é\" "}}),
        ),
        (
            r#"<m2m:cin><con><![CDATA[]]><![CDATA[{"a":[1,"]]]]><![CDATA[>"]}]]></con></m2m:cin>"#,
            json!({"m2m:cin": {"con": {"a": [1, "]]>"]}}}),
        ),
        // Parts, repeated ones, ones with XML attributes.
        (
            r#"<m2m:acp><pv><acr><acor>a b</acor><acop>63</acop><acco><actw>* * * * * * *</actw><actw>1 2 * * * * *</actw></acco></acr><acr><acor>c</acor><acop>2</acop></acr></pv></m2m:acp>"#,
            json!({"m2m:acp": {"pv": {"acr": [
                {"acor": ["a", "b"], "acop": 63, "acco": [{"actw": ["* * * * * * *", "1 2 * * * * *"]}]},
                {"acor": ["c"], "acop": 2},
            ]}}}),
        ),
        (
            r#"<m2m:cnt><ri>x</ri><ch nm="i" typ="4">a/i</ch><ch nm="s" typ="23">a/s</ch></m2m:cnt>"#,
            json!({"m2m:cnt": {"ch": [{"nm": "i", "typ": 4, "val": "a/i"}, {"nm": "s", "typ": 23, "val": "a/s"}], "ri": "x"}}),
        ),
        (
            r#"<m2m:cnt><ri>x</ri><m2m:cin rn="i"><con>1</con></m2m:cin><m2m:cin rn="j"><con>2</con></m2m:cin><m2m:sub rn="s"></m2m:sub></m2m:cnt>"#,
            json!({"m2m:cnt": {"m2m:cin": [{"rn": "i", "con": "1"}, {"rn": "j", "con": "2"}], "m2m:sub": [{"rn": "s"}], "ri": "x"}}),
        ),
    ]);
}

#[test]
fn other_contents() {
    check([
        (r#"<m2m:uril>a/b c/d</m2m:uril>"#, json!({"m2m:uril": ["a/b", "c/d"]})),
        (r#"<m2m:uril><![CDATA[]]></m2m:uril>"#, json!({"m2m:uril": []})),
        (r#"<m2m:uri>a/b</m2m:uri>"#, json!({"m2m:uri": "a/b"})),
        (r#"<m2m:dbg>no 'x'</m2m:dbg>"#, json!({"m2m:dbg": "no 'x'"})),
        (r#"<m2m:atrl>mni lbl</m2m:atrl>"#, json!({"m2m:atrl": ["mni", "lbl"]})),
        (
            r#"<m2m:rrl><rrf nm="i" typ="4">a/i</rrf></m2m:rrl>"#,
            json!({"m2m:rrl": {"rrf": [{"nm": "i", "typ": 4, "val": "a/i"}]}}),
        ),
        (
            r#"<m2m:rce><m2m:cnt rn="a"></m2m:cnt><uri>a/b</uri></m2m:rce>"#,
            json!({"m2m:rce": {"uri": "a/b", "m2m:cnt": {"rn": "a"}}}),
        ),
        (
            r#"<m2m:sgn><nev><rep><m2m:cin><con>1</con></m2m:cin></rep><net>3</net></nev><sur>/a/b</sur></m2m:sgn>"#,
            json!({"m2m:sgn": {"sur": "/a/b", "nev": {"net": 3, "rep": {"m2m:cin": {"con": "1"}}}}}),
        ),
        (
            r#"<m2m:agn><sgn><vrq>true</vrq></sgn><sgn><sud>true</sud></sgn></m2m:agn>"#,
            json!({"m2m:agn": {"m2m:sgn": [{"vrq": true}, {"sud": true}]}}),
        ),
        (
            r#"<m2m:agr><m2m:rsp><rsc>2000</rsc><rqi>1</rqi><pc><m2m:uri>a</m2m:uri></pc></m2m:rsp></m2m:agr>"#,
            json!({"m2m:agr": {"m2m:rsp": [{"rqi": "1", "rsc": 2000, "pc": {"m2m:uri": "a"}}]}}),
        ),
        (
            r#"<m2m:agrp><req><op>5</op><rqi>1</rqi></req><req><rqi>2</rqi></req></m2m:agrp>"#,
            json!({"m2m:agrp": [{"rqi": "1", "op": 5}, {"rqi": "2"}]}),
        ),
        (
            r#"<m2m:seci><sit>1</sit><dreq><or>Ca</or><op>2</op><orid>a@b c@d</orid><trid>a/b</trid></dreq></m2m:seci>"#,
            json!({"m2m:seci": {"dreq": {"trid": "a/b", "or": "Ca", "op": 2, "orid": ["a@b", "c@d"]}, "sit": 1}}),
        ),
        (
            r#"<m2m:seci><sit>2</sit><dres><dai><gp><acr><acor>a b</acor><acop>2</acop></acr></gp><pl>5000</pl></dai></dres></m2m:seci>"#,
            json!({"m2m:seci": {"sit": 2, "dres": {"dai": {"pl": "5000", "gp": {"acr": [{"acop": 2, "acor": ["a", "b"]}]}}}}}),
        ),
        (
            r#"<m2m:tgp><tpe>3</tpe><tia>a/b</tia><tipa>http://a http://b</tipa><tio>2</tio></m2m:tgp>"#,
            json!({"m2m:tgp": {"tio": 2, "tpe": 3, "tia": "a/b", "tipa": ["http://a", "http://b"]}}),
        ),
        (r#"<m2m:pc>a</m2m:pc>"#, json!("a")),
        (r#"<m2m:pc><![CDATA[]]><![CDATA[[1]]]></m2m:pc>"#, json!([1])),
    ]);
}

#[test]
fn types_and_namespaces_are_declared() {
    let document = write(&SCHEMAS, &json!({"m2m:cin": {"con": 1.50}}));
    assert!(document.contains(r#"<con xsi:type="xs:double">1.5</con>"#), "{document}");
    assert!(
        document.contains(r#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="#),
        "{document}"
    );
    for value in [json!(1), json!(-1.5e300), json!(true), json!("true")] {
        let value = json!({"m2m:cin": {"con": value}});
        assert_eq!(parsed(&write(&SCHEMAS, &value)), value);
    }
    let document = write(&SCHEMAS, &json!({"hod:deACr": {"rn": "x", "nodLk": "y"}}));
    let namespace = r#"<hod:deACr xmlns:hod="http://www.onem2m.org/xml/protocols/homedomain" rn="x">"#;
    assert!(document.contains(namespace), "{document}");
    let document = write(&SCHEMAS, &json!({"dcfg:wific": {"ssid": " "}}));
    assert!(document.contains(r#"xmlns:dcfg="http://www.onem2m.org/xml/deviceConfig""#), "{document}");
    assert_eq!(parsed(&document), json!({"dcfg:wific": {"ssid": " "}}));
    let document = write(&SCHEMAS, &json!({"acme:pump": {"flow": 1}}));
    assert!(document.contains(r#"xmlns:acme="http://www.onem2m.org/xml/protocols/acme""#), "{document}");
}

#[test]
fn as_others_write_it() {
    let container = json!({"m2m:cnt": {"rn": "a", "mni": 10, "lbl": ["x", "y"]}});
    for document in [
        format!("<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<!-- c -->\n<m2m:cnt {M2M} rn='a'>\n  <mni> 010 </mni>\n  <lbl> x\n y </lbl>\n</m2m:cnt>\n"),
        "\u{feff}<m2m:cnt rn=\"a\"><mni>+10</mni><lbl>x<!-- y -->\ty</lbl></m2m:cnt>".to_owned(),
        r#"<cnt xmlns="http://www.onem2m.org/xml/protocols" rn="a"><mni>10</mni><lbl>x y</lbl></cnt>"#.to_owned(),
        r#"<o:cnt xmlns:o="http://www.onem2m.org/xml/protocols" rn="a"><o:mni>10</o:mni><lbl>x y</lbl></o:cnt>"#.to_owned(),
        r#"<m2m:cnt rn="&#x61;" xsi:schemaLocation="a b"><mni>&#49;0</mni><lbl><![CDATA[x y]]></lbl></m2m:cnt>"#.to_owned(),
    ] {
        assert_eq!(parsed(&document), container, "{document}");
    }
    for (document, value) in [
        (r#"<m2m:cnt><mni xsi:nil="true"></mni></m2m:cnt>"#, json!({"m2m:cnt": {"mni": null}})),
        (r#"<m2m:cin><con xsi:nil="false"/></m2m:cin>"#, json!({"m2m:cin": {"con": ""}})),
        (r#"<m2m:cin><con xsi:type="xs:int">5</con></m2m:cin>"#, json!({"m2m:cin": {"con": 5}})),
        (r#"<m2m:cin><con xsi:type="xs:string">5</con></m2m:cin>"#, json!({"m2m:cin": {"con": "5"}})),
        ("<m2m:cin><con>a\r\nb\rc</con></m2m:cin>", json!({"m2m:cin": {"con": "a\nb\nc"}})),
        // White space is kept in strings, and separates elsewhere.
        (
            "<m2m:grp><gn> a  b\n</gn><acpi>\n a\n b </acpi></m2m:grp>",
            json!({"m2m:grp": {"gn": " a  b\n", "acpi": ["a", "b"]}}),
        ),
        (
            "<m2m:smd><dsp>QUJD\n  QUJD\n</dsp><soe> </soe></m2m:smd>",
            json!({"m2m:smd": {"dsp": "QUJDQUJD", "soe": " "}}),
        ),
        (
            "<m2m:sch><se><sce> * *\t*  * * *\n*</sce></se></m2m:sch>",
            json!({"m2m:sch": {"se": {"sce": ["* * * * * * *"]}}}),
        ),
        // What does not conform is left to validation.
        (
            "<m2m:cnt><mni>ten</mni><x>1</x><y><z/></y><x>2</x></m2m:cnt>",
            json!({"m2m:cnt": {"mni": "ten", "x": ["1", "2"], "y": {"z": null}}}),
        ),
        ("<m2m:ae><rr>1</rr></m2m:ae>", json!({"m2m:ae": {"rr": true}})),
        ("<m2m:cnt/>", json!({"m2m:cnt": {}})),
        ("<m2m:rrl/>", json!({"m2m:rrl": {}})),
        ("<foo>x</foo>", json!({"foo": "x"})),
        (
            r#"<hd:deACr xmlns:hd="http://www.onem2m.org/xml/protocols/homedomain"/>"#,
            json!({"hod:deACr": {}}),
        ),
        (r#"<cod:bat><lvl>1</lvl></cod:bat>"#, json!({"cod:bat": {"lvl": 1}})),
    ] {
        assert_eq!(parsed(document), value, "{document}");
    }
}

#[test]
fn refused() {
    let bomb = r#"<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;">]><m2m:cnt>&c;</m2m:cnt>"#;
    let external = r#"<!DOCTYPE b SYSTEM "file:///etc/passwd"><m2m:cnt/>"#;
    let attributes: String = (0..100).map(|number| format!(" a{number}=''")).collect();
    let namespaces: String = (0..100).map(|number| format!(" xmlns:a{number}='b'")).collect();
    for document in [
        "",
        " ",
        "x",
        "<m2m:cnt>",
        "<m2m:cnt></m2m:cin>",
        "<m2m:cnt/><m2m:cnt/>",
        "<m2m:cnt/>x",
        "x<m2m:cnt/>",
        "</m2m:cnt>",
        "<m2m:cnt/",
        "<>",
        "<1/>",
        "<a:b:c/>",
        "<:a/>",
        "<m2m:cnt rn=a/>",
        "<m2m:cnt rn='a' rn='b'/>",
        "<m2m:cnt rn='<'/>",
        "<m2m:cnt rn='&x;'/>",
        "<m2m:cnt foo='a'/>",
        "<m2m:cnt><mni foo='a'>1</mni></m2m:cnt>",
        "<m2m:cnt foo:rn='a'/>",
        "<foo:cnt/>",
        "<m2m:cnt><mni>1</mni><mni>2</mni></m2m:cnt>",
        "<m2m:cnt rn='a'><rn>b</rn></m2m:cnt>",
        "<m2m:cnt>text</m2m:cnt>",
        "<m2m:cnt>text<mni>1</mni></m2m:cnt>",
        "<m2m:cin><con>&nbsp;</con></m2m:cin>",
        "<m2m:cin><con>&</con></m2m:cin>",
        "<m2m:cin><con>&#0;</con></m2m:cin>",
        "<m2m:cin><con>&#1;</con></m2m:cin>",
        "<m2m:cin><con>&#xFFFF;</con></m2m:cin>",
        "<m2m:cin><con>\u{1}</con></m2m:cin>",
        "<m2m:cin><con>]]></con></m2m:cin>",
        "<m2m:cin><con><![CDATA[]]>{</con></m2m:cin>",
        "<m2m:cin><con><![CDATA[]]>{\"a\":1,\"a\":2}</con></m2m:cin>",
        "<m2m:cin><con><![CDATA[</con></m2m:cin>",
        "<m2m:cin><!-- -- --><con>a</con></m2m:cin>",
        "<m2m:cnt><?php x?></m2m:cnt>",
        "<?xml-stylesheet href='x'?><m2m:cnt/>",
        " <?xml version='1.0'?><m2m:cnt/>",
        "<?xml version='1.1'?><m2m:cnt/>",
        "<?xml version='1.0' encoding='ISO-8859-1'?><m2m:cnt/>",
        "<?xml version='1.0' encoding='UTF-16'?><m2m:cnt/>",
        "<!DOCTYPE m2m:cnt><m2m:cnt/>",
        bomb,
        external,
        &format!("<m2m:cnt{attributes}/>"),
        &format!("<m2m:cnt{namespaces}/>"),
        &format!("{}{}", "<a>".repeat(40), "</a>".repeat(40)),
        &"<a>".repeat(100_000),
        &format!("<m2m:cin><con><![CDATA[]]>{}{}</con></m2m:cin>", "[".repeat(40), "]".repeat(40)),
    ] {
        match read(&SCHEMAS, document.as_bytes(), 32) {
            Err(failure) => assert_eq!(failure.rsc.number(), 4000),
            Ok(value) => panic!("{document}: {value}"),
        }
    }
    assert!(read(&SCHEMAS, b"<m2m:cnt rn='\xff'/>", 32).is_err());
    assert!(read(&SCHEMAS, b"\xff\xfe<\0a\0/\0>\0", 32).is_err());
    assert!(read(&SCHEMAS, format!("{}{}", "<a>".repeat(32), "</a>".repeat(32)).as_bytes(), 32).is_ok());
}

/// A text that loses nothing where white space separates: single words.
const TEXT: &str = "[^\\s\\p{C}]{1,3}( [^\\s\\p{C}]{1,3}){0,2}";

fn values(data_type: &DataType) -> BoxedStrategy<Value> {
    let text = || TEXT.prop_map(Value::String);
    match data_type {
        DataType::Any => prop_oneof![
            "[^\\p{C}]{0,8}".prop_map(Value::String),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            (-1e9..1e9).prop_map(|number: f64| json!(number)),
            vec("[a-z]{0,3}", 0..3).prop_map(|texts| json!({ "a": texts })),
        ]
        .boxed(),
        DataType::Scalar => {
            let text = "[^\\p{C}]{0,8}| ?-?[0-9]{1,3} ?".prop_map(Value::String);
            prop_oneof![text, any::<i64>().prop_map(Value::from), any::<bool>().prop_map(Value::from)].boxed()
        }
        DataType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        DataType::Number => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?(e\\+[0-9]{1,2})?"
            .prop_map(|number| serde_json::from_str(&number).unwrap())
            .boxed(),
        DataType::Integer { .. } | DataType::Enumeration(_) => any::<i64>().prop_map(Value::from).boxed(),
        DataType::Text(Syntax::Base64) => "[A-Z]{1,8}".prop_map(Value::String).boxed(),
        DataType::Text(Syntax::String | Syntax::Coordinates) => {
            "[^\\p{C}]{0,8}".prop_map(Value::String).boxed()
        }
        DataType::Text(_) | DataType::Words(_) | DataType::AbsRelTimestamp => text().boxed(),
        DataType::List(list) if list.is_repeated => {
            vec(values(&list.element), 1..4).prop_map(Value::from).boxed()
        }
        // What is in one text says no types.
        DataType::List(list) if matches!(list.element, DataType::Any | DataType::Scalar) => {
            vec("[a-z ]{0,3}[a-z]", 0..4).prop_map(Value::from).boxed()
        }
        DataType::List(list) => vec(values(&list.element), 0..4).prop_map(Value::from).boxed(),
        DataType::Complex(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|member| {
                    let value = values(&member.data_type);
                    let name = member.short.to_string();
                    let has_to_be = member.place != Place::Element;
                    (any::<bool>(), value).prop_map(move |(is_there, value)| {
                        (is_there || has_to_be).then(|| (name.clone(), value))
                    })
                })
                .collect();
            members.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
        }
    }
}

/// A representation of some type, with some of its attributes.
fn any_representation() -> impl Strategy<Value = Value> {
    let tables: Vec<_> = SCHEMAS.iter().filter(|table| !table.is_virtual).cloned().collect();
    (proptest::sample::select(tables), vec(any::<proptest::sample::Index>(), 0..6), any::<u8>())
        .prop_flat_map(|(table, chosen, nulls)| {
            let attributes: Vec<_> = table.attributes().collect();
            let chosen: Vec<_> = chosen
                .iter()
                .enumerate()
                .map(|(at, index)| {
                    let attribute = index.get(&attributes);
                    let value = match nulls {
                        0..20 if at == 0 => Just(Value::Null).boxed(),
                        _ => values(&attribute.data_type),
                    };
                    let name = attribute.short.to_string();
                    value.prop_map(move |value| (name.clone(), value))
                })
                .collect();
            let root = table.root.to_string();
            chosen.prop_map(move |members| json!({ root.as_str(): Object::from_iter(members) }))
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn representations_read_the_same(value in any_representation()) {
        let document = write(&SCHEMAS, &value);
        let read = read(&SCHEMAS, document.as_bytes(), 127);
        prop_assert_eq!(read.map_err(|failure| failure.to_string()), Ok(value), "{}", document);
    }

    /// Whatever can be read is written so that it reads the same.
    #[test]
    fn documents_at_random(document in "(<(m2m:cnt|m2m:acp|con|mni|lbl|pv|acr)( rn='a')?>|</(m2m:cnt|con|mni|lbl|pv|acr)>|<!\\[CDATA\\[|\\]\\]>|&lt;|[ a1{}\"]){0,12}") {
        if let Ok(value) = read(&SCHEMAS, document.as_bytes(), 32) {
            let written = write(&SCHEMAS, &value);
            let again = read(&SCHEMAS, written.as_bytes(), 64).unwrap();
            prop_assert_eq!(write(&SCHEMAS, &again), written);
        }
    }

    #[test]
    fn never_panics(bytes in vec(any::<u8>(), 0..80)) {
        let _ = read(&SCHEMAS, &bytes, 32);
    }
}
