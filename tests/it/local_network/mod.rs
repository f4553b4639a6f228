//! Being found by those who know nothing: multicast to all CoAP nodes (RFC 7252 8), DNS-SD over multicast DNS.
//!
//! Between this machine and a network namespace. Left out, with a word, where that cannot be made: it takes root and the
//! `ip` command.

mod dns_sd;
mod multicast;

use std::process::Command;

/// Two ends of a cable, one of them in a namespace.
struct Cable {
    name: &'static str,
    /// The first three bytes of the addresses: 1 is here, 2 there. Those of IPv6 have the same three, in decimal.
    network: &'static str,
}

impl Cable {
    fn lay(name: &'static str, network: &'static str) -> Option<Self> {
        let cable = Self { name, network };
        let (near, far) = (format!("{name}0"), cable.far());
        let (here, there) = (format!("{network}.1/24"), format!("{network}.2/24"));
        let (here_v6, there_v6) =
            (format!("{}/64", cable.address_v6(1)), format!("{}/64", cable.address_v6(2)));
        let near_end = [
            // Addresses of the link are given here: the machine's own have to be waited for.
            vec!["link", "set", &near, "addrgenmode", "none"],
            vec!["addr", "add", &here, "dev", &near],
            vec!["addr", "add", &here_v6, "dev", &near, "nodad"],
            vec!["addr", "add", "fe80::1/64", "dev", &near, "nodad"],
            vec!["link", "set", &near, "up"],
        ];
        let far_end = [
            vec!["link", "set", &far, "addrgenmode", "none"],
            vec!["addr", "add", &there, "dev", &far],
            vec!["addr", "add", &there_v6, "dev", &far, "nodad"],
            vec!["addr", "add", "fe80::2/64", "dev", &far, "nodad"],
            vec!["link", "set", &far, "up"],
            vec!["route", "add", "224.0.0.0/4", "dev", &far],
        ];
        let made = run(&["netns", "add", name])
            && run(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", name])
            && near_end.iter().all(|arguments| run(arguments))
            && far_end.iter().all(|arguments| run(&[&["-n", name], arguments.as_slice()].concat()));
        if !made {
            eprintln!("left out: a network namespace cannot be made (root and `ip` are needed)");
        }
        made.then_some(cable)
    }

    /// The address of this end.
    fn here(&self) -> String {
        format!("{}.1", self.network)
    }

    /// The same in IPv6, with brackets.
    fn here_v6(&self) -> String {
        format!("[{}]", self.address_v6(1))
    }

    fn address_v6(&self, end: u8) -> String {
        format!("fd00:{}::{end}", self.network.replace('.', ":"))
    }

    /// The name of the other end's interface.
    fn far(&self) -> String {
        format!("{}1", self.name)
    }

    /// A Python program in the namespace; its first argument is the address there.
    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.command("python3");
        command.args(["-c", program, &format!("{}.2", self.network)]).args(arguments);
        command
    }

    /// A command in the namespace.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name, program]);
        command
    }
}

fn run(arguments: &[&str]) -> bool {
    let output = Command::new("ip").args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

impl Drop for Cable {
    fn drop(&mut self) {
        run(&["link", "del", &format!("{}0", self.name)]);
        run(&["netns", "del", self.name]);
    }
}
