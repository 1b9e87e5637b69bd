//! What X.509 certificates say besides their key: the names that they are for, and whether one issued another.

use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_BASIC_CONSTRAINTS, ID_CE_CERTIFICATE_POLICIES, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE,
    ID_CE_SUBJECT_ALT_NAME,
};
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, SHA_256_WITH_RSA_ENCRYPTION,
    SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::Utf8StringRef;
use der::{Decode, Encode};
use x509_cert::Certificate as X509;
use x509_cert::ext::pkix::name::{GeneralName, OtherName};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};

use crate::digest::DigestAlgorithm;
use crate::keys::{KeyError, PublicKey, RsaSizes};
use crate::limits::MAX_CHAIN;
use crate::signature;

/// Fulcio's identity of a user name, an `otherName` with a UTF-8 text.
const FULCIO_USERNAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// Critical extensions that are understood. Name constraints are not: a chain through a CA that has them is refused.
const UNDERSTOOD: [ObjectIdentifier; 5] = [
    ID_CE_BASIC_CONSTRAINTS,
    ID_CE_KEY_USAGE,
    ID_CE_EXT_KEY_USAGE,
    ID_CE_SUBJECT_ALT_NAME,
    ID_CE_CERTIFICATE_POLICIES,
];

/// Verifications that a search for a path may take: certificates of one name could otherwise be tried in every order.
const MAX_ATTEMPTS: usize = 32;

/// Why certificates are not a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// None, or more than [`MAX_CHAIN`].
    #[error("expected 1 to {MAX_CHAIN} certificates, found {found}")]
    Length {
        /// How many.
        found: usize,
    },
    /// One that does not parse.
    #[error(transparent)]
    Certificate(#[from] KeyError),
    /// No path from the first to the last.
    #[error("expected certificates that lead from the first to the last, found no such path")]
    NoPath,
}

/// The subject alternative names of a certificate in DER: DNS names, addresses of mail, of hosts, URIs, Fulcio's user name.
/// Other kinds, and a list that does not parse, give none.
///
/// # Errors
/// [`KeyError::Certificate`].
pub fn subject_alternative_names(der: &[u8]) -> Result<Vec<String>, KeyError> {
    let certificate = parse(der)?;
    let Ok(Some((_, SubjectAltName(names)))) = certificate.tbs_certificate().get_extension() else {
        return Ok(Vec::new());
    };
    Ok(names.iter().filter_map(name).collect())
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Rfc822Name(text)
        | GeneralName::DnsName(text)
        | GeneralName::UniformResourceIdentifier(text) => Some(text.to_string()),
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()),
        GeneralName::OtherName(OtherName { type_id, value }) if *type_id == FULCIO_USERNAME => {
            let text = value.decode_as::<Utf8StringRef<'_>>().ok()?;
            Some(text.as_str().to_owned())
        }
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4).to_string());
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::from(v6).to_canonical().to_string())
}

/// Whether a certificate in DER has this issuer, the whole of its DER, and these bytes of a serial number. One that does not parse
/// has neither.
pub(crate) fn is_named(der: &[u8], issuer: &[u8], serial: &[u8]) -> bool {
    let Ok(certificate) = parse(der) else {
        return false;
    };
    let tbs = certificate.tbs_certificate();
    tbs.serial_number().as_bytes() == serial
        && tbs.issuer().to_der().is_ok_and(|name| name == issuer)
}

