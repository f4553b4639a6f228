//! Bytes that are no HTTP, or HTTP that means to be read in two ways.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{check_log, dump, leaks, node};
use crate::load::PATIENCE;

const HEAD: &str = "Host: x\r\nX-M2M-Origin: CAdmin\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\n";

#[test]
fn what_is_no_http_is_refused() {
    let node = node();
    let client = node.client();
    let before = dump(&client);
    let body = r#"{"m2m:cnt":{}}"#;
    let post = format!("POST /cse-in/ae HTTP/1.1\r\n{HEAD}Content-Type: application/json;ty=3\r\n");
    let mut wrong = Vec::new();
    for (name, bytes) in [
        ("nothing but a line", "\r\n\r\n\r\n\r\n".to_owned()),
        ("no version", format!("GET /cse-in\r\n{HEAD}\r\n")),
        ("another version", format!("GET /cse-in HTTP/9.9\r\n{HEAD}\r\n")),
        ("space in the path", format!("GET /cse-in /ae HTTP/1.1\r\n{HEAD}\r\n")),
        ("byte beyond ASCII in the path", format!("GET /cse-in/\u{e9} HTTP/1.1\r\n{HEAD}\r\n")),
        ("null byte in the path", format!("GET /cse-in\0 HTTP/1.1\r\n{HEAD}\r\n")),
        ("null byte in a header", format!("GET /cse-in HTTP/1.1\r\n{HEAD}X-A: a\0b\r\n\r\n")),
        ("line break within a header name", format!("GET /cse-in HTTP/1.1\r\n{HEAD}X A: b\r\n\r\n")),
        ("header without a colon", format!("GET /cse-in HTTP/1.1\r\n{HEAD}nothing\r\n\r\n")),
        ("two lengths", format!("{post}Content-Length: 14\r\nContent-Length: 5\r\n\r\n{body}")),
        ("negative length", format!("{post}Content-Length: -1\r\n\r\n{body}")),
        ("length of no kind", format!("{post}Content-Length: x\r\n\r\n{body}")),
        ("length with a sign", format!("{post}Content-Length: +14\r\n\r\n{body}")),
        ("huge length", format!("{post}Content-Length: 99999999999999999999999\r\n\r\n{body}")),
        ("too long by its length", format!("{post}Content-Length: 1000000\r\n\r\n{body}")),
        (
            "length and chunks",
            format!("{post}Content-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{body}"),
        ),
        ("unknown encoding", format!("{post}Transfer-Encoding: zip\r\n\r\n{body}")),
        ("chunk without a size", format!("{post}Transfer-Encoding: chunked\r\n\r\nx\r\n{body}\r\n0\r\n\r\n")),
        (
            "chunk of a huge size",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{body}\r\n0\r\n\r\n"),
        ),
        ("body that is cut off", format!("{post}Content-Length: 50\r\n\r\n{body}")),
        ("headers without an end", format!("GET /cse-in HTTP/1.1\r\n{HEAD}")),
        ("too many headers", format!("GET /cse-in HTTP/1.1\r\n{HEAD}{}\r\n", "X-A: b\r\n".repeat(5_000))),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned()),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0".to_owned()),
    ] {
        match super::random::raw(&node, bytes.as_bytes()) {
            answers if answers.iter().all(|answer| (400..500).contains(&answer.code)) => {
                answers.iter().for_each(|answer| leaks(name, answer, &mut wrong));
            }
            answers => wrong.push(format!("{name}: {answers:?}")),
        }
        if dump(&client) != before {
            wrong.push(format!("{name}: something has changed"));
            break;
        }
    }
    check_log(&node, &mut wrong);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// RFC 9110 9.3.2, 15.5.6: nothing follows the head of the answer but the next answer.
#[test]
fn head_is_told_what_is_allowed_and_gets_no_body() {
    let node = node();
    let mut stream = TcpStream::connect(node.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let two =
        format!("HEAD /cse-in HTTP/1.1\r\n{HEAD}\r\nGET /cse-in HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n");
    stream.write_all(two.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let (first, second) = answers.split_once("\r\n\r\n").unwrap();
    assert!(first.starts_with("HTTP/1.1 405 "), "{answers}");
    assert!(first.to_ascii_lowercase().contains("\r\nallow: get, post, put, delete"), "{answers}");
    assert!(second.starts_with("HTTP/1.1 200 "), "{answers}");
}
