//! Cookies (RFC 6347 4.2.1): a client shows that it receives what is sent to its address before anything is kept of it.
//!
//! The library makes its own cookies, with a secret for each session: it would have to keep a session for every address that
//! somebody claims to have. So cookies are made here, from the address; and when a client brings the right one, the library
//! is told the same through its own computation of HMAC, for the one message in which it asks.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use dimpl::CryptoError;
use dimpl::crypto::{CryptoProvider, HashAlgorithm, HmacProvider};

/// For how long cookies are given out with the same secret; they are taken for as long again.
const SECRET_FOR: Duration = Duration::from_secs(60);

/// Makes and knows cookies, and keeps nothing of any client.
pub(super) struct Cookies {
    current: [u8; 32],
    previous: [u8; 32],
    since: Instant,
    random: fn(&mut [u8; 32]),
}

impl Cookies {
    /// `random` fills with what nobody can guess.
    pub(super) fn new(now: Instant, random: fn(&mut [u8; 32])) -> Self {
        let mut cookies = Self { current: [0; 32], previous: [0; 32], since: now, random };
        random(&mut cookies.current);
        random(&mut cookies.previous);
        cookies
    }

    /// The cookie for a client that calls this its random.
    pub(super) fn make(&mut self, now: Instant, client: SocketAddr, random: &[u8]) -> Option<[u8; 32]> {
        self.renew(now);
        cookie(&self.current, client, random)
    }

    /// Whether this is the cookie that the client was given.
    pub(super) fn is_right(
        &mut self,
        now: Instant,
        client: SocketAddr,
        random: &[u8],
        brought: &[u8],
    ) -> bool {
        self.renew(now);
        let is = |secret| cookie(secret, client, random).is_some_and(|right| is_same(&right, brought));
        is(&self.current) || is(&self.previous)
    }

    fn renew(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age < SECRET_FOR {
            return;
        }
        self.previous = self.current;
        (self.random)(&mut self.current);
        if age >= 2 * SECRET_FOR {
            (self.random)(&mut self.previous);
        }
        self.since = now;
    }
}

fn cookie(secret: &[u8; 32], client: SocketAddr, random: &[u8]) -> Option<[u8; 32]> {
    let mut text = Vec::with_capacity(64);
    match client.ip() {
        IpAddr::V4(ip) => text.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => text.extend_from_slice(&ip.octets()),
    }
    text.extend_from_slice(&client.port().to_be_bytes());
    text.extend_from_slice(random);
    library().hmac_provider.hmac_sha256(secret, &text).ok()
}

/// Compares without telling by the time it takes how much is right.
fn is_same(right: &[u8; 32], brought: &[u8]) -> bool {
    right.len() == brought.len()
        && right.iter().zip(brought).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

/// The cryptography of the library as it ships.
fn library() -> CryptoProvider {
    dimpl::crypto::rust_crypto::default_provider()
}

/// The same, with cookies from here.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider { hmac_provider: &Hooked, ..library() }
}

thread_local! {
    static BROUGHT: Cell<Option<[u8; 32]>> = const { Cell::new(None) };
}

/// Lets the library take a cookie for right while `what` runs, in which it must do nothing but take a ClientHello.
pub(super) fn with_cookie<R>(brought: &[u8], what: impl FnOnce() -> R) -> R {
    BROUGHT.set(brought.first_chunk::<32>().copied());
    let result = what();
    BROUGHT.set(None);
    result
}

#[derive(Debug)]
struct Hooked;

impl HmacProvider for Hooked {
    /// The library calls this for cookies alone; keys are derived with `hmac`.
    fn hmac_sha256(&self, key: &[u8], data: &[u8]) -> Result<[u8; 32], CryptoError> {
        match BROUGHT.get() {
            Some(cookie) => Ok(cookie),
            None => library().hmac_provider.hmac_sha256(key, data),
        }
    }

    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        library().hmac_provider.hmac(hash, key, data, out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cookies, SECRET_FOR};
    use std::time::{Duration, Instant};

    #[test]
    fn hold_for_their_address_and_time() {
        let now = Instant::now();
        let mut cookies = Cookies::new(now, |bytes| bytes[0] = bytes[0].wrapping_add(1));
        let client = "10.0.0.7:5000".parse().unwrap();
        let cookie = cookies.make(now, client, &[1; 32]).unwrap();
        assert!(cookies.is_right(now, client, &[1; 32], &cookie));
        assert!(!cookies.is_right(now, "10.0.0.7:5001".parse().unwrap(), &[1; 32], &cookie));
        assert!(!cookies.is_right(now, "10.0.0.8:5000".parse().unwrap(), &[1; 32], &cookie));
        assert!(!cookies.is_right(now, client, &[2; 32], &cookie));
        assert!(!cookies.is_right(now, client, &[1; 32], &cookie[..31]));
        assert!(cookies.is_right(now + SECRET_FOR + Duration::from_secs(1), client, &[1; 32], &cookie));
        assert!(!cookies.is_right(now + 4 * SECRET_FOR, client, &[1; 32], &cookie));
    }
}
