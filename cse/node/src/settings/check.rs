//! The syntax of single settings: identifiers, URLs, origins, patterns, log filters.
//!
//! Responsible for yes or no on one value. What the user is told is left to `table` and `problem`, conditions between
//! several settings to `cross`.

use dyad_bindings::mqtt::Address;
use dyad_core::settings::{Kind, Raw};
use dyad_protocol::id;

/// Release version indicators that the node can be told to support (TS-0004 6.3.5.1.2.3, m2m:releaseVersion).
const RELEASES: [&str; 6] = ["1", "2", "2a", "3", "4", "5"];

/// Any text at all.
pub(super) fn anything(_: &str) -> bool {
    true
}

/// Nothing, or an address to listen on.
pub(super) fn optional_address(text: &str) -> bool {
    text.is_empty() || Kind::Address.read(&Raw::Text(text.to_owned())).is_some()
}

/// Nothing, or an identity that every implementation of pre-shared keys takes (RFC 4279 5.3).
pub(super) fn psk_identity(text: &str) -> bool {
    text.len() <= 128
}

/// An originator that may administrate: `C…` or `S…`, or an SP-relative AE-ID like `/id-in/CAdmin`.
pub(super) fn originator(text: &str) -> bool {
    match text.strip_prefix('/') {
        Some(rest) => {
            rest.split_once('/').is_some_and(|(cse, ae)| id::is_unreserved(cse) && id::is_unreserved(ae))
        }
        None => id::is_ae_id_stem(text),
    }
}

/// Release versions, at least one, none twice.
pub(super) fn releases(entries: &[String]) -> bool {
    !entries.is_empty() && unique(entries) && entries.iter().all(|entry| RELEASES.contains(&entry.as_str()))
}

/// What precedes every path: nothing, or segments that each begin with a slash.
pub(super) fn root(text: &str) -> bool {
    // `~` and `_` begin SP-relative and absolute addresses in the HTTP binding; a root of that name would hide them.
    text.is_empty() || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(id::is_resource_name))
}

/// Web origins, `https://console.example.com`, or `*` alone.
pub(super) fn origins(entries: &[String]) -> bool {
    let origin = |entry: &String| {
        let host = entry.strip_prefix("https://").or_else(|| entry.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '*', '@', ' ']))
    };
    entries == ["*"] || entries.iter().all(origin)
}

/// URLs with a host, under which others reach this node.
pub(super) fn points_of_access(entries: &[String]) -> bool {
    const SCHEMES: [&str; 8] = ["http", "https", "coap", "coaps", "mqtt", "mqtts", "ws", "wss"];
    entries.iter().all(|entry| {
        entry.split_once("://").is_some_and(|(scheme, rest)| {
            SCHEMES.contains(&scheme)
                && !rest.is_empty()
                && !rest.starts_with('/')
                && !rest.contains(char::is_whitespace)
        })
    })
}

/// `embedded`, `off`, or the URL of a broker.
pub(super) fn broker(text: &str) -> bool {
    // Topics have a prefix of their own.
    matches!(text, "embedded" | "off") || Address::parse(text).is_some_and(|address| address.path.is_empty())
}

/// A client identifier, or nothing: without characters that separate levels of topics.
pub(super) fn client_id(text: &str) -> bool {
    text.len() <= 128 && !text.contains(['+', '#', '/']) && !text.contains(char::is_control)
}

/// Levels of a topic without slashes at the ends, or nothing.
pub(super) fn topic_prefix(text: &str) -> bool {
    let level = |level: &str| {
        !level.is_empty()
            && level != "oneM2M"
            && !level.contains(['+', '#'])
            && !level.contains(char::is_control)
    };
    text.is_empty() || text.len() <= 512 && !text.starts_with('$') && text.split('/').all(level)
}

