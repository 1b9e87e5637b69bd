//! Rekor v1's signed entry timestamp.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use treering_attest::bundle::TlogEntry;
use treering_attest::{DigestAlgorithm, PublicKey, verify};
use treering_tlog::note::KeyKind;

use super::{BundleFailure, Logs, failed, refused};

const CHECK: &str = "entry timestamp";

/// Checks the log's signature over an entry and the time it was taken, and that the log's key was valid then. `None`
/// without a timestamp: Rekor v2 gives none.
pub(super) fn check(entry: &TlogEntry, logs: &Logs) -> Result<Option<u64>, BundleFailure> {
    let (Some(signature), Some(time)) = (&entry.signed_entry_timestamp, entry.integrated_time)
    else {
        return Ok(None);
    };
    let key = match logs {
        Logs::Root(root) => {
            let log = root.log(&entry.log_id)?;
            if !log.valid_at(time) {
                let expected = format!(
                    "a time within the validity of the key of {}",
                    log.base_url()
                );
                return Err(failed(CHECK, expected, time.to_string()));
            }
            log.public_key()
        }
        Logs::Key(key) if key.key().kind() == KeyKind::Ecdsa => {
            PublicKey::from_spki_der(key.key().material())
        }
        Logs::Key(key) => {
            let found = format!("the vkey of {}", key.origin());
            return Err(failed(
                CHECK,
                "an ecdsa key of the log, which Rekor v1 signs times with",
                found,
            ));
        }
    };
    let key = key.map_err(|e| refused(CHECK, e))?;
    verify(
        &key,
        DigestAlgorithm::Sha256,
        payload(entry, time).as_bytes(),
        signature,
    )
    .map_err(|e| refused(CHECK, e))?;
    Ok(Some(time))
}

/// The canonical JSON that is signed: none of its values needs escaping.
fn payload(entry: &TlogEntry, time: u64) -> String {
    format!(
        r#"{{"body":"{}","integratedTime":{time},"logID":"{}","logIndex":{}}}"#,
        STANDARD.encode(&entry.canonicalized_body),
        hex::encode(&entry.log_id),
        entry.log_index,
    )
}
