//! A command that changes the logs, on its way to the server that holds the data directory.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use treering_api::json::ErrorJson;
use treering_api::reject::{Reject, RejectKind};

use crate::admin::{CHANGE_PATH, INSTANCE_HEADER};
use crate::app::{Change, ChangeDone};
use crate::run::RunFile;

/// How long a change may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Has a running server make a change. `None` if nobody listens there any more: the run file is stale.
///
/// # Errors
/// The server's refusal, or that it did not answer as one.
pub async fn change(server: &RunFile, change: &Change) -> Option<Result<ChangeDone, Reject>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = match request(server, change) {
        Ok(request) => request,
        Err(error) => return Some(Err(Reject::new(RejectKind::Internal, error.to_string()))),
    };
    let answer = async {
        match client.request(request).await {
            Ok(response) => Some(read(response).await),
            Err(error) if error.is_connect() => None,
            Err(error) => Some(Err(unclear(&error))),
        }
    };
    let late = |_| Some(Err(unclear(&format_args!("no answer within {TIMEOUT:?}"))));
    tokio::time::timeout(TIMEOUT, answer)
        .await
        .unwrap_or_else(late)
}

fn request(server: &RunFile, change: &Change) -> http::Result<Request<Full<Bytes>>> {
    let body = serde_json::to_vec(change).expect("a change is plain data");
    Request::post(format!("http://{}{CHANGE_PATH}", server.admin_listen))
        .header(INSTANCE_HEADER, &server.instance)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body))
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Result<ChangeDone, Reject> {
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await
        .map_err(|error| unclear(&error))?
        .to_bytes();
    if !status.is_success() {
        return Err(ErrorJson::reject(status, &body));
    }
    serde_json::from_slice(&body).map_err(|error| unclear(&error))
}

fn unclear(error: &dyn std::fmt::Display) -> Reject {
    Reject::new(
        RejectKind::Unavailable,
        format!(
            "the running server did not say whether it made the change ({error}); see log list"
        ),
    )
}
