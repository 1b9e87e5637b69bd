//! From a filter as a client wrote it to what it means (`filter`).

use std::collections::HashSet;

use super::error::QueryError;
use super::filter::{Expr, Text};
use super::limits::{MAX_FILTER_DEPTH, MAX_VALUES};

/// A filter of the schema.
pub(super) trait Where: Sized {
    /// Its name in the schema.
    const NAME: &'static str;
    /// What it asks.
    type Condition;

    /// What it means; nothing if it says nothing. `depth` filters stand around it.
    ///
    /// # Errors
    /// [`QueryError::Empty`] for an empty filter inside of it, [`QueryError::Values`], [`QueryError::FilterDepth`].
    fn compile(self, depth: usize) -> Result<Option<Expr<Self::Condition>>, QueryError>;
}

/// The conditions of one filter, as they are collected.
pub(super) struct Conditions<C> {
    depth: usize,
    all: Vec<Expr<C>>,
}

/// What can be asked of a text: `x`, `xNEQ`, `xIn`, `xNotIn`. Empty lists say nothing, as with the real server.
pub(super) struct Texts {
    pub is: Option<String>,
    pub is_not: Option<String>,
    pub is_in: Option<Vec<String>>,
    pub is_not_in: Option<Vec<String>>,
}

impl<C> Conditions<C> {
    pub(super) fn new(depth: usize) -> Result<Self, QueryError> {
        if depth > MAX_FILTER_DEPTH {
            return Err(QueryError::FilterDepth);
        }
        Ok(Self {
            depth,
            all: Vec::new(),
        })
    }

    pub(super) fn logic<W: Where<Condition = C>>(
        &mut self,
        not: Option<Box<W>>,
        and: Option<Vec<W>>,
        or: Option<Vec<W>>,
    ) -> Result<(), QueryError> {
        if let Some(not) = not {
            self.all.push(Expr::Not(Box::new(self.inner(*not)?)));
        }
        for one in bounded(and)? {
            let one = self.inner(one)?;
            self.all.push(one);
        }
        let any = bounded(or)?;
        if !any.is_empty() {
            let any = any.into_iter().map(|one| self.inner(one));
            let any = any.collect::<Result<_, _>>()?;
            self.all.push(Expr::Any(any));
        }
        Ok(())
    }

    pub(super) fn text(&mut self, make: fn(Text) -> C, texts: Texts) -> Result<(), QueryError> {
        let is_in = set(texts.is_in)?.map(Text::In);
        let is_not_in = set(texts.is_not_in)?.map(Text::NotIn);
        let one = [texts.is.map(Text::Is), texts.is_not.map(Text::IsNot)];
        let all = one.into_iter().chain([is_in, is_not_in]).flatten();
        self.all
            .extend(all.map(|text| Expr::Is(Box::new(make(text)))));
        Ok(())
    }

    /// All filters of the list must hold of the same thing.
    pub(super) fn edge<W: Where>(
        &mut self,
        make: fn(Expr<W::Condition>) -> C,
        filters: Option<Vec<W>>,
    ) -> Result<(), QueryError> {
        let filters = bounded(filters)?;
        if filters.is_empty() {
            return Ok(());
        }
        let filters = filters.into_iter().map(|filter| self.inner(filter));
        let filters = filters.collect::<Result<_, _>>()?;
        self.all.push(Expr::Is(Box::new(make(Expr::All(filters)))));
        Ok(())
    }

    fn inner<W: Where>(&self, filter: W) -> Result<Expr<W::Condition>, QueryError> {
        filter
            .compile(self.depth + 1)?
            .ok_or(QueryError::Empty { input: W::NAME })
    }

    pub(super) fn compiled(self) -> Option<Expr<C>> {
        (!self.all.is_empty()).then_some(Expr::All(self.all))
    }
}

fn bounded<T>(list: Option<Vec<T>>) -> Result<Vec<T>, QueryError> {
    let list = list.unwrap_or_default();
    match list.len() {
        0..=MAX_VALUES => Ok(list),
        found => Err(QueryError::Values { found }),
    }
}

fn set(list: Option<Vec<String>>) -> Result<Option<HashSet<String>>, QueryError> {
    let list = bounded(list)?;
    Ok((!list.is_empty()).then(|| list.into_iter().collect()))
}
