//! What the server tells: events on stderr, and, where an endpoint is set, traces and metrics by OTLP. One span for a
//! request, none for an entry. Nothing that is told holds a key or a body.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::metrics::otlp::{Exporter, SERVICE_NAME};

/// How long the last export may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// What to tell, and to whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which events are written, as `tracing` reads filters.
    pub filter: String,
    /// Where traces and metrics go.
    pub otlp_endpoint: Option<String>,
    /// How often metrics do.
    pub otlp_interval: Duration,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter.
    #[error("expected a filter of events such as \"info,treering_server=debug\": {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The endpoint.
    #[error("telemetry.otlp_endpoint {endpoint}: {reason}")]
    Endpoint {
        /// As configured.
        endpoint: String,
        /// Why not.
        reason: String,
    },
}

/// The exporters of a running server.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<(CancellationToken, tokio::task::JoinHandle<()>)>,
}

/// A subscriber and what belongs to it.
pub struct Prepared {
    /// Takes spans and events.
    pub subscriber: Box<dyn tracing::Subscriber + Send + Sync>,
    /// To be stopped at the end.
    pub telemetry: Telemetry,
}

impl Telemetry {
    /// Makes the subscriber and starts the exporters. Needs a running runtime.
    ///
    /// # Errors
    /// For a filter or an endpoint that cannot be read.
    pub fn prepare(
        options: &Options,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Result<Prepared, TelemetryError> {
        let filter = EnvFilter::try_new(&options.filter)?;
        options
            .otlp_endpoint
            .as_deref()
            .map_or(Ok(()), check_endpoint)?;
        let events: Box<dyn Layer<Registry> + Send + Sync> = if std::io::stderr().is_terminal() {
            tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_filter(filter)
                .boxed()
        } else {
            tracing_subscriber::fmt::layer()
                .json()
                .with_writer(std::io::stderr)
                .with_filter(filter)
                .boxed()
        };
        let traces = options.otlp_endpoint.as_deref().map(tracer).transpose()?;
        let spans = traces.as_ref().map(|provider| {
            let tracer = provider.tracer(SERVICE_NAME);
            tracing_opentelemetry::layer()
                .with_tracer(tracer)
                .with_filter(LevelFilter::INFO)
        });
        let subscriber = Box::new(tracing_subscriber::registry().with(events).with(spans));
        let metrics = match &options.otlp_endpoint {
            None => None,
            Some(endpoint) => Some(push(endpoint, options.otlp_interval, metrics, clock)?),
        };
        Ok(Prepared {
            subscriber,
            telemetry: Self { traces, metrics },
        })
    }

    /// [`Telemetry::prepare`], and everything in this process is told from now on.
    ///
    /// # Errors
    /// As `prepare`.
    pub fn start(
        options: &Options,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TelemetryError> {
        let Prepared {
            subscriber,
            telemetry,
        } = Self::prepare(options, metrics, clock)?;
        // A second start in one process keeps the first subscriber; only tests do that.
        if subscriber.try_init().is_err() {
            tracing::debug!("events are told already");
        }
        Ok(telemetry)
    }

    /// Sends what is left.
    pub async fn stop(self) {
        if let Some((stop, pushing)) = self.metrics {
            stop.cancel();
            if tokio::time::timeout(FLUSH_TIMEOUT, pushing).await.is_err() {
                tracing::warn!("last metrics not sent");
            }
        }
        if let Some(traces) = self.traces {
            // Blocks until the exporter's thread is done, which needs this runtime for its connection.
            let flushed =
                tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_TIMEOUT))
                    .await;
            if !matches!(flushed, Ok(Ok(()))) {
                tracing::warn!("last spans not sent");
            }
        }
    }
}

/// The environment may name what the configuration would have refused.
fn check_endpoint(endpoint: &str) -> Result<(), TelemetryError> {
    if endpoint.starts_with("http://") {
        return Ok(());
    }
    let reason = "expected http://; a collector that needs TLS stands behind one beside the server"
        .to_owned();
    Err(TelemetryError::Endpoint {
        endpoint: endpoint.to_owned(),
        reason,
    })
}

fn tracer(endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let bad = |reason: &dyn std::fmt::Display| TelemetryError::Endpoint {
        endpoint: endpoint.to_owned(),
        reason: reason.to_string(),
    };
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| bad(&error))?;
    let resource = Resource::builder().with_service_name(SERVICE_NAME).build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

fn push(
    endpoint: &str,
    interval: Duration,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
) -> Result<(CancellationToken, tokio::task::JoinHandle<()>), TelemetryError> {
    let bad = |reason: String| TelemetryError::Endpoint {
        endpoint: endpoint.to_owned(),
        reason,
    };
    let exporter =
        Exporter::new(endpoint, metrics, clock).map_err(|error| bad(error.to_string()))?;
    let stop = CancellationToken::new();
    let pushing = tokio::spawn(exporter.run(interval, stop.clone()));
    Ok((stop, pushing))
}
