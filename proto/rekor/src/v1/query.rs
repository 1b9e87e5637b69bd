//! The query parameters of Rekor v1's GETs, as Go reads them: of a parameter that is there twice the last counts, an integer may
//! have a sign and leading zeros.

use super::ids::TreeId;
use super::rejected::Rejected;
use super::schema::SchemaError;

/// The parameters of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

/// What `GET /api/v1/log/proof` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofRange {
    /// The smaller size: 1 at least.
    pub first: u64,
    /// The larger size.
    pub last: u64,
    /// Of which tree; none: of the active one.
    pub tree: Option<NamedTree>,
}

/// A tree that a query names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedTree {
    /// It may exist.
    Id(TreeId),
    /// Zero, which no tree has.
    Zero,
}

impl Query {
    /// Reads what follows the question mark. A pair that is not well escaped is left out.
    pub fn parse(query: &str) -> Self {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(name)?, unescape(value)?))
        };
        Self(query.split('&').filter_map(pair).collect())
    }

    /// The last value of a parameter, unless it is empty.
    fn value(&self, name: &str) -> Option<&str> {
        let last = self.0.iter().rev().find(|(known, _)| known == name);
        last.map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// `logIndex` of `GET /api/v1/log/entries`.
    ///
    /// # Errors
    /// [`Rejected`]: 422.
    pub fn log_index(&self) -> Result<u64, Rejected> {
        let index = self.integer("logIndex", 0)?;
        index.ok_or_else(|| SchemaError::required("logIndex", "query").into())
    }

    /// `firstSize`, `lastSize` and `treeID` of `GET /api/v1/log/proof`.
    ///
    /// # Errors
    /// [`Rejected`]: 422; 400 if the first size is above the last or the tree id above 2^63 - 1.
    pub fn proof_range(&self) -> Result<ProofRange, Rejected> {
        let first = self.integer("firstSize", 1)?.unwrap_or(1);
        let last = self.integer("lastSize", 1)?;
        let last = last.ok_or_else(|| SchemaError::required("lastSize", "query"))?;
        let tree = self.tree()?;
        if first > last {
            return Err(Rejected::ProofOrder { first, last });
        }
        Ok(ProofRange { first, last, tree })
    }

    /// `treeID` of `GET /api/v1/log/publicKey` and others; none if absent or empty.
    ///
    /// # Errors
    /// [`Rejected`]: 422 if it is not decimal, 400 if it is above 2^63 - 1.
    pub fn tree(&self) -> Result<Option<NamedTree>, Rejected> {
        let Some(text) = self.value("treeID") else {
            return Ok(None);
        };
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(SchemaError::pattern("treeID", "query", "^[0-9]+$").into());
        }
        let id: i64 = text.parse().map_err(|_| Rejected::TreeId {
            found: text.chars().take(64).collect(),
        })?;
        Ok(Some(TreeId::new(id).map_or(NamedTree::Zero, NamedTree::Id)))
    }

    fn integer(&self, name: &str, min: i64) -> Result<Option<u64>, Rejected> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        let value = parse_int(text)
            .ok_or_else(|| SchemaError::wrong_type(name, "query", "int64", &shorten(text)))?;
        let in_range = u64::try_from(value).ok().filter(|_| value >= min);
        let in_range = in_range.ok_or_else(|| SchemaError::at_least(name, "query", min))?;
        Ok(Some(in_range))
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Digits behind one sign at most.
fn parse_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Percent escapes and pluses; none if an escape is broken or the result is no UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (high, low) = (rest.next()?, rest.next()?);
                bytes.push(nibble(high)? << 4 | nibble(low)?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_gos() {
        let index = |query: &str| Query::parse(query).log_index().map_err(|e| e.body().code);
        for (query, expected) in [
            ("logIndex=7", Ok(7)),
            ("logIndex=%2B7", Ok(7)),
            ("logIndex=0007", Ok(7)),
            ("logIndex=-0", Ok(0)),
            ("logIndex=1&logIndex=2", Ok(2)),
            ("x&logIndex=3&y=%zz", Ok(3)),
            ("logIndex=9223372036854775807", Ok(9223372036854775807)),
            ("logIndex=9223372036854775808", Err(601)),
            ("logIndex=+7", Err(601)),
            ("logIndex=0x1", Err(601)),
            ("logIndex=--1", Err(601)),
            ("logIndex=-1", Err(609)),
            ("logIndex=", Err(602)),
            ("logindex=1", Err(602)),
            ("", Err(602)),
        ] {
            assert_eq!(index(query), expected, "{query}");
        }
    }

    #[test]
    fn proofs_are_between_sizes_in_order() {
        let range = |query: &str| Query::parse(query).proof_range().map_err(|e| e.body().code);
        let tree = TreeId::new(5).map(NamedTree::Id);
        assert_eq!(
            range("lastSize=3&treeID=5"),
            Ok(ProofRange {
                first: 1,
                last: 3,
                tree
            })
        );
        assert_eq!(range("firstSize=4&lastSize=3"), Err(400));
        assert_eq!(range("firstSize=0&lastSize=3"), Err(609));
        assert_eq!(range("firstSize=1"), Err(602));
        assert_eq!(range("lastSize=1&treeID=a"), Err(605));
        assert_eq!(range("lastSize=1&treeID=99999999999999999999"), Err(400));
        let zero = range("lastSize=1&treeID=0").unwrap();
        assert_eq!(zero.tree, Some(NamedTree::Zero));
    }
}
