//! The two lists that can be asked for: envelopes, and subjects of all statements or of one.

use std::sync::Arc;

use super::catalogue::{Cursor, Hint};
use super::cursors::SubjectCursor;
use super::document::{Claim, Document, Subject};
use super::error::QueryError;
use super::filter::{Expr, Narrow, OfDsse, OfSubject};
use super::scan::scan;
use super::session::Session;
use super::window::{Page, Paging, Window};

/// What of a connection was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wants {
    pub edges: bool,
    pub page_info: bool,
    pub total: bool,
}

/// What there is of a list.
#[derive(Debug)]
pub(super) struct Listed<T> {
    pub page: Page<T>,
    /// All that match, on this page or not; zero unless it was asked for.
    pub total: u64,
}

/// A subject, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct SubjectAt {
    pub document: Arc<Document>,
    pub claim: Arc<Claim>,
    /// Its place in the statement.
    pub place: usize,
    /// The candidate in front of its document.
    pub behind: Option<Cursor>,
}

impl SubjectAt {
    pub(super) fn subject(&self) -> &Subject {
        &self.claim.subjects[self.place]
    }

    pub(super) fn cursor(&self) -> SubjectCursor {
        SubjectCursor {
            behind: self.behind.clone(),
            gitoid: self.document.gitoid.clone(),
            place: self.place,
        }
    }
}

impl Wants {
    const fn page(self) -> bool {
        self.edges || self.page_info
    }

    /// Whether to go on, with a page that can or can not change.
    const fn more(self, is_done: bool) -> bool {
        self.total || (self.page() && !is_done)
    }
}

impl<T> Listed<T> {
    /// A page that ends where nobody said so, to a client that does not ask whether it does, would be taken for all.
    fn new(page: Page<T>, total: u64, wants: Wants) -> Result<Self, QueryError> {
        if page.cut && wants.edges && !wants.page_info {
            return Err(QueryError::Unpaged);
        }
        Ok(Self { page, total })
    }

    const fn nothing() -> Self {
        Self {
            page: Page {
                items: Vec::new(),
                has_next: false,
                has_previous: false,
                cut: false,
            },
            total: 0,
        }
    }
}

/// The envelopes that match.
///
/// # Errors
/// [`QueryError`].
pub(super) async fn envelopes(
    session: &Arc<Session>,
    filter: Option<Expr<OfDsse>>,
    paging: Paging<Cursor>,
    wants: Wants,
) -> Result<Listed<Arc<Document>>, QueryError> {
    let narrow = (filter.as_ref()).map_or(Narrow::To(Hint::All), Expr::<OfDsse>::narrowed);
    let Narrow::To(hint) = narrow else {
        return Ok(Listed::nothing());
    };
    let find = move |document: Arc<Document>, session: &Session| {
        let matches =
            (filter.as_ref()).is_none_or(|filter| filter.matches(&document, &session.steps));
        matches.then_some(document)
    };
    // Whoever wants the total is told of all that match, wherever the page begins.
    let start = paging.after.clone().filter(|_| !wants.total);
    let mut window = match start {
        Some(_) => Window::behind_after(paging),
        None => Window::over_all(paging),
    };
    let mut total = 0;
    if wants.more(false) {
        scan(session, &hint, start, find, |seen| {
            window.pass(&seen.cursor);
            if let Some(document) = seen.found {
                total += 1;
                if wants.page() {
                    session.hold(document.weight())?;
                    if let Some(off) = window.push(document) {
                        session.let_go(off.weight());
                    }
                }
            }
            window.passed(&seen.cursor);
            Ok(wants.more(window.is_done()))
        })
        .await?;
    }
    let page = if wants.page() {
        window.finish()?
    } else {
        Listed::nothing().page
    };
    Listed::new(page, total, wants)
}

/// The subjects that match, of all documents.
///
/// # Errors
/// [`QueryError`].
pub(super) async fn subjects(
    session: &Arc<Session>,
    filter: Option<Expr<OfSubject>>,
    paging: Paging<SubjectCursor>,
    wants: Wants,
) -> Result<Listed<SubjectAt>, QueryError> {
    let narrow = (filter.as_ref()).map_or(Narrow::To(Hint::All), Expr::<OfSubject>::narrowed);
    let Narrow::To(hint) = narrow else {
        return Ok(Listed::nothing());
    };
    let find = move |document: Arc<Document>, session: &Session| {
        let claim = document.statement.clone()?;
        let matching = matching(&document, &claim, filter.as_ref(), session);
        Some((document, claim, matching))
    };
    let start = paging.after.as_ref().filter(|_| !wants.total);
    let start = start.and_then(|after| after.behind.clone());
    let mut behind = start.clone();
    let mut list = Subjects {
        wanted: wants.page(),
        window: Window::over_all(paging),
        total: 0,
    };
    if wants.more(false) {
        scan(session, &hint, start, find, |seen| {
            let front = behind.replace(seen.cursor);
            if let Some((document, claim, matching)) = seen.found {
                let weight = document.weight();
                if list.go_by(&document, &claim, front.as_ref(), &matching) {
                    session.hold(weight)?;
                }
            }
            Ok(wants.more(list.window.is_done()))
        })
        .await?;
    }
    list.finish(wants)
}

/// The subjects that match, of one statement.
///
/// # Errors
/// [`QueryError`].
pub(super) fn subjects_of(
    session: &Session,
    (document, claim): (&Arc<Document>, &Arc<Claim>),
    filter: Option<&Expr<OfSubject>>,
    paging: Paging<SubjectCursor>,
    wants: Wants,
) -> Result<Listed<SubjectAt>, QueryError> {
    let matching = matching(document, claim, filter, session);
    if session.steps.exceeded() {
        return Err(QueryError::Steps);
    }
    let mut list = Subjects {
        wanted: wants.page(),
        window: Window::over_all(paging),
        total: 0,
    };
    list.go_by(document, claim, None, &matching);
    list.finish(wants)
}

/// Which subjects of a statement match.
fn matching(
    document: &Document,
    claim: &Claim,
    filter: Option<&Expr<OfSubject>>,
    session: &Session,
) -> Vec<bool> {
    let matches = |subject| {
        filter.is_none_or(|filter| filter.matches(document, claim, subject, &session.steps))
    };
    claim.subjects.iter().map(matches).collect()
}

struct Subjects {
    /// Whether there is to be a page.
    wanted: bool,
    window: Window<SubjectCursor, SubjectAt>,
    total: u64,
}

impl Subjects {
    /// The subjects of one document go by; whether one of them is on the page.
    fn go_by(
        &mut self,
        document: &Arc<Document>,
        claim: &Arc<Claim>,
        behind: Option<&Cursor>,
        matching: &[bool],
    ) -> bool {
        let mut kept = false;
        for (place, &matches) in matching.iter().enumerate() {
            let subject = SubjectAt {
                document: Arc::clone(document),
                claim: Arc::clone(claim),
                place,
                behind: behind.cloned(),
            };
            let cursor = subject.cursor();
            if matches {
                self.total += 1;
                kept |= self.wanted && self.window.push(subject).is_none();
            }
            self.window.passed(&cursor);
        }
        kept
    }

    fn finish(self, wants: Wants) -> Result<Listed<SubjectAt>, QueryError> {
        let page = if wants.page() {
            self.window.finish()?
        } else {
            Listed::nothing().page
        };
        Listed::new(page, self.total, wants)
    }
}
