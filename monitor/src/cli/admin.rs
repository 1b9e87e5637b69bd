//! What operators ask: `/livez`, `/readyz`, `/status`, `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock::{Clock, Time};
use crate::follow::Shared;
use crate::metrics::Metrics;
use crate::state::{State, StateError};

/// How the monitor is.
pub(super) struct Health {
    state: Arc<State>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    stale_after: Duration,
    logs: Mutex<BTreeMap<String, Option<Time>>>,
    broken: Mutex<Option<String>>,
}

impl Health {
    pub(super) fn new(
        origins: impl Iterator<Item = String>,
        shared: &Shared,
        stale_after: Duration,
    ) -> Self {
        Self {
            state: Arc::clone(&shared.state),
            metrics: Arc::clone(&shared.metrics),
            clock: Arc::clone(&shared.clock),
            stale_after,
            logs: Mutex::new(origins.map(|origin| (origin, None)).collect()),
            broken: Mutex::new(None),
        }
    }

    /// A pass over a log ended.
    pub(super) fn passed(&self, origin: &str, now: Time) {
        self.logs.lock().insert(origin.to_owned(), Some(now));
    }

    /// The state can't be used.
    pub(super) fn broke(&self, error: &StateError) {
        *self.broken.lock() = Some(error.to_string());
    }

    /// What stands in the way of being ready.
    fn unready(&self) -> String {
        let mut reasons = String::new();
        if let Some(broken) = &*self.broken.lock() {
            let _ = writeln!(reasons, "state: {broken}");
        }
        let now = self.clock.now();
        for (origin, last) in &*self.logs.lock() {
            match last {
                None => {
                    let _ = writeln!(reasons, "{origin}: expected a first pass, found none yet");
                }
                Some(last) if now.since(*last) > self.stale_after => {
                    let (limit, age) = (self.stale_after.as_secs(), now.since(*last).as_secs());
                    let _ = writeln!(
                        reasons,
                        "{origin}: expected a pass within {limit} s, found the last one {age} s ago"
                    );
                }
                Some(_) => {}
            }
        }
        reasons
    }
}

/// Serves until the monitor stops.
pub(super) async fn serve(
    listener: tokio::net::TcpListener,
    health: Arc<Health>,
    mut stopped: watch::Receiver<bool>,
) {
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .with_state(health);
    let stop = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
    {
        tracing::error!(%error, "admin listener failed");
    }
}

async fn ready(Extract(health): Extract<Arc<Health>>) -> Response {
    let reasons = health.unready();
    if reasons.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, reasons).into_response()
}

async fn metrics(Extract(health): Extract<Arc<Health>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, health.metrics.render()).into_response()
}

async fn status(Extract(health): Extract<Arc<Health>>) -> Response {
    let logs = match health.state.logs() {
        Ok(logs) => logs,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response();
        }
    };
    let passes = health.logs.lock().clone();
    let logs: Vec<Value> = logs
        .iter()
        .map(|row| {
            let last = passes.get(&row.origin).copied().flatten();
            json!({
                "origin": row.origin, "from": row.first, "to": row.cursor, "size": row.size.get(),
                "root": row.root.to_string(), "lastPass": last.map(Time::secs),
            })
        })
        .collect();
    Json(json!({ "logs": logs })).into_response()
}
