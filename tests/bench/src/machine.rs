//! On what the figures were taken.

use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// The facts a figure is worth nothing without.
pub(crate) struct Machine {
    /// The day, in UTC.
    pub(crate) date: String,
    /// The model of the processor.
    pub(crate) processor: String,
    /// How many cores may be used.
    pub(crate) cores: usize,
    /// The release of the kernel.
    pub(crate) kernel: String,
    /// How busy it was with other things before the first measure.
    pub(crate) load: f64,
    /// The commit of the repository, and whether something differed from it.
    pub(crate) commit: String,
}

impl Machine {
    /// Looks at this machine.
    pub(crate) fn look() -> Self {
        let load = busy();
        if load > 0.5 {
            println!("other processes keep {load} cores busy: the ratios will spread");
        }
        let now = time::OffsetDateTime::now_utc();
        Self {
            date: format!("{}-{:02}-{:02}", now.year(), u8::from(now.month()), now.day()),
            processor: processor().unwrap_or_else(|| "unknown".to_owned()),
            cores: cores(),
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| "unknown".to_owned(), |release| release.trim().to_owned()),
            load,
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

/// How many cores may be used.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// How many processes wanted to run in the last minute, on average.
pub(crate) fn busy() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// The root of the repository this binary was built from.
pub(crate) fn repository() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).map_or_else(|| own.clone(), PathBuf::from)
}

fn processor() -> Option<String> {
    let facts = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = facts.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn commit() -> Option<String> {
    let hash = git(&["rev-parse", "--short", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"])?;
    Some(if changes.is_empty() { hash } else { format!("{hash}, with changes") })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(repository()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
