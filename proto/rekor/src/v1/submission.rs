//! From what build systems push (DSSE envelopes, Sigstore bundles) to one entry: an envelope with all its signatures becomes
//! `dsse 0.0.1`, a signature over an artifact `hashedrekord 0.0.1`.

use bytes::Bytes;
use treering_attest::bundle::{
    BundleContent, MessageSignature, SigstoreBundle, VerificationMaterial,
};
use treering_attest::container::{self, Container};
use treering_attest::envelope::EnvelopeError;
use treering_attest::{Envelope, VerifierMaterial};

use super::dsse::{self, Unused};
use super::envelope::MAX_ATTEMPTS;
use super::hashedrekord::Proposal;
use super::refused::{KeyRefused, RefusedEntry};
use super::verified::{EnvelopeText, VerifiedEntry};
use super::verifier::Verifier;

/// The entry of a submission, whatever it is: a DSSE envelope or a Sigstore bundle. `verifiers` are the keys that the submitter
/// gave beside it; those in it are tried first. Keys that verify nothing are passed over.
///
/// # Errors
/// [`RefusedEntry`]; one signature that does not verify refuses all.
pub fn entry_from_submission(
    bytes: &Bytes,
    verifiers: &[VerifierMaterial],
) -> Result<VerifiedEntry, RefusedEntry> {
    if container::guess(bytes) == Some(Container::SigstoreBundle)
        && let Ok(bundle) = SigstoreBundle::parse(bytes)
    {
        return entry_from_bundle(&bundle, bytes, verifiers);
    }
    let refused = match entry_from_envelope(bytes, verifiers) {
        Err(RefusedEntry::Envelope(error)) => RefusedEntry::Envelope(error),
        other => return other,
    };
    match container::detect(bytes) {
        Container::Envelope => Err(refused),
        Container::SigstoreBundle => {
            entry_from_bundle(&SigstoreBundle::parse(bytes)?, bytes, verifiers)
        }
        other => Err(RefusedEntry::NotASubmission {
            found: other.to_string(),
        }),
    }
}

/// The entry of an envelope, each of whose signatures a carried certificate or one of `extra` must verify. What Rekor v1 reads
/// more widely than DSSE says is refused here.
///
/// # Errors
/// [`RefusedEntry`].
pub fn entry_from_envelope(
    bytes: &Bytes,
    extra: &[VerifierMaterial],
) -> Result<VerifiedEntry, RefusedEntry> {
    let envelope = Envelope::parse(bytes)?;
    let carried = envelope.signatures().iter().filter_map(|signature| {
        let pem = signature.certificate.as_ref()?;
        let material = VerifierMaterial::from_pem_or_der(pem).map_err(KeyRefused::Key);
        Some(material.map(|material| Verifier::from(&material)))
    });
    let carried: Vec<_> =
        carried
            .collect::<Result<_, _>>()
            .map_err(|source| RefusedEntry::Key {
                place: "signatures[].certificate: ",
                source,
            })?;
    let candidates = carried.into_iter().chain(extra.iter().map(Verifier::from));
    let text = EnvelopeText::shared(bytes.clone()).map_err(|error| {
        RefusedEntry::Envelope(EnvelopeError::Json {
            found: error.to_string(),
        })
    })?;
    dsse::entry(text, candidates.map(Ok), Unused::Skipped)
}

/// The entry of a bundle, read from `bytes`: by its certificate, or if it names a key only, by one of `extra`.
fn entry_from_bundle(
    bundle: &SigstoreBundle<'_>,
    bytes: &Bytes,
    extra: &[VerifierMaterial],
) -> Result<VerifiedEntry, RefusedEntry> {
    let mut verifiers = Vec::with_capacity(extra.len() + 1);
    if let VerificationMaterial::Certificates(chain) = bundle.material() {
        let leaf = chain.first().ok_or(RefusedEntry::Missing {
            expected: "a certificate",
        })?;
        let material =
            VerifierMaterial::from_certificate_der(leaf).map_err(|source| RefusedEntry::Key {
                place: "verificationMaterial: ",
                source: KeyRefused::Key(source),
            })?;
        verifiers.push(material);
    }
    verifiers.extend_from_slice(extra);
    match bundle.content() {
        BundleContent::Dsse(raw) => {
            entry_from_envelope(&bytes.slice_ref(raw.get().as_bytes()), &verifiers)
        }
        BundleContent::Message(message) => message_entry(message, &verifiers),
    }
}

/// A signature over an artifact that is not here: its digest in the bundle has to do.
fn message_entry(
    message: &MessageSignature,
    verifiers: &[VerifierMaterial],
) -> Result<VerifiedEntry, RefusedEntry> {
    let (algorithm, digest) = message.digest.as_ref().ok_or(RefusedEntry::Missing {
        expected: "messageSignature.messageDigest",
    })?;
    if verifiers.len() > MAX_ATTEMPTS {
        return Err(RefusedEntry::TooManyAttempts { max: MAX_ATTEMPTS });
    }
    let mut refused = RefusedEntry::Unverified {
        tried: verifiers.len(),
    };
    for material in verifiers {
        let proposal = Proposal {
            algorithm: *algorithm,
            value: hex::encode(digest),
            signature: message.signature.clone(),
        };
        match proposal.verify(Verifier::from(material)) {
            Err(RefusedEntry::Signature(_)) => {}
            // Of a key that could have signed this, but not with this digest, more can be said.
            Err(error @ RefusedEntry::NotAllowed { .. }) => refused = error,
            other => return other,
        }
    }
    Err(refused)
}
