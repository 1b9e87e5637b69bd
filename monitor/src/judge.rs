//! Operational trouble or misbehaviour of a log? The decision that must never be wrong, as functions of what was seen.
//!
//! Two signatures decide at once. Anything else is a suspicion first: it is reported as operational until it has been
//! seen again and again for as long as [`Limits::persistence`] says. What comes late, not at all, cut short or as a page of
//! a proxy is never misbehaviour by itself.

use std::time::Duration;

use crate::clock::Time;
use crate::findings::Kind;

/// How patient the monitor is.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long something must look wrong before a log is accused of it. Default 10 min.
    pub persistence: Duration,
    /// The wait before something that does not fit is fetched again. Default 2 s.
    pub refetch: Duration,
    /// How long a log may neither grow nor sign while something waits for it. Default 1 d.
    pub freshness: Duration,
    /// How far clocks may be apart. Default 5 min.
    pub skew: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            persistence: Duration::from_secs(600),
            refetch: Duration::from_secs(2),
            freshness: Duration::from_secs(86_400),
            skew: Duration::from_secs(300),
        }
    }
}

/// How often something that does not fit is read before it is believed.
pub const ATTEMPTS: usize = 3;
/// Clocks that must agree with the monitor's before it calls another one wrong.
pub const CLOCKS: usize = 3;

/// What a suspicion is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Too young: it may pass.
    Operational,
    /// It has lasted.
    Misbehaviour,
}

/// Judges a suspicion that was first seen then, and this many times, the present one included.
#[must_use]
pub fn suspicion(first_seen: Time, times: u64, now: Time, limits: &Limits) -> Verdict {
    if times > 1 && now.since(first_seen) >= limits.persistence {
        Verdict::Misbehaviour
    } else {
        Verdict::Operational
    }
}

/// As what a suspicion is reported while it is young.
#[must_use]
pub const fn while_young(kind: &Kind) -> Kind {
    match kind {
        Kind::LogRollback | Kind::LogFrozen | Kind::LogLateInclusion => Kind::StaleCache,
        Kind::LogMissingEntries => Kind::CoverageGap,
        Kind::LogClock => Kind::ClockUnsure,
        _ => Kind::LogUnreachable,
    }
}

/// Whose clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockVerdict {
    /// None that could be told.
    Fine,
    /// Perhaps the monitor's.
    Unsure,
    /// The one that signed.
    Signer,
}

/// Judges a signed time. `others` are the clocks of third parties, the signer's not among them.
#[must_use]
pub fn clock(signed: Time, now: Time, others: &[Time], limits: &Limits) -> ClockVerdict {
    if signed <= now.plus(limits.skew) {
        return ClockVerdict::Fine;
    }
    let agree = |other: &&Time| apart(**other, now) <= limits.skew;
    if others.iter().filter(agree).count() >= CLOCKS {
        ClockVerdict::Signer
    } else {
        ClockVerdict::Unsure
    }
}

/// Whether the monitor's own clock is in doubt: more of the others contradict it than agree with it.
#[must_use]
pub fn own_clock_in_doubt(now: Time, others: &[Time], limits: &Limits) -> bool {
    let apart = others
        .iter()
        .filter(|other| apart(**other, now) > limits.skew)
        .count();
    apart * 2 > others.len()
}

fn apart(a: Time, b: Time) -> Duration {
    a.since(b).max(b.since(a))
}

/// Whether a log is frozen: something waits for it since `pending`, it has not grown since `grown_at`, and signed nothing
/// since `signed`, for longer than the limit.
#[must_use]
pub fn frozen(
    pending: Option<Time>,
    grown_at: Time,
    signed: Option<Time>,
    now: Time,
    limits: &Limits,
) -> bool {
    let Some(pending) = pending else {
        return false;
    };
    let newest = pending.max(grown_at).max(signed.unwrap_or_default());
    now.since(newest) >= limits.freshness
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Time {
        Time::from_secs(secs)
    }

    #[test]
    fn a_suspicion_must_last_and_be_seen_again() {
        let limits = Limits::default();
        for (times, now, expected) in [
            (1, 0, Verdict::Operational),
            (2, 599, Verdict::Operational),
            (1, 700, Verdict::Operational),
            (2, 600, Verdict::Misbehaviour),
        ] {
            assert_eq!(
                suspicion(at(0), times, at(now), &limits),
                expected,
                "{times} {now}"
            );
        }
    }

    #[test]
    fn a_young_suspicion_accuses_nobody() {
        for kind in Kind::ALL {
            let young = while_young(kind);
            assert_eq!(young.class(), crate::findings::Class::Operational);
        }
    }

    #[test]
    fn a_signer_is_wrong_only_where_three_clocks_say_so() {
        let (limits, now) = (Limits::default(), at(10_000));
        let fine = [now; 3];
        assert_eq!(clock(at(10_299), now, &[], &limits), ClockVerdict::Fine);
        assert_eq!(clock(at(20_000), now, &[], &limits), ClockVerdict::Unsure);
        assert_eq!(
            clock(at(20_000), now, &fine[..2], &limits),
            ClockVerdict::Unsure
        );
        assert_eq!(clock(at(20_000), now, &fine, &limits), ClockVerdict::Signer);
        // Our own clock is slow: everybody agrees with the signer.
        let ahead = [at(20_000); 5];
        assert_eq!(
            clock(at(20_000), now, &ahead, &limits),
            ClockVerdict::Unsure
        );
        assert!(own_clock_in_doubt(now, &ahead, &limits));
        assert!(!own_clock_in_doubt(now, &fine, &limits));
        assert!(!own_clock_in_doubt(now, &[], &limits));
    }

    #[test]
    fn an_idle_log_is_not_frozen() {
        let limits = Limits::default();
        let day = 86_400;
        assert!(!frozen(None, at(0), None, at(9 * day), &limits));
        assert!(frozen(Some(at(0)), at(0), None, at(day), &limits));
        assert!(!frozen(Some(at(day)), at(0), None, at(day + 1), &limits));
        assert!(!frozen(Some(at(0)), at(9), None, at(day), &limits));
        let signed = Some(at(day));
        assert!(!frozen(Some(at(0)), at(0), signed, at(day + 5), &limits));
    }
}
