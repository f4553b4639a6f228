//! Observation of resources over CoAP (RFC 7641), and links to them (RFC 6690), from outside.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use dyad_tests::{Node, Request, Store, variable};
use serde_json::{Value, json};

/// What no notification takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that receives what is sent to it.
struct Observer {
    socket: UdpSocket,
    next: u16,
}

impl Observer {
    fn of(node: &Node) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(node.address_of("CoAP")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, next: 0 }
    }

    /// Sends a GET and gives its answer.
    fn get(&mut self, path: &[&str], token: u8, options: &[(u16, &[u8])]) -> Packet {
        let mut packet = Packet::new();
        packet.header.code = MessageClass::from(1);
        self.next += 1;
        packet.header.message_id = self.next;
        packet.set_token(vec![token]);
        path.iter().for_each(|segment| packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec()));
        for (number, value) in options {
            packet.add_option(CoapOption::from(*number), value.to_vec());
        }
        self.socket.send(&packet.to_bytes().unwrap()).unwrap();
        let answer = self.receive();
        // An answer of its own comes behind an empty acknowledgement.
        if u8::from(answer.header.code) == 0 { self.receive() } else { answer }
    }

    /// Asks to be told of changes, as an originator.
    fn observe(&mut self, originator: &str, path: &[&str], token: u8) -> Packet {
        self.get(path, token, &[(6, &[]), (279, originator.as_bytes()), (283, b"o"), (271, b"3")])
    }

    /// The next message, echoed if it asks for that; pings are.
    fn receive(&self) -> Packet {
        loop {
            let mut buffer = vec![0; 65_535];
            let length = self.socket.recv(&mut buffer).expect("a message");
            let packet = Packet::from_bytes(&buffer[..length]).unwrap();
            let is_ping =
                u8::from(packet.header.code) == 0 && packet.header.get_type() == MessageType::Confirmable;
            if packet.header.get_type() == MessageType::Confirmable {
                let kind = if is_ping { MessageType::Reset } else { MessageType::Acknowledgement };
                self.echo(&packet, kind);
            }
            if !is_ping {
                return packet;
            }
        }
    }

    fn echo(&self, message: &Packet, kind: MessageType) {
        let mut echo = Packet::new();
        echo.header.set_type(kind);
        echo.header.code = MessageClass::Empty;
        echo.header.message_id = message.header.message_id;
        self.socket.send(&echo.to_bytes().unwrap()).unwrap();
    }

    /// Whether nothing comes for a while.
    fn is_left_alone(&self) -> bool {
        self.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let came = self.socket.recv(&mut [0; 2048]);
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        came.is_err()
    }
}

fn sequence(packet: &Packet) -> Option<u32> {
    packet.get_observe_value().map(Result::unwrap)
}

fn code(packet: &Packet) -> String {
    packet.header.code.to_string()
}

fn body(packet: &Packet) -> Value {
    serde_json::from_slice(&packet.payload).unwrap()
}

/// A node with a container `cse-in/c`, which a policy lets `Cguest` read as well, and an instance in it.
fn node() -> Node {
    let node = Node::on(Store::Memory).set("coap.observers_per_address", 3).start();
    let client = node.client();
    for request in [
        Request::create(
            "cse-in",
            1,
            json!({"m2m:acp": {"rn": "guests",
            "pv": {"acr": [{"acor": ["Cguest"], "acop": 2}, {"acor": ["CAdmin"], "acop": 63}]},
            "pvs": {"acr": [{"acor": ["CAdmin"], "acop": 63}]}}}),
        ),
        Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": "c", "acpi": ["cse-in/guests"]}})),
    ] {
        let _ = client.send(&request).expect(2001);
    }
    add(&node, "0");
    node
}

fn add(node: &Node, con: &str) {
    let instance = Request::create("cse-in/c", 4, json!({"m2m:cin": {"con": con}}));
    let _ = node.client().send(&instance).expect(2001);
}

#[test]
fn the_latest_instance_is_told_in_order() {
    let node = node();
    let mut observer = Observer::of(&node);
    let first = observer.observe("CAdmin", &["cse-in", "c", "la"], 1);
    assert_eq!((code(&first), &body(&first)["m2m:cin"]["con"]), ("2.05".to_owned(), &json!("0")));
    let mut last = sequence(&first).expect("an observation");
    for con in 1..=8 {
        add(&node, &con.to_string());
        let told = observer.receive();
        assert_eq!((told.get_token(), code(&told)), (&[1][..], "2.05".to_owned()));
        assert_eq!(body(&told)["m2m:cin"]["con"], con.to_string());
        let now = sequence(&told).unwrap();
        assert!(now > last, "{now} after {last}");
        last = now;
    }
    // What changes for somebody else is of no concern.
    let update = json!({"m2m:cnt": {"lbl": ["x"]}});
    let _ = node.client().send(&Request::update("cse-in/c", update)).expect(2004);
    assert!(observer.is_left_alone());
}

#[test]
fn a_burst_ends_with_what_is_there() {
    let node = node();
    let mut observer = Observer::of(&node);
    observer.observe("CAdmin", &["cse-in", "c", "la"], 1);
    (1..=200).for_each(|con| add(&node, &con.to_string()));
    let (mut told, mut last) = (0, 0);
    while last != 200 {
        let con = body(&observer.receive())["m2m:cin"]["con"].as_str().unwrap().parse::<u32>().unwrap();
        assert!(con > last);
        (told, last) = (told + 1, con);
    }
    assert!(told <= 200);
}

