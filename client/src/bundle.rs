//! A Sigstore bundle verified without any network: artifact, signature, log entry, inclusion, checkpoint.
//!
//! Who signed is judged only by comparing keys. A certificate's chain, names and validity, and RFC 3161 timestamps, are
//! not looked at: see [`Signer::Any`].

mod entry;
mod leaf;
mod signed;
mod timestamp;

use treering_attest::{PublicKey, SigstoreBundle};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::trust::{LogKey, TrustError, TrustedRoot};
use entry::check_entry;
use signed::{Signed, signing_key};

/// Whose signature counts.
#[derive(Clone, Debug)]
pub enum Signer {
    /// This key's.
    Key(PublicKey),
    /// Anybody's: that of the certificate in the bundle, whoever made it. Proves integrity and logging, and nothing about
    /// who signed.
    Any,
}

/// Which logs count.
#[derive(Clone, Debug)]
pub enum Logs {
    /// Those of a trusted root.
    Root(TrustedRoot),
    /// This one.
    Key(Box<LogKey>),
}

/// Something that was checked and held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// What was found.
    pub detail: String,
}

/// What a verified bundle proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Everything that was checked, in order.
    pub checks: Vec<Check>,
    /// SHA-256 of the SubjectPublicKeyInfo of the key that signed.
    pub signer: Hash,
    /// Whether that key was demanded; otherwise nobody has judged whose it is.
    pub signer_judged: bool,
    /// The predicate type of the statement, if the bundle holds one.
    pub predicate_type: Option<String>,
    /// The first line of the checkpoint.
    pub origin: String,
    /// The index of the entry in that log's tree.
    pub index: LeafIndex,
    /// The size of the tree that it was proven in.
    pub size: TreeSize,
    /// When a Rekor v1 log says that it took the entry; its signature over that was checked.
    pub integrated_time: Option<u64>,
}

/// Why a bundle does not verify.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFailure {
    /// A check did not hold.
    #[error("{check}: expected {expected}, found {found}")]
    Failed {
        /// The check.
        check: &'static str,
        /// What it demands.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A check whose own error says what it expected and found.
    #[error("{check}: {detail}")]
    Refused {
        /// The check.
        check: &'static str,
        /// What it says.
        detail: String,
    },
    /// There is no log entry to verify.
    #[error("expected an entry of a transparency log in the bundle, found none")]
    NothingLogged,
    /// Nothing says whom to trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

fn failed(
    check: &'static str,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> BundleFailure {
    BundleFailure::Failed {
        check,
        expected: expected.into(),
        found: found.into(),
    }
}

fn refused(check: &'static str, error: impl std::fmt::Display) -> BundleFailure {
    BundleFailure::Refused {
        check,
        detail: error.to_string(),
    }
}

/// Verifies a bundle for an artifact.
///
/// # Errors
/// [`BundleFailure`]: the first check that does not hold.
pub fn verify_bundle(
    bundle: &[u8],
    artifact: &[u8],
    signer: &Signer,
    logs: &Logs,
) -> Result<Verdict, BundleFailure> {
    let bundle = SigstoreBundle::parse(bundle).map_err(|e| refused("bundle", e))?;
    let (key, material) = signing_key(&bundle, signer)?;
    let signed = Signed::check(&bundle, artifact, &key)?;
    let mut checks = signed.checks.clone();
    let mut last = None;
    for entry in bundle.tlog_entries() {
        last = Some(check_entry(entry, &signed, &material, logs, &mut checks)?);
    }
    let logged = last.ok_or(BundleFailure::NothingLogged)?;
    let signed_checkpoint = logged.opened.checkpoint();
    Ok(Verdict {
        checks,
        signer: Hash::new(key.fingerprint()),
        signer_judged: matches!(signer, Signer::Key(_)),
        predicate_type: signed.predicate_type,
        origin: signed_checkpoint.origin.to_string(),
        index: logged.index,
        size: signed_checkpoint.size,
        integrated_time: logged.integrated_time,
    })
}
