//! Reading again what does not fit, around caches, before it is believed.

use bytes::Bytes;

use crate::clock::Clock;
use crate::judge::{ATTEMPTS, Limits};
use crate::source::{ReadError, TileSource, Transcript};
use crate::state::StateError;

/// Something that a log served and that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Which resource.
    pub(crate) path: String,
    /// What the rest of the log says.
    pub(crate) expected: String,
    /// What it says.
    pub(crate) found: String,
}

/// Why an attempt brought nothing to go on with.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// It does not fit.
    Mismatch(Mismatch),
    /// It could not be read.
    Unread(ReadError),
    /// The monitor's own state.
    State(StateError),
}

impl From<StateError> for Wrong {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<ReadError> for Wrong {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Malformed {
                path,
                expected,
                found,
            } => Self::Mismatch(Mismatch {
                path,
                expected,
                found,
            }),
            other => Self::Unread(other),
        }
    }
}

/// An immutable resource with two bodies.
#[derive(Clone, Debug)]
pub(crate) struct TwoBodies {
    pub(crate) path: String,
    pub(crate) first: Bytes,
    pub(crate) second: Bytes,
}

/// What came of insisting.
pub(crate) struct Insisted<T> {
    /// The last attempt's outcome.
    pub(crate) outcome: Result<T, Wrong>,
    /// A resource that was not twice the same.
    pub(crate) changed: Option<TwoBodies>,
    /// What was read at last.
    pub(crate) transcript: Transcript,
}

/// Attempts something that reads tiles; if what comes does not fit, again around caches, up to [`ATTEMPTS`] times in all.
pub(crate) async fn insist<T>(
    source: &TileSource,
    clock: &dyn Clock,
    limits: &Limits,
    attempt: impl AsyncFn(&TileSource) -> Result<T, Wrong>,
) -> Insisted<T> {
    let mut before = Transcript::new();
    let mut changed = None;
    let mut last: Option<Mismatch> = None;
    for number in 1.. {
        let view = source.recorded(number > 1);
        let outcome = attempt(&view).await;
        let transcript = view.transcript();
        changed = changed.or_else(|| differing(&before, &transcript));
        let garbled = |mismatch: &Mismatch| {
            // What is read as nothing sensible must be the same nothing each time.
            changed.is_none() && last.as_ref().is_some_and(|last| last != mismatch)
        };
        match outcome {
            Err(Wrong::Mismatch(mismatch)) if garbled(&mismatch) => {
                let outcome = Err(Wrong::Unread(ReadError::Incomplete {
                    path: mismatch.path,
                    expected: mismatch.expected,
                    found: format!("{}, and something else before", mismatch.found),
                    begun: Vec::new(),
                }));
                return Insisted {
                    outcome,
                    changed,
                    transcript,
                };
            }
            Err(Wrong::Mismatch(mismatch)) if number < ATTEMPTS => {
                last = Some(mismatch);
                before = transcript;
                clock.sleep(limits.refetch).await;
            }
            outcome => {
                return Insisted {
                    outcome,
                    changed,
                    transcript,
                };
            }
        }
    }
    unreachable!("the loop returns at the last attempt")
}

fn differing(before: &Transcript, after: &Transcript) -> Option<TwoBodies> {
    before.iter().find_map(|(path, first)| {
        let second = after.get(path).filter(|second| *second != first)?;
        Some(TwoBodies {
            path: path.clone(),
            first: first.clone(),
            second: second.clone(),
        })
    })
}
