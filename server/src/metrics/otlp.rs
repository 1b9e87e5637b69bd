//! The registry as OTLP metrics: the same series that `/metrics` shows, pushed to a collector. (The OpenTelemetry SDK
//! would need every number to be recorded a second time; its exporters take no series from elsewhere.)

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prometheus::proto::{LabelPair, MetricFamily, MetricType};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::Metrics;
use crate::clock::Clock;

/// What the server calls itself.
pub const SERVICE_NAME: &str = "treering-server";
/// How long one export may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const NANOS: u64 = 1_000_000_000;

/// Pushes the registry.
pub struct Exporter {
    client: MetricsServiceClient<Channel>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    start: u64,
}

impl Exporter {
    /// Connects when it first has something to say.
    ///
    /// # Errors
    /// For an endpoint that is no URL.
    pub fn new(
        endpoint: &str,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, tonic::transport::Error> {
        let channel = Endpoint::from_shared(endpoint.to_owned())?
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .connect_lazy();
        let start = clock.unix_secs();
        Ok(Self {
            client: MetricsServiceClient::new(channel),
            metrics,
            clock,
            start,
        })
    }

    /// Pushes every `interval` until `stop`, and then once more.
    pub async fn run(mut self, interval: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.push().await,
                () = stop.cancelled() => return self.push().await,
            }
        }
    }

    async fn push(&mut self) {
        let metrics = Arc::clone(&self.metrics);
        let gathered = tokio::task::spawn_blocking(move || metrics.gather()).await;
        let Ok(families) = gathered else { return };
        let request = request(&families, self.start, self.clock.unix_secs());
        if let Err(status) = self.client.export(request).await {
            // The collector's trouble is no error of the log.
            tracing::warn!(code = ?status.code(), "metrics not sent");
        }
    }
}

fn request(
    families: &[MetricFamily],
    start_secs: u64,
    now_secs: u64,
) -> ExportMetricsServiceRequest {
    let times = Times {
        start: start_secs.saturating_mul(NANOS),
        now: now_secs.saturating_mul(NANOS),
    };
    let scope = ScopeMetrics {
        scope: Some(InstrumentationScope {
            name: SERVICE_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        }),
        metrics: families.iter().map(|family| times.metric(family)).collect(),
        ..Default::default()
    };
    let resource = Resource {
        attributes: vec![attribute("service.name", SERVICE_NAME)],
        ..Default::default()
    };
    let resource = ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![scope],
        ..Default::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![resource],
    }
}

#[derive(Clone, Copy)]
struct Times {
    start: u64,
    now: u64,
}

impl Times {
    fn metric(self, family: &MetricFamily) -> Metric {
        let series = family.get_metric();
        let data = match family.get_field_type() {
            MetricType::COUNTER => metric::Data::Sum(Sum {
                data_points: series
                    .iter()
                    .map(|one| self.number(one.get_label(), one.get_counter().get_value()))
                    .collect(),
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
                is_monotonic: true,
            }),
            MetricType::HISTOGRAM => metric::Data::Histogram(Histogram {
                data_points: series
                    .iter()
                    .map(|one| self.histogram(one.get_label(), one.get_histogram()))
                    .collect(),
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
            }),
            MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => {
                let points = series
                    .iter()
                    .map(|one| self.number(one.get_label(), one.get_gauge().get_value()));
                metric::Data::Gauge(Gauge {
                    data_points: points.collect(),
                })
            }
        };
        Metric {
            name: family.name().to_owned(),
            description: family.help().to_owned(),
            data: Some(data),
            ..Default::default()
        }
    }

    fn number(self, labels: &[LabelPair], value: f64) -> NumberDataPoint {
        NumberDataPoint {
            attributes: attributes(labels),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            value: Some(number_data_point::Value::AsDouble(value)),
            ..Default::default()
        }
    }

    /// Prometheus counts up to each bound, OTLP between the bounds; the last bucket is what no bound holds.
    fn histogram(
        self,
        labels: &[LabelPair],
        histogram: &prometheus::proto::Histogram,
    ) -> HistogramDataPoint {
        let finite: Vec<_> = histogram
            .get_bucket()
            .iter()
            .filter(|bucket| bucket.upper_bound().is_finite())
            .collect();
        let count = histogram.get_sample_count();
        let mut below = 0;
        let mut bucket_counts: Vec<u64> = finite
            .iter()
            .map(|bucket| {
                bucket.cumulative_count() - std::mem::replace(&mut below, bucket.cumulative_count())
            })
            .collect();
        bucket_counts.push(count.saturating_sub(below));
        HistogramDataPoint {
            attributes: attributes(labels),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count,
            sum: Some(histogram.get_sample_sum()),
            bucket_counts,
            explicit_bounds: finite.iter().map(|bucket| bucket.upper_bound()).collect(),
            ..Default::default()
        }
    }
}

fn attributes(labels: &[LabelPair]) -> Vec<KeyValue> {
    labels
        .iter()
        .map(|label| attribute(label.name(), label.value()))
        .collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue {
        value: Some(any_value::Value::StringValue(value.to_owned())),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..Default::default()
    }
}
