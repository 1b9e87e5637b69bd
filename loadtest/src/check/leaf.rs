//! The leaf that a submission must become, made from its bytes alone.

use anyhow::{Context, bail};
use bytes::Bytes;
use treering_api::log::Dialect;
use treering_attest::VerifierMaterial;
use treering_rekor::v1::entry_from_submission;
use treering_rekor::v2::requests_from_submission;
use treering_tlog::Hash;

/// The hash of the leaf of an envelope with one signature, on a log of that dialect.
///
/// # Errors
/// The envelope or its signature is not valid, or the log would make several entries of it.
pub(super) fn expected_hash(
    dialect: Dialect,
    envelope: &[u8],
    spki_der: &[u8],
) -> anyhow::Result<Hash> {
    let material =
        VerifierMaterial::from_pem_or_der(spki_der).context("the corpus has a wrong key")?;
    let wrong = "the corpus has a wrong envelope";
    match dialect {
        Dialect::RekorV1 => {
            let entry = entry_from_submission(&Bytes::copy_from_slice(envelope), &[material])
                .context(wrong)?;
            Ok(entry.canonical().leaf_hash())
        }
        Dialect::RekorV2 => {
            let requests = requests_from_submission(envelope, &[material]).context(wrong)?;
            let [request] = requests.as_slice() else {
                bail!(
                    "expected 1 signature in the corpus, found {}",
                    requests.len()
                )
            };
            Ok(request.canonical()?.leaf_hash())
        }
    }
}
