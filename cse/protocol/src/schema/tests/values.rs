//! Values per data type, through attributes that have it: accepted and refused.

use serde_json::{Value, json};

use super::{object, table, update};

/// What UPDATE says to one attribute.
fn set(root: &str, short: &str, value: Value) -> String {
    update(root, object([(short.to_owned(), value)].into_iter().collect::<Value>()).into())
}

#[test]
fn simple_types() {
    let cases: &[(&str, &str, Value, Value)] = &[
        ("m2m:ae", "apn", json!(["", "a b"]), json!([1, true, [], {}])),
        ("m2m:ae", "rr", json!([true, false]), json!(["true", 1, 0, []])),
        (
            "m2m:cnt",
            "mni",
            json!([0, 1, i64::MAX]),
            json!([-1, 1.0, "1", 9_223_372_036_854_775_808_u64, true]),
        ),
        ("m2m:sub", "exc", json!([1]), json!([0, -1, "1", 1.5])),
        ("m2m:mem", "mma", json!([0, u64::MAX]), json!([-1, 1e30])),
        ("m2m:bat", "btl", json!([100]), json!([4_294_967_296_u64])),
        ("m2m:cmpv", "dqet", json!([-1, 0, i64::MIN]), json!(["-1", 0.5])),
        ("m2m:ae", "tri", json!([65535]), json!([65536])),
        ("cod:bat", "chaVe", json!([1, -1.5, 0]), json!(["1", true])),
        ("m2m:cnt", "et", json!(["20991231T235959", "20991231T235959,123"]), json!(["tomorrow", 5, "2099"])),
        ("m2m:sub", "ma", json!(["PT1M"]), json!(["1", 60])),
        ("m2m:ae", "or", json!(["http://example.com/o"]), json!(["", "a b", 1])),
        ("m2m:sub", "nct", json!([1, 5]), json!([0, 6, "1"])),
        ("m2m:sub", "nec", json!([2, 4, 100, 999]), json!([1, 5, 99, 1000])),
        ("m2m:sub", "pn", json!([1, 2]), json!([0, 3])),
        ("m2m:cnt", "ast", json!([1, 2]), json!([0, 3])),
    ];
    for (root, short, accepted, refused) in cases {
        for value in accepted.as_array().unwrap() {
            assert_eq!(set(root, short, value.clone()), "", "{short} refuses {value}");
        }
        for value in refused.as_array().unwrap() {
            assert!(
                set(root, short, value.clone()).starts_with(&format!("attribute '{short}' has to ")),
                "{short} accepts {value}"
            );
        }
    }
    assert_eq!(set("m2m:sub", "nct", json!(6)), "attribute 'nct' has to be one of the numbers 1..5");
    assert_eq!(set("m2m:cnt", "mni", json!(-1)), "attribute 'mni' has to be a whole number from 0");
}

#[test]
fn lists() {
    let cases: &[(&str, &str, Value, Value)] = &[
        ("m2m:ae", "lbl", json!([[], ["a"], ["key:value", "b c"]]), json!(["a", [1], [""], [" a"], [null]])),
        ("m2m:ae", "acpi", json!([[], ["/id-in/acp1"]]), json!(["acp1", [""], ["a b"]])),
        ("m2m:ae", "srv", json!([["1", "2a", "3"]]), json!([[], [3], ["6"], "3"])),
        ("m2m:ae", "csz", json!([["json", "application/xml"]]), json!([["yaml"]])),
        ("m2m:sub", "nu", json!([["Cae", "http://localhost:9000"]]), json!([[], "Cae", [" "]])),
        ("m2m:cnt", "aa", json!([["mni", "or"]]), json!([["1a"], [7]])),
        ("m2m:cml", "lqet", json!([[-1, 5]]), json!([[1], [1, 2, 3], [-2, 0]])),
        ("m2m:cml", "lda", json!([[true], [false, true]]), json!([[], [true, true, true], [1]])),
    ];
    for (root, short, accepted, refused) in cases {
        for value in accepted.as_array().unwrap() {
            assert_eq!(set(root, short, value.clone()), "", "{short} refuses {value}");
        }
        for value in refused.as_array().unwrap() {
            assert_ne!(set(root, short, value.clone()), "", "{short} accepts {value}");
        }
    }
    assert_eq!(
        set("m2m:ae", "lbl", json!(["a", ""])),
        "attribute 'lbl[1]' has to be a string of 1 to 255 bytes without line breaks and without spaces at its ends"
    );
}

/// Sets one attribute to each value and compares what UPDATE says.
fn compare(root: &str, short: &str, cases: &[(Value, &str)]) {
    for (value, expected) in cases {
        assert_eq!(set(root, short, value.clone()), *expected, "{short} {value}");
    }
}

