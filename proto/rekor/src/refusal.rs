//! The classes of refusals, the same for every dialect.

/// What the submitter can do about a refused entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Send something of the right shape.
    Malformed,
    /// Give the right key, or sign again.
    Unverified,
    /// Use another algorithm or another log.
    Unsupported,
    /// Send something smaller.
    TooLarge,
}