#[test]
fn the_end_of_a_right_ends_it() {
    let node = node();
    let mut observer = Observer::of(&node);
    let first = observer.observe("Cguest", &["cse-in", "c", "la"], 1);
    assert!(sequence(&first).is_some());
    let rights = json!({"m2m:acp": {"pv": {"acr": [{"acor": ["CAdmin"], "acop": 63}]}}});
    let _ = node.client().send(&Request::update("cse-in/guests", rights)).expect(2004);
    add(&node, "secret");
    let told = observer.receive();
    assert_eq!((code(&told), sequence(&told)), ("4.03".to_owned(), None));
    assert!(!String::from_utf8_lossy(&told.payload).contains("secret"));
    add(&node, "more");
    assert!(observer.is_left_alone());
    // Nor does it begin for who has no right.
    let refused = observer.observe("Cguest", &["cse-in", "c"], 2);
    assert_eq!((code(&refused), sequence(&refused)), ("4.03".to_owned(), None));
}

#[test]
fn the_end_of_a_resource_ends_it() {
    let node = node();
    let mut observer = Observer::of(&node);
    assert!(sequence(&observer.observe("CAdmin", &["cse-in", "c"], 1)).is_some());
    let _ = node.client().send(&Request::delete("cse-in/c")).expect(2002);
    let told = observer.receive();
    assert_eq!((code(&told), sequence(&told)), ("4.04".to_owned(), None));
}

#[test]
fn clients_end_it_and_have_so_many() {
    let node = node();
    let mut observer = Observer::of(&node);
    let path = ["cse-in", "c", "la"];
    for token in 1..=3 {
        assert!(sequence(&observer.observe("CAdmin", &path, token)).is_some());
    }
    let fourth = observer.observe("CAdmin", &path, 4);
    assert_eq!((code(&fourth), sequence(&fourth)), ("2.05".to_owned(), None));
    // One deregisters, one resets what it is told.
    let ended = observer.get(&path, 1, &[(6, &[1]), (279, b"CAdmin"), (283, b"o"), (271, b"3")]);
    assert_eq!(sequence(&ended), None);
    add(&node, "1");
    let mut told = BTreeSet::new();
    while told.len() < 2 {
        let mut buffer = vec![0; 2048];
        let length = observer.socket.recv(&mut buffer).unwrap();
        let packet = Packet::from_bytes(&buffer[..length]).unwrap();
        let token = packet.get_token()[0];
        let kind = if token == 2 { MessageType::Reset } else { MessageType::Acknowledgement };
        observer.echo(&packet, kind);
        told.insert(token);
    }
    assert_eq!(told, BTreeSet::from([2, 3]));
    add(&node, "2");
    assert_eq!(observer.receive().get_token(), [3]);
    assert!(observer.is_left_alone());
    assert!(sequence(&observer.observe("CAdmin", &path, 5)).is_some());
}

#[test]
fn links_show_what_anybody_may_discover() {
    let node = node();
    let client = node.client();
    let open = json!({"m2m:acp": {"rn": "open", "pv": {"acr": [{"acor": ["all"], "acop": 32}]},
        "pvs": {"acr": [{"acor": ["CAdmin"], "acop": 63}]}}});
    let _ = client.send(&Request::create("cse-in", 1, open)).expect(2001);
    let shown = json!({"m2m:cnt": {"rn": "shown", "acpi": ["cse-in/open"]}});
    let _ = client.send(&Request::create("cse-in", 3, shown)).expect(2001);
    let mut observer = Observer::of(&node);
    let mut links = |query: &[&str]| -> Vec<String> {
        let query: Vec<(u16, &[u8])> = query.iter().map(|field| (15, field.as_bytes())).collect();
        let answer = observer.get(&[".well-known", "core"], 1, &query);
        assert_eq!(code(&answer), "2.05");
        let text = String::from_utf8(answer.payload).unwrap();
        text.split(',').filter(|link| !link.is_empty()).map(str::to_owned).collect()
    };
    let all = links(&[]);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].starts_with("</cse-in>;rt=\"m2m:cb\";if=\"m2m:mca\";ct=\"50 60"), "{all:?}");
    assert!(all[1].starts_with("</cse-in/shown>;rt=\"m2m:cnt\""), "{all:?}");
    assert_eq!(links(&["rt=m2m:cnt"]), all[1..]);
    assert_eq!(links(&["rt=m2m:c*"]), all);
    assert_eq!(links(&["href=/cse-in"]), all[..1]);
    assert!(links(&["rt=m2m:ae"]).is_empty());
}

/// Observes with aiocoap, until it has been told a value.
const CLIENT: &str = r#"
import asyncio, json, sys
from aiocoap import GET, Context, Message
from aiocoap.numbers import OptionNumber
from aiocoap.optiontypes import OpaqueOption

async def main():
    client = await Context.create_client_context()
    message = Message(code=GET, uri=sys.argv[1] + "/cse-in/c/la", observe=0)
    for number, value in [(279, b"CAdmin"), (283, b"o"), (271, b"3")]:
        message.opt.add_option(OpaqueOption(OptionNumber(number), value))
    request = client.request(message)
    first = await request.response
    print(json.loads(first.payload)["m2m:cin"]["con"], flush=True)
    async for told in request.observation:
        con = json.loads(told.payload)["m2m:cin"]["con"]
        if con == "9":
            print(con, flush=True)
            break
    await client.shutdown()

asyncio.run(main())
"#;

#[test]
fn aiocoap_observes() {
    let Some(python) = variable("DYAD_PYTHON") else { return };
    let has = Command::new(&python).args(["-c", "import aiocoap"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        eprintln!("left out: aiocoap is not installed");
        return;
    }
    let node = node();
    let mut client = Command::new(python)
        .args(["-c", CLIENT, node.url_of("CoAP")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(client.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(lines).map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("0"));
    (1..=9).for_each(|con| add(&node, &con.to_string()));
    assert_eq!(lines.next().as_deref(), Some("9"));
    assert!(client.wait().unwrap().success());
}
