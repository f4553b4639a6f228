//! The little of an HTTP answer that a measurement needs: its status, and where it ends.

use anyhow::{Context, Result, bail};

/// An answer that has arrived whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Where the body begins.
    pub(crate) body: usize,
    /// One past the last byte of the answer.
    pub(crate) end: usize,
    /// Whether the body travels in chunks.
    pub(crate) chunked: bool,
}

/// Reads an answer off the front of `bytes`; `None` while some of it is missing.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Answer>> {
    let mut length = None;
    let mut chunked = false;
    let mut status = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !line.ends_with(b"\r\n") {
            return Ok(None);
        }
        at += line.len();
        if line.len() == 2 {
            let status = status.context("an answer without a status line")?;
            return whole(bytes, status, at, length, chunked);
        }
        if status.is_none() {
            status = Some(status_of(line)?);
        } else if let Some(value) = header(line, b"content-length:") {
            length = Some(number(value, 10).context("a Content-Length that is no number")?);
        } else if header(line, b"transfer-encoding:").is_some() {
            chunked = true;
        }
    }
    Ok(None)
}

fn whole(
    bytes: &[u8],
    status: u16,
    body: usize,
    length: Option<usize>,
    chunked: bool,
) -> Result<Option<Answer>> {
    let end = match length {
        _ if chunked => match unchunk(bytes.get(body..).unwrap_or_default(), |_| ())? {
            Some(used) => body + used,
            None => return Ok(None),
        },
        Some(length) => body + length,
        None if status == 204 || status == 304 => body,
        None => bail!("an answer with neither a length nor chunks"),
    };
    Ok((bytes.len() >= end).then_some(Answer { status, body, end, chunked }))
}

/// Walks over the chunks of a body and gives the bytes they take; `None` while some are missing.
pub(crate) fn unchunk(bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<Option<usize>> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(line) = rest.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        let head = rest.get(..line).unwrap_or_default();
        let head = head.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = number(head, 16).context("a chunk without a size")?;
        let data = line + 1;
        if rest.len() < data + size + 2 {
            return Ok(None);
        }
        at += data + size + 2;
        if size == 0 {
            return Ok(Some(at));
        }
        each(rest.get(data..data + size).unwrap_or_default());
    }
}

fn status_of(line: &[u8]) -> Result<u16> {
    let digits = line.get(9..12).context("a status line that is too short")?;
    let status = number(digits, 10).context("a status that is no number")?;
    Ok(u16::try_from(status)?)
}

fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, value) = line.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then_some(value)
}

fn number(bytes: &[u8], radix: u32) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(bytes).ok()?.trim(), radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte() {
        let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc";
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]).unwrap(), None);
        }
        let answer = parse(bytes).unwrap().unwrap();
        assert_eq!((answer.status, &bytes[answer.body..answer.end]), (201, &b"abc"[..]));
    }

    #[test]
    fn chunks_are_followed_to_the_last() {
        let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]).unwrap(), None);
        }
        let answer = parse(bytes).unwrap().unwrap();
        assert_eq!(answer.end, bytes.len());
        let mut body = Vec::new();
        unchunk(&bytes[answer.body..], |chunk| body.extend_from_slice(chunk)).unwrap();
        assert_eq!(body, b"abcd");
    }
}
