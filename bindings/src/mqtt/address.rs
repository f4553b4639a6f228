//! Addresses: `mqtt://[user[:password]@]host[:port][/path]` (TS-0010 6.6).
//!
//! Responsible for their parts. What the path means – a prefix of topics in a point of access, a whole topic in a
//! notification URI – is left to [`super::client`].

use std::net::{IpAddr, Ipv6Addr};

use percent_encoding::percent_decode_str;

use super::settings::Login;

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// A name in lower case, or an IP address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether it is reached over TLS (`mqtts`).
    pub is_secure: bool,
}

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.is_secure { "mqtts" } else { "mqtt" };
        match self.host.parse::<Ipv6Addr>() {
            Ok(address) => write!(f, "{scheme}://[{address}]:{}", self.port),
            Err(_) => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl Authority {
    /// Whether the host is this machine by its own account.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The broker.
    pub authority: Authority,
    /// As whom to log in.
    pub login: Option<Login>,
    /// What is behind the slash after the authority, without it; escapes are resolved.
    pub path: String,
}

impl Address {
    /// Takes a URL apart. `None` for another scheme, no host, a port that is none, wildcards of filters in the path,
    /// or escapes that are no UTF-8.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "mqtt" => false,
            "mqtts" => true,
            _ => return None,
        };
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(read_login(login)?), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None if is_secure => 8883,
            None => 1883,
        };
        let path = decoded(path)?;
        if path.contains(['+', '#', '\0']) {
            return None;
        }
        Some(Self { authority: Authority { host: host.to_ascii_lowercase(), port, is_secure }, login, path })
    }
}

fn read_login(text: &str) -> Option<Login> {
    let (username, password) = text.split_once(':').unwrap_or((text, ""));
    Some(Login { username: decoded(username)?, password: decoded(password)? })
}

/// The host without brackets, and the port if there is one.
fn split_port(place: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let is_host = !host.is_empty() && !host.contains(char::is_whitespace);
    is_host.then_some((host, port.filter(|port| !port.is_empty())))
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Address;

    fn parts(url: &str) -> (String, String, u16) {
        let address = Address::parse(url).unwrap();
        (address.authority.host, address.path, address.authority.port)
    }

    #[test]
    fn parts_of_addresses() {
        assert_eq!(parts("mqtt://172.25.0.10:1884"), ("172.25.0.10".into(), String::new(), 1884));
        assert_eq!(
            parts("MQTT://Broker.example.com/abc/def"),
            ("broker.example.com".into(), "abc/def".into(), 1883)
        );
        assert_eq!(parts("mqtts://b//oneM2M/x%20y"), ("b".into(), "/oneM2M/x y".into(), 8883));
        assert_eq!(parts("mqtt://[::1]:2000/a"), ("::1".into(), "a".into(), 2000));
        let address = Address::parse("mqtt://me:p%40ss@b:1/t?x=1").unwrap();
        let login = address.login.unwrap();
        assert_eq!((login.username.as_str(), login.password.as_str()), ("me", "p@ss"));
        assert_eq!(address.authority.to_string(), "mqtt://b:1");
        assert_eq!(Address::parse("mqtts://[::1]").unwrap().authority.to_string(), "mqtts://[::1]:8883");
    }

    #[test]
    fn refusals() {
        for url in [
            "",
            "mqtt:",
            "mqtt://",
            "mqtt://:1883",
            "http://a",
            "mqtt://a:0",
            "mqtt://a:x",
            "mqtt://a:99999",
            "mqtt://[::1",
            "mqtt://[x]:1",
            "mqtt://a b",
            "mqtt://a/+/b",
            "mqtt://a/%23",
            "mqtt://a/%ff",
        ] {
            assert_eq!(Address::parse(url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(url in "(mqtt://)?[a-z@:/\\[\\]%0-9?=]{0,40}") {
            let _ = Address::parse(&url);
        }
    }
}
