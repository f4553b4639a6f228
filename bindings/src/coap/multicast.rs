//! The groups of all CoAP nodes (RFC 7252 12.8): 224.0.1.187, ff02::fd and ff05::fd.
//!
//! Responsible for sockets that receive what is sent to them, on the interfaces of an address that is listened on. What
//! is answered to a group, and when, is left to the endpoint and what stands on it.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

const ALL_NODES: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 187);
const ALL_NODES_OF_THE_LINK: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfd);
const ALL_NODES_OF_THE_SITE: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 0xfd);

/// Makes a socket deaf to groups that others on this machine have joined, which Linux gives to every socket otherwise:
/// what was sent to a group must not be taken for what was sent to this node.
#[cfg(target_os = "linux")]
pub(super) fn deafen(socket: &Socket, is_v4: bool) -> io::Result<()> {
    if is_v4 { socket.set_multicast_all_v4(false) } else { socket.set_multicast_all_v6(false) }
}

/// Elsewhere a socket hears only groups that it has joined itself.
#[cfg(not(target_os = "linux"))]
pub(super) fn deafen(_: &Socket, _: bool) -> io::Result<()> {
    Ok(())
}

/// Sockets that receive what is sent to the groups of the family of a bound socket, at its port: on the interface that
/// has its address, or on all that can if it listens on all. Needs to be called within a runtime with IO.
///
/// Fails if there is no interface to join on.
pub(super) fn sockets(unicast: &std::net::UdpSocket) -> io::Result<Vec<UdpSocket>> {
    let address = unicast.local_addr()?;
    let shared = SockRef::from(unicast);
    // An address of its own and any address are the same to the operating system while both are being bound; nobody
    // else may join in later.
    shared.set_reuse_address(true)?;
    let joined = match address {
        SocketAddr::V4(_) => group_v4(address),
        SocketAddr::V6(_) => groups_v6(address),
    };
    shared.set_reuse_address(false)?;
    joined
}

fn group_v4(address: SocketAddr) -> io::Result<Vec<UdpSocket>> {
    let socket = bind(SocketAddr::from((ALL_NODES, address.port())))?;
    let join =
        |index: &u32| socket.join_multicast_v4_n(&ALL_NODES, &InterfaceIndexOrAddress::Index(*index)).is_ok();
    match interfaces(address.ip())?.iter().filter(|index| join(index)).count() {
        0 => Err(nowhere()),
        _ => Ok(vec![UdpSocket::from_std(socket.into())?]),
    }
}

/// A group of a link is another group on each link: one socket for each.
fn groups_v6(address: SocketAddr) -> io::Result<Vec<UdpSocket>> {
    let (mut sockets, site) = (Vec::new(), bind((ALL_NODES_OF_THE_SITE, address.port()).into())?);
    let mut has_site = false;
    for index in interfaces(address.ip())? {
        has_site |= site.join_multicast_v6(&ALL_NODES_OF_THE_SITE, index).is_ok();
        let link = SocketAddrV6::new(ALL_NODES_OF_THE_LINK, address.port(), 0, index);
        if let Ok(link) = bind(link.into())
            && link.join_multicast_v6(&ALL_NODES_OF_THE_LINK, index).is_ok()
        {
            sockets.push(UdpSocket::from_std(link.into())?);
        }
    }
    if has_site {
        sockets.push(UdpSocket::from_std(site.into())?);
    }
    if sockets.is_empty() { Err(nowhere()) } else { Ok(sockets) }
}

fn bind(group: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))?;
    if group.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    deafen(&socket, group.is_ipv4())?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&group.into())?;
    Ok(socket)
}

/// The interfaces, by their indexes, that have an address, or any of its family if it stands for all.
fn interfaces(address: IpAddr) -> io::Result<BTreeSet<u32>> {
    let is_meant = |interface: &if_addrs::Interface| match address.is_unspecified() {
        true => interface.ip().is_ipv4() == address.is_ipv4() && !interface.is_loopback(),
        false => interface.ip() == address,
    };
    let interfaces = if_addrs::get_if_addrs()?;
    Ok(interfaces.iter().filter(|interface| is_meant(interface)).filter_map(|found| found.index).collect())
}

fn nowhere() -> io::Error {
    io::Error::new(io::ErrorKind::AddrNotAvailable, "no network interface can join the groups of CoAP nodes")
}
