//! Running all cases, several at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Case, Only, run};
use crate::{Subject, Transport};

/// How it went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many cases ran.
    pub ran: usize,
    /// Cases that do not make sense with this subject or binding.
    pub skipped: Vec<String>,
    /// The names of failing cases with what is wrong.
    pub failed: Vec<(String, String)>,
    /// What was seen to work, and the cases that showed it, without their variants.
    pub covered: BTreeMap<String, BTreeSet<String>>,
}

/// Threads that run cases: they wait for the node most of the time.
const THREADS: usize = 8;

/// Runs the cases, in parallel and in no particular order.
pub fn run_all(cases: &[Case], subject: &Subject, transport: Transport) -> Outcome {
    let is_sensible = |case: &Case| match case.only {
        _ if !case.goes_over(transport) => false,
        Some(Only::Http) => !subject.is_own || subject.is_lenient,
        Some(Only::Dyad) => subject.is_own && subject.is_lenient,
        Some(Only::Strict) => !subject.is_lenient,
        // A strict node of this repository runs for the cases that need one.
        None => !subject.is_own || subject.is_lenient,
    };
    let (sensible, skipped): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| is_sensible(case));
    let (next, failed, covered) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(BTreeMap::new()));
    let client = subject.client_over(transport);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = sensible.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match run::run(case, subject, &client) {
                        Ok(seen) => {
                            let mut covered = covered.lock().unwrap();
                            for what in seen {
                                let cases: &mut BTreeSet<String> = covered.entry(what).or_default();
                                cases.insert(case.file.clone());
                            }
                        }
                        Err(why) => failed.lock().unwrap().push((case.name.clone(), describe(case, &why))),
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    let skipped = skipped.into_iter().map(|case| case.name.clone()).collect();
    Outcome { ran: sensible.len(), skipped, failed, covered: covered.into_inner().unwrap() }
}

fn describe(case: &Case, why: &str) -> String {
    format!("{}: {} ({})\n{why}", case.name, case.description, case.clause)
}
