//! From what build systems push (DSSE envelopes, Sigstore bundles) to one entry: an envelope with all its signatures becomes
//! `dsse 0.0.1`, a signature over an artifact `hashedrekord 0.0.1`.

use treering_attest::bundle::{
    BundleContent, MessageSignature, SigstoreBundle, VerificationMaterial,
};
use treering_attest::container::{self, Container};
use treering_attest::{Envelope, VerifierMaterial};

use super::dsse::{self, Keep, Unused};
use super::envelope::MAX_ATTEMPTS;
use super::hashedrekord::Proposal;
use super::refused::{KeyRefused, RefusedEntry};
use super::verified::VerifiedEntry;
use super::verifier::Verifier;

/// The entry of a submission, whatever it is: a DSSE envelope or a Sigstore bundle. `verifiers` are the keys that the submitter
/// gave beside it; those in it are tried first. Keys that verify nothing are passed over.
///
/// # Errors
/// [`RefusedEntry`]; one signature that does not verify refuses all.
pub fn entry_from_submission(
    bytes: &[u8],
    verifiers: &[VerifierMaterial],
) -> Result<VerifiedEntry, RefusedEntry> {
    if container::guess(bytes) == Some(Container::SigstoreBundle)
        && let Ok(bundle) = SigstoreBundle::parse(bytes)
    {
        return entry_from_bundle(&bundle, verifiers);
    }
    let refused = match entry_from_envelope(bytes, verifiers) {
        Err(RefusedEntry::Envelope(error)) => RefusedEntry::Envelope(error),
        other => return other,
    };
    match container::detect(bytes) {
        Container::Envelope => Err(refused),
        Container::SigstoreBundle => entry_from_bundle(&SigstoreBundle::parse(bytes)?, verifiers),
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
    bytes: &[u8],
    extra: &[VerifierMaterial],
) -> Result<VerifiedEntry, RefusedEntry> {
    entry_keeping(bytes, extra, Keep::Envelope)
}

/// The same without a copy of the envelope: [`VerifiedEntry::envelope`] has none, so ask [`index_keys`](super::index_keys()) with
/// the bytes for what the entry is found by.
///
/// # Errors
/// [`RefusedEntry`].
pub fn entry_beside_envelope(
    bytes: &[u8],
    extra: &[VerifierMaterial],
) -> Result<VerifiedEntry, RefusedEntry> {
    entry_keeping(bytes, extra, Keep::Nothing)
}

fn entry_keeping(
    bytes: &[u8],
    extra: &[VerifierMaterial],
    keep: Keep,
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
    // Parsed above, so it is text.
    let text = String::from_utf8_lossy(bytes);
    dsse::entry(text, candidates.map(Ok), Unused::Skipped, keep)
}

/// The entry of a bundle: by its certificate, or if it names a key only, by one of `extra`.
///
/// # Errors
/// [`RefusedEntry`].
pub fn entry_from_bundle(
    bundle: &SigstoreBundle<'_>,
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
        BundleContent::Dsse(raw) => entry_from_envelope(raw.get().as_bytes(), &verifiers),
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
