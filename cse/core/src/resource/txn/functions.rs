//! Service functions at work inside a write transaction.
//!
//! They are called without a guard of their own, as often as changes are made: the writer catches panics, and asks who
//! was at work.

use dyad_protocol::Failure;

use super::Txn;
use crate::function::{self, Change, Fault, ServiceFunction};

impl Txn<'_> {
    /// Lets every function that is switched on take part in a change.
    pub(crate) fn tell_functions(&mut self, change: &mut Change<'_>) -> Result<(), Failure> {
        for (place, hosted) in self.cse.hosts().all().iter().enumerate() {
            if !hosted.is_off() {
                self.acting(place, "apply", |function, txn| function.apply(txn, change))?;
            }
        }
        Ok(())
    }

    /// Lets a function take up what is stored, with an AE of its own if it acts.
    pub(crate) fn begin_function(&mut self, place: usize) -> Result<(), Failure> {
        self.acting(place, "begin", |function, txn| {
            function::register(txn, function)?;
            function.begin(txn)
        })
    }

    /// Lets a function do something; whatever it changes may call others, and itself.
    pub(crate) fn acting(
        &mut self,
        place: usize,
        hook: &'static str,
        act: impl FnOnce(&dyn ServiceFunction, &mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(hosted) = self.cse.hosts().get(place) else { return Ok(()) };
        let outer = self.acting.replace((place, hook));
        let outcome = act(&**hosted.function(), self);
        self.acting = outer;
        outcome
    }

    /// After a panic: a fault of the function that was at work, if one was. Gives its name.
    pub(crate) fn blame(&self, message: String) -> Option<&'static str> {
        let (place, hook) = self.acting?;
        let hosted = self.cse.hosts().get(place)?;
        hosted.note(self.cse, hook, Fault::Panic(message));
        Some(hosted.function().name())
    }
}
