//! Certificates that this program issues: a private CA, and the node's own signed by it.
//!
//! Pure but for the randomness of keys: the names, the present and an existing CA are given. Files are left to `init`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, ensure};
use dyad_bindings::tls;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// Long enough that nobody has to change the CA of devices in the field soon.
const CA_VALID: Duration = Duration::days(10 * 365);

/// The longest that clients of all kinds accept of a certificate from a private CA.
const NODE_VALID: Duration = Duration::days(825);

/// Certificates hold from a while ago on: the clocks of devices are not always right.
const SKEW: Duration = Duration::days(1);

/// A certificate and its key as PEM texts.
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
    /// The last day.
    pub(super) until: OffsetDateTime,
}

/// Whom the certificate of a node is for.
pub(super) struct Subject<'a> {
    /// With its slash.
    pub(super) cse_id: &'a str,
    /// With both slashes.
    pub(super) sp_id: &'a str,
    /// Whether it is an infrastructure node, whose public domain name follows from its identifiers.
    pub(super) is_infrastructure: bool,
    /// Host names and addresses beside those of this machine itself.
    pub(super) names: &'a [String],
}

impl Subject<'_> {
    /// All names: of this machine for itself, those given, and the CSE-ID as a URI and as the public domain name that
    /// TS-0003 10.1.1.7 asks for (TS-0001 6.5.1.1).
    pub(super) fn names(&self) -> anyhow::Result<Vec<SanType>> {
        let mut names = vec![
            dns("localhost")?,
            SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
        ];
        for name in self.names {
            let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
            names.push(match bare.parse::<IpAddr>() {
                Ok(ip) => SanType::IpAddress(ip),
                Err(_) => {
                    ensure!(
                        is_host(bare),
                        "'{name}' is neither a host name nor an address; write --name gateway.example.com or --name 10.0.0.7"
                    );
                    dns(bare)?
                }
            });
        }
        let domain = format!("{}{}", self.cse_id.trim_start_matches('/'), self.sp_id.replacen("//", ".", 1));
        if self.is_infrastructure && is_host(&domain) {
            names.push(dns(&domain)?);
        }
        names.push(SanType::URI(format!("{}{}", self.sp_id, self.cse_id).try_into()?));
        let mut unique: Vec<SanType> = Vec::new();
        names.into_iter().for_each(|name| {
            if !unique.contains(&name) {
                unique.push(name);
            }
        });
        Ok(unique)
    }
}

fn dns(name: &str) -> anyhow::Result<SanType> {
    Ok(SanType::DnsName(name.try_into().with_context(|| format!("'{name}' cannot be in a certificate"))?))
}

/// Labels of letters, digits and hyphens, as host names have them (RFC 1123 2.1); the first may be a star.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(label)
}

/// A CA that nobody but who made it knows.
pub(super) fn authority(cse_id: &str, now: OffsetDateTime) -> anyhow::Result<Issued> {
    let mut params = CertificateParams::default();
    let name = format!("Dyad CA of {} {}", cse_id.trim_start_matches('/'), now.date());
    params.distinguished_name = common_name(&name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (now - SKEW, now + CA_VALID);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    Ok(Issued { certificate, key: key.serialize_pem(), until: params.not_after })
}

/// A certificate of a node, signed by a CA that was made here. It serves both sides: the node shows it to its clients,
/// and to the servers that it calls.
pub(super) fn node(
    cse_id: &str,
    names: Vec<SanType>,
    ca_certificate: &str,
    ca_key: &str,
    now: OffsetDateTime,
) -> anyhow::Result<Issued> {
    let issuer = issuer(ca_certificate, ca_key)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(cse_id.trim_start_matches('/'));
    params.subject_alt_names = names;
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    (params.not_before, params.not_after) = (now - SKEW, now + NODE_VALID);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?.pem();
    Ok(Issued { certificate, key: key.serialize_pem(), until: params.not_after })
}

/// The CA of an earlier call. Of its certificate only the name is taken, the rest is the same for all of them.
fn issuer(certificate: &str, key: &str) -> anyhow::Result<Issuer<'static, KeyPair>> {
    let key = KeyPair::from_pem(key).context("the key of the CA cannot be read")?;
    let certificates = tls::certificates(certificate.as_bytes())?;
    let certificate = certificates.first().context("there is no certificate of the CA")?;
    let subject = tls::describe(certificate);
    let name = subject.strip_prefix("CN=").filter(|name| name.starts_with("Dyad CA of "));
    let name = name.with_context(|| format!("the CA ({subject}) was not made by `dyad tls init`"))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(Issuer::new(params, key))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    use super::{Subject, authority, is_host, node};
    use dyad_bindings::tls::{self, ClientAuth, ServerTls};
    use time::OffsetDateTime;

    fn subject(names: &[String]) -> Subject<'_> {
        Subject { cse_id: "/id-in", sp_id: "//sp.example.org", is_infrastructure: true, names }
    }

    #[test]
    fn a_node_has_all_its_names() {
        let now = OffsetDateTime::from_unix_timestamp(1_900_000_000).unwrap();
        let ca = authority("/id-in", now).unwrap();
        let names =
            ["gateway.lan".to_owned(), "10.0.0.7".to_owned(), "[fe80::1]".to_owned(), "localhost".to_owned()];
        let node = node("/id-in", subject(&names).names().unwrap(), &ca.certificate, &ca.key, now).unwrap();
        let certificate = tls::certificates(node.certificate.as_bytes()).unwrap().remove(0);
        assert_eq!(
            tls::describe(&certificate),
            "CN=id-in (DNS:localhost, IP:127.0.0.1, IP:::1, DNS:gateway.lan, IP:10.0.0.7, IP:fe80::1, \
             DNS:id-in.sp.example.org, URI://sp.example.org/id-in)"
        );
        assert_eq!((node.until - now).whole_days(), 825);
        let identity = tls::Identity::from_pem(node.certificate.as_bytes(), node.key.as_bytes()).unwrap();
        let client_ca = tls::certificates(ca.certificate.as_bytes()).unwrap();
        let server = ServerTls {
            identity,
            client_ca,
            client_auth: ClientAuth::Required,
            min_version: tls::MinVersion::Tls12,
        };
        assert!(server.config().is_ok());
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for wrong in ["", "a b", "http://x", "-x", "gateway:8443", "ü"] {
            assert!(!is_host(wrong), "{wrong}");
            assert!(subject(&[wrong.to_owned()]).names().is_err(), "{wrong}");
        }
        assert!(is_host("*.lan") && is_host("id-in"));
    }

    #[test]
    fn another_ca_is_refused() {
        let now = OffsetDateTime::from_unix_timestamp(1_900_000_000).unwrap();
        let ca = authority("/id-in", now).unwrap();
        let own = node("/id-in", Vec::new(), &ca.certificate, &ca.key, now).unwrap();
        let error = node("/id-in", Vec::new(), &own.certificate, &own.key, now).err().unwrap();
        assert!(error.to_string().contains("was not made by"), "{error}");
    }
}
