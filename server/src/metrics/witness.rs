//! What the witnesses of a log do, one set of series for each of them.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};

use super::{level, make};

/// Why a witness gave no cosignature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WitnessFailure {
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke off.
    Connection,
    /// It said that it cannot now: status 429 or 5xx.
    Unavailable,
    /// It said no: another status.
    Refused,
    /// Its answer is not one of the protocol, or too long.
    Malformed,
    /// No cosignature of its key over our checkpoint in its answer.
    Unverified,
    /// It named another size each time it was asked.
    Conflict,
    /// It holds a larger tree than the log has: the log went back, or somebody else signs with its key.
    Ahead,
    /// It holds another tree of the same size or before it.
    Mismatch,
    /// The proof for it could not be made.
    Internal,
}

impl WitnessFailure {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Timeout,
        Self::Connection,
        Self::Unavailable,
        Self::Refused,
        Self::Malformed,
        Self::Unverified,
        Self::Conflict,
        Self::Ahead,
        Self::Mismatch,
        Self::Internal,
    ];

    /// The label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Unverified => "unverified",
            Self::Conflict => "conflict",
            Self::Ahead => "ahead",
            Self::Mismatch => "mismatch",
            Self::Internal => "internal",
        }
    }

    /// Whether the witness contradicts the log, which an operator must look at.
    #[must_use]
    pub const fn is_alarm(self) -> bool {
        matches!(self, Self::Ahead | Self::Mismatch)
    }
}

pub(super) struct PerWitness {
    cosignatures: IntCounterVec,
    failures: IntCounterVec,
    cosigned_size: IntGaugeVec,
    seconds: HistogramVec,
    alarm: IntGaugeVec,
    quorum_size: IntGaugeVec,
}

/// The metrics of one witness of one log.
#[derive(Clone)]
pub struct WitnessMetrics {
    cosignatures: IntCounter,
    failures: [IntCounter; WitnessFailure::ALL.len()],
    cosigned_size: IntGauge,
    seconds: Histogram,
    alarm: IntGauge,
}

impl WitnessMetrics {
    /// It cosigned a tree of that size, that long after it was asked.
    pub fn cosigned(&self, size: u64, elapsed: Duration) {
        self.cosignatures.inc();
        self.cosigned_size.set(level(size));
        self.seconds.observe(elapsed.as_secs_f64());
        self.alarm.set(0);
    }

    /// It gave no cosignature.
    pub fn failed(&self, reason: WitnessFailure) {
        if let Some(counter) = self.failures.get(reason as usize) {
            counter.inc();
        }
        if reason.is_alarm() {
            self.alarm.set(1);
        }
    }
}

impl PerWitness {
    pub(super) fn new(registry: &Registry) -> Self {
        let labels = &["log", "witness"];
        Self {
            cosignatures: make::counters(
                registry,
                "treering_witness_cosignatures_total",
                "cosignatures that verified",
                labels,
            ),
            failures: make::counters(
                registry,
                "treering_witness_failures_total",
                "tries that brought no cosignature",
                &["log", "reason", "witness"],
            ),
            cosigned_size: make::gauges(
                registry,
                "treering_witness_cosigned_size_entries",
                "leaves under the newest checkpoint that the witness cosigned",
                labels,
            ),
            seconds: make::histograms(
                registry,
                "treering_witness_seconds",
                "time until a witness cosigned",
                labels,
                make::REQUEST_SECONDS,
            ),
            alarm: make::gauges(
                registry,
                "treering_witness_alarm",
                "1 while the witness contradicts the log",
                labels,
            ),
            quorum_size: make::gauges(
                registry,
                "treering_witness_quorum_size_entries",
                "leaves under the newest checkpoint that the quorum cosigned",
                &["log"],
            ),
        }
    }

    pub(super) fn quorum_size(&self, log: &str) -> IntGauge {
        self.quorum_size.with_label_values(&[log])
    }

    pub(super) fn handles(&self, log: &str, witness: &str) -> WitnessMetrics {
        let labels = &[log, witness];
        WitnessMetrics {
            cosignatures: self.cosignatures.with_label_values(labels),
            failures: WitnessFailure::ALL.map(|reason| {
                self.failures
                    .with_label_values(&[log, reason.label(), witness])
            }),
            cosigned_size: self.cosigned_size.with_label_values(labels),
            seconds: self.seconds.with_label_values(labels),
            alarm: self.alarm.with_label_values(labels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::WitnessFailure;

    #[test]
    fn positions_are_those_of_the_list() {
        for (position, reason) in WitnessFailure::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, position, "{}", reason.label());
        }
    }
}
