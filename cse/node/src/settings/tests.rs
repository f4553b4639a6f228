//! Settings as a whole: precedence, problems, warnings.

use super::problem::Problems;
use super::{CseType, Durability, Settings, Sources, Table};
use dyad_core::settings::{Kind, Setting, Value};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A file that lives as long as the test.
fn file(name: &str, text: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("dyad-settings-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

fn sources(file: Option<PathBuf>, environment: &[(&str, &str)], set: &[&str]) -> Sources {
    let environment =
        environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    Sources { file, environment, set: set.iter().map(|text| (*text).to_owned()).collect() }
}

fn load(sources: &Sources) -> Result<Settings, Problems> {
    Settings::load(sources, &Table::new(&dyad_plugins::all()).unwrap())
}

fn problems(sources: &Sources) -> String {
    load(sources).unwrap_err().to_string()
}

#[test]
fn defaults_fill_every_field() {
    let settings = load(&Sources::default()).unwrap();
    assert_eq!(settings.cse.kind, CseType::In);
    assert_eq!(settings.cse.supported_releases, ["1", "2", "2a", "3", "4", "5"]);
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.http.max_body, 1 << 20);
    assert_eq!(settings.store.durability, Durability::Full);
    assert_eq!(settings.container.default_max_nr_of_instances, None);
    assert_eq!(settings.schemas.directory, None);
    assert!(settings.http.workers >= 1 && settings.store.readers == 2 * settings.http.workers);
}

#[test]
fn later_sources_win() {
    let text = "[cse]\nname = \"file\"\nid = \"/file\"\nadmin = \"Cfile\"\n[http]\nkeep_alive = 0\n[store]\nreaders = 0x10\n";
    let environment = [("DYAD_CSE__ID", "/env"), ("DYAD_CSE__ADMIN", "Cenv")];
    let set = ["cse.admin=Cset1", "cse.admin=Cset2", "request.timeout=2min"];
    let settings = load(&sources(Some(file("order", text)), &environment, &set)).unwrap();
    assert_eq!(settings.cse.name, "file");
    assert_eq!(settings.cse.id, "/env");
    assert_eq!(settings.cse.admin, "Cset2");
    assert_eq!(settings.http.keep_alive, None);
    assert_eq!(settings.store.readers, 16);
    assert_eq!(settings.request.timeout, Duration::from_secs(120));
}

#[test]
fn lists_and_numbers_of_a_file() {
    let text = "cse.supported_releases = [3, \"2a\"]\nhttp = { cors = [\"*\"], max_body = \"64kB\" }\n";
    let settings = load(&sources(Some(file("lists", text)), &[], &[])).unwrap();
    assert_eq!(settings.cse.supported_releases, ["3", "2a"]);
    assert_eq!(settings.http.cors, ["*"]);
    assert_eq!(settings.http.max_body, 64_000);
}

#[test]
fn every_problem_is_listed_with_its_place_and_remedy() {
    let path = file(
        "wrong",
        "[http]\nlistn = \"x\"\nmax_body = \"huge\"\n\n[htp]\n[cse]\ntype = \"XN\"\n[log.level]\na = 1\n",
    );
    let place = path.display().to_string();
    let environment = [("DYAD_STORE__URI", "sqlite:x"), ("DYAD_STORE__URL", "postgresql//u:p")];
    let text =
        problems(&sources(Some(path), &environment, &["cse.name=a/b", "nonsense", "http.lenient=maybe"]));
    let expected = [
        format!("{place}:2: there is no setting http.listn; did you mean http.listen?"),
        format!("{place}:3: http.max_body cannot be \"huge\"; allowed: a size from 1kB to 1GiB"),
        format!("{place}:5: there is no setting htp;"),
        format!("{place}:7: cse.type cannot be \"XN\"; allowed: IN, MN, ASN"),
        format!("{place}:8: log.level cannot be a table or nested list; allowed: off, error"),
        "environment DYAD_STORE__URI: there is no setting store.uri; did you mean DYAD_STORE__URL?"
            .to_owned(),
        "environment DYAD_STORE__URL: store.url cannot be \"postgresql//u:p\"; allowed: sqlite:PATH"
            .to_owned(),
        "--set cse.name: cse.name cannot be \"a/b\"; allowed: letters".to_owned(),
        "--set nonsense: there is no value".to_owned(),
    ];
    for line in &expected {
        assert!(text.contains(line.as_str()), "missing: {line}\nin: {text}");
    }
    assert!(text.starts_with("the settings have 10 problems:"), "{text}");
    assert!(
        text.contains("--set http.lenient: http.lenient cannot be \"maybe\"; allowed: true, false"),
        "{text}"
    );
}

#[test]
fn files_that_cannot_be_read() {
    let text = problems(&sources(Some(PathBuf::from("/nowhere/dyad.toml")), &[], &["cse.type=XN"]));
    assert!(text.contains("/nowhere/dyad.toml: cannot be read") && text.contains("cse.type"), "{text}");
    let path = file("syntax", "[http]\nlisten = 127.0.0.1:8080\n");
    let text = problems(&sources(Some(path.clone()), &[], &[]));
    assert!(text.contains(&format!("{}:2: this is not TOML", path.display())), "{text}");
}

#[test]
fn variables_of_other_tools_are_ignored() {
    let others = [
        "DYAD_TEST",
        "DYAD_TEST_STORE",
        "DYAD_TEST__X",
        "DYAD_TESTS__X",
        "DYAD_REFERENCE",
        "DYAD_DATA",
        "DYAD__X",
        "PATH__X",
    ];
    let environment: Vec<_> = others.iter().map(|name| (*name, "x")).collect();
    let settings = load(&sources(None, &environment, &[])).unwrap();
    assert_eq!(settings.cse.name, "cse-in");
    let settings = load(&sources(None, &[("DYAD_TESTING__ENABLED", "true")], &[])).unwrap();
    assert!(settings.testing.enabled);
    let settings = load(&sources(None, &[("DYAD_HTTP_LISTEN", "x")], &[])).unwrap();
    assert!(
        settings.warnings().iter().any(|line| line.contains("DYAD_HTTP__LISTEN")),
        "{:?}",
        settings.warnings()
    );
}

#[test]
fn settings_that_do_not_go_together() {
    let cases: [(&[&str], &str); 5] = [
        (
            &["testing.enabled=true", "http.listen=0.0.0.0:8080"],
            "--set testing.enabled: testing.enabled = true lets",
        ),
        (&["cse.name=a", "cse.id=/a"], "--set cse.name: cse.name and cse.id must differ"),
        (&["cse.id=/cse-in"], "--set cse.id: cse.name and cse.id must differ"),
        (&["cse.max_expiration=1y"], "--set cse.max_expiration: cse.default_expiration is longer"),
        (&["notification.retry_first=1h"], "notification.retry_first is longer"),
    ];
    for (set, expected) in cases {
        let text = problems(&sources(None, &[], set));
        assert!(text.contains(expected), "{set:?}: {text}");
    }
    let text = problems(&sources(None, &[], &["testing.enabled=true", "http.listen=everywhere"]));
    assert!(text.contains("a problem:"), "one wrong value is one problem: {text}");
}

#[test]
fn warnings_name_what_is_unsafe() {
    let warned = |set: &[&str]| {
        let settings = load(&sources(None, &[], set)).unwrap();
        let keys: Vec<String> = settings
            .warnings()
            .iter()
            .filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()))
            .collect();
        keys.join(" ")
    };
    assert_eq!(warned(&[]), "cse.sp_id cse.admin registration.allowed_originators");
    let safe = ["cse.sp_id=//sp.example", "cse.admin=Cx81", "registration.allowed_originators=Cmeter-*"];
    assert_eq!(warned(&safe), "");
    let with = |more: &str| {
        let mut set = safe.to_vec();
        set.push(more);
        warned(&set)
    };
    assert_eq!(with("http.listen=0.0.0.0:80"), "http.listen");
    assert_eq!(with("http.listen=[::]:80"), "http.listen");
    assert_eq!(with("http.listen=[::1]:80"), "");
    assert_eq!(with("http.cors=*"), "http.cors");
    assert_eq!(with("store.durability=normal"), "store.durability");
    assert_eq!(with("testing.enabled=true"), "testing.enabled");
}

