//! What was found, with its goal beside it.

use std::fmt::Write;

use crate::rounds::Pair;

/// Whether a goal was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was.
    Pass,
    /// It was not, or the measure failed.
    Miss,
    /// There is no goal.
    Noted,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) measure: String,
    /// The figure of the node.
    pub(crate) node: String,
    /// The figure it is held against.
    pub(crate) against: String,
    /// What is compared with the goal.
    pub(crate) result: String,
    /// The goal.
    pub(crate) goal: String,
    /// Whether it was reached.
    pub(crate) verdict: Verdict,
}

impl Row {
    /// The node must reach a share of what it is held against.
    pub(crate) fn share(measure: &str, pair: &Pair, goal: f64) -> Self {
        let (low, high) = pair.spread();
        let percent = 100.0 * pair.ratio();
        Self {
            measure: measure.to_owned(),
            node: rate(&pair.judged),
            against: rate(&pair.against),
            result: format!("{percent:.0} % ({:.0}–{:.0})", low * 100.0, high * 100.0),
            goal: format!("≥ {:.0} %", goal * 100.0),
            verdict: verdict(pair.ratio() >= goal),
        }
    }

    /// One request may cost at most so many times the other.
    pub(crate) fn cost(measure: &str, pair: &Pair, goal: f64) -> Self {
        let (low, high) = pair.spread();
        let cost = 1.0 / pair.ratio();
        Self {
            measure: measure.to_owned(),
            node: rate(&pair.judged),
            against: rate(&pair.against),
            result: format!("{cost:.2} × ({:.2}–{:.2})", 1.0 / high, 1.0 / low),
            goal: format!("≤ {goal} ×"),
            verdict: verdict(cost <= goal),
        }
    }

    /// A figure must stay under a limit.
    pub(crate) fn limit(measure: &str, value: f64, limit: f64, unit: &str) -> Self {
        let figure = format!("{value:.*} {unit}", if value < 10.0 { 2 } else { 0 });
        Self {
            measure: measure.to_owned(),
            node: figure.clone(),
            against: "–".to_owned(),
            result: figure,
            goal: format!("< {limit} {unit}"),
            verdict: verdict(value < limit),
        }
    }

    /// A figure without a goal.
    pub(crate) fn noted(measure: &str, figure: String) -> Self {
        Self { measure: measure.to_owned(), node: figure, ..Self::blank(Verdict::Noted) }
    }

    /// A measure that could not be taken.
    pub(crate) fn failed(measure: &str, error: &anyhow::Error) -> Self {
        let text = format!("{error:#}").replace('\n', " ");
        Self { measure: measure.to_owned(), result: text, ..Self::blank(Verdict::Miss) }
    }

    fn blank(verdict: Verdict) -> Self {
        let none = || "–".to_owned();
        Self { measure: none(), node: none(), against: none(), result: none(), goal: none(), verdict }
    }

    fn cells(&self) -> [&str; 6] {
        let verdict = match self.verdict {
            Verdict::Pass => "PASS",
            Verdict::Miss => "MISS",
            Verdict::Noted => "",
        };
        [&self.measure, &self.node, &self.against, &self.result, &self.goal, verdict]
    }
}

fn verdict(reached: bool) -> Verdict {
    if reached { Verdict::Pass } else { Verdict::Miss }
}

fn rate(rates: &crate::rounds::Rates) -> String {
    let (p50, p99) = (rates.latency.quantile(0.50), rates.latency.quantile(0.99));
    format!("{:.0}/s (p50 {p50:.2} ms, p99 {p99:.2} ms)", rates.rate())
}

/// All lines, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

const HEADS: [&str; 6] = ["Measure", "Node", "Held against", "Result", "Goal", ""];

impl Report {
    /// Adds a line and shows it at once.
    pub(crate) fn add(&mut self, row: Row) {
        let [measure, node, against, result, goal, verdict] = row.cells();
        println!("{verdict:4} {measure}: {node} against {against}: {result}, goal {goal}");
        self.rows.push(row);
    }

    /// Whether no goal was missed.
    pub(crate) fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.verdict != Verdict::Miss)
    }

    /// The table, which reads well as text and is Markdown.
    pub(crate) fn table(&self) -> String {
        let lines = || std::iter::once(HEADS).chain(self.rows.iter().map(Row::cells));
        let mut widths = [0; 6];
        for line in lines() {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut out = String::new();
        for (number, line) in lines().enumerate() {
            for (cell, width) in line.iter().zip(widths) {
                let _ = write!(out, "| {cell:width$} ");
            }
            out.push_str("|\n");
            if number == 0 {
                widths.iter().for_each(|width| out.push_str(&format!("|{}", "-".repeat(width + 2))));
                out.push_str("|\n");
            }
        }
        out
    }
}
