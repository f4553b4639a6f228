//! Two sides in turns, because a machine is never the same for long.

use anyhow::Result;

use crate::bench::Bench;
use crate::child::Server;
use crate::load::{Framing, Histogram, Load, Outcome, Script, Until};
use crate::script::Prepared;

/// One of two sides.
pub(crate) struct Side<'a> {
    /// Who is asked.
    pub(crate) server: &'a Server,
    /// In which binding.
    pub(crate) framing: Framing,
    /// What is asked.
    pub(crate) script: Box<Script<'a>>,
    /// The HTTP status of a good answer.
    pub(crate) expect: u16,
}

impl<'a> Side<'a> {
    /// One that is asked for the same all the time.
    pub(crate) fn of(server: &'a Server, framing: Framing, request: &Prepared, expect: u16) -> Self {
        Self { server, framing, script: Box::new(request.script()), expect }
    }

    fn load(&mut self, bench: &Bench, until: Until) -> Result<Outcome> {
        let load = bench.load(self.server, self.expect, until);
        let address = self.framing.address(self.server)?;
        Load { address, framing: self.framing, ..load }.run(&mut self.script)
    }
}

/// All rounds of one side.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// Requests per second, round by round.
    pub(crate) rounds: Vec<f64>,
    /// Latencies over all rounds.
    pub(crate) latency: Histogram,
    /// Good answers over all rounds.
    pub(crate) answered: u64,
}

impl Rates {
    /// The median of the rounds.
    pub(crate) fn rate(&self) -> f64 {
        median(&self.rounds)
    }

    /// Adds a round; unexpected answers fail the measure.
    pub(crate) fn add(&mut self, outcome: Outcome) -> Result<()> {
        let outcome = outcome.clean()?;
        self.rounds.push(outcome.rate());
        self.latency.merge(&outcome.latency);
        self.answered += outcome.answered;
        Ok(())
    }
}

/// Both sides of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    /// What is judged.
    pub(crate) judged: Rates,
    /// What it is held against.
    pub(crate) against: Rates,
}

impl Pair {
    /// The median of the ratios of the rounds, which a slow drift of the machine leaves alone.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.ratios())
    }

    /// The lowest and the highest ratio.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let ratios = self.ratios();
        (ratios.iter().copied().fold(f64::MAX, f64::min), ratios.iter().copied().fold(0.0, f64::max))
    }

    fn ratios(&self) -> Vec<f64> {
        self.judged.rounds.iter().zip(&self.against.rounds).map(|(ours, theirs)| ours / theirs).collect()
    }
}

/// Lets both sides run in turns, the first one changing from round to round, after a warm-up.
pub(crate) fn alternate<'a>(bench: &Bench, judged: &mut Side<'a>, against: &mut Side<'a>) -> Result<Pair> {
    let warm = Until::Elapsed(bench.slice / 3);
    let slice = Until::Elapsed(bench.slice);
    for side in [&mut *judged, &mut *against] {
        side.load(bench, warm)?.clean()?;
    }
    let mut pair = Pair::default();
    for round in 0..bench.rounds {
        for turn in 0..2 {
            let (side, rates) = if (round + turn) % 2 == 0 {
                (&mut *judged, &mut pair.judged)
            } else {
                (&mut *against, &mut pair.against)
            };
            rates.add(side.load(bench, slice)?)?;
        }
    }
    Ok(pair)
}

/// The middle of some numbers.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 {
        return middle;
    }
    let below = (sorted.len() / 2).checked_sub(1).and_then(|at| sorted.get(at)).copied();
    (middle + below.unwrap_or(middle)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }
}
