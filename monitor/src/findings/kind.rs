//! What can be found: the names of the finding kinds, and what each is.

use serde::Serialize;

/// Whose trouble it is. The three are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A log contradicts itself or its promises; never silenced.
    Misbehaviour,
    /// An entry or a release is not what its owner expects.
    Policy,
    /// The monitor, or the way to a log; never an accusation.
    Operational,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it some day.
    Low,
    /// Look at it soon.
    Medium,
    /// Look at it today.
    High,
    /// Now.
    Critical,
}

/// A text that never changes, for the database and for readers.
macro_rules! texts {
    ($type:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl $type {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that never changes.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The one of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

texts!(Class { Misbehaviour = "misbehaviour", Policy = "policy", Operational = "operational" });
texts!(Severity { Info = "info", Low = "low", Medium = "medium", High = "high", Critical = "critical" });

/// The kinds of misbehaviour and of operational trouble, each with its class and severity.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $class:ident, $severity:ident;)+) => {
        /// A kind of finding. The policy kinds of watchlist rules go by their name and severity.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $variant,)+
            /// What a rule of a watchlist found.
            Policy {
                /// The name of the kind.
                name: String,
                /// How bad it is.
                severity: Severity,
            },
        }

        impl Kind {
            /// Every kind that does not come from a rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that never changes.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $text,)+ Self::Policy { name, .. } => name }
            }

            /// Whose trouble it is.
            #[must_use]
            pub const fn class(&self) -> Class {
                match self { $(Self::$variant => Class::$class,)+ Self::Policy { .. } => Class::Policy }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(&self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ Self::Policy { severity, .. } => *severity }
            }
        }
    };
}

kinds! {
    /// Two signed roots for a size, or a signed tree that does not contain an earlier signed one.
    LogFork = "log-fork", Misbehaviour, Critical;
    /// A smaller tree than before, still so around caches and after a while.
    LogRollback = "log-rollback", Misbehaviour, Critical;
    /// Entries, tiles and root do not fit together.
    LogContentMismatch = "log-content-mismatch", Misbehaviour, Critical;
    /// An immutable resource with two bodies.
    LogEquivocation = "log-equivocation", Misbehaviour, Critical;
    /// A hole within the signed size that persists.
    LogMissingEntries = "log-missing-entries", Misbehaviour, High;
    /// No growth while something is known to wait for it.
    LogFrozen = "log-frozen", Misbehaviour, High;
    /// A receipt's promise was not kept.
    LogLateInclusion = "log-late-inclusion", Misbehaviour, High;
    /// Signed by a key that was not announced.
    LogKeySurprise = "log-key-surprise", Misbehaviour, High;
    /// Signed for an origin that was not announced.
    LogOriginSurprise = "log-origin-surprise", Misbehaviour, High;
    /// A signed time that cannot be.
    LogClock = "log-clock", Misbehaviour, High;
    /// A log that grew after it was final.
    LogGrewAfterFinal = "log-grew-after-final", Misbehaviour, High;
    /// A witness cosigned a tree that does not fit.
    WitnessFork = "witness-fork", Misbehaviour, Critical;
    /// The witness policy is not met.
    WitnessQuorumLost = "witness-quorum-lost", Misbehaviour, High;
    /// A cosignature that does not verify.
    WitnessInvalid = "witness-invalid", Misbehaviour, High;
    /// A log, or one view of it, could not be read.
    LogUnreachable = "log-unreachable", Operational, Medium;
    /// An older view of a log, as caches serve it.
    StaleCache = "stale-cache", Operational, Low;
    /// Entries that are signed for and not examined yet.
    MonitorBehind = "monitor-behind", Operational, Medium;
    /// Entries that should be examined and could not be read.
    CoverageGap = "coverage-gap", Operational, Medium;
    /// The state is not what the monitor left; it stops.
    StateDamaged = "state-damaged", Operational, Critical;
    /// The monitor's own clock, or too few clocks to say whose is wrong.
    ClockUnsure = "clock-unsure", Operational, Medium;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_severities_are_those_of_their_class() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(Kind::as_str).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            if kind.class() == Class::Misbehaviour {
                assert!(kind.severity() >= Severity::High, "{kind:?}");
            }
        }
        for severity in Severity::ALL {
            assert_eq!(Severity::from_name(severity.as_str()), Some(*severity));
        }
    }
}