/// `sqlite:PATH`, `sqlite::memory:`, `postgres://…`.
pub(super) fn store(text: &str) -> bool {
    if let Some(path) = text.strip_prefix("sqlite:") {
        // sqlite://host/path is what other programs' URLs look like; a path that begins with // is none anybody means.
        return !path.trim().is_empty() && !path.starts_with("//");
    }
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

/// Names of service functions: lower case, digits and `-`, none twice.
pub(super) fn function_names(entries: &[String]) -> bool {
    let name = |entry: &String| {
        entry.starts_with(|first: char| first.is_ascii_lowercase())
            && entry.chars().all(|character| {
                character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character)
            })
    };
    unique(entries) && entries.iter().all(name)
}

/// A level, or levels per target: `info`, `info,dyad_core=debug`.
pub(super) fn log_filter(text: &str) -> bool {
    // EnvFilter takes a misspelled level for the name of a target and then shows nothing; so it is checked here.
    let level = |text: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&text);
    let target = |text: &str| {
        !text.is_empty()
            && text.chars().all(|character| character.is_ascii_alphanumeric() || "_:-.".contains(character))
    };
    text.split(',').map(str::trim).all(|part| match part.split_once('=') {
        Some((name, wanted)) => target(name) && level(wanted),
        None => level(part),
    })
}

fn unique(entries: &[String]) -> bool {
    entries
        .iter()
        .enumerate()
        .all(|(index, entry)| !entries.iter().take(index).any(|earlier| earlier == entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn texts() {
        type Check = fn(&str) -> bool;
        let cases: [(Check, &[&str], &[&str]); 8] = [
            (
                originator,
                &["CAdmin", "Sops", "/id-in/CAdmin"],
                &["", "C", "admin", "/id-in", "C a", "/id-in/C/x"],
            ),
            (optional_address, &["", "[::1]:8443", "localhost:0"], &["8443", "example.com:8443", " "]),
            (
                broker,
                &["embedded", "off", "mqtt://b", "mqtt://u:p@[::1]:1884"],
                &["", "b", "http://b", "mqtt://b/x"],
            ),
            (client_id, &["", "C::id-in", "x"], &["a/b", "a+", "a#", "a\n"]),
            (topic_prefix, &["", "a", "site/a b"], &["/a", "a/", "a//b", "a/+", "#", "$SYS", "oneM2M"]),
            (root, &["", "/dyad", "/a/b"], &["/", "dyad", "/dyad/", "/~", "/a//b", "/_"]),
            (
                store,
                &[
                    "sqlite:./data/dyad.db",
                    "sqlite::memory:",
                    "sqlite:/var/lib/x.db",
                    "postgres://u:p@h/d",
                    "postgresql://h",
                ],
                &["", "sqlite:", "sqlite://x", "mysql://h", "postgres://", "./x.db", "postgres:h"],
            ),
            (
                log_filter,
                &["info", "info,dyad_core=debug", "dyad_core::store=trace, warn", "off"],
                &["", "verbose", "info,", "dyad=loud", "=info", "a[b]=info"],
            ),
        ];
        for (check, right, wrong) in cases {
            right.iter().for_each(|text| assert!(check(text), "{text:?}"));
            wrong.iter().for_each(|text| assert!(!check(text), "{text:?}"));
        }
    }

    #[test]
    fn lists() {
        type Check = fn(&[String]) -> bool;
        type Lists = &'static [&'static [&'static str]];
        let cases: [(Check, Lists, Lists); 4] = [
            (releases, &[&["1"], &["2a", "5"]], &[&[], &["6"], &["3", "3"]]),
            (
                origins,
                &[&[], &["*"], &["https://a.example:8443"]],
                &[&["*", "http://a"], &["a.example"], &["http://a/"]],
            ),
            (
                points_of_access,
                &[&[], &["http://a:80", "mqtt://b"]],
                &[&["a:80"], &["http://"], &["ftp://a"], &["http:///x"]],
            ),
            (function_names, &[&[], &["registration", "p2p"]], &[&["P2P"], &["a", "a"], &[""], &["2p"]]),
        ];
        for (check, right, wrong) in cases {
            right.iter().for_each(|entries| assert!(check(&list(entries)), "{entries:?}"));
            wrong.iter().for_each(|entries| assert!(!check(&list(entries)), "{entries:?}"));
        }
    }
}
