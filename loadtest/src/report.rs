//! What a run found, for people and as JSON.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Serialize;

use crate::args::Output;
use crate::check::Verdict;
use crate::histogram::{Latencies, Tally};
use crate::process::Usage;

mod text;

/// A run. Rates and shares are of the time from the beginning to the last answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// `single`, `batch`, `stream`, `rekor-v2`, `tiles`, or `rekor-v1` or `read` and the kind.
    pub(crate) mode: String,
    /// `max` or the entries a second that were asked for.
    pub(crate) rate_wanted: String,
    pub(crate) connections: u32,
    /// Until the last answer.
    pub(crate) seconds: f64,
    /// Requests that were answered or failed.
    pub(crate) requests: u64,
    /// Entries (tiles) that were served.
    pub(crate) served: u64,
    pub(crate) per_second: f64,
    /// Of the served: those that the log had before, which cost it less.
    pub(crate) duplicates: u64,
    /// Entries that were sent and not served.
    pub(crate) failed: u64,
    /// The same by reason.
    pub(crate) failures: BTreeMap<String, u64>,
    /// Requests that could not be sent before the run was over; the latencies know nothing of them.
    pub(crate) unsent_requests: u64,
    /// Bytes of answers.
    pub(crate) bytes_received: u64,
    pub(crate) latency: LatencyReport,
    pub(crate) verified: u64,
    pub(crate) wrong: u64,
    /// What was wrong with the first few.
    pub(crate) wrong_messages: Vec<String>,
    /// The server's process, if its id was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<Cost>,
    /// This process, without signing and verifying.
    pub(crate) generator: Cost,
    /// Disk space of the server's folder, if it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disk: Option<Disk>,
}

/// Of requests of which at least one entry was served, in microseconds, from the moment they were due.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatencyReport {
    pub(crate) count: u64,
    pub(crate) mean_micros: f64,
    pub(crate) p50_micros: u64,
    pub(crate) p90_micros: u64,
    pub(crate) p99_micros: u64,
    pub(crate) p999_micros: u64,
    pub(crate) max_micros: u64,
}

impl From<&Latencies> for LatencyReport {
    fn from(latencies: &Latencies) -> Self {
        Self {
            count: latencies.count(),
            mean_micros: latencies.mean(),
            p50_micros: latencies.quantile(0.5),
            p90_micros: latencies.quantile(0.9),
            p99_micros: latencies.quantile(0.99),
            p999_micros: latencies.quantile(0.999),
            max_micros: latencies.max(),
        }
    }
}

/// What a process used between two moments.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    pub(crate) user_seconds: f64,
    pub(crate) system_seconds: f64,
    /// User and system time for each served entry.
    pub(crate) cpu_micros_per_entry: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) resident_peak_bytes: u64,
    /// Bytes sent to disks for each served entry, where the kernel tells us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) written_bytes_per_entry: Option<f64>,
}

impl Cost {
    /// The difference of two readings, for so many entries.
    pub(crate) fn between(before: &Usage, after: &Usage, entries: u64) -> Self {
        let user = after.user.saturating_sub(before.user);
        let system = after.system.saturating_sub(before.system);
        let written = after
            .written
            .zip(before.written)
            .map(|(after, before)| after.saturating_sub(before));
        Self {
            user_seconds: user.as_secs_f64(),
            system_seconds: system.as_secs_f64(),
            cpu_micros_per_entry: per((user + system).as_secs_f64() * 1e6, entries),
            resident_bytes: after.resident,
            resident_peak_bytes: after.resident_peak,
            written_bytes_per_entry: written.map(|bytes| per(real(bytes), entries)),
        }
    }
}

/// Disk space before and after.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Disk {
    pub(crate) before_bytes: u64,
    pub(crate) after_bytes: u64,
    /// Growth for each entry that was new; less than nothing if the server compacted.
    pub(crate) bytes_per_entry: f64,
}

impl Disk {
    pub(crate) fn between(before_bytes: u64, after_bytes: u64, fresh: u64) -> Self {
        Self {
            before_bytes,
            after_bytes,
            bytes_per_entry: per(real(after_bytes) - real(before_bytes), fresh),
        }
    }
}

/// How a run was set up, for the report's head.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) mode: &'static str,
    pub(crate) rate: String,
    pub(crate) connections: u32,
}

impl Report {
    pub(crate) fn new(
        setup: Setup,
        tally: &Tally,
        unsent_requests: u64,
        verdict: Verdict,
        generator: Cost,
    ) -> Self {
        let seconds = tally.last.as_secs_f64();
        Self {
            mode: setup.mode.to_owned(),
            rate_wanted: setup.rate,
            connections: setup.connections,
            seconds,
            requests: tally.requests,
            served: tally.served(),
            per_second: if seconds > 0.0 {
                real(tally.served()) / seconds
            } else {
                0.0
            },
            duplicates: tally.duplicates,
            failed: tally.failed(),
            failures: tally
                .failures
                .iter()
                .map(|(failure, count)| (failure.to_string(), *count))
                .collect(),
            unsent_requests,
            bytes_received: tally.bytes,
            latency: LatencyReport::from(&tally.latencies),
            verified: verdict.verified,
            wrong: verdict.wrong,
            wrong_messages: verdict.messages,
            server: None,
            generator,
            disk: None,
        }
    }

    /// The exit status: see the crate's README.
    pub(crate) fn exit_code(&self, max_error_share: f64) -> u8 {
        let total = self.served + self.failed;
        if self.wrong > 0 {
            1
        } else if self.served == 0
            || self.unsent_requests > 0
            || per(real(self.failed), total) > max_error_share
        {
            3
        } else {
            0
        }
    }

    /// Writes it to standard output.
    ///
    /// # Errors
    /// Nobody reads.
    pub(crate) fn print(&self, output: Output) -> anyhow::Result<()> {
        let text = match output {
            Output::Text => self.text(),
            Output::Json => serde_json::to_string_pretty(self)? + "\n",
        };
        std::io::stdout().lock().write_all(text.as_bytes())?;
        Ok(())
    }
}

fn per(total: f64, entries: u64) -> f64 {
    if entries == 0 {
        0.0
    } else {
        total / real(entries)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts far below 2^53, and only to be shown"
)]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
