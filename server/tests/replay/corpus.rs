//! The recorded cases; `SOURCE` beside them says what is in them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::state::State;

const CASES: &str = include_str!("../vectors/rekor-v1-recorded/cases.jsonl");

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) request: Request,
    pub(crate) expect: Expect,
    #[serde(default)]
    pub(crate) creates: bool,
}

#[derive(Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    body: Option<String>,
    body_b64: Option<String>,
    body_fill: Option<Fill>,
    /// Whether there are placeholders in the body.
    #[serde(default)]
    subst: bool,
    #[serde(default)]
    pub(crate) chunked: bool,
}

#[derive(Deserialize)]
struct Fill {
    head: String,
    unit: String,
    count: usize,
    tail: String,
}

#[derive(Deserialize)]
pub(crate) struct Expect {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) accept: Vec<u16>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body_kind: BodyKind,
    #[serde(default)]
    pub(crate) body: Value,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BodyKind {
    Json,
    Empty,
    Text,
    Pubkey,
    PubkeyJson,
    Length,
}

impl Request {
    pub(crate) fn body(&self, state: &State) -> Bytes {
        match (&self.body, &self.body_b64, &self.body_fill) {
            (Some(body), _, _) if self.subst => state.fill(body).into(),
            (Some(body), _, _) => body.clone().into(),
            (_, Some(body), _) => STANDARD.decode(body).unwrap().into(),
            (_, _, Some(fill)) => {
                (fill.head.clone() + &fill.unit.repeat(fill.count) + &fill.tail).into()
            }
            _ => Bytes::new(),
        }
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let cases = CASES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    cases.collect()
}
