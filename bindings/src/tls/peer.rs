//! Who is at the other end of a connection, and what a certificate says of who holds it.
//!
//! Responsible for the words that go into the log, and for the time in which a certificate is valid. Whether it is genuine
//! is decided by the handshake, who is meant by it elsewhere.

use std::fmt::Write as _;
use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Names that are listed; a certificate may hold thousands.
const MOST_NAMES: usize = 16;

/// Who is at the other end, as far as the handshake has proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer<'a> {
    /// Nothing was proved.
    Nobody,
    /// Who holds the key of this certificate, by an issuer that is trusted.
    Certificate(&'a CertificateDer<'static>),
    /// Who has the pre-shared key of this identity.
    Key(&'a [u8]),
}

/// The identity of a pre-shared key as it may stand in the log.
pub(super) fn printable(identity: &[u8]) -> String {
    let text = String::from_utf8_lossy(identity);
    text.chars().take(128).map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// In seconds since 1970, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when on.
    pub not_before: u64,
    /// Until when.
    pub not_after: u64,
}

impl Validity {
    /// That of a certificate; nothing if it cannot be read.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let validity = certificate.tbs_certificate().validity();
        Some(Self {
            not_before: validity.not_before.to_unix_duration().as_secs(),
            not_after: validity.not_after.to_unix_duration().as_secs(),
        })
    }
}

/// The subject and the alternative names of a certificate, for the log: `CN=meter (uri://sp.example.com/Cmeter)`.
/// Control characters do not pass.
pub fn describe(certificate: &CertificateDer<'_>) -> String {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return "a certificate that cannot be read".to_owned();
    };
    let certificate = certificate.tbs_certificate();
    let mut text = certificate.subject().to_string();
    if let Ok(Some((_, SubjectAltName(names)))) = certificate.get_extension::<SubjectAltName>() {
        let shown: Vec<_> = names.iter().take(MOST_NAMES).map(name).collect();
        let more = if names.len() > MOST_NAMES { ", …" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(text, " ({}{more})", shown.join(", "));
    }
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

fn name(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(name) => format!("DNS:{}", name.as_str()),
        GeneralName::UniformResourceIdentifier(uri) => format!("URI:{}", uri.as_str()),
        GeneralName::Rfc822Name(mail) => format!("email:{}", mail.as_str()),
        GeneralName::IpAddress(octets) => match address(octets.as_bytes()) {
            Some(ip) => format!("IP:{ip}"),
            None => "IP:?".to_owned(),
        },
        GeneralName::DirectoryName(name) => format!("dir:{name}"),
        GeneralName::RegisteredId(id) => format!("id:{id}"),
        GeneralName::OtherName(other) => format!("other:{}", other.type_id),
        GeneralName::EdiPartyName(_) => "edi".to_owned(),
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Validity, describe};
    use rcgen::{CertificateParams, KeyPair, SanType};

    #[test]
    fn reads_names_and_validity() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["meter.example".to_owned(), "::1".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::URI("//sp.example/Cmeter".try_into().unwrap()));
        params.distinguished_name.push(rcgen::DnType::CommonName, "a\nb");
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        let text = describe(certificate.der());
        assert!(text.contains("DNS:meter.example, IP:::1, URI://sp.example/Cmeter"), "{text}");
        assert!(!text.contains('\n'), "{text}");
        assert_eq!(Validity::of(certificate.der()).unwrap().not_after, 1_893_456_000);
    }

    #[test]
    fn rubbish_is_no_certificate() {
        assert!(Validity::of(&vec![0x30, 0x03, 1].into()).is_none());
        assert!(describe(&Vec::new().into()).contains("cannot be read"));
    }
}
