//! Who may do what: every kind of originator against every situation of a resource, as a golden file.
//!
//! `DYAD_BLESS=1 cargo test -p dyad-tests access_matrix` writes the file anew. A change in it is a change of access
//! control and has to be meant.

mod situations;

use std::fmt::Write as _;

use dyad_tests::{Client, Request, Store, Subject, variable, workspace};
use serde_json::{Value, json};

use self::situations::{Kind, Situation, situations};

const GOLDEN: &str = "tests/it/golden/access_matrix.txt";

/// Who asks. All but the stranger are registered; the owner has made the resources.
const ORIGINATORS: [&str; 6] = ["admin", "owner", "granted", "custodian", "other", "stranger"];

#[test]
fn the_access_matrix_is_the_golden_one() {
    let subject = Subject::shared(Store::Memory);
    let world = World { client: subject.client(), prefix: "Cmatrix" };
    world.register();
    let columns = ["retrieve", "discover", "create", "update", "acpi", "delete"];
    let mut table = format!(
        "{:34}{:12}{}\n",
        "resource",
        "originator",
        columns.map(|column| format!("{column:10}")).concat().trim_end()
    );
    for (number, situation) in situations().iter().enumerate() {
        for originator in ORIGINATORS {
            let cells = world.row(number, situation, originator).map(|cell| format!("{cell:10}")).concat();
            let _ = writeln!(table, "{:34}{originator:12}{}", situation.name, cells.trim_end());
        }
    }
    let path = workspace().join(GOLDEN);
    if variable("DYAD_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differing: Vec<String> = table
        .lines()
        .filter(|line| !golden.lines().any(|expected| expected == *line))
        .map(|line| format!("  {line}"))
        .collect();
    assert!(
        golden == table,
        "access control differs from {GOLDEN} (DYAD_BLESS=1 writes it anew):\n{}",
        differing.join("\n")
    );
}

/// The AEs, and what is made for one row.
struct World {
    client: Client,
    prefix: &'static str,
}

/// Where a row's resource is and how it is written to.
struct Target {
    address: String,
    root: &'static str,
    label: String,
    policies: Value,
}

impl World {
    fn id(&self, originator: &str) -> String {
        if originator == "admin" { "CAdmin".into() } else { format!("{}{originator}", self.prefix) }
    }

    fn register(&self) {
        for originator in
            ORIGINATORS.iter().filter(|originator| !matches!(**originator, "admin" | "stranger"))
        {
            let id = self.id(originator);
            let ae = json!({ "m2m:ae": { "rn": id, "api": "N.test", "rr": false, "srv": ["3"] } });
            let _ = self.client.send(&Request::create("cse-in", 2, ae).from(&id)).expect(2001);
        }
    }

    /// Replaces `${granted}` and `${custodian}` by their identifiers.
    fn fill(&self, value: &Value) -> Value {
        let text = value.to_string();
        let text =
            text.replace("${granted}", &self.id("granted")).replace("${custodian}", &self.id("custodian"));
        serde_json::from_str(&text).unwrap()
    }

    fn make(&self, parent: &str, ty: u64, root: &str, attributes: Value) -> String {
        let owner = self.id("owner");
        let mut request = Request::create(parent, ty, json!({ root: attributes })).from(&owner);
        request.release = Some("4".into());
        let answer = self.client.send(&request).expect(2001);
        answer.text(&format!("/{root}/ri"))
    }

    /// Makes the resource of a row, and what governs it.
    fn prepare(&self, situation: &Situation, label: String) -> Target {
        let owner = self.id("owner");
        let rules = json!([{ "acor": [owner], "acop": 63 }]);
        let policies = situation.rules.as_ref().map(|rights| {
            let policy =
                json!({ "pv": { "acr": self.fill(rights) }, "pvs": { "acr": rules }, "lbl": [label] });
            self.make(&owner, 1, "m2m:acp", policy)
        });
        let mut attributes = self.fill(&situation.attributes);
        attributes["lbl"] = json!([label]);
        if let Some(policy) = &policies {
            attributes["acpi"] = json!([policy]);
        }
        let container = |own_label: bool| {
            let mut attributes = attributes.clone();
            if !own_label {
                attributes.as_object_mut().unwrap().remove("lbl");
            }
            self.make(&owner, 3, "m2m:cnt", attributes)
        };
        let inside = |parent: &str| self.make(parent, 4, "m2m:cin", json!({ "con": "x", "lbl": [label] }));
        // Children of a container that does not admit its owner are made before it gets its policy.
        let filled = |ty: u64, root: &str, child: Value| {
            let container = self.make(&owner, 3, "m2m:cnt", json!({}));
            let made = self.make(&container, ty, root, child);
            let mut change = attributes.clone();
            change.as_object_mut().unwrap().remove("lbl");
            for (name, value) in change.as_object().unwrap() {
                let update = json!({ "m2m:cnt": { name.as_str(): value } });
                let _ = self.client.send(&Request::update(&container, update)).expect(2004);
            }
            (container, made)
        };
        let child = json!({ "con": "x", "lbl": [label] });
        let (address, root) = match situation.kind {
            Kind::CseBase => ("cse-in".into(), "m2m:cb"),
            Kind::Ae => (self.ae(&label, &attributes), "m2m:ae"),
            Kind::Container => (container(true), "m2m:cnt"),
            Kind::Child => (filled(3, "m2m:cnt", json!({ "lbl": [label] })).1, "m2m:cnt"),
            Kind::Instance if situation.rules.is_none() => (inside(&container(false)), "m2m:cin"),
            Kind::Instance => (filled(4, "m2m:cin", child).1, "m2m:cin"),
            Kind::Latest => (format!("{}/la", filled(4, "m2m:cin", child).0), "m2m:cin"),
            Kind::Policy => (policies.clone().unwrap(), "m2m:acp"),
            Kind::Subscription => {
                attributes["nu"] = json!([owner]);
                (self.make(&owner, 23, "m2m:sub", attributes), "m2m:sub")
            }
            Kind::FlexContainer => {
                attributes["cnd"] = json!("org.onem2m.common.moduleclass.binarySwitch");
                attributes["state"] = json!(true);
                (self.make(&owner, 28, "cod:binSh", attributes), "cod:binSh")
            }
            Kind::Node => {
                attributes["ni"] = json!(label);
                (self.make("cse-in", 14, "m2m:nod", attributes), "m2m:nod")
            }
        };
        // What is its own stays as it is: the delete behind it is to be judged by the same policies.
        let policies =
            policies.filter(|_| situation.kind != Kind::Child).map_or(Value::Null, |policy| json!([policy]));
        Target { address, root, label, policies }
    }

    /// An AE of its own for the row, which the owner has made in the eyes of access control: it asks as that AE.
    fn ae(&self, label: &str, attributes: &Value) -> String {
        let id = format!("{}{label}", self.prefix);
        let mut ae = json!({ "rn": id, "api": "N.test", "rr": false, "srv": ["3"] });
        ae.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        let request = Request::create("cse-in", 2, json!({ "m2m:ae": ae })).from(&id);
        let _ = self.client.send(&request).expect(2001);
        id
    }

    /// The outcome of each operation, the destructive one last.
    fn row(&self, number: usize, situation: &Situation, originator: &str) -> [String; 6] {
        let target = self.prepare(situation, format!("row{number}{originator}"));
        // An AE is its own owner.
        let id = match (situation.kind, originator) {
            (Kind::Ae, "owner") => target.address.clone(),
            _ => self.id(originator),
        };
        let rsc = |request: Request| self.client.send(&request.from(&id)).rsc.to_string();
        let (to, root) = (target.address.as_str(), target.root);
        let found = Request::retrieve("cse-in").with("fu", 1).with("lbl", &target.label).from(&id);
        let found = self.client.send(&found);
        let is_found = |ty: u64| {
            let names = found.body["m2m:uril"].as_array().cloned().unwrap_or_default();
            let policies = usize::from(situation.rules.is_some());
            // The policy bears the label too, and is the owner's and the administrator's to find.
            let is_policy = ty == 1;
            let others = if matches!(originator, "admin" | "owner") && !is_policy { policies } else { 0 };
            if names.len() > others { "found" } else { "hidden" }
        };
        let discovered = match situation.kind {
            Kind::CseBase => "-",
            Kind::Policy => is_found(1),
            _ => is_found(0),
        };
        let child = match situation.kind {
            Kind::Instance | Kind::Latest | Kind::Subscription => None,
            Kind::Policy | Kind::Node => Some((23, json!({ "m2m:sub": { "nu": [id] } }))),
            _ => Some((3, json!({ "m2m:cnt": {} }))),
        };
        [
            rsc(Request::retrieve(to)),
            discovered.to_owned(),
            child.map_or_else(|| "-".to_owned(), |(ty, content)| rsc(Request::create(to, ty, content))),
            rsc(Request::update(to, json!({ root: { "lbl": [target.label] } }))),
            rsc(Request::update(to, json!({ root: { "acpi": target.policies } }))),
            rsc(Request::delete(to)),
        ]
    }
}
