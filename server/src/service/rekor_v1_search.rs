//! Which entries of a shard a search finds: rows of the index, joined.

use std::collections::BTreeSet;

use treering_api::reject::{Reject, RejectKind};
use treering_rekor::v1::{Operator, SearchIndex};
use treering_storage::{Order, Term};
use treering_tlog::LeafIndex;

use super::rekor_v1::Shard;
use crate::log::commit::Published;
use crate::log::read_fault;

/// The rows of a key, oldest first, and whether these are all.
struct Rows {
    term: Term,
    indexes: Vec<LeafIndex>,
    complete: bool,
}

/// What a search is refused with that finds more.
pub(super) fn too_many(most: usize) -> Reject {
    Reject::mismatch(
        RejectKind::TooLarge,
        format!(
            "a search that finds at most {most} entries, or one of whose keys joined with operator and does"
        ),
        "more; add a condition that few entries meet",
    )
}

impl Shard {
    /// The published entries that a search finds: all of them, or a refusal.
    pub(super) fn matches(
        &self,
        search: &SearchIndex,
        published: &Published,
        most: usize,
    ) -> Result<BTreeSet<LeafIndex>, Reject> {
        let rows = search.keys.iter().map(|key| self.rows(key, most));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let mut found = match search.operator {
            Operator::Or => rows
                .iter()
                .flat_map(|rows| rows.indexes.iter().copied())
                .collect(),
            Operator::And => self.in_all(&rows, most)?,
        };
        let size = published.checkpoint.size;
        found.retain(|index| size.contains(*index));
        Ok(found)
    }

    /// One row more than `most` of a key that has more.
    fn rows(&self, key: &str, most: usize) -> Result<Rows, Reject> {
        let term = Term::new(Term::REKOR_V1_INDEX_KEY, key);
        let indexes = self.find(&term, LeafIndex::ZERO, most + 1)?;
        Ok(Rows {
            term,
            complete: indexes.len() <= most,
            indexes,
        })
    }

    fn find(&self, term: &Term, from: LeafIndex, limit: usize) -> Result<Vec<LeafIndex>, Reject> {
        let (log, order) = (&self.log, Order::OldestFrom(from));
        let found = log.store.find(log.identity.id, term, order, limit);
        found.map_err(|error| read_fault(log.name(), &error))
    }

    /// Those that every key has: of the key with the fewest, those that the others have too. A key that has more rows than
    /// were read is asked for each.
    fn in_all(&self, rows: &[Rows], most: usize) -> Result<BTreeSet<LeafIndex>, Reject> {
        let complete = rows.iter().filter(|rows| rows.complete);
        let Some(fewest) = complete.min_by_key(|rows| rows.indexes.len()) else {
            return if rows.is_empty() {
                Ok(BTreeSet::new())
            } else {
                Err(too_many(most))
            };
        };
        let mut found = BTreeSet::new();
        for index in &fewest.indexes {
            let mut everywhere = true;
            for other in rows {
                everywhere = everywhere && self.has(other, *index)?;
            }
            if everywhere {
                found.insert(*index);
            }
        }
        Ok(found)
    }

    fn has(&self, rows: &Rows, index: LeafIndex) -> Result<bool, Reject> {
        if rows.complete || rows.indexes.last().is_some_and(|last| index <= *last) {
            return Ok(rows.indexes.binary_search(&index).is_ok());
        }
        Ok(self.find(&rows.term, index, 1)?.first() == Some(&index))
    }
}
