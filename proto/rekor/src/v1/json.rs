//! JSON as Rekor v1 reads it. What it takes is wider than what a derived parser does: members of the wrong type inside `spec`
//! count as absent, names outside of it match in any case, of a member that is there twice the last counts, and whatever
//! follows the document is ignored. Everything here borrows from the input, and lists stop growing at a bound.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Reads the first JSON value of a body.
pub(super) fn first_value<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("bytes that are not utf-8 at offset {}", error.valid_up_to()))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    T::deserialize(&mut reader).map_err(|error| {
        if error.is_eof() {
            "unexpected EOF".to_owned()
        } else {
            error.to_string()
        }
    })
}

/// Reads a whole text.
pub(super) fn whole<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// How the names of an object's members are matched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Exactly; the last of several counts.
    Exact,
    /// In any case; the last of several counts.
    Folded,
    /// In any case; a second one is an error, as two readers could differ in which of them they take.
    FoldedOnce,
}

impl Names {
    pub(super) fn match_(self, found: &str, expected: &str) -> bool {
        match self {
            Self::Exact => found == expected,
            Self::Folded | Self::FoldedOnce => found.eq_ignore_ascii_case(expected),
        }
    }
}

/// An object that can be read member by member.
pub(super) trait FromMembers<'de>: Sized {
    fn read<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error>;
}

/// Declares an object: its members, each with a type that has a default for "absent".
macro_rules! object {
    ($(#[$meta:meta])* $name:ident<$life:lifetime> $names:ident { $($member:literal => $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(super) struct $name<$life> {
            $(pub(super) $field: $type,)*
            pub(super) marker: std::marker::PhantomData<&$life ()>,
        }

        impl<'de: $life, $life> $crate::v1::json::FromMembers<'de> for $name<$life> {
            fn read<A: serde::de::MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
                use $crate::v1::json::{Name, Names};
                let mut object = Self::default();
                let mut seen: Vec<&'static str> = Vec::new();
                while let Some(Name(name)) = members.next_key::<Name<'de>>()? {
                    $(if Names::$names.match_(&name, $member) {
                        if Names::$names == Names::FoldedOnce {
                            if seen.contains(&$member) {
                                return Err(serde::de::Error::duplicate_field($member));
                            }
                            seen.push($member);
                        }
                        object.$field = members.next_value()?;
                        continue;
                    })*
                    members.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(object)
            }
        }
    };
}
pub(super) use object;

/// The name of a member.
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Text::deserialize(deserializer)? {
            Text::Is(name) => Ok(Self(name)),
            Text::Absent | Text::Other(_) => Err(D::Error::custom("expected a member name")),
        }
    }
}

/// A member that should be a string. `null` counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Text<'a> {
    #[default]
    Absent,
    Is(Cow<'a, str>),
    Other(&'static str),
}

impl<'a> Text<'a> {
    /// The string; nothing if it is something else.
    pub(super) fn loose(&self) -> Option<&str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Absent | Self::Other(_) => None,
        }
    }

    pub(super) fn into_loose(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Is(text) => Some(text),
            Self::Absent | Self::Other(_) => None,
        }
    }

    /// The string, where another type is an error.
    pub(super) fn strict(self, member: &str) -> Result<Option<Cow<'a, str>>, String> {
        match self {
            Self::Absent => Ok(None),
            Self::Is(text) => Ok(Some(text)),
            Self::Other(found) => Err(wrong_type(found, member, "string")),
        }
    }
}

/// Upstream's words for a value of the wrong type.
pub(super) fn wrong_type(found: &str, member: &str, expected: &str) -> String {
    format!("json: cannot unmarshal {found} into Go struct field {member} of type {expected}")
}

/// A member that should be an object. `null` counts as absent.
#[derive(Debug, Default)]
pub(super) enum Object<T> {
    #[default]
    Absent,
    Is(T),
    Other(&'static str),
}

impl<T> Object<T> {
    /// The object; nothing if it is something else.
    pub(super) fn loose(self) -> Option<T> {
        match self {
            Self::Is(object) => Some(object),
            Self::Absent | Self::Other(_) => None,
        }
    }

