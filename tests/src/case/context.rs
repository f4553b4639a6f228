//! What a case has while it runs: its variables, its client, its sink.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Case;
use super::step::SinkSays;
use crate::{Client, Reply, Request, Sink, Subject};

pub(super) struct Context<'a> {
    pub(super) subject: &'a Subject,
    pub(super) client: &'a Client,
    pub(super) variables: Map<String, Value>,
    pub(super) sink: Option<Sink>,
    /// Notifications and verification requests that steps have looked at already.
    pub(super) seen_events: usize,
    pub(super) seen_verifications: usize,
    /// What the case has shown to work so far.
    pub(super) covered: BTreeSet<String>,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

impl<'a> Context<'a> {
    /// The variables that every case has, and its own.
    pub(super) fn new(case: &Case, subject: &'a Subject, client: &'a Client) -> Self {
        // Also unlike those of earlier runs against a CSE that remembers them.
        let moment = crate::moment::from_now(0);
        let id = format!("{}{}", &moment[9..], NUMBER.fetch_add(1, Ordering::Relaxed));
        let uses_sink = case.setup.iter().chain(&case.steps).any(|step| step.to_string().contains("${sink}"))
            || Value::from(case.variables.clone()).to_string().contains("${sink}");
        let sink = uses_sink.then(Sink::new);
        let mut variables = json!({
            "id": id,
            "start": crate::moment::now(),
            "cse": subject.name,
            "csi": subject.cse_id,
            "cse_ri": subject.cse_id.trim_start_matches('/'),
            "sp": subject.sp_id,
            "admin": subject.admin,
            "me": format!("C{id}"),
            "home": format!("{}/ae{id}", subject.name),
            "other": format!("C{id}other"),
            "other_home": format!("{}/other{id}", subject.name),
            "stranger": format!("C{id}stranger"),
            "sink": sink.as_ref().map(Sink::url),
        });
        let all = variables.as_object_mut().map(std::mem::take);
        let mut variables = all.unwrap_or_default();
        variables.extend(case.variables.clone());
        Self {
            subject,
            client,
            variables,
            sink,
            seen_events: 0,
            seen_verifications: 0,
            covered: BTreeSet::new(),
        }
    }

    pub(super) fn variable(&self, name: &str) -> String {
        self.variables.get(name).map(super::step::text).unwrap_or_default()
    }

    /// What a word in `setup` stands for.
    pub(super) fn prepare(&mut self, word: &str) -> Result<(), String> {
        let (me, id) = (self.variable("me"), self.variable("id"));
        let ae = |name: String| json!({ "m2m:ae": { "rn": name, "api": "N.test", "rr": true, "srv": ["2a", "3", "4"] } });
        match word {
            "ae" => self.register(&me, ae(format!("ae{id}"))),
            "other" => self.register(&self.variable("other"), ae(format!("other{id}"))),
            "cnt" => {
                let home = self.variable("home");
                let request = Request::create(&home, 3, json!({ "m2m:cnt": { "rn": "cnt" } })).from(&me);
                let answer = self.client.try_send(&request).map_err(|error| error.to_string())?;
                let ri = answer.body.pointer("/m2m:cnt/ri").cloned();
                self.variables.insert("cnt".into(), format!("{home}/cnt").into());
                self.variables
                    .insert("cnt_ri".into(), ri.ok_or_else(|| format!("the container: {answer:?}"))?);
                Ok(())
            }
            _ => Err(format!("no setup has the name {word}")),
        }
    }

    fn register(&self, originator: &str, content: Value) -> Result<(), String> {
        let request = Request::create(&self.subject.name, 2, content).from(originator);
        let answer = self.client.try_send(&request).map_err(|error| error.to_string())?;
        if answer.rsc == 2001 { Ok(()) } else { Err(format!("{originator} cannot register: {answer:?}")) }
    }

    /// Removes what the case has made below its AEs.
    pub(super) fn clean_up(&self) {
        for home in ["home", "other_home"] {
            let request = Request::delete(&self.variable(home)).from(&self.subject.admin);
            let _ = self.client.try_send(&request);
        }
    }

    pub(super) fn tell_sink(&mut self, says: &SinkSays) -> Result<(), String> {
        let sink = self.sink.as_mut().ok_or("the case has no ${sink}")?;
        if says.dead {
            sink.die();
            return Ok(());
        }
        if sink.is_dead() {
            sink.revive();
        }
        let http =
            says.http.unwrap_or_else(|| says.rsc.map_or(200, |rsc| super::run::http_status(u64::from(rsc))));
        sink.answer(Reply {
            http,
            rsc: says.rsc.or(Some(2000)),
            after: Duration::from_secs_f64(says.after),
            content: says.content.clone(),
        });
        Ok(())
    }
}
