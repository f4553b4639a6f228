//! Being found by those who know nothing: multicast to all CoAP nodes (RFC 7252 8), DNS-SD over multicast DNS.
//!
//! Between this machine and a network namespace. Left out, with a word, where that cannot be made: it takes root and the
//! `ip` command.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use dyad_tests::{Node, Store};

/// Two ends of a cable, one of them in a namespace.
struct Cable {
    name: &'static str,
    /// The first three bytes of the addresses: 1 is here, 2 there.
    network: &'static str,
}

impl Cable {
    fn lay(name: &'static str, network: &'static str) -> Option<Self> {
        let cable = Self { name, network };
        let (near, far) = (format!("{name}0"), format!("{name}1"));
        let (here, there) = (format!("{network}.1/24"), format!("{network}.2/24"));
        let made = [
            vec!["netns", "add", name],
            vec!["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", name],
            vec!["addr", "add", &here, "dev", &near],
            vec!["link", "set", &near, "up"],
            vec!["-n", name, "addr", "add", &there, "dev", &far],
            vec!["-n", name, "link", "set", &far, "up"],
            vec!["-n", name, "route", "add", "224.0.0.0/4", "dev", &far],
        ]
        .iter()
        .all(|arguments| {
            let output = Command::new("ip").args(arguments).output();
            output.is_ok_and(|output| output.status.success())
        });
        if !made {
            eprintln!("left out: a network namespace cannot be made (root and `ip` are needed)");
        }
        made.then_some(cable)
    }

    /// The address of this end.
    fn here(&self) -> String {
        format!("{}.1", self.network)
    }

    /// A Python program in the namespace; its first argument is the address there.
    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name, "python3", "-c", program]);
        command.arg(format!("{}.2", self.network)).args(arguments);
        command
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &format!("{}0", self.name)]).output();
        let _ = Command::new("ip").args(["netns", "del", self.name]).output();
    }
}

/// Asks the group for links, and for something else; prints what comes within the time in which nodes answer.
const ASK: &str = r#"
import socket, struct, sys, time
here, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(here))
def ask(kind, mid, token, path, query=b""):
    message = bytes([0x40 | kind << 4 | 1, 1]) + struct.pack(">H", mid) + token
    last = 0
    for number, value in [(11, segment) for segment in path] + ([(15, query)] if query else []):
        head = bytes([(number - last) << 4 | min(len(value), 13)])
        message += head + (bytes([len(value) - 13]) if len(value) >= 13 else b"") + value
        last = number
    s.sendto(message, ("224.0.1.187", port))
ask(1, 1, b"a", [b".well-known", b"core"])
ask(1, 2, b"b", [b"cse-in"])
ask(0, 3, b"c", [b".well-known", b"core"])
ask(1, 4, b"d", [b".well-known", b"core"], b"rt=nothing")
end = time.monotonic() + 8
while (left := end - time.monotonic()) > 0:
    s.settimeout(left)
    try:
        data, source = s.recvfrom(65535)
    except socket.timeout:
        break
    print(source[0], source[1], data[1], chr(data[4]), data[-200:])
"#;

#[test]
fn a_group_is_answered_with_links_and_nothing_else() {
    let Some(cable) = Cable::lay("dyadmc", "198.51.100") else { return };
    let node = Node::on(Store::Memory).set("coap.listen", format!("{}:0", cable.here())).start();
    let port = node.address_of("CoAP").port();
    let output = cable.program(ASK, &[&port.to_string()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 1, "{said}\n{}\n{}", String::from_utf8_lossy(&output.stderr), node.log());
    // 2.05, from the address of the node itself.
    assert!(lines[0].starts_with(&format!("{} {port} 69 a ", cable.here())), "{said}");
    assert!(lines[0].contains("</cse-in>;rt=\"m2m:cb\""), "{said}");
}

/// Asks for the instances of a service over multicast DNS (a query for PTR, answers by multicast); prints their bytes
/// until one names what is wanted with the time to live that is wanted.
const BROWSE: &str = r#"
import socket, struct, sys, time
here, kind, wanted, gone = sys.argv[1], sys.argv[2], sys.argv[3].encode(), sys.argv[4] == "gone"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 5353))
here = socket.inet_aton(here)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.251") + here)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
name = b"".join(bytes([len(label)]) + label for label in kind.encode().split(b".")) + b"\0"
query = struct.pack(">6H", 0, 0, 1, 0, 0, 0) + name + struct.pack(">2H", 12, 1)
print("ready", flush=True)
end = time.monotonic() + 25
while time.monotonic() < end:
    if not gone:
        s.sendto(query, ("224.0.0.251", 5353))
    s.settimeout(1)
    try:
        data, _ = s.recvfrom(65535)
    except socket.timeout:
        continue
    is_answer = data[2] & 0x80
    # A farewell is an answer with a time to live of nothing (RFC 6762 10.1).
    if is_answer and wanted in data and (not gone or b"\0\x0c\0\x01\0\0\0\0" in data):
        print(data, flush=True)
        break
else:
    sys.exit(1)
"#;

#[test]
fn the_node_is_announced_and_says_goodbye() {
    let Some(cable) = Cable::lay("dyadmd", "203.0.113") else { return };
    let mut node = Node::on(Store::Memory)
        .set("http.listen", format!("{}:0", cable.here()))
        .set("coap.listen", format!("{}:0", cable.here()))
        // What can erase everything listens on this machine alone.
        .set("testing.enabled", false)
        .start();
    for (kind, wanted) in [
        ("_onem2m._tcp.local", "cse-id=/id-in"),
        ("_onem2m._tcp.local", "path=/cse-in"),
        ("_coap._udp.local", "cse-in id-in"),
    ] {
        let output = cable.program(BROWSE, &[kind, wanted, "there"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{kind} {wanted}: {said}\n{}", node.log());
    }
    let mut farewell = cable.program(BROWSE, &["_onem2m._tcp.local", "cse-in id-in", "gone"]);
    let mut farewell = farewell.stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(farewell.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    node.stop();
    assert!(farewell.wait().unwrap().success(), "no farewell\n{}", node.log());
}

#[test]
fn a_node_for_this_machine_alone_is_not_announced() {
    let node = Node::on(Store::Memory).start();
    assert!(!node.log().contains("announced"), "{}", node.log());
}
