//! Service functions at work inside a write transaction.
//!
//! They are called without a guard of their own, as often as changes are made: the writer catches panics, and asks who
//! was at work.

use dyad_protocol::{Failure, Timestamp};

use super::Txn;
use crate::function::{self, Change, Fault, Hook, Hosted, Inside, ServiceFunction};

impl Txn<'_> {
    /// Lets every function that is switched on take part in a change.
    pub(crate) fn tell_functions(&mut self, change: &mut Change<'_>) -> Result<(), Failure> {
        for (place, hosted) in self.cse.hosts().all().iter().enumerate() {
            if !hosted.is_off() {
                self.acting(place, Hook::Apply, |function, txn| function.apply(txn, change))?;
            }
        }
        Ok(())
    }

    /// Lets a function take up what is stored, with an AE of its own if it acts.
    pub(crate) fn begin_function(&mut self, place: usize) -> Result<(), Failure> {
        self.acting(place, Hook::Begin, |function, txn| {
            function::register(txn, function)?;
            function.begin(txn)
        })
    }

    /// Lets a function do something; whatever it changes may call others, and itself.
    pub(crate) fn acting(
        &mut self,
        place: usize,
        hook: Hook,
        act: impl FnOnce(&dyn ServiceFunction, &mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(hosted) = self.cse.hosts().get(place) else { return Ok(()) };
        let outer = self.acting.replace((place, hook));
        let _inside = Inside::enter(hosted, hook);
        let outcome = act(&**hosted.function(), self);
        self.acting = outer;
        outcome
    }

    /// Starts a function with the node: one that the operator switched off, before this start or in its course, stays off.
    pub(crate) fn start_function(&mut self, place: usize) -> Result<(), Failure> {
        let Some(hosted) = self.cse.hosts().get(place) else { return Ok(()) };
        if hosted.was_switched_off() {
            // What was noted is gone if the store was emptied.
            self.note_switched_off(place);
            return Ok(());
        }
        let noted = self.batch.note(&note_name(hosted)).map_err(Failure::internal)?;
        match noted.as_deref().and_then(|since| since.parse().ok()) {
            Some(since) => {
                hosted.stay_off(Timestamp::from_micros(since));
                Ok(())
            }
            None => self.begin_function(place),
        }
    }

    /// The operator has switched a function off: it is off after the next start.
    pub(crate) fn note_switched_off(&mut self, place: usize) {
        if let Some(hosted) = self.cse.hosts().get(place) {
            self.changes.notes.push((note_name(hosted), self.now.micros().to_string()));
        }
    }

    /// A function is switched on again.
    pub(crate) fn note_switched_on(&mut self, place: usize) {
        if let Some(hosted) = self.cse.hosts().get(place) {
            self.changes.notes.push((note_name(hosted), String::new()));
        }
    }

    /// After a panic: a fault of the function that was at work, if one was. Gives its name.
    pub(crate) fn blame(&self, message: String) -> Option<&'static str> {
        let (place, hook) = self.acting?;
        let hosted = self.cse.hosts().get(place)?;
        hosted.note(self.cse, hook, Fault::Panic(message));
        Some(hosted.function().name())
    }
}

/// The name under which the store knows since when a function is switched off, in microseconds since 1970; nothing for
/// one that is on.
fn note_name(hosted: &Hosted) -> String {
    format!("function_off.{}", hosted.function().name())
}
