//! From what build systems push (DSSE envelopes, Sigstore bundles) to entries: one for each signature, over the digest of the
//! envelope's pre-authentication encoding, as rekor-tiles' CLIENTS.md demands since it dropped `dsse 0.0.2`.

use treering_attest::bundle::{
    BundleContent, MessageSignature, SigstoreBundle, VerificationMaterial,
};
use treering_attest::container::{self, Container};
use treering_attest::{
    DigestAlgorithm, Envelope, EnvelopeSignature, KeyAlgorithm, PublicKey, VerifierMaterial,
    verify, verify_digest,
};

use super::hashedrekord::{Request, VerifiedRequest};
use super::key_details::KeyDetails;
use super::refused::RefusedEntry;

/// Combinations of a signature and a key that are tried for one submission. 16 signatures with 16 keys; a P-521 verification,
/// the slowest, takes 0.4 ms, so this bounds a submission to a tenth of a second.
pub const MAX_ATTEMPTS: usize = 256;

/// The entries of a submission, whatever it is: a DSSE envelope or a Sigstore bundle. `verifiers` are the keys that the
/// submitter gave beside it; those in it are tried first.
///
/// # Errors
/// [`RefusedEntry`]; one signature that does not verify refuses all.
pub fn requests_from_submission(
    bytes: &[u8],
    verifiers: &[VerifierMaterial],
) -> Result<Vec<VerifiedRequest>, RefusedEntry> {
    // Each of the two in one pass if the first member says which; a closer look only at what is neither.
    if container::guess(bytes) == Some(Container::SigstoreBundle)
        && let Ok(bundle) = SigstoreBundle::parse(bytes)
    {
        return requests_from_bundle(&bundle, verifiers);
    }
    let refused = match Envelope::parse(bytes) {
        Ok(envelope) => return requests_from_envelope(&envelope, verifiers),
        Err(error) => error,
    };
    match container::detect(bytes) {
        Container::Envelope => Err(refused.into()),
        Container::SigstoreBundle => {
            requests_from_bundle(&SigstoreBundle::parse(bytes)?, verifiers)
        }
        other => Err(RefusedEntry::NotASubmission {
            found: other.to_string(),
        }),
    }
}

/// The entries of an envelope: one for each signature, each verified by its carried certificate or one of `extra`.
///
/// # Errors
/// [`RefusedEntry`]: a signature that no key verifies, pure Ed25519 and other algorithms without a form here.
pub fn requests_from_envelope(
    envelope: &Envelope<'_>,
    extra: &[VerifierMaterial],
) -> Result<Vec<VerifiedRequest>, RefusedEntry> {
    let mut attempt = Attempt::new(envelope);
    envelope
        .signatures()
        .iter()
        .enumerate()
        .map(|(index, signature)| attempt.signature(index, signature, extra))
        .collect()
}

/// The entries of a bundle: by its certificate, or if it names a key only, by one of `extra`.
///
/// # Errors
/// [`RefusedEntry`].
pub fn requests_from_bundle(
    bundle: &SigstoreBundle<'_>,
    extra: &[VerifierMaterial],
) -> Result<Vec<VerifiedRequest>, RefusedEntry> {
    let mut verifiers = Vec::with_capacity(extra.len() + 1);
    if let VerificationMaterial::Certificates(chain) = bundle.material() {
        let leaf = chain.first().ok_or(RefusedEntry::Missing {
            expected: "a certificate",
        })?;
        let material =
            VerifierMaterial::from_certificate_der(leaf).map_err(|source| RefusedEntry::Key {
                place: "verificationMaterial",
                source,
            })?;
        verifiers.push(material);
    }
    verifiers.extend_from_slice(extra);
    match bundle.content() {
        BundleContent::Dsse(raw) => {
            requests_from_envelope(&Envelope::parse(raw.get().as_bytes())?, &verifiers)
        }
        BundleContent::Message(message) => Ok(vec![message_request(message, &verifiers)?]),
    }
}

/// A signature over an artifact that is not here: its digest in the bundle has to do.
fn message_request(
    message: &MessageSignature,
    verifiers: &[VerifierMaterial],
) -> Result<VerifiedRequest, RefusedEntry> {
    let (algorithm, digest) = message.digest.as_ref().ok_or(RefusedEntry::Missing {
        expected: "messageSignature.messageDigest",
    })?;
    if verifiers.len() > MAX_ATTEMPTS {
        return Err(RefusedEntry::TooManyAttempts { max: MAX_ATTEMPTS });
    }
    let mut without_form = None;
    for material in verifiers {
        let key = material.key();
        let Some(details) = KeyDetails::of(key) else {
            continue;
        };
        let verifies = verify_digest(key, *algorithm, digest, &message.signature).is_ok();
        if verifies && details.digest_algorithm() == *algorithm {
            let (digest, signature) = (digest.clone(), message.signature.clone());
            return Ok(verified(material, details, digest, signature));
        }
        // A pure Ed25519 signature cannot be judged without the artifact.
        if verifies || key.algorithm() == KeyAlgorithm::Ed25519 {
            without_form = Some(format!("{} with {algorithm}", key.algorithm()));
        }
    }
    let keyid = String::new();
    Err(match without_form {
        Some(found) => RefusedEntry::NoForm {
            index: 0,
            keyid,
            found,
        },
        None => RefusedEntry::Unverified {
            index: 0,
            keyid,
            tried: verifiers.len(),
        },
    })
}

