//! The doors: each decodes, calls `treering_api::Log`, encodes, and decides nothing.
//!
//! All of them are on one port, HTTP/1.1 and HTTP/2 without TLS. [`router`] is the whole of it.

pub mod archivista;
pub mod body;
pub mod budget;
pub mod cors;
pub mod errors;
pub mod grpc;
pub mod home;
pub mod metered;
pub mod native;
mod negotiate;
pub mod observe;
pub mod outgoing;
pub mod paths;
pub mod query;
pub mod rekor_v1;
pub mod rekor_v2;
pub mod tiles;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn;
use axum::middleware::from_fn_with_state;
use http::HeaderMap;
use treering_api::log::Dialect;

use crate::app::App;
use crate::archivista::query::Endpoint;
use crate::log::LogHandle;
use crate::service::{RekorV2Rules, Service};
use body::BodyReader;
use outgoing::Outgoing;

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    app: Arc<App>,
    bodies: Arc<BodyReader>,
    outgoing: Arc<Outgoing>,
    queries: Arc<Endpoint>,
    rekor_v2_rules: RekorV2Rules,
}

impl Api {
    /// The doors of a server; bodies must keep coming as `http.body_timeout` says.
    #[must_use]
    pub fn new(app: Arc<App>, body_timeout: Duration) -> Self {
        let bodies = Arc::new(BodyReader::new(
            app.spool(),
            app.limits().max_bytes_in_flight,
            body_timeout,
        ));
        let outgoing = Arc::new(Outgoing::new(app.limits().max_bytes_in_flight));
        Self {
            rekor_v2_rules: app.rekor_v2_rules(),
            queries: Arc::new(Endpoint::new(Arc::clone(app.archivista()) as _)),
            app,
            bodies,
            outgoing,
        }
    }

    pub(crate) fn service(&self) -> &Service {
        self.app.service()
    }

    /// The log that stands at the root of the URL a request came to: the rekor-v2 log whose origin is the host that
    /// the client named (a shard keeps its host after a rotation), else the newest one.
    pub(crate) fn rekor_v2_at(
        &self,
        headers: &HeaderMap,
        authority: Option<&str>,
    ) -> Option<Arc<LogHandle>> {
        let host = authority.or_else(|| headers.get(header::HOST)?.to_str().ok());
        let host = host.and_then(|host| host.parse::<http::uri::Authority>().ok());
        let named = host.and_then(|host| {
            let is_named = |log: &Arc<LogHandle>| {
                log.dialect() == Dialect::RekorV2 && log.origin().eq_ignore_ascii_case(host.host())
            };
            self.service().handles().into_iter().find(is_named)
        });
        named.or_else(|| self.service().default_log(Dialect::RekorV2))
    }
}

/// Every door of a server; bodies must keep coming as `http.body_timeout` says.
pub fn router(app: Arc<App>, body_timeout: Duration) -> Router {
    let api = Api::new(Arc::clone(&app), body_timeout);
    let http = native::routes()
        .merge(tiles::routes())
        .merge(home::routes())
        .merge(rekor_v2::rest::routes())
        .merge(rekor_v1::routes())
        .merge(archivista::routes())
        .with_state(api.clone());
    http.merge(grpc::routes(api))
        // After the merge: tonic's routes bring a fallback of their own that answers 200 to everything.
        .fallback(errors::not_found)
        .method_not_allowed_fallback(errors::wrong_method)
        // axum's own limit of 2 MB; bodies are bounded by `body`, and gRPC messages by their own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(
            errors::Panicked::new(app.metrics()),
        ))
        .layer(from_fn_with_state(app, observe::observe))
        .layer(from_fn(cors::cors))
}
