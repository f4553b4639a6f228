//! The end of the process by signal.
//!
//! Responsible for noticing SIGINT and SIGTERM: the first asks for a proper end, the second enforces one at once. What a
//! proper end takes is left to `serve`.

use std::io;

/// Signals that are listened to. They are noticed from its making on, also before anybody waits.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Begins to listen; inside a tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Resolves with the name of the first signal. From then on another one ends the process at once: who asks twice
    /// does not want to wait for requests in flight.
    pub(crate) async fn first(mut self) -> &'static str {
        let (name, _) = self.next().await;
        tokio::spawn(async move {
            let (name, code) = self.next().await;
            tracing::warn!("{name} again: ending at once");
            std::process::exit(code);
        });
        name
    }

    /// The name of the next signal and the exit code that shells give to it.
    #[cfg(unix)]
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", 130),
            _ = self.terminate.recv() => ("SIGTERM", 143),
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> (&'static str, i32) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        ("Ctrl-C", 130)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::Signals;

    #[tokio::test]
    async fn a_signal_before_the_waiting_counts() {
        let signals = Signals::listen().unwrap();
        let own = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &own]).status().unwrap().success());
        assert_eq!(signals.first().await, "SIGTERM");
    }
}
