//! Why a connection ends, and which close code says so (RFC 6455 7.4.1).

use tungstenite::Error;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The other side has closed it, or it broke: there is nobody to tell.
    Gone,
    /// This side ends it, and says why.
    Close(CloseCode, &'static str),
}

impl End {
    /// This node stops.
    pub(super) const STOP: Self = Self::Close(CloseCode::Away, "the node stops");
    /// The client role needs the connection no more.
    pub(super) const IDLE: Self = Self::Close(CloseCode::Normal, "not used for a while");
    /// A message in a frame of the wrong kind.
    pub(super) const WRONG_KIND: Self =
        Self::Close(CloseCode::Unsupported, "the sub-protocol has the other kind of frames");
    /// The other side does not read what it is sent.
    pub(super) const NOT_TAKEN: Self = Self::Close(CloseCode::Policy, "what is sent is not taken");

    /// The frame that says so.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        match self {
            Self::Gone => None,
            Self::Close(code, why) => Some(CloseFrame { code: *code, reason: (*why).into() }),
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) | Error::Tls(_) => Self::Gone,
            Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(_) => Self::Close(CloseCode::Protocol, "the frame breaks the protocol"),
            Error::Utf8(_) => Self::Close(CloseCode::Invalid, "the text is not UTF-8"),
            Error::Capacity(_) => Self::Close(CloseCode::Size, "the message is too long"),
            _ => Self::Close(CloseCode::Error, "internal error"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::End;
    use tungstenite::Error;
    use tungstenite::error::{CapacityError, ProtocolError};

    #[test]
    fn codes() {
        let cases = [
            (Error::ConnectionClosed, None),
            (Error::Io(std::io::ErrorKind::ConnectionReset.into()), None),
            (Error::Protocol(ProtocolError::ResetWithoutClosingHandshake), None),
            (Error::Protocol(ProtocolError::UnmaskedFrameFromClient), Some(1002)),
            (Error::Utf8(String::new()), Some(1007)),
            (Error::Capacity(CapacityError::MessageTooLong { size: 2, max_size: 1 }), Some(1009)),
            (Error::AttackAttempt, Some(1011)),
        ];
        for (error, expected) in cases {
            let shown = error.to_string();
            let code = End::from(error).frame().map(|frame| u16::from(frame.code));
            assert_eq!(code, expected, "{shown}");
        }
        for (end, expected) in [(End::STOP, 1001), (End::WRONG_KIND, 1003), (End::NOT_TAKEN, 1008)] {
            assert_eq!(end.frame().map(|frame| u16::from(frame.code)), Some(expected));
        }
    }
}
