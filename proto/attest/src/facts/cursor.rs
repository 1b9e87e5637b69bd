//! A place in a JSON document, present or not: what extractors walk with, so that each fact knows where it is said.

use serde_json::Value;

use super::digests::Digest;
use super::fact::Fact;

/// A value with its place, or the absence of one.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'v> {
    value: Option<&'v Value>,
    at: String,
}

impl<'v> Cursor<'v> {
    /// A document whose place is `at`.
    pub(crate) fn new(value: &'v Value, at: impl Into<String>) -> Self {
        Self {
            value: Some(value).filter(|value| !value.is_null()),
            at: at.into(),
        }
    }

    pub(crate) const fn nothing() -> Self {
        Self {
            value: None,
            at: String::new(),
        }
    }

    /// The member of this name; null counts as absent.
    pub(crate) fn get(&self, name: &str) -> Self {
        let member = self.value.and_then(|value| value.as_object()?.get(name));
        match member {
            Some(value) => Self::new(value, format!("{}/{}", self.at, escape(name))),
            None => Self::nothing(),
        }
    }

    /// The member by a path of names.
    pub(crate) fn path(&self, names: &[&str]) -> Self {
        names
            .iter()
            .fold(self.clone(), |cursor, name| cursor.get(name))
    }

    /// The first of these members that is there.
    pub(crate) fn any(&self, names: &[&str]) -> Self {
        names
            .iter()
            .map(|name| self.get(name))
            .find(Self::is_there)
            .unwrap_or_else(Self::nothing)
    }

    /// The items of an array; of anything else none.
    pub(crate) fn items(&self) -> impl Iterator<Item = Self> + use<'_, 'v> {
        let items = self.value.and_then(Value::as_array).into_iter().flatten();
        items
            .enumerate()
            .map(|(index, value)| Self::new(value, format!("{}/{index}", self.at)))
    }

    /// The members of an object with their names; of anything else none.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'v str, Self)> + use<'_, 'v> {
        let members = self.value.and_then(Value::as_object).into_iter().flatten();
        members.map(|(name, value)| {
            let at = format!("{}/{}", self.at, escape(name));
            (name.as_str(), Self::new(value, at))
        })
    }

    /// Whether anything but null is there.
    pub(crate) fn is_there(&self) -> bool {
        self.value.is_some()
    }

    pub(crate) fn is_array(&self) -> bool {
        self.value.is_some_and(Value::is_array)
    }

    pub(crate) fn is_object(&self) -> bool {
        self.value.is_some_and(Value::is_object)
    }

    /// The value itself.
    pub(crate) fn value(&self) -> Option<&'v Value> {
        self.value
    }

    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// The text that is here, if any that is not empty.
    pub(crate) fn as_str(&self) -> Option<&'v str> {
        self.value?.as_str().filter(|text| !text.is_empty())
    }

    /// The text that is here, as a fact.
    pub(crate) fn text(&self) -> Fact<String> {
        self.fact(|cursor| cursor.as_str().map(str::to_owned))
    }

    /// The whole number that is here.
    pub(crate) fn integer(&self) -> Fact<u64> {
        self.fact(|cursor| cursor.value?.as_u64())
    }

    /// The list of texts that is here; a list that holds anything else is none.
    pub(crate) fn texts(&self) -> Fact<Vec<String>> {
        self.fact(|cursor| {
            let items = cursor.value?.as_array()?.iter();
            items.map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    /// The digest set that is here, if it is an object of texts.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.members()
            .filter_map(|(algorithm, value)| Some(Digest::new(algorithm, value.as_str()?)))
            .collect()
    }

    /// The digest set that is here, as a fact; an empty one is none.
    pub(crate) fn digest_fact(&self) -> Fact<Vec<Digest>> {
        self.fact(|cursor| Some(cursor.digests()).filter(|digests| !digests.is_empty()))
    }

    /// What `read` makes of it, said here.
    pub(crate) fn fact<T>(&self, read: impl FnOnce(&Self) -> Option<T>) -> Fact<T> {
        if !self.is_there() {
            return Fact::Unknown;
        }
        read(self).map_or(Fact::Unknown, |value| Fact::stated(value, self.at.as_str()))
    }

    /// The list that is here, item by item; nothing that is no list.
    pub(crate) fn list<T>(&self, read: impl Fn(Self) -> T) -> Fact<Vec<T>> {
        self.fact(|cursor| {
            cursor
                .is_array()
                .then(|| cursor.items().map(read).collect())
        })
    }
}

/// A member's name in a JSON pointer (RFC 6901).
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_know_their_place() {
        let value = json!({"a/b": {"c~d": ["x", 7, ""]}, "n": null, "e": [], "t": ["p", "q"]});
        let root = Cursor::new(&value, "/predicate");
        let list = root.path(&["a/b", "c~d"]);
        let items: Vec<_> = list
            .items()
            .map(|item| (item.text(), item.integer()))
            .collect();
        assert_eq!(
            items,
            [
                (
                    Fact::stated("x".to_owned(), "/predicate/a~1b/c~0d/0"),
                    Fact::Unknown
                ),
                (Fact::Unknown, Fact::stated(7, "/predicate/a~1b/c~0d/1")),
                (Fact::Unknown, Fact::Unknown),
            ]
        );
        assert!(!root.get("n").is_there() && !root.get("a").is_there());
        assert_eq!(list.texts(), Fact::Unknown);
        assert_eq!(
            root.get("e").texts(),
            Fact::stated(Vec::new(), "/predicate/e")
        );
        assert_eq!(root.any(&["z", "n", "t"]).at(), "/predicate/t");
        assert_eq!(value.pointer("/a~1b/c~0d/0"), Some(&json!("x")));
    }
}
