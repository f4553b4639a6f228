//! HTTP/1.1 messages on a stream, no more than client and sink need.

use std::io::{self, BufRead, Read};

/// A message as it came.
#[derive(Debug)]
pub(crate) struct Message {
    /// The request line or the status line.
    pub(crate) start: String,
    /// In the order of the message, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads the next message. `None` if the peer has closed the connection before one.
    pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let start = line(stream)?;
        if start.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let line = line(stream)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self { start: start.trim_end().to_owned(), headers, body: Vec::new() };
        message.body = message.read_body(stream)?;
        Ok(Some(message))
    }

    fn read_body(&self, stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = line(stream)?;
                let size = size.trim().split(';').next().unwrap_or_default();
                let size = u64::from_str_radix(size, 16).map_err(|_| invalid("a chunk without a size"))?;
                stream.take(size).read_to_end(&mut body)?;
                line(stream)?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length = self.header("content-length").map_or(Ok(0), str::parse);
        let length: usize = length.map_err(|_| invalid("a Content-Length that is no number"))?;
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// The first header of a name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is empty, a string if it is no JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        if self.body.is_empty() {
            return serde_json::Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| String::from_utf8_lossy(&self.body).into())
    }
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.take(1 << 16).read_line(&mut line)?;
    Ok(line)
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The name of an HTTP status, for status lines.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200..=299 => "OK",
        400..=499 => "Refused",
        _ => "Failed",
    }
}
