//! Addresses that have not shown themselves (RFC 7252 11.3, RFC 9175): nobody is flooded in his own name.

use super::socket::{ACK, CON, Message, NON, RST, Socket};
use super::{content, node};

/// The option of RFC 9175.
const ECHO: u16 = 252;

fn unknown(node: &dyad_tests::Node) -> Socket {
    Socket::unknown_to(node.address_of("CoAP"))
}

fn request(socket: &mut Socket) -> Message {
    Message { id: socket.next_id(), ..Message::request(1, &["cse-in"]) }
}

#[test]
fn a_long_answer_waits_until_a_ping_is_reset() {
    let node = node();
    let mut socket = unknown(&node);
    let asked = request(&mut socket);
    socket.send(&asked);
    let ping = socket.receive();
    assert_eq!(ping, Message::empty(CON, ping.id));
    socket.send(&Message::empty(RST, ping.id));
    let answer = socket.receive();
    assert_eq!((answer.kind, answer.id, answer.status()), (ACK, asked.id, 205));
    // From then on at once, for what is not confirmable too.
    let asked = request(&mut socket).kind(NON);
    socket.send(&asked);
    assert_eq!(socket.receive().status(), 205);
}

#[test]
fn who_does_not_react_gets_little_and_an_echo() {
    let node = node();
    let mut socket = unknown(&node);
    let asked = request(&mut socket);
    let sent = asked.bytes().len();
    socket.send(&asked);
    let mut received = 0;
    let first = loop {
        let message = socket.receive();
        received += message.bytes().len();
        if message.code != 0 {
            break message;
        }
    };
    // It is not repeated, and nothing else comes.
    assert_eq!((first.kind, first.status()), (NON, 205));
    assert_eq!(socket.drain(), []);
    assert!(received <= 3 * sent + 128 + 16, "{received} bytes for {sent}");
    let (number, more, exponent) = first.block_of(23).unwrap();
    assert!(number == 0 && more && exponent <= 3, "{first:?}");
    // The next block with the Echo, which shows the address.
    let next = request(&mut socket).option(ECHO, first.value(ECHO).unwrap()).block(23, 1, false, exponent);
    socket.send(&next);
    let second = socket.receive();
    assert_eq!((second.kind, second.block_of(23).unwrap().0), (ACK, 1));
    let whole = request(&mut socket);
    socket.send(&whole);
    assert_eq!(content(&socket.receive())["m2m:cb"]["rn"], "cse-in");
}

#[test]
fn an_echo_of_another_address_shows_nothing() {
    let node = node();
    let (mut one, mut other) = (unknown(&node), unknown(&node));
    let asked = request(&mut one);
    one.send(&asked);
    let echo = loop {
        if let Some(echo) = one.receive().value(ECHO) {
            break echo.to_vec();
        }
    };
    let asked = request(&mut other).option(ECHO, &echo);
    other.send(&asked);
    let ping = other.receive();
    assert_eq!(ping, Message::empty(CON, ping.id));
    // Guessing the ID of the ping ends the waiting for it.
    (0..20).for_each(|id| other.send(&Message::empty(RST, id)));
    let answer = other.receive();
    assert!(answer.block_of(23).unwrap().1, "{answer:?}");
    let asked = request(&mut other);
    other.send(&asked);
    let ping = other.receive();
    assert_eq!(ping, Message::empty(CON, ping.id));
}

#[test]
fn short_answers_need_nothing() {
    let node = node();
    let mut socket = unknown(&node);
    let missing = Message { id: socket.next_id(), ..Message::request(1, &["nothing"]) };
    socket.send(&missing);
    let answer = socket.receive();
    assert_eq!((answer.kind, answer.status()), (ACK, 404));
}
