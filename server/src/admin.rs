//! The admin address: is it alive, is it ready, what does it count, and the changes of its logs.
//!
//! Nobody is asked who they are here, so it listens on the loopback by default. A page in an operator's browser can't
//! change anything: changes need a header with the word from the run file, which no page can read.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use treering_api::reject::{Reject, RejectKind};

use crate::api::errors::{self, Refusal};
use crate::app::{App, Change, ChangeDone};
use crate::metrics::Metrics;

/// The header with [`crate::run::RunFile::instance`] that a change needs.
pub const INSTANCE_HEADER: &str = "treering-instance";
/// Where changes are posted.
pub const CHANGE_PATH: &str = "/admin/change";

/// How far the server has come.
pub enum Phase {
    /// The logs are being read back.
    Recovering,
    /// They are served.
    Running(Arc<App>),
}

/// What the admin address answers from.
#[derive(Clone)]
pub struct Admin {
    phase: Arc<ArcSwap<Phase>>,
    metrics: Arc<Metrics>,
    instance: Arc<str>,
}

impl Admin {
    /// Of a server that begins to recover.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, instance: &str) -> Self {
        Self {
            phase: Arc::new(ArcSwap::from_pointee(Phase::Recovering)),
            metrics,
            instance: instance.into(),
        }
    }

    /// The server has recovered.
    pub fn running(&self, app: Arc<App>) {
        self.phase.store(Arc::new(Phase::Running(app)));
    }

    /// Why the server is not ready; nothing if it is.
    #[must_use]
    pub fn not_ready(&self) -> Vec<String> {
        match &**self.phase.load() {
            Phase::Recovering => vec!["recovering".to_owned()],
            Phase::Running(app) => app.not_ready(),
        }
    }

    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route(CHANGE_PATH, post(change))
            .with_state(self)
            .fallback(errors::not_found)
            .method_not_allowed_fallback(errors::wrong_method)
    }
}

async fn livez() -> &'static str {
    "alive\n"
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let reasons = admin.not_ready();
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({ "ready": reasons.is_empty(), "reasons": reasons })),
    )
        .into_response()
}

async fn metrics(State(admin): State<Admin>) -> Result<Response, Refusal> {
    // Sizes on disk are read on the way.
    let text = tokio::task::spawn_blocking(move || admin.metrics.text()).await;
    let text = text.map_err(|_| {
        Reject::new(
            RejectKind::Internal,
            "a bug of the server; its log says more",
        )
    })?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn change(
    State(admin): State<Admin>,
    headers: HeaderMap,
    Json(change): Json<Change>,
) -> Result<Json<ChangeDone>, Refusal> {
    let word = headers.get(INSTANCE_HEADER).map(HeaderValue::as_bytes);
    if word != Some(admin.instance.as_bytes()) {
        let reject = Reject::malformed(
            format!("header {INSTANCE_HEADER} with the word of this server's run file"),
            "another word, or none",
        );
        return Err(reject.into());
    }
    let app = match &**admin.phase.load() {
        Phase::Recovering => {
            return Err(Reject::new(
                RejectKind::Unavailable,
                "the server is recovering; ask again",
            )
            .into());
        }
        Phase::Running(app) => Arc::clone(app),
    };
    Ok(Json(app.change(change).await?))
}
