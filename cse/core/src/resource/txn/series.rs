//! The instances of time series by when their data were made (`dgt`): finding one, and the oldest for trimming.

use std::collections::BTreeMap;

use dyad_protocol::{Failure, Timestamp};

use super::Txn;
use super::trimming::aged;
use crate::resource::layer::Change;
use crate::resource::windows::AHEAD;
use crate::resource::{Id, Resource};
use crate::store::Aged;

/// Rows that are read at a time.
const PAGE: usize = 500;

impl Txn<'_> {
    /// The instance of a time series whose data were made at a point in time.
    pub(crate) fn generated_at(&mut self, series: Id, at: Timestamp) -> Result<Option<Id>, Failure> {
        // Data that come in order are newer than all that are there.
        let newest = self.batch.newest_generated(series).map_err(Failure::internal)?;
        let mut found = None;
        if at.micros() > newest {
            self.own_generated(series, |instance, dgt| {
                found = found.or((dgt == at.micros()).then_some(instance.id()));
            });
        } else {
            self.generated(series, at.micros(), at.micros(), &mut |_, id| found = Some(id))?;
        }
        Ok(found)
    }

    /// Calls `each` with the instances of a time series whose data were made from one point in time to another, both
    /// included: in no order, when they were made (microseconds since 1970) and the number.
    pub fn generated(
        &mut self,
        series: Id,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(i64, Id),
    ) -> Result<(), Failure> {
        let mut next = Some(from);
        while let Some(from) = next {
            let writer = self.batch.flushed().map_err(Failure::internal)?;
            let page = writer.generated(series, from, to, PAGE).map_err(Failure::internal)?;
            let last = page.last().filter(|_| page.len() >= PAGE);
            next = last.and_then(|(dgt, _)| dgt.checked_add(1));
            page.iter().filter(|(_, id)| !self.is_gone(*id)).for_each(|(dgt, id)| each(*dgt, *id));
        }
        self.own_generated(series, |instance, dgt| {
            if (from..=to).contains(&dgt) {
                each(dgt, instance.id());
            }
        });
        Ok(())
    }

    /// Whether this job removed a resource.
    fn is_gone(&self, id: Id) -> bool {
        matches!(self.pending.get(&id), Some(None))
    }

    /// The instances that this job made, with when their data were made.
    fn own_generated(&self, series: Id, mut each: impl FnMut(&Resource, i64)) {
        for change in &self.changes.changes {
            if let Change::Put(instance, true) = change
                && instance.parent() == series
                && let Some(dgt) = instance.row().dgt
                && !self.is_gone(instance.id())
            {
                each(instance, dgt);
            }
        }
    }

    /// The instance of a time series with the oldest data, `but` left out, read ahead.
    pub(crate) fn oldest_generated(&mut self, series: Id, but: Option<Id>) -> Result<Option<Aged>, Failure> {
        self.windows.push(series);
        loop {
            if let Some(oldest) = self.batch.windows.oldest(series) {
                return Ok(Some(*oldest));
            }
            let after = self.batch.windows.after(series).unwrap_or(i64::MIN);
            let writer = self.batch.flushed().map_err(Failure::internal)?;
            let read = writer.oldest_generated(series, after, AHEAD).map_err(Failure::internal)?;
            let end = read.last().map(|(dgt, _)| *dgt).filter(|_| read.len() >= AHEAD);
            let stored = read.into_iter().filter(|(_, instance)| !self.is_gone(instance.id));
            let mut ahead: BTreeMap<i64, Aged> = stored.collect();
            self.own_generated(series, |instance, dgt| {
                if Some(instance.id()) != but && dgt > after && end.is_none_or(|end| dgt < end) {
                    ahead.insert(dgt, aged(instance));
                }
            });
            let is_empty = ahead.is_empty();
            self.batch.windows.extend(series, ahead.into_iter().collect(), false);
            match end {
                Some(end) if is_empty => self.batch.windows.skip(series, end),
                None if is_empty => return Ok(None),
                _ => {}
            }
        }
    }

    /// A new instance takes its place among those that were read ahead.
    pub(crate) fn note_generated(&mut self, instance: &Resource) {
        if let Some(dgt) = instance.row().dgt {
            self.windows.push(instance.parent());
            self.batch.windows.insert(instance.parent(), dgt, aged(instance));
        }
    }
}
