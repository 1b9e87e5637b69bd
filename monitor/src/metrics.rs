//! What the monitor counts, for Prometheus: `treering_monitor_*`. The only labels are a log's origin and words of closed
//! lists; every series is there from the start.

use prometheus::{Encoder as _, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::findings::{Class, Kind, Line, Severity};
use crate::state::LogRow;

/// The series.
pub struct Metrics {
    registry: Registry,
    size: IntGaugeVec,
    cursor: IntGaugeVec,
    lag: IntGaugeVec,
    grown: IntGaugeVec,
    checked: IntGaugeVec,
    entries: IntCounterVec,
    open: IntGaugeVec,
    misbehaviour: IntGaugeVec,
    passes: IntCounterVec,
}

impl Metrics {
    /// All series of nothing.
    ///
    /// # Panics
    /// Never: the names are different and well formed.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(opts(name, help), labels).expect("a well-formed name");
            let kept = registry.register(Box::new(gauge.clone()));
            kept.expect("a name that is not taken");
            gauge
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(opts(name, help), labels).expect("a well-formed name");
            let kept = registry.register(Box::new(counter.clone()));
            kept.expect("a name that is not taken");
            counter
        };
        let metrics = Self {
            size: gauge(
                "log_size_entries",
                "size of the newest accepted checkpoint",
                &["origin"],
            ),
            cursor: gauge(
                "cursor_entries",
                "entries before this one are verified and examined",
                &["origin"],
            ),
            lag: gauge(
                "lag_entries",
                "entries that are signed and not examined yet",
                &["origin"],
            ),
            grown: gauge(
                "log_grown_timestamp_seconds",
                "when the log was last seen to grow",
                &["origin"],
            ),
            checked: gauge(
                "coverage_timestamp_seconds",
                "when the last pass over the log ended",
                &["origin"],
            ),
            entries: counter(
                "entries_total",
                "entries verified and examined",
                &["origin"],
            ),
            open: gauge(
                "findings_open",
                "findings that are not resolved",
                &["class", "severity"],
            ),
            misbehaviour: gauge("misbehaviour_open", "unresolved misbehaviour", &["kind"]),
            passes: counter("passes_total", "passes over a log", &["origin", "result"]),
            registry,
        };
        metrics.findings(&[]);
        let build = gauge_of_build(&metrics.registry);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        metrics
    }

    /// Has every series of a log, at nothing.
    pub fn init_log(&self, origin: &str) {
        for gauge in [
            &self.size,
            &self.cursor,
            &self.lag,
            &self.grown,
            &self.checked,
        ] {
            gauge.with_label_values(&[origin]);
        }
        self.entries.with_label_values(&[origin]);
        for result in ["ok", "error"] {
            self.passes.with_label_values(&[origin, result]);
        }
    }

    /// How far a log is.
    pub fn observe(&self, row: &LogRow) {
        let origin = &[row.origin.as_str()];
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.size
            .with_label_values(origin)
            .set(number(row.size.get()));
        self.cursor
            .with_label_values(origin)
            .set(number(row.cursor));
        let lag = row.size.get().saturating_sub(row.cursor);
        self.lag.with_label_values(origin).set(number(lag));
        self.grown
            .with_label_values(origin)
            .set(number(row.grown_at.secs()));
    }

    /// A pass ended, at that second.
    pub fn passed(&self, origin: &str, ok: bool, at_secs: u64) {
        let result = if ok { "ok" } else { "error" };
        self.passes.with_label_values(&[origin, result]).inc();
        let at = i64::try_from(at_secs).unwrap_or(i64::MAX);
        self.checked.with_label_values(&[origin]).set(at);
    }

    /// So many more entries were examined.
    pub fn examined(&self, origin: &str, entries: u64) {
        self.entries.with_label_values(&[origin]).inc_by(entries);
    }

    /// The findings that are open now.
    pub fn findings(&self, open: &[Line]) {
        for class in Class::ALL {
            for severity in Severity::ALL {
                let labels = [class.as_str(), severity.as_str()];
                let count = open
                    .iter()
                    .filter(|line| [line.class.as_str(), line.severity.as_str()] == labels);
                let count = i64::try_from(count.count()).unwrap_or(i64::MAX);
                self.open.with_label_values(&labels).set(count);
            }
        }
        for kind in Kind::ALL
            .iter()
            .filter(|kind| kind.class() == Class::Misbehaviour)
        {
            let count = open.iter().filter(|line| line.kind == kind.as_str());
            let count = i64::try_from(count.count()).unwrap_or(i64::MAX);
            self.misbehaviour
                .with_label_values(&[kind.as_str()])
                .set(count);
        }
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory does not fail, and what was registered is well formed.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("treering_monitor_{name}"), help)
}

fn gauge_of_build(registry: &Registry) -> IntGaugeVec {
    let gauge = IntGaugeVec::new(opts("build_info", "the version that runs"), &["version"]);
    let gauge = gauge.expect("a well-formed name");
    let kept = registry.register(Box::new(gauge.clone()));
    kept.expect("a name that is not taken");
    gauge
}