#[test]
fn access_control_rules() {
    let rule = |member: &str, value: Value| json!({"acr": [{"acor": ["all"], "acop": 63, member: value}]});
    let contexts = json!([{
        "actw": ["* * 8-18 * * 1-5 *"],
        "acip": {"ipv4": ["10.0.0.0/8"], "ipv6": ["::1"]},
        "aclr": {"accc": ["KR"], "accr": [52.5, 13.4, 100]},
    }]);
    let wrong_address = rule("acco", json!([{"acip": {"ipv4": ["10.0.0.300"]}}]));
    let cases = [
        (json!({}), ""),
        (json!({"acr": []}), ""),
        (json!([]), "attribute 'pv' has to be an object"),
        (json!({"acr": [{"acop": 1}]}), "attribute 'pv.acr[0]' has to have the member 'acor'"),
        (rule("acor", json!([])), "attribute 'pv.acr[0].acor' has to have 1 or more elements"),
        (rule("acop", json!(64)), "attribute 'pv.acr[0].acop' has to be a whole number from 0 to 63"),
        (rule("xyz", json!(1)), "attribute 'pv.acr[0]' has no member 'xyz'"),
        (rule("acaf", json!(true)), ""),
        (rule("acco", contexts), ""),
        (
            wrong_address,
            "attribute 'pv.acr[0].acco[0].acip.ipv4[0]' has to be an ipv4 address, with or without a prefix length",
        ),
        (
            rule("acco", json!([{"aclr": {"accr": [1, 2]}}])),
            "attribute 'pv.acr[0].acco[0].aclr.accr' has to have 3 or more elements",
        ),
        (rule("acod", json!([{"ty": 3, "chty": [4], "spty": "org.onem2m.x"}])), ""),
    ];
    compare("m2m:acp", "pv", &cases);
    compare("m2m:acp", "pvs", &[(json!({"acr": []}), "attribute 'pvs.acr' has to have 1 or more elements")]);
}

#[test]
fn notification_policies() {
    let cases = [
        (json!({"net": [1, 3, 8], "om": [{"ops": 5, "or": "Cae"}], "atr": ["mni"], "chty": [4]}), ""),
        (json!({"net": 3}), "attribute 'enc.net' has to be an array"),
        (json!({"net": [9]}), "attribute 'enc.net[0]' has to be one of the numbers 1..8"),
        (json!({"md": {"num": 1}}), "attribute 'enc.md' has to have the member 'dur'"),
    ];
    compare("m2m:sub", "enc", &cases);
    let cases = [
        (json!({"num": 5}), ""),
        (json!({"num": 5, "dur": "x"}), "attribute 'bn.dur' has to be a duration such as PT1M30S"),
    ];
    compare("m2m:sub", "bn", &cases);
    compare("m2m:sub", "rl", &[(json!({"mnn": 5, "tww": "PT1M"}), "")]);
}

#[test]
fn other_complex_types() {
    let cases = [
        (json!({"typ": 1, "crd": "[52.5, 13.4]"}), ""),
        (json!({"typ": 7, "crd": "[52.5, 13.4]"}), "attribute 'loc.typ' has to be one of the numbers 1..6"),
        (
            json!({"typ": 1, "crd": [52.5, 13.4]}),
            "attribute 'loc.crd' has to be a string with a json array of numbers or of arrays",
        ),
    ];
    compare("m2m:cnt", "loc", &cases);
    compare("m2m:fwr", "uds", &[(json!({"acn": "fwr1", "sus": 1}), "")]);
    let cases = [
        (json!([{"nm": "d", "typ": 1013, "val": "cse/d"}]), ""),
        (json!({"nm": "d"}), "attribute 'cmlk' has to be an array"),
    ];
    compare("m2m:cmp", "cmlk", &cases);
}

#[test]
fn groups_and_schedules() {
    compare("m2m:grp", "mid", &[(json!([]), ""), (json!("cnt1"), "attribute 'mid' has to be an array")]);
    let cases = [
        (json!({"sce": ["* 0-5 2,6,10 * * * *"]}), ""),
        (json!({"sce": []}), "attribute 'se.sce' has to have 1 or more elements"),
        (json!([{"sce": ["* * * * * * *"]}]), "attribute 'se' has to be an object"),
    ];
    compare("m2m:sch", "se", &cases);
    compare(
        "m2m:lcp",
        "lou",
        &[(json!(["PT10M", "PT1H"]), ""), (json!("PT10M"), "attribute 'lou' has to be an array")],
    );
    compare(
        "m2m:smd",
        "dcrp",
        &[(json!(7), ""), (json!(8), "attribute 'dcrp' has to be one of the numbers 1..7")],
    );
    compare(
        "m2m:smd",
        "dsp",
        &[(json!("QQ=="), ""), (json!("<rdf>"), "attribute 'dsp' has to be base64 with padding")],
    );
}

