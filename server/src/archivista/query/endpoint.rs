//! From the bytes of a request to its answer.

use std::sync::Arc;

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{ErrorExtensionValues, Request, ServerError, Variables};
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::catalogue::Catalogue;
use super::error::QueryError;
use super::limits::{MAX_ANSWER_BYTES, MAX_BATCHES, MAX_REQUEST_BYTES};
use super::schema::{self, Schema};
use super::session::Session;
use super::shape::{self, ShapeError};

/// The codes that the real server gives with status 422.
const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";

/// Answers queries. One for a whole server: what is bounded for all requests together is bounded here.
pub struct Endpoint {
    schema: Schema,
    catalogue: Arc<dyn Catalogue>,
    batches: Arc<Semaphore>,
}

#[derive(Deserialize)]
struct Asked {
    query: String,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
}

#[derive(Deserialize)]
struct AskedInUri {
    query: String,
    variables: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
}

impl Endpoint {
    /// Answers from this catalogue.
    #[must_use]
    pub fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        Self {
            schema: schema::schema(),
            catalogue,
            batches: Arc::new(Semaphore::new(MAX_BATCHES)),
        }
    }

    /// Answers a POST: `{"query", "variables", "operationName"}`. Whoever reads the body need not take in more than
    /// [`MAX_REQUEST_BYTES`]; a longer one has status 413, one that is no such JSON 400.
    pub async fn post(&self, body: &[u8]) -> Response {
        if body.len() > MAX_REQUEST_BYTES {
            return too_large(body.len());
        }
        match treering_attest::json::parse::<Asked>(body) {
            Ok(asked) => self.answer(asked).await,
            Err(found) => malformed(&format!("expected a graphql request, found {found}")),
        }
    }

    /// Answers a GET, whose URI has `query`, `variables` (as JSON) and `operationName`. Statuses are those of a POST.
    pub async fn get(&self, uri: &Uri) -> Response {
        let length = uri.query().map_or(0, str::len);
        if length > MAX_REQUEST_BYTES {
            return too_large(length);
        }
        let asked = match Query::<AskedInUri>::try_from_uri(uri) {
            Ok(Query(asked)) => asked,
            Err(error) => {
                let found = error.body_text();
                return malformed(&format!("expected a graphql request, found {found}"));
            }
        };
        let variables = asked.variables.filter(|text| !text.is_empty());
        let variables = variables
            .map(|text| serde_json::from_str(&text))
            .transpose();
        match variables {
            Ok(variables) => {
                self.answer(Asked {
                    query: asked.query,
                    variables: variables.flatten(),
                    operation_name: asked.operation_name.filter(|name| !name.is_empty()),
                })
                .await
            }
            Err(error) => malformed(&format!("expected variables as json, found {error}")),
        }
    }

    async fn answer(&self, asked: Asked) -> Response {
        let variables = Value::Object(asked.variables.unwrap_or_default());
        match shape::parse(&asked.query, &variables) {
            Ok(document) => {
                let variables = Variables::from_json(variables);
                self.execute(document, variables, asked.operation_name)
                    .await
            }
            Err(error) => misshapen(error),
        }
    }

    async fn execute(
        &self,
        document: ExecutableDocument,
        variables: Variables,
        operation: Option<String>,
    ) -> Response {
        let (catalogue, batches) = (Arc::clone(&self.catalogue), Arc::clone(&self.batches));
        let session = Arc::new(Session::new(catalogue, batches));
        let mut request = Request::new("")
            .variables(variables)
            .data(Arc::clone(&session));
        request.set_parsed_query(document);
        request.operation_name = operation;
        let answer = self.schema.execute(request).await;
        if session.answer_too_large() {
            let message = format!(
                "expected an answer of at most {MAX_ANSWER_BYTES} bytes, found more: \
                 ask for fewer documents with first, or for fewer fields"
            );
            return refused(StatusCode::OK, vec![ServerError::new(message, None)]);
        }
        if answer.errors.is_empty() {
            return sent(StatusCode::OK, &answer);
        }
        // What the schema itself does not take, in the query or in its variables, has no error of ours as its source.
        let is_mistake = |error: &ServerError| error.source::<QueryError>().is_none();
        if answer.errors.iter().any(is_mistake) {
            return invalid(answer.errors, VALIDATION_FAILED);
        }
        refused(StatusCode::OK, answer.errors)
    }
}

fn misshapen(error: ShapeError) -> Response {
    match error {
        ShapeError::Syntax(error) => invalid(vec![error], PARSE_FAILED),
        ShapeError::OpenString => invalid(vec![plain(&error)], PARSE_FAILED),
        ShapeError::Introspection => refused(StatusCode::OK, vec![plain(&error)]),
        ShapeError::Nesting { .. } | ShapeError::Spreads | ShapeError::Fields { .. } => {
            invalid(vec![plain(&error)], VALIDATION_FAILED)
        }
    }
}

fn plain(error: &ShapeError) -> ServerError {
    ServerError::new(error.to_string(), None)
}

fn invalid(mut errors: Vec<ServerError>, code: &str) -> Response {
    for error in &mut errors {
        let extensions = error
            .extensions
            .get_or_insert_with(ErrorExtensionValues::default);
        extensions.set("code", code);
    }
    refused(StatusCode::UNPROCESSABLE_ENTITY, errors)
}

fn malformed(message: &str) -> Response {
    refused(
        StatusCode::BAD_REQUEST,
        vec![ServerError::new(message, None)],
    )
}

fn too_large(found: usize) -> Response {
    let message = format!("expected a query of at most {MAX_REQUEST_BYTES} bytes, found {found}");
    let errors = vec![ServerError::new(message, None)];
    refused(StatusCode::PAYLOAD_TOO_LARGE, errors)
}

fn refused(status: StatusCode, errors: Vec<ServerError>) -> Response {
    sent(status, &async_graphql::Response::from_errors(errors))
}

fn sent(status: StatusCode, answer: &async_graphql::Response) -> Response {
    let body = serde_json::to_vec(answer).expect("texts and lists always have a json form");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
