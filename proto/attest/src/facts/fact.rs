//! A fact is stated, with the place that says it, or it is not known.

use serde::Serialize;

use crate::limits::MAX_CANDIDATES;

/// What a document says about one thing. Neither of the other two is ever a pass.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Fact<T> {
    /// It says nothing, or an empty text, or something of another type.
    #[default]
    Unknown,
    /// It says this.
    Stated(Stated<T>),
    /// It says several things that differ: the first [`MAX_CANDIDATES`] of them.
    Ambiguous {
        /// What it says, each once.
        candidates: Vec<Stated<T>>,
    },
}

/// A value, and where it is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stated<T> {
    /// The value.
    pub value: T,
    /// A JSON pointer into the document. If what is there is text that holds another document (Tekton's `content` in base64), a
    /// `#` and a pointer into that one follow.
    pub at: String,
}

impl<T> Fact<T> {
    /// A value that is stated at a place.
    pub fn stated(value: T, at: impl Into<String>) -> Self {
        Self::Stated(Stated {
            value,
            at: at.into(),
        })
    }

    /// The value, if it is stated and nothing else is.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Stated(stated) => Some(&stated.value),
            Self::Unknown | Self::Ambiguous { .. } => None,
        }
    }

    /// Where it is stated, if it is and nothing else is.
    pub fn at(&self) -> Option<&str> {
        match self {
            Self::Stated(stated) => Some(&stated.at),
            Self::Unknown | Self::Ambiguous { .. } => None,
        }
    }

    /// Everything that is said: nothing if unknown, several if ambiguous.
    pub fn candidates(&self) -> &[Stated<T>] {
        match self {
            Self::Unknown => &[],
            Self::Stated(stated) => std::slice::from_ref(stated),
            Self::Ambiguous { candidates } => candidates,
        }
    }

    /// Whether nothing is said.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// This, or the other if this is unknown.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Unknown => other(),
            known => known,
        }
    }

    fn into_candidates(self) -> Vec<Stated<T>> {
        match self {
            Self::Unknown => Vec::new(),
            Self::Stated(stated) => vec![stated],
            Self::Ambiguous { candidates } => candidates,
        }
    }
}

impl<T: PartialEq> Fact<T> {
    /// What all of them say together: of places that say the same, the first counts.
    pub fn all(facts: impl IntoIterator<Item = Self>) -> Self {
        let mut candidates: Vec<Stated<T>> = Vec::new();
        for stated in facts.into_iter().flat_map(Self::into_candidates) {
            let known = candidates.iter().any(|known| known.value == stated.value);
            if !known && candidates.len() < MAX_CANDIDATES {
                candidates.push(stated);
            }
        }
        Self::from_candidates(candidates)
    }

    /// What this and the other say together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// Each value changed; those that have no such form are not said at all.
    pub fn filter_map<U: PartialEq>(self, change: impl Fn(T) -> Option<U>) -> Fact<U> {
        Fact::all(self.into_candidates().into_iter().map(|stated| {
            change(stated.value).map_or(Fact::Unknown, |value| Fact::stated(value, stated.at))
        }))
    }

    fn from_candidates(mut candidates: Vec<Stated<T>>) -> Self {
        match (candidates.pop(), candidates.is_empty()) {
            (None, _) => Self::Unknown,
            (Some(only), true) => Self::Stated(only),
            (Some(last), false) => {
                candidates.push(last);
                Self::Ambiguous { candidates }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_same_is_stated_and_two_values_are_ambiguous() {
        let fact = |value, at| Fact::stated(value, at);
        assert_eq!(Fact::<u8>::all([]), Fact::Unknown);
        assert_eq!(fact(1, "/a").and(fact(1, "/b")), fact(1, "/a"));
        let both = fact(1, "/a").and(fact(2, "/b"));
        assert_eq!(
            (both.value(), both.at(), both.candidates().len()),
            (None, None, 2)
        );
        assert_eq!(both.clone().and(fact(2, "/c")), both);
        assert_eq!(
            both.filter_map(|value| (value == 2).then_some("two")),
            Fact::stated("two", "/b")
        );
        assert_eq!(Fact::Unknown.and(fact(3, "/d")), fact(3, "/d"));
        assert_eq!(Fact::Unknown.or(|| fact(3, "/d")), fact(3, "/d"));
        assert_eq!(fact(4, "/e").or(|| fact(3, "/d")), fact(4, "/e"));
    }

    #[test]
    fn candidates_are_bounded() {
        let many = Fact::all((0..1000).map(|value| Fact::stated(value, "/a")));
        assert_eq!(many.candidates().len(), MAX_CANDIDATES);
        assert_eq!(many.value(), None);
    }

    #[test]
    fn is_written_with_its_state() {
        let text = |fact: &Fact<u8>| serde_json::to_string(fact).unwrap();
        assert_eq!(text(&Fact::Unknown), r#"{"is":"unknown"}"#);
        let one = Fact::stated(1, "/a");
        assert_eq!(text(&one), r#"{"is":"stated","value":1,"at":"/a"}"#);
        let both = one.and(Fact::stated(2, "/b"));
        assert_eq!(
            text(&both),
            r#"{"is":"ambiguous","candidates":[{"value":1,"at":"/a"},{"value":2,"at":"/b"}]}"#
        );
    }
}
