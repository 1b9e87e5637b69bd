//! The part of a list that a client asked for: Relay's `first`, `after`, `last`, `before`, as the real server reads them.

use std::collections::VecDeque;

use super::error::QueryError;
use super::limits::MAX_PAGE;

/// A page as a client asked for it. Cursors are compared, never understood.
#[derive(Debug)]
pub(super) struct Paging<C> {
    pub after: Option<C>,
    pub before: Option<C>,
    /// How many, and from which end.
    size: Size,
}

#[derive(Clone, Copy, Debug)]
enum Size {
    First(usize),
    Last(usize),
    /// As many as a page holds.
    Unsaid,
}

impl<C> Paging<C> {
    /// # Errors
    /// [`QueryError::Page`] for a number that no page has, [`QueryError::FirstAndLast`].
    pub(super) fn new(
        after: Option<C>,
        first: Option<i32>,
        before: Option<C>,
        last: Option<i32>,
    ) -> Result<Self, QueryError> {
        let size = match (first, last) {
            (Some(_), Some(_)) => return Err(QueryError::FirstAndLast),
            (Some(first), None) => Size::First(checked("first", first)?),
            (None, Some(last)) => Size::Last(checked("last", last)?),
            (None, None) => Size::Unsaid,
        };
        Ok(Self {
            after,
            before,
            size,
        })
    }
}

fn checked(argument: &'static str, found: i32) -> Result<usize, QueryError> {
    let size = usize::try_from(found).ok().filter(|size| *size <= MAX_PAGE);
    size.ok_or(QueryError::Page { argument, found })
}

/// A page.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub items: Vec<T>,
    pub has_next: bool,
    pub has_previous: bool,
    /// Whether the page ends although nobody said how long it was to be.
    pub cut: bool,
}

/// A page while the list goes by.
#[derive(Debug)]
pub(super) struct Window<C, T> {
    paging: Paging<C>,
    place: Place,
    items: VecDeque<T>,
    /// Whether there are items that the page has no room for.
    more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `after` has not come yet.
    Ahead,
    Within,
    /// Nothing that comes is on the page.
    Behind,
}

impl<C: PartialEq, T> Window<C, T> {
    /// Over a list that begins behind `after`.
    pub(super) fn behind_after(paging: Paging<C>) -> Self {
        Self {
            place: Place::Within,
            ..Self::over_all(paging)
        }
    }

    /// Over a whole list.
    pub(super) fn over_all(paging: Paging<C>) -> Self {
        let ahead = paging.after.is_some();
        Self {
            paging,
            place: if ahead { Place::Ahead } else { Place::Within },
            items: VecDeque::new(),
            more: false,
        }
    }

    /// Whether nothing that comes can change the page.
    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Behind
    }

    /// Something at this place goes by, whether it is on the list or not. Call it before [`push`](Self::push).
    pub(super) fn pass(&mut self, cursor: &C) {
        if self.paging.before.as_ref() == Some(cursor) {
            self.place = Place::Behind;
        }
    }

    /// An item of the list goes by, at this place; an item that leaves the page is given back.
    pub(super) fn push(&mut self, item: T) -> Option<T> {
        if self.place != Place::Within {
            return Some(item);
        }
        let (room, last) = match self.paging.size {
            Size::First(room) => (room, false),
            Size::Last(room) => (room, true),
            Size::Unsaid => (MAX_PAGE, false),
        };
        if self.items.len() < room {
            self.items.push_back(item);
            return None;
        }
        self.more = true;
        if last {
            self.items.push_back(item);
            return self.items.pop_front();
        }
        self.place = Place::Behind;
        Some(item)
    }

    /// What was at this place has gone by. Call it after [`push`](Self::push).
    pub(super) fn passed(&mut self, cursor: &C) {
        if self.place == Place::Ahead && self.paging.after.as_ref() == Some(cursor) {
            self.place = Place::Within;
        }
    }

    /// The page, once everything has gone by or [`is_done`](Self::is_done).
    ///
    /// # Errors
    /// [`QueryError::Cursor`] if one that was asked for did not come.
    pub(super) fn finish(self) -> Result<Page<T>, QueryError> {
        if self.place == Place::Ahead {
            return Err(QueryError::Cursor { argument: "after" });
        }
        let before = self.paging.before.is_some();
        let last = matches!(self.paging.size, Size::Last(_));
        if before && self.place != Place::Behind {
            return Err(QueryError::Cursor { argument: "before" });
        }
        Ok(Page {
            has_next: before || (self.more && !last),
            has_previous: self.paging.after.is_some() || (self.more && last),
            cut: self.more && matches!(self.paging.size, Size::Unsaid),
            items: self.items.into(),
        })
    }
}
