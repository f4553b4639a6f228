//! The bytes of opening handshakes, on the side that accepts them. What is accepted is left to `handshake`.

use std::io;

use dyad_protocol::Serialization;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::handshake::{Rules, Verdict, judge};

/// Bytes of a refused message that are read before the connection is closed, so that the reason arrives.
const MAX_REST: usize = 64 * 1024;

/// Carries out a handshake. Gives the serialisation and what was read behind the head, or `None` if it was refused.
pub(super) async fn accept<S>(stream: &mut S, rules: &Rules) -> io::Result<Option<(Serialization, Vec<u8>)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::with_capacity(1024);
    loop {
        match judge(&head, rules) {
            Verdict::Incomplete => {
                if stream.read_buf(&mut head).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Verdict::Accepted { answer, serialization, length } => {
                stream.write_all(answer.as_bytes()).await?;
                stream.flush().await?;
                return Ok(Some((serialization, head.split_off(length.min(head.len())))));
            }
            Verdict::Refused(answer) => {
                refuse(stream, &answer).await?;
                return Ok(None);
            }
        }
    }
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, answer: &str) -> io::Result<()> {
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let (mut rest, mut total) = ([0; 512], 0);
    while total < MAX_REST {
        match stream.read(&mut rest).await? {
            0 => break,
            count => total += count,
        }
    }
    Ok(())
}
