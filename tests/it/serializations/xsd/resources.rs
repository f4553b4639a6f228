//! Resources of the types of release 2 that a node can be asked to create.

use serde_json::{Value, json};

/// Resources of the types of release 2, in the order of their making: parent, type, content. `target`: of notifications.
pub(super) fn resources(target: &str) -> Vec<(&'static str, u32, Value)> {
    let dsp = "PHJkZjpSREYgeG1sbnM6cmRmPSJodHRwOi8vd3d3LnczLm9yZy8xOTk5LzAyLzIyLXJkZi1zeW50YXgtbnMjIi8+";
    let rule = json!({ "acor": ["CAdmin", "all"], "acop": 63, "acco": [{
        "actw": ["* * * * * * *", "0 0 * * * * *"], "acip": { "ipv4": ["127.0.0.1"] } }] });
    vec![
        (
            "/cse-in",
            1,
            json!({ "m2m:acp": { "rn": "acp", "lbl": ["x"], "pv": { "acr": [rule] }, "pvs": { "acr": [{ "acor": ["CAdmin"], "acop": 63 }] } } }),
        ),
        ("/cse-in", 14, json!({ "m2m:nod": { "rn": "nod", "ni": "urn-n" } })),
        (
            "/cse-in",
            2,
            json!({ "m2m:ae": { "rn": "ae", "api": "Nx", "apn": "a name", "rr": true, "lbl": ["a", "k:v"], "poa": ["http://127.0.0.1:9"], "csz": ["application/xml", "application/json"], "nl": "cse-in/nod" } }),
        ),
        (
            "/cse-in/ae",
            3,
            json!({ "m2m:cnt": { "rn": "cnt", "cr": null, "mni": 10, "mbs": 1000, "mia": 3600, "or": "http://example.com/o", "acpi": ["cse-in/acp"] } }),
        ),
        (
            "/cse-in/ae/cnt",
            4,
            json!({ "m2m:cin": { "rn": "cin", "cnf": "text/plain:0", "con": "<a> & b", "lbl": ["x"], "cr": null } }),
        ),
        ("/cse-in/ae/cnt", 4, json!({ "m2m:cin": { "rn": "number", "con": 1.5 } })),
        (
            "/cse-in/ae/cnt",
            23,
            json!({ "m2m:sub": { "rn": "sub", "cr": null, "nu": [target], "exc": 100, "nct": 1, "pn": 1, "ln": false,
            "enc": { "net": [1, 3], "crb": "20990101T000000", "sza": 0 }, "bn": { "num": 1, "dur": "PT1S" } } }),
        ),
        (
            "/cse-in",
            9,
            json!({ "m2m:grp": { "rn": "grp", "cr": null, "mt": 3, "mnm": 5, "mid": ["cse-in/ae/cnt"], "csy": 1, "gn": "group" } }),
        ),
        (
            "/cse-in/ae",
            29,
            json!({ "m2m:ts": { "rn": "ts", "cr": null, "pei": 1000, "mdd": false, "mni": 5 } }),
        ),
        (
            "/cse-in/ae/ts",
            30,
            json!({ "m2m:tsi": { "rn": "tsi", "dgt": "20260101T000000", "con": "1", "snr": 3 } }),
        ),
        ("/cse-in/ae", 24, json!({ "m2m:smd": { "rn": "smd", "cr": null, "dcrp": 4, "dsp": dsp } })),
        (
            "/cse-in/nod",
            18,
            json!({ "m2m:sch": { "rn": "sch", "se": { "sce": ["* * * * * * *", "0 0 1 1 * * *"] } } }),
        ),
        ("/cse-in", 10, json!({ "m2m:lcp": { "rn": "lcp", "los": 2, "lou": ["PT1M"], "lon": "places" } })),
    ]
}