    /// The object, where another type is an error.
    pub(super) fn strict(self, member: &str) -> Result<Option<T>, String> {
        match self {
            Self::Absent => Ok(None),
            Self::Is(object) => Ok(Some(object)),
            Self::Other(found) => Err(wrong_type(found, member, "object")),
        }
    }
}

/// A member that should be an array: its first `MAX` elements, and how many it has. `null` counts as absent.
#[derive(Debug, Default)]
pub(super) enum List<T, const MAX: usize> {
    #[default]
    Absent,
    Of {
        items: Vec<T>,
        len: usize,
    },
    Other(&'static str),
}

macro_rules! other_types {
    ($($visit:ident($type:ty) => $name:literal),*) => {
        $(fn $visit<E: serde::de::Error>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::Other($name))
        })*

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::Absent)
        }

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("json")
        }
    };
}

pub(super) fn skip_array<'de, A: SeqAccess<'de>>(mut array: A) -> Result<(), A::Error> {
    while array.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

pub(super) fn skip_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<(), A::Error> {
    while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

struct TextVisitor<'a>(std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for TextVisitor<'a> {
    type Value = Text<'a>;

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text::Is(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text::Is(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Text::Is(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        skip_array(array).map(|()| Text::Other("array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        skip_object(object).map(|()| Text::Other("object"))
    }

    other_types! {
        visit_bool(bool) => "bool", visit_u64(u64) => "number", visit_i64(i64) => "number", visit_f64(f64) => "number"
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(std::marker::PhantomData))
    }
}

struct ObjectVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: FromMembers<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::read(object).map(Object::Is)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        skip_array(array).map(|()| Object::Other("array"))
    }

    other_types! {
        visit_bool(bool) => "bool", visit_u64(u64) => "number", visit_i64(i64) => "number", visit_f64(f64) => "number",
        visit_str(&str) => "string"
    }
}

impl<'de, T: FromMembers<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(std::marker::PhantomData))
    }
}

struct ListVisitor<T, const MAX: usize>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = List<T, MAX>;

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < MAX {
            match array.next_element()? {
                Some(item) => items.push(item),
                None => {
                    let len = items.len();
                    return Ok(List::Of { items, len });
                }
            }
        }
        let mut len = items.len();
        while array.next_element::<IgnoredAny>()?.is_some() {
            len += 1;
        }
        Ok(List::Of { items, len })
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        skip_object(object).map(|()| List::Other("object"))
    }

    other_types! {
        visit_bool(bool) => "bool", visit_u64(u64) => "number", visit_i64(i64) => "number", visit_f64(f64) => "number",
        visit_str(&str) => "string"
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        /// A sample.
        Sample<'a> Folded { "name" => name: Text<'a>, "list" => list: List<Text<'a>, 2>, }
    }

    object! {
        Once<'a> FoldedOnce { "name" => name: Text<'a>, }
    }

    fn sample(text: &str) -> Sample<'_> {
        first_value::<Object<Sample<'_>>>(text.as_bytes())
            .unwrap()
            .loose()
            .unwrap()
    }

    #[test]
    fn the_last_of_a_member_counts_in_any_case_and_what_follows_is_ignored() {
        let found = sample(r#"{"name": 1, "NAME": "x", "other": [{}], "list": ["a", null, 3]} x"#);
        assert_eq!(found.name.loose(), Some("x"));
        let List::Of { items, len } = found.list else {
            panic!("a list")
        };
        assert_eq!(items, [Text::Is("a".into()), Text::Absent]);
        assert_eq!(len, 3);
    }

    #[test]
    fn other_types_are_told_apart() {
        for (text, found) in [
            ("1", "number"),
            ("true", "bool"),
            ("[1]", "array"),
            ("{}", "object"),
        ] {
            let text = format!(r#"{{"name": {text}}}"#);
            assert_eq!(sample(&text).name, Text::Other(found));
            assert!(sample(&text).name.strict("name").is_err());
        }
        assert_eq!(sample(r#"{"name": null}"#).name, Text::Absent);
        assert!(
            first_value::<Object<Sample<'_>>>(b"{")
                .unwrap_err()
                .contains("EOF")
        );
        assert!(first_value::<Object<Sample<'_>>>(b"{\"name\": \"\xff\"}").is_err());
    }

    #[test]
    fn a_member_that_may_be_there_once_is_refused_twice() {
        assert!(whole::<Object<Once<'_>>>(r#"{"Name": "x"}"#).is_ok());
        assert!(whole::<Object<Once<'_>>>(r#"{"Name": "x", "name": "x"}"#).is_err());
        assert!(whole::<Object<Once<'_>>>(r#"{"name": "x"} {}"#).is_err());
    }
}