/// Checks that the first certificate was issued by way of the others, used in any order, under the last, as of the time that
/// the first is valid from. The last is taken as it is; nothing says that anybody trusts it.
///
/// # Errors
/// [`ChainError`].
pub fn verify_chain<D: AsRef<[u8]>>(ders: &[D]) -> Result<(), ChainError> {
    let refused = ChainError::Length { found: ders.len() };
    if ders.len() > MAX_CHAIN {
        return Err(refused);
    }
    let certificates = ders
        .iter()
        .map(|der| parse(der.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let Some((first, others)) = certificates.split_first() else {
        return Err(refused);
    };
    let Some((last, between)) = others.split_last() else {
        return Ok(());
    };
    let mut search = Search {
        at: first.tbs_certificate().validity().not_before,
        last,
        attempts: 0,
    };
    let unused: Vec<&X509> = between.iter().collect();
    if first == last || (search.acceptable(first) && search.reaches(first, &unused, 0)) {
        Ok(())
    } else {
        Err(ChainError::NoPath)
    }
}

struct Search<'c> {
    at: x509_cert::time::Time,
    last: &'c X509,
    attempts: usize,
}

impl Search<'_> {
    /// `below`: how many certificates stand between this one and the first.
    fn reaches(&mut self, certificate: &X509, unused: &[&X509], below: u8) -> bool {
        if self.issued(certificate, self.last, below) {
            return true;
        }
        (0..unused.len()).any(|index| {
            let mut rest = unused.to_vec();
            let issuer = rest.remove(index);
            self.issued(certificate, issuer, below) && self.reaches(issuer, &rest, below + 1)
        })
    }

    fn issued(&mut self, certificate: &X509, issuer: &X509, below: u8) -> bool {
        let same_name = certificate.tbs_certificate().issuer().to_der().ok()
            == issuer.tbs_certificate().subject().to_der().ok();
        if !same_name || !self.acceptable(issuer) || !may_issue(issuer, below) {
            return false;
        }
        self.attempts += 1;
        self.attempts <= MAX_ATTEMPTS && signed(certificate, issuer).is_some()
    }

    /// Valid at the time, and without a critical extension that is not understood.
    fn acceptable(&self, certificate: &X509) -> bool {
        let tbs = certificate.tbs_certificate();
        let at = self.at.to_unix_duration();
        let validity = tbs.validity();
        let extensions = tbs.extensions().map_or(&[][..], |all| all.as_slice());
        (validity.not_before.to_unix_duration()..=validity.not_after.to_unix_duration())
            .contains(&at)
            && extensions
                .iter()
                .all(|extension| !extension.critical || UNDERSTOOD.contains(&extension.extn_id))
    }
}

/// RFC 5280 4.2.1.3 and 4.2.1.9: a CA, with the right to sign certificates, and this far above the first.
fn may_issue(issuer: &X509, below: u8) -> bool {
    let tbs = issuer.tbs_certificate();
    let ca = match tbs.get_extension::<BasicConstraints>() {
        Ok(Some((_, constraints))) => {
            constraints.ca
                && constraints
                    .path_len_constraint
                    .is_none_or(|max| below <= max)
        }
        Ok(None) | Err(_) => false,
    };
    let signs = match tbs.get_extension::<KeyUsage>() {
        Ok(Some((_, usage))) => usage.key_cert_sign(),
        Ok(None) => true,
        Err(_) => false,
    };
    ca && signs
}

fn signed(certificate: &X509, issuer: &X509) -> Option<()> {
    let spki = issuer
        .tbs_certificate()
        .subject_public_key_info()
        .to_der()
        .ok()?;
    let key = PublicKey::from_spki_der_with(&spki, RsaSizes::Legacy).ok()?;
    let digest = match certificate.signature_algorithm().oid {
        ECDSA_WITH_SHA_256 | SHA_256_WITH_RSA_ENCRYPTION => DigestAlgorithm::Sha256,
        ECDSA_WITH_SHA_384 | SHA_384_WITH_RSA_ENCRYPTION => DigestAlgorithm::Sha384,
        // Pure Ed25519 takes no digest.
        ECDSA_WITH_SHA_512 | SHA_512_WITH_RSA_ENCRYPTION | ID_ED_25519 => DigestAlgorithm::Sha512,
        _ => return None,
    };
    let message = certificate.tbs_certificate().to_der().ok()?;
    let signature = certificate.signature().as_bytes()?;
    signature::verify(&key, digest, &message, signature).ok()
}

fn parse(der: &[u8]) -> Result<X509, KeyError> {
    X509::from_der(der).map_err(|e| KeyError::Certificate {
        found: e.to_string(),
    })
}
