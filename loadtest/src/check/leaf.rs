//! The leaf that a submission must become, made from its bytes alone.

use anyhow::{Context, bail};
use treering_attest::VerifierMaterial;
use treering_rekor::v2::requests_from_submission;
use treering_tlog::Hash;

/// The hash of the leaf of an envelope with one signature, on a log of dialect rekor-v2.
///
/// # Errors
/// The envelope or its signature is not valid, or it has more than one.
pub(super) fn expected_hash(envelope: &[u8], spki_der: &[u8]) -> anyhow::Result<Hash> {
    let material =
        VerifierMaterial::from_pem_or_der(spki_der).context("the corpus has a wrong key")?;
    let requests = requests_from_submission(envelope, &[material])
        .context("the corpus has a wrong envelope")?;
    let [request] = requests.as_slice() else {
        bail!(
            "expected 1 signature in the corpus, found {}",
            requests.len()
        )
    };
    Ok(request.canonical()?.leaf_hash())
}
