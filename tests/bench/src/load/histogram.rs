//! Latencies in buckets three percent wide, so that hours of load take no memory.

use std::time::Duration;

/// Buckets per power of two.
const FINE: u64 = 32;
/// Enough for any number of microseconds.
const BUCKETS: usize = 64 * FINE as usize;

/// A distribution of durations.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Adds one duration.
    pub(crate) fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(micros)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// Adds all of another distribution.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// The duration in milliseconds that this share of all does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return floor(index) as f64 / 1000.0;
            }
        }
        0.0
    }
}

fn bucket(micros: u64) -> usize {
    let shift = (63 - u64::from(micros.max(1).leading_zeros())).saturating_sub(5);
    (shift * FINE + (micros >> shift)) as usize
}

fn floor(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / FINE).saturating_sub(1);
    (bucket - shift * FINE) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_close() {
        for micros in [0, 1, 31, 32, 33, 63, 64, 65, 1000, 12_345, 999_999, 60_000_000] {
            let low = floor(bucket(micros));
            assert!(low <= micros && (micros - low) * FINE <= micros, "{micros} in {low}");
        }
    }

    #[test]
    fn quantiles_rank_from_the_shortest() {
        let mut histogram = Histogram::default();
        (1..=30).for_each(|micros| histogram.record(Duration::from_micros(micros)));
        assert_eq!(histogram.quantile(0.5), 0.015);
        assert_eq!(histogram.quantile(1.0), 0.030);
    }
}
