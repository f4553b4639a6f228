//! Certificates and private keys as PEM texts.
//!
//! Responsible for taking them apart and for saying what is wrong with them. Reading files, and the names of settings,
//! are left to the node.

use std::fmt;

use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong with a certificate or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaterialError {
    /// The text holds no certificate.
    NoCertificate,
    /// The text holds no private key.
    NoKey,
    /// The private key is protected with a passphrase.
    Encrypted,
    /// The text is broken: what is wrong with it.
    Broken(String),
    /// The private key is not that of the certificate.
    Mismatch,
    /// Something that this node cannot use: why.
    Unusable(String),
}

impl fmt::Display for MaterialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str(
                "holds no certificate in PEM form (a text with -----BEGIN CERTIFICATE-----); convert one in DER form \
                 with `openssl x509 -inform der`",
            ),
            Self::NoKey => f.write_str(
                "holds no private key in PEM form (a text with -----BEGIN PRIVATE KEY-----); convert one in DER form \
                 with `openssl pkey -inform der`",
            ),
            Self::Encrypted => f.write_str(
                "holds a private key with a passphrase, which nobody could type at the start; write it without one with \
                 `openssl pkey -in FILE -out NEW`, readable by the node alone",
            ),
            Self::Broken(why) => write!(f, "is damaged: {why}; copy it anew from where it was made"),
            Self::Mismatch => f.write_str("is not the key of the certificate; name the two that belong together"),
            Self::Unusable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for MaterialError {}

impl From<rustls::Error> for MaterialError {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InconsistentKeys(_) => Self::Mismatch,
            rustls::Error::InvalidCertificate(why) => {
                Self::Broken(format!("the certificate cannot be read ({why:?})"))
            }
            error => Self::Unusable(format!("cannot be used: {error}")),
        }
    }
}

/// A certificate, the intermediate ones that lead to its issuer, and its private key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate itself first.
    pub chain: Vec<CertificateDer<'static>>,
    /// In PKCS#8, SEC 1 or PKCS#1 form.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Identity {
    /// From the texts of two files. That they fit is noticed where a configuration is made of them.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, (What, MaterialError)> {
        let chain = certificates(certificate).map_err(|error| (What::Certificate, error))?;
        let key = private_key(key).map_err(|error| (What::Key, error))?;
        Ok(Self { chain, key })
    }
}

/// Which of the two is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The certificate.
    Certificate,
    /// The private key.
    Key,
}

/// All certificates of a PEM text, at least one, in its order. Other sections are passed over.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(MaterialError::NoCertificate),
        Ok(found) => Ok(found),
        Err(error) => Err(MaterialError::Broken(said(&error))),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, MaterialError> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(MaterialError::Encrypted);
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        PemError::NoItemsFound => MaterialError::NoKey,
        error => MaterialError::Broken(said(&error)),
    })
}

fn said(error: &PemError) -> String {
    match error {
        PemError::MissingSectionEnd { .. } => "a section has no -----END line".to_owned(),
        PemError::IllegalSectionStart { .. } => "a -----BEGIN line is malformed".to_owned(),
        PemError::Base64Decode(_) => "a section is no base64".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MaterialError, What, certificates, private_key};
    use crate::tls::Identity;

    #[test]
    fn says_what_is_missing() {
        assert_eq!(certificates(b"").unwrap_err(), MaterialError::NoCertificate);
        assert_eq!(certificates(b"\x30\x82\x01\x00").unwrap_err(), MaterialError::NoCertificate);
        assert_eq!(private_key(b"hello").unwrap_err(), MaterialError::NoKey);
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!(private_key(encrypted).unwrap_err(), MaterialError::Encrypted);
        let (what, _) = Identity::from_pem(b"", encrypted).unwrap_err();
        assert_eq!(what, What::Certificate);
    }

    #[test]
    fn says_what_is_broken() {
        for text in [
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        ] {
            let error = certificates(text.as_bytes()).unwrap_err();
            assert!(matches!(error, MaterialError::Broken(_)), "{text}: {error}");
        }
    }
}
