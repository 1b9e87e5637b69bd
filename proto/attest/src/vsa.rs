//! Verification summaries: the seven steps by which SLSA says that one is verified ([`verify`]), and writing one ([`Summary`]).
//! Signatures are verified before; what holds of the log is not asked here.

mod level;
mod summary;
mod time;
mod verify;
mod write;

pub use level::Level;
pub use summary::{
    InputAttestation, Summary, SummaryError, SummaryPolicy, SummarySubject, Verdict,
};
pub use verify::{Expectation, Outcome, Pair, Report, Step, StepResult, signers, verify};

/// The predicate type of SLSA 1.0 to 1.2.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/verification_summary/v1";
