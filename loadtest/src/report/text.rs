//! The report for people.

use std::fmt::Write as _;

use super::{Cost, Disk, LatencyReport, Report, real};

impl Report {
    pub(super) fn text(&self) -> String {
        let mut lines = Lines::default();
        let Self {
            mode,
            rate_wanted,
            connections,
            served,
            seconds,
            per_second,
            ..
        } = self;
        lines.add(
            "load",
            &format!("{mode} at rate {rate_wanted} on {connections} connections"),
        );
        lines.add(
            "served",
            &format!("{served} in {seconds:.2} s: {per_second:.0} a second"),
        );
        if self.duplicates > 0 {
            lines.add(
                "duplicates",
                &format!("{} of them: the log had these before", self.duplicates),
            );
        }
        lines.add("latency ms", &self.latency.text());
        self.add_failures(&mut lines);
        lines.add(
            "verified",
            &format!("{} right, {} wrong", self.verified, self.wrong),
        );
        for message in &self.wrong_messages {
            lines.add("", message);
        }
        if let Some(server) = &self.server {
            lines.add("server", &server.text());
        }
        lines.add("generator", &self.generator.text());
        if let Some(disk) = &self.disk {
            lines.add("disk", &disk.text());
        }
        lines.0
    }

    fn add_failures(&self, lines: &mut Lines) {
        lines.add("failed", &self.failed.to_string());
        for (failure, count) in &self.failures {
            lines.add("", &format!("{count}  {failure}"));
        }
        if self.unsent_requests > 0 {
            lines.add(
                "not sent",
                &format!(
                    "{} requests, of which the latencies know nothing",
                    self.unsent_requests
                ),
            );
        }
    }
}

impl LatencyReport {
    fn text(&self) -> String {
        let shown = [
            ("p50", self.p50_micros),
            ("p90", self.p90_micros),
            ("p99", self.p99_micros),
            ("p99.9", self.p999_micros),
            ("max", self.max_micros),
        ];
        let shown = shown.map(|(name, micros)| format!("{name} {:.2}", real(micros) / 1e3));
        shown.join("  ")
    }
}

impl Cost {
    fn text(&self) -> String {
        let written = self
            .written_bytes_per_entry
            .map(|bytes| format!(", {bytes:.0} bytes written an entry"));
        format!(
            "{:.2} s user, {:.2} s system: {:.1} us an entry; memory {}, at most {}{}",
            self.user_seconds,
            self.system_seconds,
            self.cpu_micros_per_entry,
            mib(self.resident_bytes),
            mib(self.resident_peak_bytes),
            written.unwrap_or_default(),
        )
    }
}

impl Disk {
    fn text(&self) -> String {
        let (before, after) = (mib(self.before_bytes), mib(self.after_bytes));
        format!(
            "{before} -> {after}: {:.0} bytes an entry",
            self.bytes_per_entry
        )
    }
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{label:<12}{text}");
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", real(bytes) / 1_048_576.0)
}
