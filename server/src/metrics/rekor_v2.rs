//! What rekor-tiles counts, under its names and labels, so that dashboards and alerts made for it go on working.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus::{HistogramVec, IntCounter, IntCounterVec, Registry};

use super::make;

/// prometheus' own default bounds, which rekor-tiles uses for times and, as it says nothing else, for sizes too.
const DEFAULT_BOUNDS: &[f64] = prometheus::DEFAULT_BUCKETS;
/// The gRPC service.
const SERVICE: &str = "dev.sigstore.rekor.v2.Rekor";
/// Its methods.
const METHODS: [&str; 4] = ["CreateEntry", "GetTile", "GetEntryBundle", "GetCheckpoint"];
/// Pairs of status and method that are there from the start; others come with the first such answer.
const FROM_THE_START: [(&str, &str); 4] = [
    ("200", "get"),
    ("201", "post"),
    ("400", "post"),
    ("409", "post"),
];

/// The metrics of the Rekor v2 doors.
pub struct RekorV2Metrics {
    new_entries: IntCounter,
    requests: IntCounterVec,
    latency: HistogramVec,
    request_size: HistogramVec,
    grpc_request_size: HistogramVec,
    panics: IntCounter,
    proof_failures: IntCounter,
}

impl RekorV2Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        make::info(registry, "rekor_v2_build_info");
        let labels = &["code", "method"];
        let made = Self {
            new_entries: make::counter(
                registry,
                "rekor_v2_new_hashedrekord_entries",
                "new entries by the doors of Rekor v2",
            ),
            requests: make::counters(
                registry,
                "rekor_v2_http_requests_total",
                "HTTP requests to the doors of Rekor v2",
                labels,
            ),
            latency: make::histograms(
                registry,
                "rekor_v2_http_api_latency",
                "seconds to the head of the answer",
                labels,
                DEFAULT_BOUNDS,
            ),
            request_size: make::histograms(
                registry,
                "rekor_v2_http_api_request_size",
                "bytes of HTTP requests by their Content-Length",
                labels,
                DEFAULT_BOUNDS,
            ),
            grpc_request_size: make::histograms(
                registry,
                "rekor_v2_grpc_api_request_size",
                "bytes of gRPC requests",
                &["grpc_service", "grpc_method", "grpc_packet_part"],
                DEFAULT_BOUNDS,
            ),
            panics: make::counter(
                registry,
                "rekor_v2_grpc_req_panics_recovered_total",
                "requests of any door whose handler panicked",
            ),
            proof_failures: make::counter(
                registry,
                "rekor_v2_inclusion_proof_failure_total",
                "entries that were logged and could not be proved",
            ),
        };
        for (code, method) in FROM_THE_START {
            let labels = &[code, method];
            made.requests.with_label_values(labels);
            made.latency.with_label_values(labels);
            made.request_size.with_label_values(labels);
        }
        for method in METHODS {
            made.grpc_request_size
                .with_label_values(&[SERVICE, method, "payload"]);
        }
        made
    }

    /// A new entry was logged.
    pub fn entry_logged(&self) {
        self.new_entries.inc();
    }

    /// An HTTP request with a body of so many bytes was answered.
    pub fn answered(&self, status: StatusCode, method: &Method, bytes: u64, elapsed: Duration) {
        let labels = &[status.as_str(), method_label(method)];
        self.requests.with_label_values(labels).inc();
        self.latency
            .with_label_values(labels)
            .observe(elapsed.as_secs_f64());
        self.request_size
            .with_label_values(labels)
            .observe(as_float(bytes));
    }

    /// A gRPC request of so many bytes came for one of the service's methods.
    pub fn grpc_request(&self, method: &str, bytes: usize) {
        if METHODS.contains(&method) {
            self.grpc_request_size
                .with_label_values(&[SERVICE, method, "payload"])
                .observe(as_float(u64::try_from(bytes).unwrap_or(u64::MAX)));
        }
    }

    /// A handler panicked.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// An entry was logged and could not be proved.
    pub fn inclusion_proof_failed(&self) {
        self.proof_failures.inc();
    }
}

/// A closed list: methods are the caller's words.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "unknown",
    }
}

/// Exact up to 4 GiB, and nobody sends more.
fn as_float(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}
