//! Datagrams that come and leave together.
//!
//! Responsible for taking several from a socket, and for sending several, with as few system calls as the operating
//! system permits: under load these calls are most of what a request costs. When datagrams are taken and what is sent
//! is left to `receiving`.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use bytes::Bytes;

/// Datagrams that are taken at a time: few, so that few wait for one that takes long, and others can help early.
pub(super) const MOST: usize = 8;

/// The longest datagram there is.
pub(super) const MAX_DATAGRAM: usize = 65_535;

/// Datagrams that were taken.
pub(super) struct Inbox {
    /// Room for the longest one, [`MOST`] times: half a megabyte.
    bytes: Vec<u8>,
    taken: Vec<(SocketAddr, usize)>,
    system: system::Receiving,
}

impl Inbox {
    pub(super) fn new() -> Self {
        let bytes = vec![0; MOST * MAX_DATAGRAM];
        Self { bytes, taken: Vec::with_capacity(MOST), system: system::Receiving::new() }
    }

    /// Takes what is there, in place of what was taken before. Fails with [`io::ErrorKind::WouldBlock`] if nothing more is
    /// there now, also when it has taken some.
    pub(super) fn take(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.taken.clear();
        self.system.take(socket, &mut self.bytes, &mut self.taken)?;
        if self.is_full() { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    /// Nothing was taken.
    pub(super) fn clear(&mut self) {
        self.taken.clear();
    }

    /// Whether there may be more.
    pub(super) fn is_full(&self) -> bool {
        self.taken.len() == MOST
    }

    /// What was taken, with where it came from.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let places = self.taken.iter().zip(self.bytes.chunks(MAX_DATAGRAM));
        places.map(|((from, length), place)| (*from, place.get(..*length).unwrap_or_default()))
    }
}

/// Datagrams that are to leave.
pub(super) struct Outbox {
    waiting: Vec<(SocketAddr, Bytes)>,
    system: system::Sending,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::with_capacity(MOST), system: system::Sending::new() }
    }

    /// Adds one.
    pub(super) fn put(&mut self, to: SocketAddr, datagram: Bytes) {
        self.waiting.push((to, datagram));
    }

    /// Sends all, at once or not at all: what cannot be sent is lost, as it may be on its way.
    pub(super) fn send(&mut self, socket: &UdpSocket) {
        let mut rest = self.waiting.as_slice();
        while let [(to, datagram), others @ ..] = rest {
            let sent = match others {
                [] => socket.send_to(datagram, to).map(|_| 1),
                _ => self.system.send(socket, rest),
            };
            // An error is one of the first: those behind it may be for somebody else.
            let done = sent.unwrap_or_else(|error| {
                tracing::debug!(%to, %error, "a datagram was not sent");
                1
            });
            rest = rest.get(done.max(1)..).unwrap_or_default();
        }
        self.waiting.clear();
    }
}

#[cfg(target_os = "linux")]
mod system {
    //! recvmmsg(2) and sendmmsg(2).

    use std::io::{self, IoSlice, IoSliceMut};
    use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
    use std::os::fd::AsRawFd as _;

    use bytes::Bytes;
    use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

    use super::{MAX_DATAGRAM, MOST};

    pub(super) struct Receiving(MultiHeaders<SockaddrStorage>);

    impl Receiving {
        pub(super) fn new() -> Self {
            Self(MultiHeaders::preallocate(MOST, None))
        }

        pub(super) fn take(
            &mut self,
            socket: &UdpSocket,
            bytes: &mut [u8],
            taken: &mut Vec<(SocketAddr, usize)>,
        ) -> io::Result<()> {
            let mut places: Vec<[IoSliceMut<'_>; 1]> =
                bytes.chunks_mut(MAX_DATAGRAM).map(|place| [IoSliceMut::new(place)]).collect();
            let flags = MsgFlags::MSG_DONTWAIT;
            let received = recvmmsg(socket.as_raw_fd(), &mut self.0, &mut places, flags, None)?;
            taken.extend(received.map(|one| (one.address.and_then(address).unwrap_or(NOWHERE), one.bytes)));
            Ok(())
        }
    }

    /// Of a datagram without a sender, which UDP does not have; what is sent there is refused.
    const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

    fn address(from: SockaddrStorage) -> Option<SocketAddr> {
        let v4 = from.as_sockaddr_in().map(|from| SocketAddrV4::from(*from).into());
        v4.or_else(|| from.as_sockaddr_in6().map(|from| SocketAddrV6::from(*from).into()))
    }

    pub(super) struct Sending(MultiHeaders<SockaddrStorage>);

    impl Sending {
        pub(super) fn new() -> Self {
            Self(MultiHeaders::preallocate(MOST, None))
        }

        /// How many were sent, from the first on; at least one.
        pub(super) fn send(
            &mut self,
            socket: &UdpSocket,
            datagrams: &[(SocketAddr, Bytes)],
        ) -> io::Result<usize> {
            let now = datagrams.iter().take(MOST);
            let to: Vec<Option<SockaddrStorage>> = now.clone().map(|(to, _)| Some((*to).into())).collect();
            let texts: Vec<[IoSlice<'_>; 1]> = now.map(|(_, datagram)| [IoSlice::new(datagram)]).collect();
            let none: [ControlMessage<'_>; 0] = [];
            let flags = MsgFlags::MSG_DONTWAIT;
            Ok(sendmmsg(socket.as_raw_fd(), &mut self.0, &texts, to, none, flags)?.count())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! One by one.

    use std::io;
    use std::net::{SocketAddr, UdpSocket};

    use bytes::Bytes;

    use super::MAX_DATAGRAM;

    pub(super) struct Receiving;

    impl Receiving {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) fn take(
            &mut self,
            socket: &UdpSocket,
            bytes: &mut [u8],
            taken: &mut Vec<(SocketAddr, usize)>,
        ) -> io::Result<()> {
            for place in bytes.chunks_mut(MAX_DATAGRAM) {
                match socket.recv_from(place) {
                    Ok((length, from)) => taken.push((from, length)),
                    Err(error) if taken.is_empty() => return Err(error),
                    // The next call meets it again, if it lasts.
                    Err(_) => break,
                }
            }
            Ok(())
        }
    }

    pub(super) struct Sending;

    impl Sending {
        pub(super) fn new() -> Self {
            Self
        }

        /// How many were sent, from the first on; at least one.
        pub(super) fn send(
            &mut self,
            socket: &UdpSocket,
            datagrams: &[(SocketAddr, Bytes)],
        ) -> io::Result<usize> {
            let Some((to, datagram)) = datagrams.first() else { return Ok(0) };
            socket.send_to(datagram, to).map(|_| 1)
        }
    }
}
