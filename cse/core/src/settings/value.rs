//! What a setting may hold: the kinds of values, how each is read, and how its allowed values are described.
//!
//! Responsible for turning what a file, the environment or the command line says into a typed value. Where it was
//! said, and which setting has which kind, is left to others.

use super::units;
use std::net::SocketAddr;
use std::time::Duration;

/// A value as it was written: TOML knows lists, the environment and the command line only text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// One text; numbers and booleans of a file are taken as they were written.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

/// A value that was read and found within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text, choices among them.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A span of time.
    Duration(Duration),
    /// A whole number; sizes are numbers of bytes.
    Number(u64),
    /// On or off.
    Switch(bool),
    /// Where to listen.
    Address(SocketAddr),
}

impl Value {
    /// Whether it is more than another value of its kind. What has no order never is.
    pub fn exceeds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Duration(one), Self::Duration(other)) => one > other,
            (Self::Number(one), Self::Number(other)) => one > other,
            _ => false,
        }
    }
}

/// The kind of a setting: how it is read and what it allows.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A text that passes the check; the second field describes what does.
    Text(fn(&str) -> bool, &'static str),
    /// A list whose every entry passes the check; the second field describes what does.
    List(fn(&[String]) -> bool, &'static str),
    /// A duration from the first to the second, both written as in a setting.
    Duration(&'static str, &'static str),
    /// A size from the first to the second, both written as in a setting.
    Size(&'static str, &'static str),
    /// A whole number from the first to the second.
    Count(u64, u64),
    /// true or false.
    Switch,
    /// An IP address or `localhost`, and a port.
    Address,
}

impl Kind {
    /// What is allowed, to be read after "allowed: ".
    pub fn allowed(self) -> String {
        match self {
            Self::Choice(words) => words.join(", "),
            Self::Text(_, allowed) | Self::List(_, allowed) => allowed.to_owned(),
            Self::Duration(least, most) => {
                format!("a duration from {least} to {most}, like 500ms, 10s, 5min, 2h, 1d, 5y")
            }
            Self::Size(least, most) => {
                format!("a size from {least} to {most}, like 65536, 256kB, 1MiB, 2GiB")
            }
            Self::Count(least, u64::MAX) => format!("a whole number from {least}"),
            Self::Count(least, most) => format!("a whole number from {least} to {most}"),
            Self::Switch => "true, false".to_owned(),
            Self::Address => "an IP address and a port, like 127.0.0.1:8080, [::1]:8080, 0.0.0.0:80; \
                              localhost:8080; port 0 takes a free one"
                .to_owned(),
        }
    }

    /// Reads a value; nothing if it is not allowed.
    pub fn read(self, raw: &Raw) -> Option<Value> {
        let text = match (self, raw) {
            (Self::List(check, _), raw) => {
                let entries = entries(raw)?;
                return check(&entries).then_some(Value::List(entries));
            }
            (_, Raw::Text(text)) => text,
            (_, Raw::List(_)) => return None,
        };
        match self {
            Self::Choice(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .map(|word| Value::Text((*word).to_owned())),
            Self::Text(check, _) => check(text).then(|| Value::Text(text.clone())),
            Self::List(..) => None,
            Self::Duration(least, most) => {
                let value = units::duration(text)?;
                (units::duration(least)? <= value && value <= units::duration(most)?)
                    .then_some(Value::Duration(value))
            }
            Self::Size(least, most) => {
                let value = units::size(text)?;
                (units::size(least)? <= value && value <= units::size(most)?).then_some(Value::Number(value))
            }
            Self::Count(least, most) => {
                let value = text.trim().parse().ok()?;
                (least <= value && value <= most).then_some(Value::Number(value))
            }
            Self::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "on" | "yes" | "1" => Some(Value::Switch(true)),
                "false" | "off" | "no" | "0" => Some(Value::Switch(false)),
                _ => None,
            },
            Self::Address => address(text).map(Value::Address),
        }
    }
}

impl Raw {
    /// The value as it is shown to people: as it was written, lists with brackets, passwords of URLs left out.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => without_password(text),
            Self::List(entries) => {
                let quoted: Vec<String> =
                    entries.iter().map(|entry| format!("{:?}", without_password(entry))).collect();
                format!("[{}]", quoted.join(", "))
            }
        }
    }
}

