//! What is counted while a run goes on: latencies, answers, failures. Each thread has its own tally; they are merged at
//! the end.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::check::Sample;

/// Latencies with three significant digits from 1 microsecond to 10 minutes; beyond that they count as 10 minutes.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(
            Histogram::new_with_bounds(1, MAX_MICROS, 3)
                .expect("1 < 10 minutes and 3 digits are valid bounds"),
        )
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0
            .saturating_record(u64::try_from(latency.as_micros()).unwrap_or(MAX_MICROS));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("all histograms here have the same bounds");
    }

    /// The latency that a share of the requests did not exceed, in microseconds.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share).min(self.max())
    }

    pub(crate) fn max(&self) -> u64 {
        self.0.max()
    }

    pub(crate) fn mean(&self) -> f64 {
        self.0.mean()
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }
}

/// Why a request, or one entry of a batch, was not served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// The server refused it: the label of the reject and the HTTP status or gRPC code.
    Rejected(String),
    /// An HTTP status or gRPC code without a readable reject.
    Status(String),
    /// The answer does not have the demanded shape.
    Unreadable(&'static str),
    /// The connection failed: could not be made, was closed, or broke.
    Transport(String),
    /// No answer within `--timeout`.
    TimedOut,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rejected(text) => f.write_str(text),
            Self::Status(text) => write!(f, "status {text}"),
            Self::Unreadable(text) => write!(f, "unreadable answer: {text}"),
            Self::Transport(text) => write!(f, "transport: {text}"),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

/// What came of one request.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Entries that are in the log and were not before; tiles that were read.
    pub(crate) fresh: u64,
    /// Entries that were in the log before.
    pub(crate) duplicates: u64,
    /// Entries that failed, by reason.
    pub(crate) failures: Vec<(Failure, u64)>,
    /// Bytes of the answer's body.
    pub(crate) bytes: u64,
    /// The answer, where it is one of those to verify.
    pub(crate) sample: Option<Sample>,
}

impl Outcome {
    /// A request of which nothing was served.
    pub(crate) fn failed(failure: Failure, entries: u64) -> Self {
        Self {
            failures: vec![(failure, entries)],
            ..Self::default()
        }
    }
}

/// The sums over many requests.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Of requests of which at least one entry was served.
    pub(crate) latencies: Latencies,
    /// Requests that were answered or failed.
    pub(crate) requests: u64,
    /// See [`Outcome::fresh`].
    pub(crate) fresh: u64,
    /// See [`Outcome::duplicates`].
    pub(crate) duplicates: u64,
    /// See [`Outcome::failures`].
    pub(crate) failures: BTreeMap<Failure, u64>,
    /// See [`Outcome::bytes`].
    pub(crate) bytes: u64,
    /// The answers to verify.
    pub(crate) samples: Vec<Sample>,
    /// When the last request was answered or failed, from the beginning.
    pub(crate) last: Duration,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            latencies: Latencies::new(),
            requests: 0,
            fresh: 0,
            duplicates: 0,
            failures: BTreeMap::new(),
            bytes: 0,
            samples: Vec::new(),
            last: Duration::ZERO,
        }
    }

    /// Counts a request that started (by schedule) and ended at these times of the run.
    pub(crate) fn record(&mut self, start: Duration, end: Duration, outcome: Outcome) {
        if outcome.fresh + outcome.duplicates > 0 {
            self.latencies.record(end.saturating_sub(start));
        }
        self.requests += 1;
        self.fresh += outcome.fresh;
        self.duplicates += outcome.duplicates;
        self.bytes += outcome.bytes;
        self.last = self.last.max(end);
        self.samples.extend(outcome.sample);
        for (failure, entries) in outcome.failures {
            *self.failures.entry(failure).or_default() += entries;
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.latencies.merge(&other.latencies);
        self.requests += other.requests;
        self.fresh += other.fresh;
        self.duplicates += other.duplicates;
        self.bytes += other.bytes;
        self.last = self.last.max(other.last);
        self.samples.extend(other.samples);
        for (failure, entries) in other.failures {
            *self.failures.entry(failure).or_default() += entries;
        }
    }

    /// Entries that were served.
    pub(crate) fn served(&self) -> u64 {
        self.fresh + self.duplicates
    }

    /// Entries that were sent and not served.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

const MAX_MICROS: u64 = 600_000_000;

#[cfg(test)]
mod tests;