#[test]
fn conditions_and_actions() {
    let criteria = |name: &str, value: Value| {
        let mut criteria = object(json!({"optr": 3, "sbjt": "mni", "thld": 5}));
        criteria.insert(name.to_owned(), value);
        Value::Object(criteria)
    };
    let cases = [
        (criteria("thld", json!("21.5")), ""),
        (criteria("optr", json!(7)), "attribute 'evc.optr' has to be one of the numbers 1..6"),
        (json!({"optr": 1, "sbjt": "mni"}), "attribute 'evc' has to have the member 'thld'"),
        (criteria("xyz", json!(1)), "attribute 'evc' has no member 'xyz'"),
    ];
    compare("m2m:actr", "evc", &cases);
    compare("m2m:depr", "evc", &cases);
    compare(
        "m2m:actr",
        "evm",
        &[(json!(0), ""), (json!(4), "attribute 'evm' has to be one of the numbers 0..3")],
    );
    let cases = [
        (
            json!({"op": 3, "to": "cnt1", "fr": "Cme", "rqi": "1", "rvi": "4", "pc": {"m2m:cnt": {}}, "rt": {"rtv": 3}}),
            "",
        ),
        (json!({"op": 6, "to": "cnt1", "rqi": "1"}), "attribute 'apv.op' has to be one of the numbers 1..5"),
        (json!({"op": 2, "rqi": "1"}), "attribute 'apv' has to have the member 'to'"),
        (
            json!({"op": 2, "to": "cnt1", "rqi": "1", "fc": {"lim": -1}}),
            "attribute 'apv.fc.lim' has to be a whole number from 0",
        ),
    ];
    compare("m2m:actr", "apv", &cases);
    let condition = json!({"sri": "cnt1", "evc": criteria("optr", json!(1))});
    compare(
        "m2m:prmr",
        "atcos",
        &[(json!([condition]), ""), (condition, "attribute 'atcos' has to be an array")],
    );
    compare(
        "m2m:prmr",
        "prct",
        &[(json!(4), ""), (json!(0), "attribute 'prct' has to be one of the numbers 1..4")],
    );
    let transition = json!({"sri": "cnt1", "evc": criteria("optr", json!(1))});
    compare(
        "m2m:stte",
        "sttrs",
        &[(json!([transition]), "attribute 'sttrs[0]' has to have the member 'nxst'"), (json!([]), "")],
    );
}

#[test]
fn deletion_rules_are_one_object() {
    let rules = json!({"dr": {"tod": ["* * 0-5 * * * *"], "lr": [{"accc": ["KR"]}]}});
    let check = |content: &Value| table("m2m:pdr").check_create(&object(content.clone()), super::Release::R3);
    assert!(check(&rules).is_ok());
    assert!(check(&json!({"dr": [rules]})).is_err());
}

#[test]
fn sets_of_criteria_have_a_member() {
    let base = |encs: Value| {
        let content = json!({"rrat": ["cnt1"], "twt": 1, "tws": "PT1M", "nu": ["Cme"], "encs": encs});
        table("m2m:crs")
            .check_create(&object(content), super::Release::R3)
            .map_or_else(|failure| failure.debug, |()| "".into())
    };
    assert_eq!(base(json!({"encn": [{"net": [1]}]})), "");
    assert_eq!(base(json!({"enc": [{"net": [1]}]})), "");
    assert_eq!(base(json!([{"net": [1]}])), "attribute 'encs' has to be an object");
    assert_eq!(
        base(json!({"encn": [{"net": [9]}]})),
        "attribute 'encs.encn[0].net[0]' has to be one of the numbers 1..8"
    );
}

#[test]
fn values_on_creation() {
    let check = |content: Value| {
        table("m2m:cin")
            .check_create(&object(content), super::Release::R3)
            .map_or_else(|failure| failure.debug, |()| "".into())
    };
    assert_eq!(
        check(json!({"con": "", "rn": "a/b"})),
        "attribute 'rn' has to be a resource name of letters, digits, '-', '.', '_' and '~'"
    );
    assert_eq!(check(json!({"con": 1, "dgt": 5000})), "");
    assert_eq!(check(json!({"con": [], "conr": {"urir": [{"nm": "a", "uri": "cnt1"}]}})), "");
    assert_eq!(
        check(json!({"con": 1, "cnf": "text"})),
        "attribute 'cnf' has to be a media type, optionally followed by ':' and an encoding of 0..2"
    );
}
