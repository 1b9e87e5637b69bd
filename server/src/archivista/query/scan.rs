//! Going through the catalogue: a few documents at a time, each parsed once, none forgotten.

use std::sync::Arc;

use tracing::Instrument as _;

use super::catalogue::{Candidate, Cursor, Hint};
use super::document::Document;
use super::error::QueryError;
use super::limits::BATCH;
use super::session::Session;

/// Whether to go on.
pub(super) type GoOn = bool;

/// A candidate that was looked at.
pub(super) struct Seen<T> {
    pub cursor: Cursor,
    /// What was found in it; nothing if it does not match, or is no envelope.
    pub found: Option<T>,
}

/// Gives every candidate behind `after` to `find`, and what it finds to `take`, in order, until that has enough.
///
/// # Errors
/// [`QueryError::Scanned`], [`QueryError::Steps`] for too much of it, what `take` says, or that the catalogue fails.
pub(super) async fn scan<T: Send + 'static>(
    session: &Arc<Session>,
    hint: &Hint,
    mut after: Option<Cursor>,
    find: impl Fn(Arc<Document>, &Session) -> Option<T> + Send + Sync + 'static,
    mut take: impl FnMut(Seen<T>) -> Result<GoOn, QueryError>,
) -> Result<(), QueryError> {
    let find = Arc::new(find);
    loop {
        // One more than there may be shows whether there are more.
        let limit = BATCH.min(session.left_to_scan() + 1);
        let next = step(
            Arc::clone(session),
            hint.clone(),
            after.take(),
            limit,
            Arc::clone(&find),
        );
        // A task of its own: what it reads is in memory until it ends, whether anybody still waits for it or not.
        let seen = tokio::spawn(next.in_current_span()).await;
        let seen = seen.map_err(|_panicked| QueryError::Broken)??;
        session.scan(seen.len())?;
        let Some(last) = seen.last() else {
            return Ok(());
        };
        after = Some(last.cursor.clone());
        if session.steps.exceeded() {
            return Err(QueryError::Steps);
        }
        for one in seen {
            if !take(one)? {
                return Ok(());
            }
        }
    }
}

/// Reads a few candidates and looks at them, when it is its turn.
async fn step<T: Send + 'static>(
    session: Arc<Session>,
    hint: Hint,
    after: Option<Cursor>,
    limit: usize,
    find: Arc<impl Fn(Arc<Document>, &Session) -> Option<T> + Send + Sync + 'static>,
) -> Result<Vec<Seen<T>>, QueryError> {
    let turn = Arc::clone(&session.batches).acquire_owned().await;
    let _turn = turn.map_err(|_closed| QueryError::Broken)?;
    let catalogue = &session.catalogue;
    let batch = catalogue.candidates(&hint, after, limit, &session.work);
    let batch = batch.await?;
    let look = move || look(batch, &session, &*find);
    let seen = tokio::task::spawn_blocking(look).await;
    seen.map_err(|_panicked| QueryError::Broken)
}

/// The envelope of each candidate is dropped before the next one is parsed.
fn look<T>(
    batch: Vec<Candidate>,
    session: &Session,
    find: &impl Fn(Arc<Document>, &Session) -> Option<T>,
) -> Vec<Seen<T>> {
    let look = |candidate: Candidate| {
        let document = Document::read(&candidate).map(Arc::new);
        Seen {
            found: document.and_then(|document| find(document, session)),
            cursor: candidate.cursor,
        }
    };
    batch.into_iter().map(look).collect()
}
