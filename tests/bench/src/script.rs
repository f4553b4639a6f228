//! Requests as bytes, written once and then only numbered.

use std::io::Write;
use std::time::Duration;

/// A request whose identifier is its only variable part.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    bytes: Vec<u8>,
    digits: usize,
}

const WIDTH: usize = 10;

impl Prepared {
    /// The request again and again, numbered.
    pub(crate) fn script(&self) -> impl FnMut(u64, &mut Vec<u8>) + use<> {
        let Self { bytes, digits } = self.clone();
        move |number, out| {
            out.extend_from_slice(&bytes);
            if let Some(mut place) = out.get_mut(digits..digits + WIDTH) {
                let _ = write!(place, "{number:0WIDTH$}");
            }
        }
    }

    /// The request with this number.
    pub(crate) fn numbered(&self, number: u64) -> Vec<u8> {
        let mut out = Vec::new();
        self.script()(number, &mut out);
        out
    }
}

/// A RETRIEVE.
pub(crate) fn get(path: &str, originator: &str) -> Prepared {
    prepared(&format!("GET {path} HTTP/1.1\r\n{}\r\n", headers(originator)))
}

/// A CREATE of a resource of this type.
pub(crate) fn post(path: &str, originator: &str, ty: u32, body: &str) -> Prepared {
    let mut out = Vec::new();
    write_post(&mut out, 0, path, originator, ty, body);
    prepared(&String::from_utf8_lossy(&out))
}

/// Writes a RETRIEVE of a path that changes.
pub(crate) fn write_get(out: &mut Vec<u8>, number: u64, path: &str, originator: &str) {
    let _ = write!(out, "GET {path} HTTP/1.1\r\n{}\r\n", numbered(originator, number));
}

/// Writes a poll of a channel that is held for some time.
pub(crate) fn write_poll(out: &mut Vec<u8>, number: u64, path: &str, originator: &str, held_for: Duration) {
    let headers = numbered(originator, number);
    let _ = write!(out, "GET {path} HTTP/1.1\r\n{headers}X-M2M-RET: {}\r\n\r\n", held_for.as_millis());
}

/// Writes a NOTIFY whose path or body changes.
pub(crate) fn write_notify(out: &mut Vec<u8>, number: u64, path: &str, originator: &str, body: &str) {
    let headers = numbered(originator, number);
    let _ = write!(
        out,
        "POST {path} HTTP/1.1\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

/// Writes a CREATE whose path or body changes.
pub(crate) fn write_post(out: &mut Vec<u8>, number: u64, path: &str, originator: &str, ty: u32, body: &str) {
    let headers = numbered(originator, number);
    let _ = write!(
        out,
        "POST {path} HTTP/1.1\r\n{headers}Content-Type: application/json;ty={ty}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

/// A RETRIEVE over a WebSocket. The path is that of HTTP.
pub(crate) fn ws_get(path: &str, originator: &str) -> Prepared {
    ws(&format!(r#""op":2,{}"#, ws_parameters(path, originator)))
}

/// A CREATE over a WebSocket of a resource of this type.
pub(crate) fn ws_post(path: &str, originator: &str, ty: u32, body: &str) -> Prepared {
    ws(&format!(r#""op":1,{},"ty":{ty},"pc":{body}"#, ws_parameters(path, originator)))
}

fn ws_parameters(path: &str, originator: &str) -> String {
    let to = path.trim_start_matches('/');
    format!(r#""to":"{to}","fr":"{originator}","rqi":"b{:0WIDTH$}","rvi":"3""#, 0)
}

fn ws(members: &str) -> Prepared {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, &format!("{{{members}}}"));
    const NAME: &[u8] = b"\"rqi\":\"b";
    let digits = bytes.windows(NAME.len()).position(|window| window == NAME);
    Prepared { digits: digits.map_or(bytes.len(), |at| at + NAME.len()), bytes }
}

/// Writes a text as one frame of a client (RFC 6455 5.2). The mask is zero, so the text stays as it is.
pub(crate) fn write_frame(out: &mut Vec<u8>, text: &str) {
    out.push(0x81);
    match u16::try_from(text.len()) {
        Ok(length @ 0..=125) => out.push(0x80 | u8::try_from(length).unwrap_or_default()),
        Ok(length) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(text.as_bytes());
}

fn prepared(text: &str) -> Prepared {
    let digits = text.find("X-M2M-RI: ").map_or(text.len(), |at| at + "X-M2M-RI: b".len());
    Prepared { bytes: text.as_bytes().to_vec(), digits }
}

fn headers(originator: &str) -> String {
    numbered(originator, 0)
}

fn numbered(originator: &str, number: u64) -> String {
    format!(
        "Host: bench\r\nX-M2M-Origin: {originator}\r\nX-M2M-RI: b{number:0WIDTH$}\r\nX-M2M-RVI: 3\r\nAccept: application/json\r\n"
    )
}

/// A small generator of numbers that look random and are the same in every run.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts a sequence.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_lands_in_the_request_identifier_alone() {
        let request = post("/cse-in/a", "CBench", 4, "{}");
        let text = String::from_utf8(request.numbered(42)).unwrap();
        assert!(text.contains("\r\nX-M2M-RI: b0000000042\r\n"), "{text}");
        assert_eq!(text.len(), request.bytes.len());
        assert!(text.ends_with("Content-Length: 2\r\n\r\n{}"));
    }
}
