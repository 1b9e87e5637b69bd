//! What an evil log does, as lines of a script.

use std::str::FromStr;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `grow N`: adds N entries.
    Grow(u64),
    /// `fork AT [N]`: replaces all entries from AT on, then adds N.
    Fork {
        /// The first that is another.
        at: u64,
        /// How many are added.
        entries: u64,
    },
    /// `publish SIZE`: signs the tree of the first SIZE entries.
    Publish(u64),
    /// `flip PATH BIT`: serves a resource with one bit flipped.
    Flip {
        /// The resource.
        path: String,
        /// Which bit.
        bit: usize,
    },
    /// `alternate PATH BIT`: serves a resource flipped every other time.
    Alternate {
        /// The resource.
        path: String,
        /// Which bit.
        bit: usize,
    },
    /// `drop PATH`: a resource is not there.
    Drop(String),
    /// `cut PATH BYTES`: serves the beginning of a resource.
    Cut {
        /// The resource.
        path: String,
        /// How much of it.
        bytes: usize,
    },
    /// `repair`: serves everything as it is again.
    Repair,
    /// `key SEED`: signs with another key of the same name.
    Key(u8),
    /// `origin NAME`: signs for another origin.
    Origin(String),
    /// `signed-time SECS`: signs a time in a `Timestamp` line.
    SignedTime(u64),
    /// `clock SECS`: what its HTTP dates say.
    Clock(u64),
    /// `cosign NAME SEED SECS [wrong]`: a witness cosigns, rightly or wrongly.
    Cosign {
        /// The witness.
        name: String,
        /// Makes its key.
        seed: u8,
        /// The time it signs, in seconds since the Unix epoch.
        at_secs: u64,
        /// Whether the cosignature is wrong.
        wrong: bool,
    },
    /// `uncosign`: no witness cosigns.
    Uncosign,
    /// `fail STATUS`: answers everything with a status.
    Fail(u16),
}

/// A line that is no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected grow N, fork AT [N], publish SIZE, flip PATH BIT, alternate PATH BIT, drop PATH, cut PATH BYTES, repair, \
     key SEED, origin NAME, signed-time SECS, clock SECS, cosign NAME SEED SECS [wrong], uncosign or fail STATUS, found {found:?}"
)]
pub struct BadStep {
    found: String,
}

impl FromStr for Step {
    type Err = BadStep;

    fn from_str(line: &str) -> Result<Self, BadStep> {
        let words: Vec<&str> = line.split_whitespace().collect();
        read(&words).ok_or_else(|| BadStep {
            found: line.to_owned(),
        })
    }
}

fn read(words: &[&str]) -> Option<Step> {
    Some(match words {
        ["grow", entries] => Step::Grow(entries.parse().ok()?),
        ["fork", at] => Step::Fork {
            at: at.parse().ok()?,
            entries: 0,
        },
        ["fork", at, entries] => Step::Fork {
            at: at.parse().ok()?,
            entries: entries.parse().ok()?,
        },
        ["publish", size] => Step::Publish(size.parse().ok()?),
        ["flip", path, bit] => Step::Flip {
            path: (*path).to_owned(),
            bit: bit.parse().ok()?,
        },
        ["alternate", path, bit] => Step::Alternate {
            path: (*path).to_owned(),
            bit: bit.parse().ok()?,
        },
        ["drop", path] => Step::Drop((*path).to_owned()),
        ["cut", path, bytes] => Step::Cut {
            path: (*path).to_owned(),
            bytes: bytes.parse().ok()?,
        },
        ["repair"] => Step::Repair,
        ["key", seed] => Step::Key(seed.parse().ok()?),
        ["origin", name] => Step::Origin((*name).to_owned()),
        ["signed-time", secs] => Step::SignedTime(secs.parse().ok()?),
        ["clock", secs] => Step::Clock(secs.parse().ok()?),
        ["cosign", name, seed, secs, rest @ ..] => Step::Cosign {
            name: (*name).to_owned(),
            seed: seed.parse().ok()?,
            at_secs: secs.parse().ok()?,
            wrong: match rest {
                [] => false,
                ["wrong"] => true,
                _ => return None,
            },
        },
        ["uncosign"] => Step::Uncosign,
        ["fail", status] => Step::Fail(status.parse().ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_step_or_refused() {
        let fork = Step::Fork { at: 5, entries: 2 };
        assert_eq!("fork 5 2".parse(), Ok(fork));
        assert_eq!("grow 3".parse(), Ok(Step::Grow(3)));
        for line in ["", "grow", "grow x", "fork 1 2 3", "cosign w 1 2 right"] {
            assert!(line.parse::<Step>().is_err(), "{line}");
        }
    }
}