/// Objects of management, below a node.
pub(super) fn management() -> Vec<(&'static str, u32, Value)> {
    vec![
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:fwr": { "rn": "fwr", "mgd": 1001, "dc": "it", "vr": "1", "fwn": "f", "url": "http://a/b", "ud": false } }),
        ),
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:swr": { "rn": "swr", "mgd": 1002, "vr": "1", "swn": "s", "url": "http://a/b" } }),
        ),
        ("/cse-in/nod", 13, json!({ "m2m:mem": { "rn": "mem", "mgd": 1003, "mma": 10, "mmt": 20 } })),
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:ani": { "rn": "ani", "mgd": 1004, "ant": "x", "ldv": ["a", "b"] } }),
        ),
        ("/cse-in/nod", 13, json!({ "m2m:bat": { "rn": "bat", "mgd": 1006, "btl": 50, "bts": 1 } })),
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:andi": { "rn": "andi", "mgd": 1005, "dvd": "d", "dvt": "t", "awi": "cse-in/nod/ani", "sli": 10, "sld": 5, "ss": "on", "lnh": ["cse-in/x", "cse-in/y"] } }),
        ),
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:dvi": { "rn": "dvi", "mgd": 1007, "dlb": "a:1|b:2", "man": "m", "mod": "n", "dty": "t", "fwv": "1", "swv": "2", "hwv": "3" } }),
        ),
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:dvc": { "rn": "dvc", "mgd": 1008, "can": "camera", "att": true, "cas": { "acn": "x", "sus": 1 }, "cus": true, "ena": true, "dis": false } }),
        ),
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:evl": { "rn": "evl", "mgd": 1010, "lgt": 2, "lgd": "log", "lgst": 1, "lga": false, "lgo": false } }),
        ),
        ("/cse-in/nod", 13, json!({ "m2m:rbo": { "rn": "rbo", "mgd": 1009, "rbo": false, "far": false } })),
    ]
}

/// Objects of management for communication (TS-0004 D.12), below a node.
pub(super) fn communication() -> Vec<(&'static str, u32, Value)> {
    let link = |name: &str, ty: u32| json!({ "nm": name, "typ": ty, "val": format!("cse-in/nod/{name}") });
    let of_default = [link("cmdf", 1013), link("cml", 1016), link("cmnr", 1017), link("cmbf", 1019)];
    let objects = [
        json!({ "m2m:cmp": { "rn": "cmp", "mgd": 1011, "cpn": "policy", "cmlk": of_default } }),
        json!({ "m2m:acmp": { "rn": "acmp", "mgd": 1012, "acmlk": "cse-in/nod/cmp" } }),
        json!({ "m2m:cmdf": { "rn": "cmdf", "mgd": 1013, "cmlk": [link("cmdv", 1014), link("cmpv", 1015)] } }),
        json!({ "m2m:cmdv": { "rn": "cmdv", "mgd": 1014, "od": 1, "dev": 100, "ror": ["Ca", "Cb"], "rct": "x", "rctn": true, "rch": "y" } }),
        json!({ "m2m:cmpv": { "rn": "cmpv", "mgd": 1015, "aec": [0, 2], "dqet": 1, "dset": 2, "doet": 3, "drp": -1, "dda": true } }),
        json!({ "m2m:cml": { "rn": "cml", "mgd": 1016, "od": 1, "ror": ["Ca"], "rct": "x", "rch": "y", "lec": [2, 100],
            "lqet": [1, 2], "lset": [-1, 2], "loet": [1, 2], "lrp": [1, 2], "lda": [false, true] } }),
        json!({ "m2m:cmnr": { "rn": "cmnr", "mgd": 1017, "aecs": [0], "cmlk": [link("cmwr", 1018)] } }),
        json!({ "m2m:cmwr": { "rn": "cmwr", "mgd": 1018, "ttn": ["a"], "mrv": 1, "swt": 2, "bop": { "bops": [{ "nwa": 1, "ibt": 1, "abt": 2, "mbt": 3, "rbt": 4 }] },
            "ohc": ["x"], "cmlk": [link("sch", 0)] } }),
        json!({ "m2m:cmbf": { "rn": "cmbf", "mgd": 1019, "aec": [0, 3], "mbfs": 1000, "sgp": 5 } }),
    ];
    objects.into_iter().map(|object| ("/cse-in/nod", 13, object)).collect()
}