/// The entries of a list: a TOML array, or texts between commas.
fn entries(raw: &Raw) -> Option<Vec<String>> {
    let text = match raw {
        Raw::List(entries) => return Some(entries.clone()),
        Raw::Text(text) => text.trim(),
    };
    Some(text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
}

/// `localhost` means the IPv4 loopback; other names are not resolved, since a listener wants exactly one address.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

/// A URL whose password became `***`: what is printed ends in logs and tickets.
pub fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?']).next()?;
        let (user_and_password, _) = authority.rsplit_once('@')?;
        let (user, _) = user_and_password.split_once(':')?;
        let after = rest.strip_prefix(user_and_password)?;
        Some(format!("{scheme}://{user}:***{after}"))
    };
    let text = hidden().unwrap_or_else(|| text.to_owned());
    // libpq also takes the password as a parameter.
    match text.split_once("password=") {
        Some((before, after)) => {
            let rest = after.find('&').and_then(|end| after.get(end..)).unwrap_or_default();
            format!("{before}password=***{rest}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Raw, Value, without_password};

    fn read(kind: Kind, text: &str) -> Option<Value> {
        kind.read(&Raw::Text(text.to_owned()))
    }

    #[test]
    fn lists_have_two_spellings() {
        let kind = Kind::List(|_| true, "anything");
        let expected = Some(Value::List(vec!["C*".to_owned(), "S1".to_owned()]));
        assert_eq!(read(kind, "C*,S1"), expected);
        assert_eq!(read(kind, " C* , S1 "), expected);
        assert_eq!(kind.read(&Raw::List(vec!["C*".to_owned(), "S1".to_owned()])), expected);
        assert_eq!(read(kind, ""), Some(Value::List(Vec::new())));
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(read(Kind::Count(1, 3), "3"), Some(Value::Number(3)));
        for text in ["0", "4", "-1", "1.0", ""] {
            assert_eq!(read(Kind::Count(1, 3), text), None, "{text:?}");
        }
        assert!(read(Kind::Duration("1s", "1h"), "1h").is_some());
        assert!(read(Kind::Duration("1s", "1h"), "999ms").is_none());
        assert!(read(Kind::Size("1kB", "1MiB"), "1048577").is_none());
        assert_eq!(read(Kind::Choice(&["IN", "MN"]), "mn"), Some(Value::Text("MN".to_owned())));
        assert_eq!(Kind::Switch.read(&Raw::List(Vec::new())), None);
    }

    #[test]
    fn addresses() {
        for text in ["127.0.0.1:8080", "[::1]:0", "0.0.0.0:80", "localhost:8080"] {
            assert!(read(Kind::Address, text).is_some(), "{text}");
        }
        for text in
            ["8080", ":8080", "example.com:80", "::1:80", "127.0.0.1", "127.0.0.1:70000", "localhost:"]
        {
            assert!(read(Kind::Address, text).is_none(), "{text}");
        }
    }

    #[test]
    fn passwords_stay_hidden() {
        let cases = [
            ("postgres://dyad:secret@db/dyad", "postgres://dyad:***@db/dyad"),
            ("postgres://dyad:a@b@db/dyad", "postgres://dyad:***@db/dyad"),
            ("postgres://dyad@db/dyad", "postgres://dyad@db/dyad"),
            ("postgres://db/x?user=a&password=b&sslmode=c", "postgres://db/x?user=a&password=***&sslmode=c"),
            ("sqlite:./data/dyad.db", "sqlite:./data/dyad.db"),
        ];
        for (url, expected) in cases {
            assert_eq!(without_password(url), expected);
        }
    }
}
