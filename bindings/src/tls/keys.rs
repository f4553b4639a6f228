//! Pre-shared keys: a text with a line `identity:key` for each, the key in hexadecimal digits.
//!
//! Responsible for the form of that text, and for finding the key of an identity. Reading the file is left to the node;
//! whose identity it is, to those who decide who is let in.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Keys beyond this are of no more use (RFC 4279 5.3 asks for no less).
const LONGEST_KEY: usize = 64;

/// The longest identity that has to be supported (RFC 4279 5.3).
const LONGEST_IDENTITY: usize = 128;

/// A key with fewer bytes than this can be found by trying. TLS 1.3 has none such (RFC 9257 6).
pub const SHORT_KEY: usize = 16;

/// Keys by identity. Clones share them: there may be one for each of ten million devices.
#[derive(Clone, Default)]
pub struct Keys(Arc<HashMap<Vec<u8>, Vec<u8>>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl Keys {
    /// From a text; the error names the line and the remedy. Empty lines, and those that begin with `#`, count for nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| format!("is wrong in line {}: {why}", index + 1);
            let (identity, key) = line.rsplit_once(':').ok_or_else(|| {
                wrong("write identity:key, the key in hexadecimal digits (`openssl rand -hex 16` makes one)")
            })?;
            if identity.is_empty() || identity.len() > LONGEST_IDENTITY {
                return Err(wrong("the identity has 1 to 128 bytes"));
            }
            let key = hexadecimal(key.trim()).ok_or_else(|| {
                wrong("the key is not in pairs of hexadecimal digits; `openssl rand -hex 16` makes one")
            })?;
            if key.is_empty() || key.len() > LONGEST_KEY {
                return Err(wrong("the key has 1 to 64 bytes, that is 2 to 128 digits; 16 bytes are right"));
            }
            if keys.insert(identity.as_bytes().to_vec(), key).is_some() {
                return Err(wrong("the identity has a key already, in a line above"));
            }
        }
        if keys.is_empty() {
            return Err("holds no key; write a line identity:key for each".to_owned());
        }
        Ok(Self(Arc::new(keys)))
    }

    /// The key of an identity.
    pub fn key(&self, identity: &[u8]) -> Option<&[u8]> {
        self.0.get(identity).map(Vec::as_slice)
    }

    /// The key of an identity, if it is long enough for TLS 1.3.
    pub fn long_key(&self, identity: &[u8]) -> Option<&[u8]> {
        self.key(identity).filter(|key| key.len() >= SHORT_KEY)
    }

    /// Whether any key is long enough for TLS 1.3.
    pub fn has_long_key(&self) -> bool {
        self.0.values().any(|key| key.len() >= SHORT_KEY)
    }

    /// Identities whose keys are so short that they can be found by trying.
    pub fn short(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(|(_, key)| key.len() < SHORT_KEY)
            .map(|(identity, _)| String::from_utf8_lossy(identity).into_owned())
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn lines_with_keys() {
        let keys =
            Keys::parse("# meters\n\nmeter-1:000102030405060708090a0b0c0d0e0F\n urn:x : ff \n").unwrap();
        assert_eq!(keys.key(b"meter-1").unwrap()[14..], [14, 15]);
        assert_eq!(keys.key(b"urn:x "), Some(&[255_u8][..]));
        assert_eq!(keys.key(b"other"), None);
        assert!(
            keys.long_key(b"meter-1").is_some() && keys.long_key(b"urn:x ").is_none() && keys.has_long_key()
        );
        assert!(!Keys::parse("a:00").unwrap().has_long_key());
        assert_eq!(keys.short().collect::<Vec<_>>(), ["urn:x "]);
        assert_eq!(format!("{keys:?}"), "2 keys");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, expected) in [
            ("", "holds no key"),
            ("# none\n", "holds no key"),
            ("a:00\nb", "line 2: write identity:key"),
            (":00", "line 1: the identity"),
            ("a:", "line 1: the key has"),
            ("a:0", "line 1: the key is not in pairs"),
            ("a:0x", "line 1: the key is not in pairs"),
            ("a:00\na:01", "line 2: the identity has a key already"),
        ] {
            let error = Keys::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
