//! Block-wise transfer (RFC 7959) with blocks as they should and should not come.

use serde_json::json;

use super::socket::{Message, Socket};
use super::{content, create, instances, latest, node, socket};

/// Sends a request block by block; gives the last answer.
fn upload(socket: &mut Socket, request: &Message, exponent: u8) -> Message {
    let payload = request.payload.clone();
    let size = 16 << exponent;
    let blocks: Vec<&[u8]> = payload.chunks(size).collect();
    let mut answer = None;
    for (number, bytes) in blocks.iter().enumerate() {
        let more = number + 1 < blocks.len();
        let part = request.clone().payload(bytes).block(27, number as u32, more, exponent);
        let said = socket.ask(part);
        assert_eq!(said.block_of(27), Some((number as u32, more, exponent)));
        assert_eq!(said.status() == 231, more);
        answer = Some(said);
    }
    answer.unwrap()
}

/// Fetches the rest of an answer.
fn download(socket: &mut Socket, request: &Message, first: Message) -> Vec<u8> {
    let (mut payload, tag) = (first.payload.clone(), first.value(4).map(<[u8]>::to_vec));
    let mut block = first.block_of(23).unwrap();
    assert_eq!(first.number(28), first.number(28).filter(|size| *size > 0));
    while block.1 {
        let next = request.clone().payload(b"").without(12).block(23, block.0 + 1, false, block.2);
        let part = socket.ask(next);
        assert_eq!(part.value(4).map(<[u8]>::to_vec), tag);
        assert_eq!(part.block_of(23).unwrap().0, block.0 + 1);
        block = part.block_of(23).unwrap();
        payload.extend(part.payload);
    }
    payload
}

#[test]
fn long_contents_go_both_ways_in_every_size() {
    let node = node();
    let mut socket = socket(&node);
    for (exponent, length) in [(6, 100_000), (4, 10_000), (0, 1000)] {
        let con = "0123456789".repeat(length / 10);
        let answer = upload(&mut socket, &create(&con), exponent);
        assert_eq!(answer.status(), 201);
        assert_eq!(latest(&node), con);
        let request = Message::request(1, &["cse-in", "c", "la"]);
        let first = socket.ask(request.clone().block(23, 0, false, exponent));
        let whole = download(&mut socket, &request, first);
        let read: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(read["m2m:cin"]["con"], json!(con));
    }
    // The answer to a long CREATE is long itself.
    let request = create(&"z".repeat(5000));
    let first = upload(&mut socket, &request, 6);
    let whole = download(&mut socket, &request, first);
    assert!(String::from_utf8(whole).unwrap().contains("zzzz"));
}

#[test]
fn blocks_out_of_order_are_refused_and_create_nothing() {
    let node = node();
    let mut socket = socket(&node);
    let whole = create(&"x".repeat(5000));
    let part = |number: u32, more, length: usize| {
        whole.clone().payload(&whole.payload[..length]).block(27, number, more, 6)
    };
    let sequences: [&[(u32, bool, usize, u16)]; 7] = [
        &[(1, true, 1024, 408)],
        &[(4, false, 10, 408)],
        &[(0, true, 1024, 231), (2, true, 1024, 408), (1, true, 1024, 408)],
        &[(0, true, 1024, 231), (1, true, 1000, 400)],
        &[(0, true, 1025, 400)],
        &[(0, true, 0, 400)],
        &[(0, true, 1024, 231), (1, true, 1024, 231), (0, true, 1024, 231), (2, false, 5, 408)],
    ];
    for sequence in sequences {
        for (number, more, length, status) in sequence {
            let answer = socket.ask(part(*number, *more, *length));
            assert_eq!(answer.status(), *status, "{sequence:?} at {number}");
        }
    }
    assert_eq!(socket.ask(whole.clone().payload(b"x").option(27, b"\x07")).status(), 400);
    assert_eq!(instances(&node), 0);
}

#[test]
fn what_is_too_long_is_refused_with_the_longest() {
    let node = node();
    let mut socket = socket(&node);
    let first = create(&"x".repeat(5000));
    let first = first.clone().payload(&first.payload[..1024]).block(27, 0, true, 6);
    let answer = socket.ask(first.clone().option(60, &[4, 0, 0]));
    assert_eq!((answer.status(), answer.number(60)), (413, Some(200_000)));
    // In blocks, without having said so.
    let mut number = 0;
    let answer = loop {
        let answer = socket.ask(first.clone().block(27, number, true, 6));
        number += 1;
        if answer.status() != 231 {
            break answer;
        }
    };
    assert_eq!((answer.status(), number), (413, 196));
    assert_eq!(socket.ask(create(&"x".repeat(60_000))).status(), 201);
    assert_eq!(instances(&node), 1);
}

#[test]
fn transfers_do_not_mix() {
    let node = node();
    let mut sockets = [socket(&node), socket(&node)];
    let requests =
        ["a", "b"].map(|letter| create(&letter.repeat(1500)).without(283).option(283, letter.as_bytes()));
    for number in 0..2_u32 {
        for request in &requests {
            for socket in &mut sockets {
                let from = number as usize * 1024;
                let bytes = &request.payload[from..request.payload.len().min(from + 1024)];
                let answer = socket.ask(request.clone().payload(bytes).block(27, number, number == 0, 6));
                assert_eq!(answer.status(), if number == 0 { 231 } else { 201 });
            }
        }
    }
    assert_eq!(instances(&node), 4);
    assert_eq!(latest(&node), "b".repeat(1500));
}

#[test]
fn blocks_that_there_are_not() {
    let node = node();
    let mut socket = socket(&node);
    let request = Message::request(1, &["cse-in"]);
    let behind = socket.ask(request.clone().block(23, 1000, false, 6));
    assert_eq!(behind.status(), 400);
    let small = socket.ask(request.clone().block(23, 0, false, 1));
    assert_eq!((small.payload.len(), small.block_of(23)), (32, Some((0, true, 1))));
    // A failure is a failure, whichever block of it is asked for.
    assert_eq!(socket.ask(Message::request(1, &["nothing"]).block(23, 3, false, 6)).status(), 404);
    // Of an answer to a CREATE nothing is kept that was not asked for; it is not carried out again.
    assert_eq!(socket.ask(create("x").block(23, 3, false, 6)).status(), 408);
    assert_eq!(instances(&node), 0);
    let whole = socket.ask(Message::request(1, &["cse-in"]));
    assert_eq!(content(&whole)["m2m:cb"]["rn"], "cse-in");
}