#[test]
fn passwords_are_not_shown() {
    let settings = load(&sources(None, &[], &["store.url=postgres://dyad:secret@db/dyad"])).unwrap();
    let text = super::overview(&settings);
    assert!(text.contains("now \"postgres://dyad:***@db/dyad\"  (--set store.url)"), "{text}");
    assert!(!text.contains("secret"));
    assert_eq!(settings.store.url, "postgres://dyad:secret@db/dyad");
}

/// A function that declares a setting.
struct Counting;

impl dyad_core::ServiceFunction for Counting {
    fn name(&self) -> &'static str {
        "slow-count"
    }

    fn settings(&self) -> &[Setting] {
        const MOST: Setting =
            Setting::new("most", "7", Kind::Count(1, 9), "Most that is counted.").at_most("end");
        const END: Setting = Setting::new("end", "9", Kind::Count(1, 9), "Where counting ends.")
            .unsafe_if(|value| *value == Value::Number(1), "nothing is counted");
        &[MOST, END]
    }
}

#[test]
fn functions_have_a_section_of_their_own() {
    let table = Table::new(&[Arc::new(Counting)]).unwrap();
    let most = |sources: &Sources| {
        let own = Settings::load(sources, &table).unwrap().functions.own;
        own.get("slow-count.most").cloned().unwrap()
    };
    assert_eq!(most(&Sources::default()), Value::Number(7));
    let path = file("function", "[slow-count]\nmost = 8\n");
    assert_eq!(most(&sources(Some(path), &[], &[])), Value::Number(8));
    assert_eq!(most(&sources(None, &[("DYAD_SLOW_COUNT__MOST", "6")], &[])), Value::Number(6));
    assert_eq!(most(&sources(None, &[], &["slow-count.most=9"])), Value::Number(9));
    for (set, expected) in [
        ("slow-count.most=10", "slow-count.most cannot be \"10\"; allowed: a whole number from 1 to 9"),
        ("slow-count.end=6", "slow-count.most is more than slow-count.end; lower the one or raise the other"),
        ("slow-count.mots=1", "there is no setting slow-count.mots; did you mean slow-count.most?"),
    ] {
        let text = Settings::load(&sources(None, &[], &[set]), &table).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
    let settings = Settings::load(&Sources::default(), &table).unwrap();
    let text = super::overview(&settings);
    assert!(
        text.contains("[slow-count]  The service function slow-count.\n  slow-count.most = 7\n"),
        "{text}"
    );
    let uncounted = sources(None, &[], &["slow-count.most=1", "slow-count.end=1"]);
    let warnings = Settings::load(&uncounted, &table).unwrap().warnings();
    assert!(warnings.contains(&"slow-count.end = 1: nothing is counted".to_owned()), "{warnings:?}");
    assert!(Table::new(&[Arc::new(Counting), Arc::new(Counting)]).is_err());
}
