//! What the server counts. Every series exists from the start, at zero, so that "no data" and "nothing happened" are
//! not the same; labels come from closed enums or are names of logs, which only the operator gives. The handles are
//! looked up once: what runs for every entry is an atomic add.
//!
//! `README.md` explains each metric; a test compares the two lists.

mod archivista;
mod make;
pub mod otlp;
mod rekor_v2;
mod route;
mod witness;

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};
use treering_api::log::LogName;
use treering_api::reject::RejectKind;

pub use archivista::{ArchivistaMetrics, UploadOutcome};
pub use rekor_v2::RekorV2Metrics;
pub use route::{Route, StatusClass};
use witness::PerWitness;
pub use witness::{WitnessFailure, WitnessMetrics};

/// Brings the gauges up to date that nobody sets when they change; called before every reading.
type Probe = Box<dyn Fn(&Metrics) + Send + Sync>;

/// All metrics of a server.
pub struct Metrics {
    registry: Registry,
    doors: Doors,
    work: Work,
    rekor_v2: RekorV2Metrics,
    archivista: ArchivistaMetrics,
    per_log: PerLog,
    per_witness: PerWitness,
    logs: RwLock<BTreeMap<String, LogMetrics>>,
    probe: Mutex<Option<Probe>>,
}

/// By the position of a route, a class, a kind in its list.
struct Doors {
    requests: Vec<[IntCounter; StatusClass::ALL.len()]>,
    request_seconds: Vec<Histogram>,
    rejects: Vec<IntCounter>,
}

struct Work {
    verify_seconds: Histogram,
    verify_queue: IntGauge,
    in_flight_submissions: IntGauge,
    in_flight_bytes: IntGauge,
    oldest_waiting: Gauge,
    storage_bytes: IntGauge,
    ready: IntGauge,
}

struct PerLog {
    sequenced: IntCounterVec,
    duplicates: IntCounterVec,
    batches: IntCounterVec,
    batch_entries: HistogramVec,
    commit_seconds: HistogramVec,
    tree_size: IntGaugeVec,
    published_size: IntGaugeVec,
    bundles_compressed: IntCounterVec,
}

/// The metrics of one log: clone them once, then no call looks anything up.
#[derive(Clone)]
pub struct LogMetrics {
    sequenced: IntCounter,
    duplicates: IntCounter,
    batches: IntCounter,
    batch_entries: Histogram,
    commit_seconds: Histogram,
    tree_size: IntGauge,
    published_size: IntGauge,
    bundles_compressed: IntCounter,
}

impl LogMetrics {
    /// A batch got its indexes: that many new entries, that many that were there before.
    pub fn batch_sequenced(&self, entries: usize, duplicates: usize) {
        self.sequenced.inc_by(wide(entries));
        self.duplicates.inc_by(wide(duplicates));
    }

    /// A batch of new entries is durable after a commit of that length, and the tree has that size.
    pub fn batch_committed(&self, entries: usize, elapsed: Duration, size: u64) {
        self.batches.inc();
        self.batch_entries.observe(count_as_float(entries));
        self.commit_seconds.observe(elapsed.as_secs_f64());
        self.tree_size.set(level(size));
    }

    /// The tree has that size: what recovery found.
    pub fn recovered(&self, size: u64) {
        self.tree_size.set(level(size));
    }

    /// Readers see a checkpoint of that size.
    pub fn published(&self, size: u64) {
        self.published_size.set(level(size));
    }

    /// An entry bundle was compressed.
    pub fn bundle_compressed(&self) {
        self.bundles_compressed.inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A registry with every series at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        make::info(&registry, "treering_build_info");
        Self {
            doors: Doors::new(&registry),
            work: Work::new(&registry),
            rekor_v2: RekorV2Metrics::new(&registry),
            archivista: ArchivistaMetrics::new(&registry),
            per_log: PerLog::new(&registry),
            per_witness: PerWitness::new(&registry),
            logs: RwLock::default(),
            probe: Mutex::new(None),
            registry,
        }
    }

    /// The handles of a log; its series start at zero with the first call for its name.
    #[must_use]
    pub fn log(&self, name: &LogName) -> LogMetrics {
        let known = self.logs.read().get(name.as_str()).cloned();
        known.unwrap_or_else(|| {
            let mut logs = self.logs.write();
            logs.entry(name.as_str().to_owned())
                .or_insert_with(|| self.per_log.handles(name.as_str()))
                .clone()
        })
    }

    /// What rekor-tiles counts.
    #[must_use]
    pub const fn rekor_v2(&self) -> &RekorV2Metrics {
        &self.rekor_v2
    }

    /// What Archivista's door counts.
    #[must_use]
    pub const fn archivista(&self) -> &ArchivistaMetrics {
        &self.archivista
    }

    /// The handles of a witness of a log; its series start at zero with the first call.
    #[must_use]
    pub fn witness(&self, log: &LogName, witness: &str) -> WitnessMetrics {
        self.per_witness.handles(log.as_str(), witness)
    }

    /// The gauge of the newest size that the quorum of a log's witnesses cosigned.
    #[must_use]
    pub fn quorum_size(&self, log: &LogName) -> IntGauge {
        self.per_witness.quorum_size(log.as_str())
    }

    /// A request was answered, after that time to the head of the answer.
    pub fn request(&self, route: Route, class: StatusClass, elapsed: Duration) {
        if let Some(counter) = self
            .doors
            .requests
            .get(route.position())
            .and_then(|row| row.get(class.position()))
        {
            counter.inc();
        }
        if let Some(histogram) = self.doors.request_seconds.get(route.position()) {
            histogram.observe(elapsed.as_secs_f64());
        }
    }

