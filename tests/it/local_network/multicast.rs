//! Requests to the groups of all CoAP nodes, of IPv4 and IPv6.

use std::process::{Output, Stdio};

use dyad_tests::{Node, Store};

use super::Cable;
use crate::coap::libcoap::coap_client;

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

/// libcoap's client asks both groups that IPv6 has: those of the link, which need the interface in the URL, and those of
/// the site.
#[test]
fn libcoap_finds_the_node_by_ipv6() {
    let Some(program) = coap_client() else { return };
    let Some(cable) = Cable::lay("dyadm6", "100.64.6") else { return };
    let node = Node::on(Store::Memory).set("coap.listen", format!("{}:0", cable.here_v6())).start();
    let port = node.address_of("CoAP").port();
    let link = format!("ff02::fd%{}", cable.far());
    let asking = [(&*link, ".well-known/core"), ("ff05::fd", ".well-known/core"), ("ff05::fd", "cse-in")];
    let asking = asking.map(|(group, path)| {
        let mut command = cable.command(program);
        // Time for the answers, which nodes give within five seconds.
        command.args(["-N", "-m", "get", "-B", "7"]).arg(format!("coap://[{group}]:{port}/{path}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let said = asking.map(|child| child.wait_with_output().unwrap());
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    for output in &said[..2] {
        assert!(text(output).contains("</cse-in>;rt=\"m2m:cb\""), "{output:?}\n{}", node.log());
    }
    // A resource is nothing that a group is asked for.
    assert_eq!(text(&said[2]).trim(), "", "{said:?}");
}
