//! What files hold: envelopes, bundles, statements to be signed, or several of these, a line each.

use std::path::Path;

use bytes::Bytes;
use treering_api::log::{Dialect, Submission};
use treering_attest::VerifierMaterial;
use treering_attest::container::{Container, detect};
use treering_rekor::{v1, v2};
use treering_tlog::Hash;

use super::context::{read_file, read_input};
use super::exit::{CliError, Exit};
use crate::sign::{IN_TOTO_TYPE, SigningKey};

/// One thing to submit.
pub(crate) struct Item {
    /// The file, and the line in it if it holds several.
    pub(crate) name: String,
    /// It stood on a line of its own, so a batch can carry it without loss.
    pub(crate) is_line: bool,
    pub(crate) bytes: Bytes,
}

/// The things in a file, or on standard input for `-`.
pub(crate) fn read_items(path: &Path) -> Result<Vec<Item>, CliError> {
    let bytes = read_input(path)?;
    let name = path.display().to_string();
    let by_name = path
        .extension()
        .is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
    let several =
        by_name || (name == "-" && matches!(detect(&bytes), Container::NotAnObject { .. }));
    if !several {
        return Ok(vec![Item {
            name,
            is_line: false,
            bytes,
        }]);
    }
    let lines = bytes.split(|&byte| byte == b'\n').zip(1_usize..);
    let items: Vec<Item> = lines
        .map(|(line, number)| (line.trim_ascii(), number))
        .filter(|(line, _)| !line.is_empty())
        .map(|(line, number)| Item {
            name: format!("{name}:{number}"),
            is_line: true,
            bytes: bytes.slice_ref(line),
        })
        .collect();
    if items.is_empty() {
        return Err(CliError::new(
            Exit::Nothing,
            format!("{name}: expected something to submit, found nothing"),
        ));
    }
    Ok(items)
}

/// Makes an item ready: a statement is wrapped and signed, anything else stays byte for byte.
pub(crate) fn prepare(
    item: &Item,
    key: Option<&SigningKey>,
    verifiers: &[Bytes],
) -> Result<Submission, CliError> {
    let mut verifiers = verifiers.to_vec();
    let envelope = match (detect(&item.bytes), key) {
        (Container::Envelope | Container::SigstoreBundle, _) => item.bytes.clone(),
        (Container::Statement, Some(key)) => {
            verifiers.push(key.public_pem()?.into());
            key.envelope(IN_TOTO_TYPE, &item.bytes)?.into()
        }
        (Container::Statement, None) => {
            return Err(CliError::usage(
                "expected something signed, found an unsigned statement; sign it by --key",
            ));
        }
        (other, _) => {
            let expected = "a DSSE envelope, a Sigstore bundle or an in-toto statement";
            return Err(CliError::usage(format!(
                "expected {expected}, found {other}"
            )));
        }
    };
    Ok(Submission {
        envelope,
        verifiers,
    })
}

/// Reads a private key.
pub(crate) fn read_key(path: &Path) -> Result<SigningKey, CliError> {
    let bytes = read_file(path)?;
    let named = |e: CliError| CliError {
        message: format!("{}: {}", path.display(), e.message),
        ..e
    };
    SigningKey::from_pem(&String::from_utf8_lossy(&bytes)).map_err(|e| named(e.into()))
}

/// Reads public keys and certificates as they are, after a look whether they are some.
pub(crate) fn read_verifiers(
    paths: &[impl AsRef<Path>],
) -> Result<Vec<(Bytes, VerifierMaterial)>, CliError> {
    let read = |path: &Path| {
        let bytes = read_file(path)?;
        let material = VerifierMaterial::from_pem_or_der(&bytes)
            .map_err(|e| CliError::usage(format!("{}: {e}", path.display())))?;
        Ok((bytes, material))
    };
    paths.iter().map(|path| read(path.as_ref())).collect()
}

/// The hashes of the leaves that follow from a submission, made anew and its signatures verified: on rekor-v2 one a
/// signature, on rekor-v1 one.
pub(crate) fn expected_leaves(
    dialect: Dialect,
    submission: &Submission,
) -> Result<Vec<Hash>, CliError> {
    let materials: Result<Vec<VerifierMaterial>, _> = submission
        .verifiers
        .iter()
        .map(|bytes| VerifierMaterial::from_pem_or_der(bytes))
        .collect();
    let materials = materials.map_err(|e| CliError::usage(e.to_string()))?;
    match dialect {
        Dialect::RekorV1 => rekor_v1_leaf(&submission.envelope, &materials).map(|leaf| vec![leaf]),
        Dialect::RekorV2 => rekor_v2_leaves(&submission.envelope, &materials),
    }
}

/// The hashes of all leaves that an envelope or bundle may have become, whatever the dialect of the log.
pub(crate) fn possible_leaves(
    envelope: &[u8],
    materials: &[VerifierMaterial],
) -> Result<Vec<Hash>, CliError> {
    let mut leaves = rekor_v2_leaves(envelope, materials)?;
    leaves.push(rekor_v1_leaf(envelope, materials)?);
    Ok(leaves)
}

fn cannot_rebuild(error: &dyn std::fmt::Display) -> CliError {
    CliError::new(Exit::Failed, format!("cannot rebuild the leaf: {error}"))
}

/// The hash of the `dsse 0.0.1` leaf of an envelope, or the `hashedrekord 0.0.1` leaf of another bundle.
fn rekor_v1_leaf(envelope: &[u8], materials: &[VerifierMaterial]) -> Result<Hash, CliError> {
    let entry = v1::entry_from_submission(envelope, materials).map_err(|e| cannot_rebuild(&e))?;
    Ok(entry.into_parts().canonical.leaf_hash())
}

/// The hashes of the `hashedrekord 0.0.2` leaves of an envelope or bundle, one a signature; its signatures are verified.
fn rekor_v2_leaves(envelope: &[u8], materials: &[VerifierMaterial]) -> Result<Vec<Hash>, CliError> {
    let refused = |e: v2::RefusedEntry| cannot_rebuild(&e);
    let requests = v2::requests_from_submission(envelope, materials).map_err(refused)?;
    let leaf =
        |request: v2::VerifiedRequest| request.canonical().map(|canonical| canonical.leaf_hash());
    requests
        .into_iter()
        .map(|request| leaf(request).map_err(refused))
        .collect()
}
