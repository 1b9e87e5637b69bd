//! The bound on the size of an answer, held while it is made.

use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo,
};
use async_graphql::{ServerResult, Value};

use super::session::Session;

/// What a field takes in an answer beside its text, in bytes: quotes, colon, comma, braces.
const FIELD_BYTES: usize = 8;

/// Counts what every field of a request adds to its answer. Once it is too large nothing more is resolved; the answer
/// then has holes, and [`Session::answer_too_large`] tells that it must not be sent.
pub(super) struct AnswerBound;

impl ExtensionFactory for AnswerBound {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for AnswerBound {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(session) = ctx.data_opt::<Arc<Session>>() else {
            return next.run(ctx, info).await;
        };
        let name = info.alias.unwrap_or(info.name).len();
        if !session.answer(name + FIELD_BYTES) {
            return Ok(Some(Value::Null));
        }
        let value = next.run(ctx, info).await?;
        if let Some(Value::String(text)) = &value {
            session.answer(text.len());
        }
        Ok(value)
    }
}
