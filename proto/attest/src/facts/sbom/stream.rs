//! Reading JSON member by member and item by item, without keeping any of it. A value of another type than expected is passed over,
//! as a fact that is not stated; a member twice of those that are read refuses the document.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// What is done with the members of an object.
pub(super) trait Members<'de> {
    /// The members that are read, at most 32.
    const NAMES: &'static [&'static str];

    /// Reads the value of one of them.
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error>;
}

/// What is done with the items of an array.
pub(super) trait Items<'de> {
    /// Reads one; false if there was none left.
    fn item<A: SeqAccess<'de>>(&mut self, index: usize, seq: &mut A) -> Result<bool, A::Error>;
}

/// A value whose members go to `M` if it is an object.
pub(super) struct Object<'m, M>(pub(super) &'m mut M);

/// A value whose items go to `I` if it is an array.
pub(super) struct Array<'i, I>(pub(super) &'i mut I);

/// A value whose items or members go to `V`, whichever it has.
pub(super) struct Either<'v, V>(pub(super) &'v mut V);

/// A text; any other value is none.
#[derive(Default)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

/// Reads a whole document.
pub(super) fn read<'de, M: Members<'de>>(text: &'de str, members: &mut M) -> Result<(), String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Object(members)
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| error.to_string())
}

fn members<'de, M: Members<'de>, A: MapAccess<'de>>(
    members: &mut M,
    mut map: A,
) -> Result<(), A::Error> {
    let mut seen = 0_u32;
    while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
        let name = name.unwrap_or_default();
        let known = M::NAMES
            .iter()
            .zip(0_u32..)
            .find(|(known, _)| **known == name);
        let Some((known, bit)) = known else {
            map.next_value::<IgnoredAny>()?;
            continue;
        };
        if seen & (1 << bit) != 0 {
            return Err(A::Error::custom(format_args!("duplicate member {known:?}")));
        }
        seen |= 1 << bit;
        members.member(known, &mut map)?;
    }
    Ok(())
}

fn items<'de, I: Items<'de>, A: SeqAccess<'de>>(items: &mut I, mut seq: A) -> Result<(), A::Error> {
    let mut index = 0;
    while items.item(index, &mut seq)? {
        index += 1;
    }
    Ok(())
}

fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A seed that is its own visitor: values without members and items are passed over.
macro_rules! visitor {
    ([$($generics:tt)*] $type:ty, $map:expr, $seq:expr) => {
        impl<'de, $($generics)*> DeserializeSeed<'de> for $type {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de, $($generics)*> Visitor<'de> for $type {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a json value")
            }

            fn visit_unit<E>(self) -> Result<(), E> {
                Ok(())
            }

            fn visit_bool<E>(self, _: bool) -> Result<(), E> {
                Ok(())
            }

            fn visit_u64<E>(self, _: u64) -> Result<(), E> {
                Ok(())
            }

            fn visit_i64<E>(self, _: i64) -> Result<(), E> {
                Ok(())
            }

            fn visit_f64<E>(self, _: f64) -> Result<(), E> {
                Ok(())
            }

            fn visit_str<E>(self, _: &str) -> Result<(), E> {
                Ok(())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
                ($map)(self, map)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
                ($seq)(self, seq)
            }
        }
    };
}

visitor!([M: Members<'de>] Object<'_, M>, |object: Self, map| members(object.0, map), |_, seq| skip_seq(seq));
visitor!([I: Items<'de>] Array<'_, I>, |_, map| skip_map(map), |array: Self, seq| items(array.0, seq));
visitor!(
    [V: Members<'de> + Items<'de>] Either<'_, V>,
    |either: Self, map| members(either.0, map),
    |either: Self, seq| items(either.0, seq)
);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text<'de>, A::Error> {
        skip_map(map).map(|()| Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Text<'de>, A::Error> {
        skip_seq(seq).map(|()| Text(None))
    }
}
