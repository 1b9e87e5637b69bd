//! Exit codes, and which error ends with which.

use treering_api::{Reject, RejectKind};

use crate::bundle::BundleFailure;
use crate::error::FetchError;
use crate::fsck::{FsckError, InconsistencyKind};
use crate::memory::{MemoryError, Misbehaviour, PinError, StateError};
use crate::sign::SignError;
use crate::tiles::TileError;
use crate::trust::TrustError;
use crate::verify::ProofFailure;

/// How the program ends. Where several things were done, by the worst of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was done, everything verified.
    Ok,
    /// There was nothing to verify.
    Nothing,
    /// The command line or an input is not what it should be.
    Usage,
    /// Network, server, file system: try again.
    Operational,
    /// No key to verify with, or another than before.
    Trust,
    /// A signature, a proof or a comparison does not hold.
    Failed,
    /// A log contradicts what it signed.
    Misbehaviour,
    /// A fault of this program.
    Bug,
}

/// The table in `--help`. A test holds it to [`Exit::code`].
pub(super) const TABLE: &str = "\
Exit codes:
  0   done; everything verified
  1   verification failed: a signature, a proof or a comparison does not hold
  2   usage: the command line or an input is not what it should be
  3   operational: network, server or file system; trying again may help
  4   nothing to verify: no entry, no log entry in the bundle
  6   log misbehaviour proven: rollback, fork, or tiles that contradict each other
  7   trust material missing or changed: no key, or another than was pinned
  70  a bug in treering
Where several things were done, the worst of them decides.";

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Operational => 3,
            Self::Nothing => 4,
            Self::Misbehaviour => 6,
            Self::Trust => 7,
            Self::Bug => 70,
        }
    }

    /// One word, for JSON.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "verification_failed",
            Self::Usage => "usage",
            Self::Operational => "operational",
            Self::Nothing => "nothing_to_verify",
            Self::Misbehaviour => "log_misbehaviour",
            Self::Trust => "trust_material",
            Self::Bug => "bug",
        }
    }
}

/// Why a command ends early, for people and for scripts.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    /// Of a server's refusal, so that scripts need not parse the message.
    pub(crate) reject: Option<Reject>,
    /// Two signed notes that prove a log's misbehaviour.
    pub(crate) evidence: Option<Box<Misbehaviour>>,
}

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            reject: None,
            evidence: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// For files and the like.
    pub(crate) fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::new(Exit::Operational, format!("{what}: {error}"))
    }
}

impl From<Reject> for CliError {
    fn from(reject: Reject) -> Self {
        let exit = match reject.kind {
            RejectKind::Unverified => Exit::Failed,
            RejectKind::NotFound => Exit::Nothing,
            RejectKind::Malformed
            | RejectKind::Unsupported
            | RejectKind::TooLarge
            | RejectKind::OutOfRange
            | RejectKind::Frozen => Exit::Usage,
            RejectKind::Busy
            | RejectKind::Unavailable
            | RejectKind::DeadlineExceeded
            | RejectKind::Internal => Exit::Operational,
        };
        let message = format!("{} ({})", reject.message, reject.kind.wire().label);
        Self {
            exit,
            message,
            reject: Some(reject),
            evidence: None,
        }
    }
}

impl From<FetchError> for CliError {
    fn from(error: FetchError) -> Self {
        let exit = match &error {
            FetchError::Address { .. } => Exit::Usage,
            error if error.is_not_found() => Exit::Nothing,
            _ => Exit::Operational,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<TileError> for CliError {
    fn from(error: TileError) -> Self {
        match error {
            TileError::Fetch(error) => error.into(),
            error => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<ProofFailure> for CliError {
    fn from(error: ProofFailure) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}

impl From<TrustError> for CliError {
    fn from(error: TrustError) -> Self {
        let exit = match &error {
            TrustError::Vkey { .. } | TrustError::TrustedRoot { .. } => Exit::Usage,
            _ => Exit::Trust,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        Self::new(Exit::Operational, error.to_string())
    }
}

impl From<PinError> for CliError {
    fn from(error: PinError) -> Self {
        match error {
            PinError::Trust(error) => error.into(),
            PinError::State(error) => error.into(),
        }
    }
}

impl From<Box<Misbehaviour>> for CliError {
    fn from(proof: Box<Misbehaviour>) -> Self {
        let message = proof.to_string();
        Self {
            exit: Exit::Misbehaviour,
            message,
            reject: None,
            evidence: Some(proof),
        }
    }
}

impl<E: std::error::Error + Into<Self> + 'static> From<MemoryError<E>> for CliError {
    fn from(error: MemoryError<E>) -> Self {
        match error {
            MemoryError::Misbehaviour(proof) => proof.into(),
            MemoryError::NoProof { from, to, source } => {
                let mut inner: Self = source.into();
                inner.message = format!(
                    "no consistency proof from {from} to {to}: {}",
                    inner.message
                );
                // Without the proof nothing is proven, neither that the log is honest nor that it is not.
                inner.exit = inner.exit.max(Exit::Operational);
                inner
            }
            MemoryError::State(error) => error.into(),
        }
    }
}

impl From<FsckError> for CliError {
    fn from(error: FsckError) -> Self {
        match error {
            FsckError::Inconsistent(found) => {
                let exit = match found.kind {
                    InconsistencyKind::Checkpoint => Exit::Failed,
                    InconsistencyKind::Missing => Exit::Operational,
                    InconsistencyKind::Mismatch => Exit::Misbehaviour,
                };
                Self::new(exit, found.to_string())
            }
            FsckError::Fetch(error) => {
                let mut inner = Self::from(error);
                inner.exit = inner.exit.max(Exit::Usage);
                inner
            }
        }
    }
}

impl From<BundleFailure> for CliError {
    fn from(error: BundleFailure) -> Self {
        match error {
            BundleFailure::Failed { .. } | BundleFailure::Refused { .. } => {
                Self::new(Exit::Failed, error.to_string())
            }
            BundleFailure::NothingLogged => Self::new(Exit::Nothing, error.to_string()),
            BundleFailure::Trust(error) => error.into(),
        }
    }
}

impl From<SignError> for CliError {
    fn from(error: SignError) -> Self {
        let exit = match &error {
            SignError::Key { .. } | SignError::Dialect { .. } => Exit::Usage,
            SignError::Generate { .. } => Exit::Operational,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Exit; 8] = [
        Exit::Ok,
        Exit::Nothing,
        Exit::Usage,
        Exit::Operational,
        Exit::Trust,
        Exit::Failed,
        Exit::Misbehaviour,
        Exit::Bug,
    ];

    #[test]
    fn the_table_lists_every_code_and_no_other() {
        let listed = TABLE
            .lines()
            .filter_map(|line| line.split_whitespace().next()?.parse::<u8>().ok());
        let mut codes: Vec<u8> = ALL.map(Exit::code).to_vec();
        codes.sort_unstable();
        assert_eq!(listed.collect::<Vec<_>>(), codes);
    }

    #[test]
    fn every_kind_of_refusal_ends_the_program_with_an_error() {
        for kind in RejectKind::ALL {
            let error = CliError::from(Reject::new(kind, "m"));
            assert_ne!(error.exit, Exit::Ok, "{kind:?}");
            assert!(error.message.contains(kind.wire().label));
        }
    }
}