/// The digests of one envelope, each computed once, and the count of verifications.
struct Attempt<'e, 'a> {
    envelope: &'e Envelope<'a>,
    digests: [Option<Vec<u8>>; 3],
    pae: Option<Vec<u8>>,
    count: usize,
}

impl<'e, 'a> Attempt<'e, 'a> {
    fn new(envelope: &'e Envelope<'a>) -> Self {
        Self {
            envelope,
            digests: Default::default(),
            pae: None,
            count: 0,
        }
    }

    fn signature(
        &mut self,
        index: usize,
        signature: &EnvelopeSignature,
        extra: &[VerifierMaterial],
    ) -> Result<VerifiedRequest, RefusedEntry> {
        let carried = carried(signature)?;
        for material in carried.iter().chain(extra) {
            self.charge()?;
            let key = material.key();
            let Some(details) = KeyDetails::of(key) else {
                continue;
            };
            let algorithm = details.digest_algorithm();
            let digest = self.digest(algorithm);
            if verify_digest(key, algorithm, digest, &signature.sig).is_ok() {
                return Ok(verified(
                    material,
                    details,
                    digest.to_vec(),
                    signature.sig.clone(),
                ));
            }
        }
        for material in carried.iter().chain(extra) {
            if let Some(found) = self.other_form(material.key(), &signature.sig)? {
                return Err(RefusedEntry::NoForm {
                    index,
                    keyid: shorten(&signature.keyid),
                    found,
                });
            }
        }
        let tried = extra.len() + usize::from(carried.is_some());
        Err(RefusedEntry::Unverified {
            index,
            keyid: shorten(&signature.keyid),
            tried,
        })
    }

    /// Whether a signature that has no form here verifies all the same: to say so is better than "does not verify".
    fn other_form(
        &mut self,
        key: &PublicKey,
        signature: &[u8],
    ) -> Result<Option<String>, RefusedEntry> {
        let verifies = match key.algorithm() {
            KeyAlgorithm::Ed25519 => {
                self.charge()?;
                let pae = self.pae.get_or_insert_with(|| self.envelope.pae());
                verify(key, DigestAlgorithm::Sha512, pae, signature).is_ok()
            }
            KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521 => {
                self.charge()?;
                let digest = self.digest(DigestAlgorithm::Sha256);
                verify_digest(key, DigestAlgorithm::Sha256, digest, signature).is_ok()
            }
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Rsa { .. } => false,
        };
        Ok(verifies.then(|| match key.algorithm() {
            KeyAlgorithm::Ed25519 => "pure ed25519 (only ed25519ph has one)".to_owned(),
            other => format!("{other} with sha256"),
        }))
    }

    fn digest(&mut self, algorithm: DigestAlgorithm) -> &[u8] {
        let [sha256, sha384, sha512] = &mut self.digests;
        let slot = match algorithm {
            DigestAlgorithm::Sha256 => sha256,
            DigestAlgorithm::Sha384 => sha384,
            DigestAlgorithm::Sha512 => sha512,
        };
        slot.get_or_insert_with(|| self.envelope.pae_digest(algorithm))
    }

    fn charge(&mut self) -> Result<(), RefusedEntry> {
        self.count += 1;
        if self.count > MAX_ATTEMPTS {
            Err(RefusedEntry::TooManyAttempts { max: MAX_ATTEMPTS })
        } else {
            Ok(())
        }
    }
}

/// The certificate that the witness dialect puts beside a signature.
fn carried(signature: &EnvelopeSignature) -> Result<Option<VerifierMaterial>, RefusedEntry> {
    let parse = |pem: &Vec<u8>| {
        VerifierMaterial::from_pem_or_der(pem).map_err(|source| RefusedEntry::Key {
            place: "signatures[].certificate",
            source,
        })
    };
    signature.certificate.as_ref().map(parse).transpose()
}

fn verified(
    material: &VerifierMaterial,
    details: KeyDetails,
    digest: Vec<u8>,
    signature: Vec<u8>,
) -> VerifiedRequest {
    let request = Request {
        digest,
        signature,
        verifier: material.into(),
        key_details: details,
    };
    VerifiedRequest::vouch(request, material.key().clone())
}

fn shorten(keyid: &str) -> String {
    keyid.chars().take(128).collect()
}
