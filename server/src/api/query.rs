//! The query of a URL, read strictly: a parameter that does not exist is refused, as a field of a body would be.

use axum::extract::Query as Pairs;
use bytes::Bytes;
use http::Uri;
use treering_api::json::verifier_from_query;
use treering_api::log::{LogName, Wait};
use treering_api::reject::Reject;
use treering_tlog::{LeafIndex, TreeSize};

/// The only parameter that may stand there more than once.
const REPEATABLE: &str = "verifiers";
/// As much of a wrong value as an error repeats, in characters.
const ECHO: usize = 80;

/// The parameters of a request.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query that may hold the parameters `known`.
    ///
    /// # Errors
    /// `Malformed` for another parameter, or one that is given twice.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Self, Reject> {
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Reject::malformed("a query of name=value pairs", error.to_string()))?;
        for (position, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let expected = if known.is_empty() {
                    "no parameters".to_owned()
                } else {
                    format!("only the parameters {}", known.join(", "))
                };
                return Err(Reject::malformed(expected, echo(name)));
            }
            if name != REPEATABLE && pairs.iter().take(position).any(|(other, _)| other == name) {
                return Err(Reject::malformed(
                    format!("parameter {name} once"),
                    "it twice",
                ));
            }
        }
        Ok(Self(pairs))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameter `log`.
    ///
    /// # Errors
    /// `Malformed` for a name that no log can have.
    pub fn log(&self) -> Result<Option<LogName>, Reject> {
        self.get("log").map(LogName::new).transpose()
    }

    /// The parameters `verifiers`, decoded.
    ///
    /// # Errors
    /// `Malformed` if one is not base64.
    pub fn verifiers(&self) -> Result<Vec<Bytes>, Reject> {
        self.0
            .iter()
            .filter(|(name, _)| name == REPEATABLE)
            .map(|(_, value)| verifier_from_query(value))
            .collect()
    }

    /// The parameter `wait`.
    ///
    /// # Errors
    /// `Malformed` for a word that means nothing.
    pub fn wait(&self) -> Result<Wait, Reject> {
        Wait::parse(self.get("wait"))
    }

    /// A parameter that is `true` or `false`; false where it is missing.
    ///
    /// # Errors
    /// `Malformed` for another word.
    pub fn flag(&self, name: &str) -> Result<bool, Reject> {
        self.get(name).map_or(Ok(false), |text| {
            text.parse()
                .map_err(|_| Reject::malformed(format!("{name} to be true or false"), echo(text)))
        })
    }

    /// A parameter that is an index.
    ///
    /// # Errors
    /// `Malformed` if it is something else.
    pub fn index(&self, name: &str) -> Result<Option<LeafIndex>, Reject> {
        self.number(name, "an index below 2^63")
    }

    /// A parameter that is a size of a tree.
    ///
    /// # Errors
    /// `Malformed` if it is something else.
    pub fn size(&self, name: &str) -> Result<Option<TreeSize>, Reject> {
        self.number(name, "a size up to 2^63-1")
    }

    fn number<T: std::str::FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Reject> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| Reject::malformed(format!("{name} to be {what}"), echo(text)))
        };
        self.get(name).map(parse).transpose()
    }
}

/// The refusal of a request without a parameter that it needs.
pub(crate) fn missing(name: &str) -> Reject {
    Reject::malformed(format!("parameter {name}"), "none")
}

fn echo(text: &str) -> String {
    let short: String = text.chars().take(ECHO).collect();
    format!("{short:?}")
}
