//! How an operator on the same machine asks a running node how it is, and switches service functions on and off.
//!
//! One line goes to a socket in the file system, one JSON object comes back, and the connection ends. The socket is for
//! the user of the node (and root) alone: whoever else connects is turned away. What is said for people is made of the
//! answer by [`ask`].

mod ask;
mod listen;

pub(crate) use ask::{ask, table, told};
pub(crate) use listen::{Absent, Door, listen};

/// A command, as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// How the node and its functions are.
    Status,
    /// A function is to be switched on.
    On(String),
    /// A function is to be switched off.
    Off(String),
}

impl Command {
    fn line(&self) -> String {
        match self {
            Self::Status => "status".to_owned(),
            Self::On(name) => format!("on {name}"),
            Self::Off(name) => format!("off {name}"),
        }
    }

    fn read(line: &str) -> Option<Self> {
        match line.trim().split_once(' ') {
            None => (line.trim() == "status").then_some(Self::Status),
            Some(("on", name)) => Some(Self::On(name.trim().to_owned())),
            Some(("off", name)) => Some(Self::Off(name.trim().to_owned())),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Command;

    #[test]
    fn commands_travel() {
        for command in [Command::Status, Command::On("p2p".into()), Command::Off("time-series".into())] {
            assert_eq!(Command::read(&command.line()), Some(command));
        }
        for line in ["", "stat", "status now", "of x"] {
            assert_eq!(Command::read(line), None, "{line}");
        }
    }
}
