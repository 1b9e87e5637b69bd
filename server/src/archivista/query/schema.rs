//! The schema: the part of Archivista's that its clients use, under the names that it has there.

use std::sync::Arc;

use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Result, SimpleObject};

use super::answer_bound::AnswerBound;
use super::compile::Where as _;
use super::cursors::CursorText;
use super::document::Document;
use super::inputs::{DsseWhere, SubjectWhere};
use super::limits::{MAX_DIRECTIVES, MAX_FIELD_DEPTH, MAX_FIELDS};
use super::lists::{self, Listed, SubjectAt, Wants};
use super::nodes::{Dsse, Subject};
use super::session::Session;
use super::window::Paging;

/// The schema with its bounds.
pub(super) type Schema = async_graphql::Schema<Query, EmptyMutation, EmptySubscription>;

pub(super) fn schema() -> Schema {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .disable_introspection()
        .disable_suggestions()
        .limit_depth(MAX_FIELD_DEPTH)
        .limit_complexity(MAX_FIELDS)
        .limit_directives(MAX_DIRECTIVES)
        .extension(AnswerBound)
        .finish()
}

/// What can be asked.
pub(super) struct Query;

#[Object]
impl Query {
    /// Envelopes, in the order in which they were stored.
    async fn dsses(
        &self,
        ctx: &Context<'_>,
        after: Option<CursorText>,
        first: Option<i32>,
        before: Option<CursorText>,
        last: Option<i32>,
        r#where: Option<DsseWhere>,
    ) -> Result<DsseConnection> {
        let after = after.map(|after| after.envelope("after")).transpose()?;
        let before = before.map(|before| before.envelope("before")).transpose()?;
        let paging = Paging::new(after, first, before, last)?;
        let filter = r#where.map(|filter| filter.compile(1)).transpose()?;
        let session = ctx.data::<Arc<Session>>()?;
        let listed = lists::envelopes(session, filter.flatten(), paging, wants(ctx)).await?;
        Ok(listed.into())
    }

    /// Subjects of all statements, in the order of the documents.
    async fn subjects(
        &self,
        ctx: &Context<'_>,
        after: Option<CursorText>,
        first: Option<i32>,
        r#where: Option<SubjectWhere>,
    ) -> Result<SubjectConnection> {
        let after = after.map(|after| after.subject("after")).transpose()?;
        let paging = Paging::new(after, first, None, None)?;
        let filter = r#where.map(|filter| filter.compile(1)).transpose()?;
        let session = ctx.data::<Arc<Session>>()?;
        let listed = lists::subjects(session, filter.flatten(), paging, wants(ctx)).await?;
        Ok(listed.into())
    }
}

/// What of the connection that a field answers with was asked for.
pub(super) fn wants(ctx: &Context<'_>) -> Wants {
    let asked = |field| ctx.look_ahead().field(field).exists();
    Wants {
        edges: asked("edges"),
        page_info: asked("pageInfo"),
        total: asked("totalCount"),
    }
}

/// A page of envelopes.
#[derive(SimpleObject)]
pub(super) struct DsseConnection {
    edges: Vec<DsseEdge>,
    page_info: PageInfo,
    /// All that match, on this page or not.
    total_count: u64,
}

/// An envelope on a page.
#[derive(SimpleObject)]
pub(super) struct DsseEdge {
    node: Dsse,
    cursor: CursorText,
}

/// A page of subjects.
#[derive(SimpleObject)]
pub(super) struct SubjectConnection {
    edges: Vec<SubjectEdge>,
    page_info: PageInfo,
    /// All that match, on this page or not.
    total_count: u64,
}

/// A subject on a page.
#[derive(SimpleObject)]
pub(super) struct SubjectEdge {
    node: Subject,
    cursor: CursorText,
}

/// Where a page stands in its list.
#[derive(SimpleObject)]
pub(super) struct PageInfo {
    has_next_page: bool,
    has_previous_page: bool,
    start_cursor: Option<CursorText>,
    end_cursor: Option<CursorText>,
}

impl From<Arc<Document>> for DsseEdge {
    fn from(document: Arc<Document>) -> Self {
        Self {
            cursor: CursorText::from(&document.cursor),
            node: Dsse(document),
        }
    }
}

impl From<SubjectAt> for SubjectEdge {
    fn from(subject: SubjectAt) -> Self {
        Self {
            cursor: CursorText::from(&subject.cursor()),
            node: Subject(subject),
        }
    }
}

impl From<Listed<Arc<Document>>> for DsseConnection {
    fn from(listed: Listed<Arc<Document>>) -> Self {
        let (has_next, has_previous) = (listed.page.has_next, listed.page.has_previous);
        let edges: Vec<DsseEdge> = listed.page.items.into_iter().map(Into::into).collect();
        let cursors = (edges.first(), edges.last());
        Self {
            page_info: PageInfo {
                has_next_page: has_next,
                has_previous_page: has_previous,
                start_cursor: cursors.0.map(|edge| edge.cursor.clone()),
                end_cursor: cursors.1.map(|edge| edge.cursor.clone()),
            },
            edges,
            total_count: listed.total,
        }
    }
}

impl From<Listed<SubjectAt>> for SubjectConnection {
    fn from(listed: Listed<SubjectAt>) -> Self {
        let (has_next, has_previous) = (listed.page.has_next, listed.page.has_previous);
        let edges: Vec<SubjectEdge> = listed.page.items.into_iter().map(Into::into).collect();
        let cursors = (edges.first(), edges.last());
        Self {
            page_info: PageInfo {
                has_next_page: has_next,
                has_previous_page: has_previous,
                start_cursor: cursors.0.map(|edge| edge.cursor.clone()),
                end_cursor: cursors.1.map(|edge| edge.cursor.clone()),
            },
            edges,
            total_count: listed.total,
        }
    }
}