    /// A request, or an item of a batch, was refused.
    pub fn rejected(&self, kind: RejectKind) {
        let position = RejectKind::ALL.iter().position(|other| *other == kind);
        if let Some(counter) = position.and_then(|position| self.doors.rejects.get(position)) {
            counter.inc();
        }
    }

    /// A submission was parsed and its signatures verified (or not) in that time.
    pub fn verified(&self, elapsed: Duration) {
        self.work.verify_seconds.observe(elapsed.as_secs_f64());
    }

    /// So many submissions wait for a verifying thread.
    pub fn set_verify_queue(&self, submissions: usize) {
        self.work.verify_queue.set(level(wide(submissions)));
    }

    /// So many submissions, of so many bytes together, are admitted and not answered.
    pub fn set_in_flight(&self, submissions: usize, bytes: usize) {
        self.work
            .in_flight_submissions
            .set(level(wide(submissions)));
        self.work.in_flight_bytes.set(level(wide(bytes)));
    }

    /// The oldest admitted submission has waited so long.
    pub fn set_oldest_waiting(&self, waited: Duration) {
        self.work.oldest_waiting.set(waited.as_secs_f64());
    }

    /// The store takes that much of its medium.
    pub fn set_storage_bytes(&self, bytes: u64) {
        self.work.storage_bytes.set(level(bytes));
    }

    /// What `/readyz` says.
    pub fn set_ready(&self, ready: bool) {
        self.work.ready.set(i64::from(ready));
    }

    /// Sets what brings the gauges up to date that change by themselves; called before every reading.
    pub fn set_probe(&self, probe: impl Fn(&Self) + Send + Sync + 'static) {
        *self.probe.lock() = Some(Box::new(probe));
    }

    /// All series as they stand.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        if let Some(probe) = &*self.probe.lock() {
            probe(self);
        }
        self.registry.gather()
    }

    /// All series in the text form that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.gather())
            .expect("every family has a name and at least one series")
    }
}

impl Doors {
    fn new(registry: &Registry) -> Self {
        let requests = make::counters(
            registry,
            "treering_requests_total",
            "requests answered",
            &["route", "status"],
        );
        let seconds = make::histograms(
            registry,
            "treering_request_seconds",
            "time to the head of the answer",
            &["route"],
            make::REQUEST_SECONDS,
        );
        let rejects = make::counters(
            registry,
            "treering_rejects_total",
            "requests refused",
            &["kind"],
        );
        let row = |route: &Route| {
            StatusClass::ALL
                .map(|class| requests.with_label_values(&[route.label(), class.label()]))
        };
        Self {
            requests: Route::ALL.iter().map(row).collect(),
            request_seconds: Route::ALL
                .iter()
                .map(|route| seconds.with_label_values(&[route.label()]))
                .collect(),
            rejects: RejectKind::ALL
                .iter()
                .map(|kind| rejects.with_label_values(&[kind.wire().label]))
                .collect(),
        }
    }
}

impl Work {
    fn new(registry: &Registry) -> Self {
        let gauge = |name, help| make::gauge(registry, name, help);
        Self {
            verify_seconds: make::histogram(
                registry,
                "treering_verify_seconds",
                "time to parse and verify one submission",
                make::VERIFY_SECONDS,
            ),
            verify_queue: gauge(
                "treering_verify_queue_submissions",
                "submissions that wait for a verifying thread",
            ),
            in_flight_submissions: gauge(
                "treering_in_flight_submissions",
                "submissions admitted and not yet answered",
            ),
            in_flight_bytes: gauge(
                "treering_in_flight_bytes",
                "envelope bytes admitted and not yet answered",
            ),
            oldest_waiting: make::float_gauge(
                registry,
                "treering_oldest_waiting_seconds",
                "how long the oldest admitted submission has waited",
            ),
            storage_bytes: gauge(
                "treering_storage_bytes",
                "bytes the store takes on its medium",
            ),
            ready: gauge("treering_ready", "1 while /readyz is true"),
        }
    }
}

impl PerLog {
    fn new(registry: &Registry) -> Self {
        let labels = &["log"];
        Self {
            sequenced: make::counters(
                registry,
                "treering_sequenced_entries_total",
                "new entries given an index",
                labels,
            ),
            duplicates: make::counters(
                registry,
                "treering_duplicate_entries_total",
                "entries that the log had before",
                labels,
            ),
            batches: make::counters(registry, "treering_batches_total", "commits", labels),
            batch_entries: make::histograms(
                registry,
                "treering_batch_entries",
                "new entries of one commit",
                labels,
                make::BATCH_ENTRIES,
            ),
            commit_seconds: make::histograms(
                registry,
                "treering_commit_seconds",
                "time of one commit",
                labels,
                make::COMMIT_SECONDS,
            ),
            tree_size: make::gauges(
                registry,
                "treering_tree_size_entries",
                "durable leaves",
                labels,
            ),
            published_size: make::gauges(
                registry,
                "treering_published_size_entries",
                "leaves under the newest checkpoint",
                labels,
            ),
            bundles_compressed: make::counters(
                registry,
                "treering_bundles_compressed_total",
                "entry bundles compressed",
                labels,
            ),
        }
    }

    fn handles(&self, log: &str) -> LogMetrics {
        let labels = &[log];
        LogMetrics {
            sequenced: self.sequenced.with_label_values(labels),
            duplicates: self.duplicates.with_label_values(labels),
            batches: self.batches.with_label_values(labels),
            batch_entries: self.batch_entries.with_label_values(labels),
            commit_seconds: self.commit_seconds.with_label_values(labels),
            tree_size: self.tree_size.with_label_values(labels),
            published_size: self.published_size.with_label_values(labels),
            bundles_compressed: self.bundles_compressed.with_label_values(labels),
        }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn level(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count_as_float(count: usize) -> f64 {
    // A batch has at most a few thousand entries.
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
