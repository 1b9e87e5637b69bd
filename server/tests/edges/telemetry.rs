use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::{Request, Response, Status, async_trait};
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;
use treering_server::metrics::{Metrics, Route, StatusClass};
use treering_server::telemetry::{Options, Prepared, Telemetry};

use super::support::{PATIENCE, clock};

/// Takes what a server sends.
#[derive(Clone)]
struct Collector {
    spans: UnboundedSender<ExportTraceServiceRequest>,
    metrics: UnboundedSender<ExportMetricsServiceRequest>,
}

#[async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.spans.send(request.into_inner()).unwrap();
        Ok(Response::new(Default::default()))
    }
}

#[async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.send(request.into_inner()).unwrap();
        Ok(Response::new(Default::default()))
    }
}

async fn collector() -> (
    String,
    UnboundedReceiver<ExportTraceServiceRequest>,
    UnboundedReceiver<ExportMetricsServiceRequest>,
) {
    let (spans, seen_spans) = unbounded_channel();
    let (metrics, seen_metrics) = unbounded_channel();
    let collector = Collector { spans, metrics };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let routes = tonic::service::Routes::new(TraceServiceServer::new(collector.clone()))
        .add_service(MetricsServiceServer::new(collector));
    let stop = treering_server::shutdown::Stop::default();
    let limits = super::support::config_of("url = \"http://localhost\"").http;
    tokio::spawn(treering_server::shutdown::serve(
        listener,
        routes.into_axum_router(),
        limits,
        stop,
    ));
    (endpoint, seen_spans, seen_metrics)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_and_the_metrics_reach_a_collector() {
    let (endpoint, mut spans, mut pushed) = collector().await;
    let metrics = Arc::new(Metrics::new());
    let options = Options {
        filter: "off".to_owned(),
        otlp_endpoint: Some(endpoint),
        otlp_interval: Duration::from_secs(3600),
    };
    let Prepared {
        subscriber,
        telemetry,
    } = Telemetry::prepare(&options, Arc::clone(&metrics), clock()).unwrap();
    metrics.request(
        Route::Submit,
        StatusClass::Success,
        Duration::from_millis(3),
    );
    metrics.request(
        Route::Submit,
        StatusClass::Success,
        Duration::from_secs(100),
    );
    async {
        let span = tracing::info_span!("request", route = "submit");
        async {}.instrument(span).await;
    }
    .with_subscriber(subscriber)
    .await;
    // What is sent at the stop is everything: the interval is an hour.
    tokio::time::timeout(PATIENCE, telemetry.stop())
        .await
        .expect("in time");
    let sent = tokio::time::timeout(PATIENCE, spans.recv())
        .await
        .expect("in time")
        .unwrap();
    let span = &sent.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.name, "request");
    assert!(
        span.attributes
            .iter()
            .any(|attribute| attribute.key == "route"),
        "{span:?}"
    );

    let mut last = None;
    while let Ok(request) = pushed.try_recv() {
        last = Some(request);
    }
    let request = last.expect("metrics were pushed");
    let all = &request.resource_metrics[0].scope_metrics[0].metrics;
    let find = |name: &str| {
        all.iter()
            .find(|metric| metric.name == name)
            .unwrap()
            .data
            .clone()
            .unwrap()
    };
    let Data::Sum(requests) = find("treering_requests_total") else {
        panic!("a counter is a sum")
    };
    assert!(
        requests.is_monotonic
            && requests.data_points.iter().any(|point| point.value
                == Some(
                    opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsDouble(
                        2.0
                    )
                ))
    );
    let Data::Histogram(seconds) = find("treering_request_seconds") else {
        panic!("a histogram")
    };
    let point = seconds
        .data_points
        .iter()
        .find(|point| point.count == 2)
        .expect("the route that was asked");
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), 2);
    assert_eq!(
        point.bucket_counts.last(),
        Some(&1),
        "100 s is over every bound"
    );
    let position = point
        .explicit_bounds
        .iter()
        .position(|bound| *bound >= 0.003)
        .unwrap();
    assert_eq!(point.bucket_counts[position], 1);
    let Data::Gauge(_) = find("treering_in_flight_bytes") else {
        panic!("a gauge")
    };
}
