//! What the node says on stdout once it is ready.
//!
//! Responsible for a text that shows at a glance what runs where, with a first request to copy. Programs read it too:
//! they wait for the line `  HTTP       http://ADDRESS` and take the port from there, so that line stays as it is.

use crate::settings::{Durability, Settings, without_password};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Prints the banner; `http` is where the node listens, with the port that it was given if the settings say 0, and
/// `listening` is a line for each binding.
pub(crate) fn print(settings: &Settings, http: SocketAddr, listening: &[(&str, String)]) {
    let mut out = std::io::stdout().lock();
    // A node whose stdout is closed still serves.
    let _ = out.write_all(text(settings, http, listening).as_bytes()).and_then(|()| out.flush());
}

fn text(settings: &Settings, http: SocketAddr, listening: &[(&str, String)]) -> String {
    let cse = &settings.cse;
    let listening: String = listening.iter().map(|(name, place)| format!("  {name:<9}  {place}\n")).collect();
    format!(
        "dyad {}: {} node {} ({}) is ready\n{listening}  store      {}\n  admin      {}\nTry:\n  {}\n",
        env!("CARGO_PKG_VERSION"),
        cse.kind,
        cse.id,
        cse.name,
        store(settings),
        cse.admin,
        curl(settings, http),
    )
}

fn store(settings: &Settings) -> String {
    let kept = match settings.store.durability {
        _ if settings.store.url == "sqlite::memory:" => "in memory, gone at the stop",
        Durability::Full => "durable",
        Durability::Normal => "a power cut may take the last moments",
    };
    format!("{} ({kept})", without_password(&settings.store.url))
}

/// A request that works as printed: for the host that one can connect to, in a release that the node supports.
fn curl(settings: &Settings, http: SocketAddr) -> String {
    let ip = match http.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let releases = &settings.cse.supported_releases;
    let release =
        releases.iter().find(|release| *release == "3").or(releases.last()).map_or("3", String::as_str);
    // Some shells take the brackets of IPv6 for a pattern.
    let quote = if ip.is_ipv6() { "'" } else { "" };
    format!(
        "curl -H 'X-M2M-Origin: {}' -H 'X-M2M-RI: 1' -H 'X-M2M-RVI: {release}' {quote}http://{}{}/{}{quote}",
        settings.cse.admin,
        SocketAddr::new(ip, http.port()),
        settings.http.root,
        settings.cse.name,
    )
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::settings::{Settings, Sources, Table};

    fn banner(set: &[&str], http: &str) -> String {
        let set = set.iter().map(|text| (*text).to_owned()).collect();
        let settings =
            Settings::load(&Sources { set, ..Sources::default() }, &Table::new(&[]).unwrap()).unwrap();
        text(&settings, http.parse().unwrap(), &[("HTTP", format!("http://{http}"))])
    }

    #[test]
    fn of_the_defaults() {
        let expected = format!(
            "dyad {}: IN node /id-in (cse-in) is ready
  HTTP       http://127.0.0.1:8080
  store      sqlite:./data/dyad.db (durable)
  admin      CAdmin
Try:
  curl -H 'X-M2M-Origin: CAdmin' -H 'X-M2M-RI: 1' -H 'X-M2M-RVI: 3' http://127.0.0.1:8080/cse-in
",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(banner(&[], "127.0.0.1:8080"), expected);
    }

    #[test]
    fn the_request_works_as_printed() {
        let cases: [(&[&str], &str, &str); 4] = [
            (&[], "0.0.0.0:80", "-H 'X-M2M-RVI: 3' http://127.0.0.1:80/cse-in\n"),
            (&["http.root=/m2m"], "10.0.0.7:8080", " http://10.0.0.7:8080/m2m/cse-in\n"),
            (&["cse.name=base"], "[::]:8080", " 'http://[::1]:8080/base'\n"),
            (
                &["cse.supported_releases=1,2a"],
                "127.0.0.1:1",
                "-H 'X-M2M-RVI: 2a' http://127.0.0.1:1/cse-in\n",
            ),
        ];
        for (set, http, expected) in cases {
            let text = banner(set, http);
            assert!(text.ends_with(expected), "{text}");
        }
        assert!(banner(&[], "[::]:8080").contains("\n  HTTP       http://[::]:8080\n"));
    }

    #[test]
    fn stores() {
        let cases = [
            ("store.url=sqlite::memory:", "sqlite::memory: (in memory, gone at the stop)"),
            ("store.url=postgres://u:p@h/d", "postgres://u:***@h/d (durable)"),
            ("store.durability=normal", "sqlite:./data/dyad.db (a power cut may take the last moments)"),
        ];
        for (set, expected) in cases {
            assert!(banner(&[set], "127.0.0.1:1").contains(expected), "{set}");
        }
    }
}
