//! The shape of a query, before it is validated: validation walks every fragment wherever it is spread, so that a few
//! fragments that spread one another twice would keep it busy for ever.

use std::collections::HashMap;

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use serde_json::Value;

use super::limits::{MAX_FIELDS, MAX_NESTING, MAX_SPREADS};
use super::nesting;

/// Why a query is not looked at any further.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShapeError {
    #[error("expected strings that end, found one that does not")]
    OpenString,
    #[error("expected at most {MAX_NESTING} brackets in one another, found {found}")]
    Nesting { found: usize },
    #[error("{}", .0.message)]
    Syntax(ServerError),
    #[error("expected at most {MAX_SPREADS} fragments in one another, found more")]
    Spreads,
    #[error("expected at most {MAX_FIELDS} fields, fragments written out, found {found}")]
    Fields { found: usize },
    /// As the real server says it: not a mistake in the query.
    #[error("introspection disabled")]
    Introspection,
}

/// Parses a query and checks that it and its variables have a size that can be worked with.
///
/// # Errors
/// [`ShapeError`].
pub(super) fn parse(query: &str, variables: &Value) -> Result<ExecutableDocument, ShapeError> {
    let found = nesting::of_query(query).ok_or(ShapeError::OpenString)?;
    let found = found.max(nesting::of_json(variables));
    if found > MAX_NESTING {
        return Err(ShapeError::Nesting { found });
    }
    let document = parse_query(query).map_err(|error| ShapeError::Syntax(error.into()))?;
    let mut count = Count {
        document: &document,
        known: HashMap::new(),
    };
    let operations = document.operations.iter();
    let sets = operations.map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values();
    let sets = sets.chain(fragments.map(|fragment| &fragment.node.selection_set.node));
    for set in sets {
        let size = count.size(set, 0)?;
        if size.spreads > MAX_SPREADS {
            return Err(ShapeError::Spreads);
        }
        if size.fields > MAX_FIELDS {
            return Err(ShapeError::Fields { found: size.fields });
        }
    }
    Ok(document)
}

/// What a selection comes to, with its fragments written out.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Fields; a spread of an unknown fragment counts as one.
    fields: usize,
    /// Fragments in one another.
    spreads: usize,
}

struct Count<'a> {
    document: &'a ExecutableDocument,
    /// The fragments that have been counted.
    known: HashMap<&'a str, Size>,
}

impl<'a> Count<'a> {
    /// The size of a selection that stands in `within` fragments.
    fn size(&mut self, set: &'a SelectionSet, within: usize) -> Result<Size, ShapeError> {
        let mut size = Size::default();
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => {
                    if matches!(field.node.name.node.as_str(), "__schema" | "__type") {
                        return Err(ShapeError::Introspection);
                    }
                    let inner = self.size(&field.node.selection_set.node, within)?;
                    Size {
                        fields: inner.fields.saturating_add(1),
                        ..inner
                    }
                }
                Selection::InlineFragment(inline) => {
                    self.size(&inline.node.selection_set.node, within)?
                }
                Selection::FragmentSpread(spread) => {
                    self.spread(spread.node.fragment_name.node.as_str(), within)?
                }
            };
            size.fields = size.fields.saturating_add(inner.fields);
            size.spreads = size.spreads.max(inner.spreads);
        }
        Ok(size)
    }

    fn spread(&mut self, name: &'a str, within: usize) -> Result<Size, ShapeError> {
        if let Some(&known) = self.known.get(name) {
            return Ok(known);
        }
        // A fragment that spreads itself ends here too.
        if within == MAX_SPREADS {
            return Err(ShapeError::Spreads);
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Size {
                fields: 1,
                spreads: 0,
            });
        };
        let inner = self.size(&fragment.node.selection_set.node, within + 1)?;
        let size = Size {
            spreads: inner.spreads + 1,
            ..inner
        };
        self.known.insert(name, size);
        Ok(size)
    }
}
