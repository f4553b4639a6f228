//! The measures, a file for each thing that is measured.

mod children;
mod coap;
mod create;
mod crowd;
mod discovery;
mod fanout;
mod forest;
mod geo;
mod memory;
mod million;
mod mqtt;
mod notify;
mod observers;
mod polling;
mod read;
mod semantics;
mod soak;
mod startup;
mod timeseries;
mod ws;

use anyhow::Result;
use clap::Subcommand;

use crate::bench::Bench;
use crate::report::{Report, Row};

/// A measure by its name on the command line.
#[derive(Subcommand, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Everything below.
    All,
    /// RETRIEVE of a container, held against the read yardstick.
    Read,
    /// CREATE of an instance, held against the write yardstick.
    Create,
    /// RETRIEVE of the latest instance, held against the read yardstick.
    Latest,
    /// Discovery by label among 1,000 and 100,000 containers.
    Discovery,
    /// Discovery by place among 1,000,000 located containers.
    Geo,
    /// CREATE with a subscriber, held against one without.
    Notify,
    /// CREATE with 1,000 subscribers, held against one without, and until all are told.
    Crowd,
    /// RETRIEVE of 100 members by their group, held against one after the other.
    Fanout,
    /// RETRIEVE with 10,000 instances in the answer.
    Children,
    /// Resident memory, and whether it grows.
    Memory,
    /// A tree of 1,000,000 containers, held against an empty one.
    Million,
    /// Discovery by SPARQL among 10,000 descriptors.
    Semantics,
    /// Missing data of 100,000 time series, as a share of a core.
    Timeseries,
    /// How long an empty node takes to answer.
    Startup,
    /// Requests over CoAP, held against a bare server and against HTTP.
    Coap,
    /// Clients that come and go over every binding.
    Soak,
    /// 10,000 AEs that poll, and a notification to each.
    Polling,
    /// 10,000 CoAP observers of one container, and a change told to all.
    Observers,
    /// Requests over MQTT, held against round trips without the node and against HTTP.
    Mqtt,
    /// WebSockets, held against an echo and HTTP, and 10,000 open ones.
    Ws,
}

const EACH: [Measure; 20] = [
    Measure::Read,
    Measure::Create,
    Measure::Latest,
    Measure::Discovery,
    Measure::Notify,
    Measure::Crowd,
    Measure::Fanout,
    Measure::Children,
    Measure::Memory,
    Measure::Startup,
    Measure::Soak,
    Measure::Polling,
    Measure::Coap,
    Measure::Observers,
    Measure::Mqtt,
    Measure::Ws,
    Measure::Million,
    Measure::Geo,
    Measure::Semantics,
    Measure::Timeseries,
];

impl Measure {
    /// Takes the measure; what fails becomes a line of the report.
    pub(crate) fn run(self, bench: &Bench, report: &mut Report) {
        if self == Self::All {
            EACH.iter().for_each(|measure| measure.run(bench, report));
            return;
        }
        println!("\n{self:?}");
        if let Err(error) = self.take(bench, report) {
            report.add(Row::failed(&format!("{self:?}"), &error));
        }
    }

    fn take(self, bench: &Bench, report: &mut Report) -> Result<()> {
        match self {
            Self::All => Ok(()),
            Self::Read => read::container(bench, report),
            Self::Create => create::run(bench, report),
            Self::Latest => read::latest(bench, report),
            Self::Discovery => discovery::run(bench, report),
            Self::Geo => geo::run(bench, report),
            Self::Notify => notify::run(bench, report),
            Self::Crowd => crowd::run(bench, report),
            Self::Fanout => fanout::run(bench, report),
            Self::Children => children::run(bench, report),
            Self::Memory => memory::run(bench, report),
            Self::Million => million::run(bench, report),
            Self::Semantics => semantics::run(bench, report),
            Self::Timeseries => timeseries::run(bench, report),
            Self::Soak => soak::run(bench, report),
            Self::Startup => startup::run(bench, report),
            Self::Coap => coap::run(bench, report),
            Self::Polling => polling::run(bench, report),
            Self::Observers => observers::run(bench, report),
            Self::Mqtt => mqtt::run(bench, report),
            Self::Ws => ws::run(bench, report),
        }
    }
}
