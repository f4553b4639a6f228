//! Random bytes, and random changes of what is valid: whatever comes, the node goes on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use dyad_tests::{Answer, Node, Request, variable};
use serde_json::Value;

use super::{check_log, leaks, node};

/// Sends bytes on a connection of their own, says that there are no more, and gives the answers.
pub(super) fn raw(node: &Node, bytes: &[u8]) -> Vec<Answer> {
    let mut stream = TcpStream::connect(node.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The node may have refused and closed before it has read all.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut text = Vec::new();
    if let Err(error) = stream.read_to_end(&mut text) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection stays open: {error}");
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    text.split("HTTP/1.1 ").skip(1).map(answer).collect()
}

fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<_> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let rsc = headers
        .iter()
        .find(|(name, _)| name == "x-m2m-rsc")
        .and_then(|(_, rsc)| rsc.parse().ok())
        .unwrap_or(0);
    let http = head.get(..3).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { code: http, rsc, headers, body: Value::String(body.into()), identifier: String::new() }
}

/// A generator that always gives the same numbers for a seed (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

/// What is put in where it does not belong.
const PIECES: [&str; 28] = [
    "\0",
    "\r\n",
    "%00",
    "%2F",
    "%ff",
    "../",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-1",
    "1e999",
    "99999999999999999999",
    "&",
    "?",
    "#",
    "rcn=4",
    "fu=1",
    "lim=0",
    ";ty=3",
    "m2m:cin",
    "\u{e9}",
    "true",
    "\\u0000",
];

const VALID: [&str; 8] = [
    "POST /cse-in/ae HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cae\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\nContent-Type: application/json;ty=3\r\nContent-Length: #\r\n\r\n{\"m2m:cnt\":{\"rn\":\"new\",\"lbl\":[\"a\",\"b\"],\"mni\":3,\"et\":\"20300101T000000\"}}",
    "POST /cse-in/ae/c HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cae\r\nX-M2M-RI: 2\r\nX-M2M-RVI: 3\r\nContent-Type: application/json;ty=4\r\nContent-Length: #\r\n\r\n{\"m2m:cin\":{\"con\":\"x\",\"cnf\":\"text/plain:0\"}}",
    "POST /cse-in/ae/c HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cae\r\nX-M2M-RI: 3\r\nX-M2M-RVI: 3\r\nContent-Type: application/json;ty=23\r\nContent-Length: #\r\n\r\n{\"m2m:sub\":{\"nu\":[\"Cae\"],\"enc\":{\"net\":[1,3],\"atr\":[\"lbl\"]},\"exc\":3,\"nct\":1}}",
    "POST /cse-in HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: CAdmin\r\nX-M2M-RI: 4\r\nX-M2M-RVI: 4\r\nContent-Type: application/json;ty=1\r\nContent-Length: #\r\n\r\n{\"m2m:acp\":{\"pv\":{\"acr\":[{\"acor\":[\"C*\"],\"acop\":63,\"acco\":[{\"actw\":[\"0-9/2 * 8-17 * * 1 *\"],\"acip\":{\"ipv4\":[\"10.0.0.0/8\"]}}]}]},\"pvs\":{\"acr\":[{\"acor\":[\"CAdmin\"],\"acop\":63}]}}}",
    "PUT /cse-in/ae/c?rcn=9 HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cae\r\nX-M2M-RI: 5\r\nX-M2M-RVI: 2a\r\nContent-Type: application/json\r\nContent-Length: #\r\n\r\n{\"m2m:cnt\":{\"lbl\":null,\"mbs\":1000,\"mia\":3600}}",
    "GET /~/id-in/cse-in?fu=1&lbl=a+b&ty=3+4&lim=5&ofst=1&lvl=2&crb=20300101T000000&sts=9&fo=1 HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: /id-in/CAdmin\r\nX-M2M-RI: 6\r\nX-M2M-RVI: 3\r\nX-M2M-RET: 5000\r\n\r\n",
    "GET /cse-in/ae/c/la?atrl=con+cs HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cae\r\nX-M2M-RI: 7\r\nX-M2M-RVI: 3\r\nAccept: application/json\r\n\r\n",
    "DELETE /cse-in/ae/c/ol?rcn=1 HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cae\r\nX-M2M-RI: 8\r\nX-M2M-RVI: 3\r\n\r\n",
];

/// A valid message with one to four random changes; its length is right most of the time.
fn mutated(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = VALID[numbers.below(VALID.len())].as_bytes().to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(6) {
            0 => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
            1 => drop(bytes.remove(at)),
            2 => {
                let piece = PIECES[numbers.below(PIECES.len())];
                drop(bytes.splice(at..at, piece.bytes()).collect::<Vec<_>>());
            }
            3 => {
                // Says something twice.
                let end = (at + numbers.below(20)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again).collect::<Vec<_>>());
            }
            4 => {
                let end = (at + numbers.below(10)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let other = numbers.below(bytes.len());
                bytes.swap(at, other);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    let end_of_head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let length = (bytes.len() - end_of_head).to_string();
    if let Some(at) = bytes.iter().position(|byte| *byte == b'#') {
        drop(bytes.splice(at..=at, length.into_bytes()).collect::<Vec<_>>());
    }
    bytes
}

/// As many as fit in the time of a test; `DYAD_SEED` repeats a run, `DYAD_ROUNDS` makes it longer.
fn put_to_the_test(make: impl Fn(&mut Numbers) -> Vec<u8>, rounds: usize) {
    let number = |name: &str| variable(name).and_then(|text| text.parse::<u64>().ok());
    let seed = number("DYAD_SEED").unwrap_or(0x0dda_d1e5);
    let rounds = number("DYAD_ROUNDS").and_then(|rounds| usize::try_from(rounds).ok()).unwrap_or(rounds);
    let node = node();
    let mut numbers = Numbers(seed | 1);
    let mut wrong = Vec::new();
    for round in 0..rounds {
        let bytes = make(&mut numbers);
        for answer in raw(&node, &bytes) {
            // TS-0009 maps codes of failures that are not the node's to 5xx as well.
            if answer.rsc == 5000 || (answer.code >= 500 && answer.rsc == 0) {
                wrong.push(format!("round {round}: {answer:?}"));
            }
            leaks(&format!("round {round}"), &answer, &mut wrong);
        }
        if !wrong.is_empty() {
            wrong.push(format!("after {}", bytes.escape_ascii()));
            break;
        }
    }
    check_log(&node, &mut wrong);
    assert!(wrong.is_empty(), "seed {seed}\n{}", wrong.join("\n"));
    let _ = node.client().send(&Request::retrieve("cse-in")).expect(2000);
}

#[test]
fn random_changes_of_valid_requests() {
    put_to_the_test(mutated, 1_500);
}

#[test]
fn random_bytes() {
    let bytes = |numbers: &mut Numbers| {
        let length = numbers.below(400);
        (0..length).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect()
    };
    put_to_the_test(bytes, 300);
}
