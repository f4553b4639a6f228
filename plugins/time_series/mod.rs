//! Time series (TS-0001 9.6.36, 9.6.37, 10.2.4.20 to 10.2.4.29; TS-0004 7.4.38, 7.4.39).
//!
//! Responsible for: which attributes of detection go together, and the detection of missing data: when one is expected,
//! whether it came, the list of those that did not, and telling subscriptions. Counting, trimming and telling instances
//! apart by the time of their data is the core's, and so is the timer.

mod progress;
mod rules;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::resource::{Draft, Id, Lookup, Resource, Txn};
use dyad_core::subscription::{self, MissingPoint};
use dyad_core::{Alarms, Change, Facets, Report, ServiceFunction, Stage};
use dyad_protocol::{Failure, Object, Timestamp};
use serde_json::Value;

use progress::{Progress, Rhythm};

const TIME_SERIES: u32 = 29;
const INSTANCE: u32 = 30;

/// Entries of a list of missing data at most, whatever its `mdn`, and expected data points that are looked into at most
/// when a long time has passed.
const MOST: u64 = 1_000;

/// Detects missing data.
#[derive(Debug, Default)]
pub struct TimeSeries {
    missing: AtomicU64,
}

#[async_trait]
impl ServiceFunction for TimeSeries {
    fn name(&self) -> &'static str {
        "time-series"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[TIME_SERIES, INSTANCE]
    }

    fn stages(&self) -> &'static [Stage] {
        &[]
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { draft, .. } if draft.table.number == TIME_SERIES => {
                rules::begin(&mut draft.attributes)
            }
            Change::Create { parent, draft, .. } if draft.table.number == INSTANCE => {
                self.arrived(txn, parent, draft)
            }
            Change::Update { old, draft, modified, .. } if old.ty() == TIME_SERIES => {
                rules::change(old.attributes(), &mut draft.attributes, modified)?;
                // Paused, or begun anew with the next instance.
                if modified.contains_key("mdd") { txn.clear_alarm(old.id()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn facets(&self) -> Facets<'_> {
        Facets { alarms: Some(self), ..Facets::default() }
    }

    fn report(&self) -> Report {
        let missing = self.missing.load(Ordering::Relaxed);
        Report {
            summary: format!("{missing} data points found missing since the start"),
            figures: vec![("missing", missing)],
        }
    }
}

impl Alarms for TimeSeries {
    /// The detection time of an expected data point (TS-0001 10.2.4.29) has come.
    fn ring(&self, txn: &mut Txn<'_>, series: &Arc<Resource>, state: &str) -> Result<(), Failure> {
        let Some((rhythm, mut progress)) = Rhythm::of(series.attributes()).zip(Progress::parse(state)) else {
            return Ok(());
        };
        self.settle(txn, series.id(), &rhythm, &mut progress)?;
        txn.set_alarm(series, progress.due(&rhythm), progress.to_string());
        Ok(())
    }
}

impl TimeSeries {
    /// An instance is about to be created: the one that was expected, or the first.
    fn arrived(&self, txn: &mut Txn<'_>, series: &Resource, instance: &Draft) -> Result<(), Failure> {
        let Some(rhythm) = Rhythm::of(series.attributes()) else { return Ok(()) };
        let Some(generated) = instance.time("dgt") else { return Ok(()) };
        let before = txn.alarm(series.id())?;
        let progress = match before.as_ref().and_then(|alarm| Progress::parse(&alarm.state)) {
            Some(mut progress) => {
                // Whether the timer or the instance comes first makes no difference.
                self.settle(txn, series.id(), &rhythm, &mut progress)?;
                progress.arrived(&rhythm, generated.micros());
                progress
            }
            None => Progress::begin(&rhythm, generated.micros(), txn.now().micros()),
        };
        let state = progress.to_string();
        if before.is_none_or(|before| before.state != state) {
            txn.set_alarm(series, progress.due(&rhythm), state);
        }
        Ok(())
    }

    /// Decides about everything whose detection time has come.
    fn settle(
        &self,
        txn: &mut Txn<'_>,
        series: Id,
        rhythm: &Rhythm,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let now = txn.now().micros();
        // After a long time none but the latest matter.
        progress.skip(rhythm, progress.overdue(rhythm, now).saturating_sub(MOST));
        let overdue = progress.overdue(rhythm, now);
        if overdue == 0 {
            return Ok(());
        }
        let mut expected = progress.expected(rhythm, overdue);
        let (from, to) = expected.span();
        txn.generated(series, from, to, &mut |generated, _| expected.note(generated))?;
        let missing = progress.pass(rhythm, &expected);
        match txn.resource(series)?.filter(|_| !missing.is_empty()) {
            Some(series) => self.list(txn, &series, rhythm, &missing),
            None => Ok(()),
        }
    }

    /// Adds to the list of missing data, the latest first, and tells the subscriptions.
    fn list(
        &self,
        txn: &mut Txn<'_>,
        series: &Arc<Resource>,
        rhythm: &Rhythm,
        missing: &[i64],
    ) -> Result<(), Failure> {
        let most = series.number("mdn").unwrap_or(MOST).min(MOST);
        let mut draft = Draft::of(series);
        let known = draft.attributes.get("mdlt").and_then(Value::as_array).into_iter().flatten().cloned();
        let time = |micros: &i64| Value::from(Timestamp::from_micros(*micros).to_string());
        let list = missing.iter().rev().map(time).chain(known);
        let list: Vec<Value> = list.take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        draft.set("mdc", list.len() as u64);
        draft.set("mdlt", list);
        draft.set("lt", txn.now().to_string());
        let listed = draft.fix()?;
        txn.update(series, Arc::clone(&listed))?;
        self.missing.fetch_add(missing.len() as u64, Ordering::Relaxed);
        let points: Vec<MissingPoint> = missing.iter().map(|micros| rhythm.missing(*micros)).collect();
        subscription::report_missing(txn, &listed, &points)
    }
}

/// Empties the list of missing data.
fn clear(attributes: &mut Object) {
    attributes.shift_remove("mdlt");
    attributes.insert("mdc".to_owned(), Value::from(0));
}
