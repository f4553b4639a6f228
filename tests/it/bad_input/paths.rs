//! Paths that lead nowhere, or somewhere else than they seem to.

use dyad_tests::{Operation, Request};

use super::{Case, all_refused};

fn at(path: &str) -> Request {
    Request { line: Some(("GET".into(), path.to_owned())), ..Request::retrieve("") }
}

#[test]
fn paths() {
    let long = format!("/cse-in/{}", "x".repeat(256));
    let longest = format!("/cse-in{}", "/x".repeat(3_000));
    let many = format!("/cse-in{}", "/x".repeat(65));
    let cases: Vec<Case> = [
        ("nowhere", "/cse-in/nothing", 4004),
        ("unknown identifier", "/cnt999999", 4004),
        ("identifier of another type", "/cin1", 4004),
        ("identifier that overflows", "/cnt99999999999999999999999", 4004),
        ("identifier with zeros", "/cnt0000000000000000003", 4004),
        ("another CSE", "/~/id-other/cse-in", 4004),
        ("another provider", "/_/other.example/id-in/cse-in", 4004),
        ("nothing", "/", 4000),
        ("nothing twice", "//", 4000),
        ("two slashes", "/cse-in//ae", 4000),
        ("two trailing slashes", "/cse-in//", 4000),
        ("upwards", "/cse-in/../cse-in", 4000),
        ("upwards out", "/../../../../etc/passwd", 4000),
        ("upwards in disguise", "/cse-in/%2e%2e/cse-in", 4000),
        ("the same", "/cse-in/./ae", 4000),
        ("slash in disguise", "/cse-in%2Fae", 4000),
        ("null byte", "/cse-in%00", 4000),
        ("null byte before", "/%00cse-in", 4000),
        ("no UTF-8", "/cse-in/%ff", 4000),
        ("overlong UTF-8", "/cse-in/%c0%ae%c0%ae", 4000),
        ("escaped twice", "/cse-in%252Fae", 4000),
        ("half an escape", "/cse-in/%4", 4000),
        ("no escape", "/cse-in/%zz", 4000),
        ("line break", "/cse-in/%0d%0aX-M2M-RSC:%202000", 4000),
        ("backslash", "/cse-in%5Cae", 4000),
        ("semicolon", "/cse-in;x=1/ae", 4000),
        ("wildcard", "/cse-in/*", 4000),
        ("wildcard of the database", "/cse-in/%25", 4000),
        ("quote", "/cse-in/'%20OR%20'1'='1", 4000),
        ("hash in disguise", "/cse-in/ae%23api", 4000),
        ("long segment", &long, 4000),
        ("too many segments", &many, 4000),
        ("long path", &longest, 4000),
        ("latest of no container", "/cse-in/ae/la", 4004),
        ("virtual below virtual", "/cse-in/ae/c/la/ol", 4004),
        ("below an instance", "/cse-in/ae/c/i/la", 4004),
        ("CSE-ID of nobody", "/~", 4000),
        ("provider of nobody", "/_/", 4000),
    ]
    .into_iter()
    .map(|(name, path, rsc)| (name, at(path), rsc))
    .collect();
    all_refused(cases);
}

#[test]
fn what_is_not_escaped_on_the_wire() {
    let with = |method: &str, path: &str| Request {
        line: Some((method.into(), path.into())),
        ..Request::retrieve("")
    };
    let cases: Vec<Case> = vec![
        ("unknown method", with("PATCH", "/cse-in/ae"), 4005),
        ("HEAD", with("OPTIONS", "/cse-in/ae"), 4005),
        ("made up method", with("FETCH", "/cse-in/ae"), 4005),
        ("trace", with("TRACE", "/cse-in/ae"), 4005),
        (
            "long address of an attribute",
            Request {
                fields: vec![("atrl".into(), "x".repeat(3_000))],
                ..Request::new(Operation::Retrieve, "cse-in/ae")
            },
            4000,
        ),
    ];
    all_refused(cases);
}
