//! All that Tekton Chains asked rekor-server: what it posts, posts again and fetches then.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::corpus::Case;
use super::proofs::Proofs;
use super::replay::replay;
use super::support::Running;

const EXCHANGES: &str = include_str!("../vectors/chains-recorded/exchanges.jsonl");
/// The tree of the recorded server, in front of its entries' ids.
const TREE: &str = "51c07879ebc917d6";
/// Headers of a request that belong to its connection.
const CONNECTION: [&str; 3] = ["host", "connection", "content-length"];
/// Headers of an answer that are the server's.
const COMPARED: [&str; 4] = ["content-type", "cache-control", "etag", "location"];

#[derive(Deserialize)]
struct Exchange {
    case: String,
    request: Request,
    response: Response,
    altered: bool,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// The exchanges as cases: what belongs to the recorded log alone becomes placeholders.
#[derive(Default)]
struct Templates {
    /// The index here of each entry, by its id there.
    indexes: BTreeMap<String, u64>,
}

fn here(text: &str) -> String {
    text.replace(TREE, "${TREE_HEX}")
}

/// What an entry has here, by what it has there: its leaf, its payload and the shape of what proves it are the same.
fn entry(theirs: &Value, index: u64, size: u64) -> Value {
    let mut entry = json!({
        "body": theirs["body"],
        "integratedTime": {"$time": 1},
        "logID": "${LOG_ID}",
        "logIndex": {"$v": index},
        "verification": {
            "inclusionProof": {
                "checkpoint": {"$checkpoint": 1},
                "hashes": {"$any": 1},
                "logIndex": {"$l": index},
                "rootHash": {"$sig": 1},
                "treeSize": {"$size": size},
            },
            "signedEntryTimestamp": {"$sig": 1},
        },
    });
    if let Some(attestation) = theirs.get("attestation") {
        entry["attestation"] = attestation.clone();
    }
    entry
}

impl Templates {
    fn entries(&mut self, body: &str) -> Value {
        let entries: Map<String, Value> = serde_json::from_str(body).unwrap();
        let mut out = Map::new();
        for (id, theirs) in &entries {
            let end = self.indexes.len() as u64;
            let index = *self.indexes.entry(id.clone()).or_insert(end);
            let size = self.indexes.len() as u64;
            out.insert(here(id), entry(theirs, index, size));
        }
        out.into()
    }

    /// What is expected: the kind of the body, and the body.
    fn body(&mut self, response: &Response) -> (&'static str, Value) {
        if response.body.starts_with("-----BEGIN PUBLIC KEY-----") {
            return ("pubkey", Value::Null);
        }
        if response.status < 300 {
            return ("json", self.entries(&response.body));
        }
        let error: Value = serde_json::from_str(&response.body).unwrap();
        let text = here(error["message"].as_str().unwrap());
        let parts: Vec<&str> = text.split_inclusive(": ").collect();
        let message = json!({"$msg": text, "must": parts});
        ("json", json!({"code": error["code"], "message": message}))
    }

    /// What the server answered before the answer was lost: an entry, of which later answers tell the id.
    fn lost(&mut self, exchange: &Exchange, later: &Exchange) -> Value {
        assert_eq!(
            (
                exchange.request.body == later.request.body,
                later.response.status
            ),
            (true, 409)
        );
        let location = later
            .response
            .headers
            .iter()
            .find(|(name, _)| name == "Location");
        let location = &location.unwrap().1;
        let id = location.strip_prefix("/api/v1/log/entries/").unwrap();
        let index = self.indexes.len() as u64;
        self.indexes.insert(id.to_owned(), index);
        let headers = json!({"content-type": "application/json", "location": here(location), "etag": here(id)});
        let body = json!({here(id): {"$any": 1}});
        json!({"status": 201, "headers": headers, "body_kind": "json", "body": body})
    }

    fn expect(&mut self, response: &Response) -> Value {
        let headers = response.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), here(value).into()));
        let headers: Map<String, Value> = headers
            .filter(|(name, _)| COMPARED.contains(&name.as_str()))
            .collect();
        let (kind, body) = self.body(response);
        json!({"status": response.status, "headers": headers, "body_kind": kind, "body": body})
    }

    fn case(&mut self, number: usize, exchange: &Exchange, later: Option<&Exchange>) -> Case {
        let expect = if exchange.altered {
            self.lost(exchange, later.unwrap())
        } else {
            self.expect(&exchange.response)
        };
        let asked = &exchange.request;
        let headers = asked.headers.iter();
        let headers =
            headers.filter(|(name, _)| !CONNECTION.contains(&name.to_ascii_lowercase().as_str()));
        let headers: BTreeMap<&String, &String> =
            headers.map(|(name, value)| (name, value)).collect();
        let case = json!({
            "id": format!("{number} {}", exchange.case),
            "creates": expect["status"] == 201,
            "request": {
                "method": asked.method, "path": here(&asked.path), "headers": headers, "body": asked.body,
            },
            "expect": expect,
        });
        serde_json::from_value(case).unwrap()
    }
}

fn cases() -> Vec<Case> {
    let lines = EXCHANGES.lines();
    let exchanges: Vec<Exchange> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut templates = Templates::default();
    let numbered = exchanges.iter().enumerate();
    numbered
        .map(|(i, exchange)| templates.case(i, exchange, exchanges.get(i + 1)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_is_answered_as_rekor_server_did() {
    let server = Running::start().await;
    let cases = cases();
    let with = |status: u16| {
        cases
            .iter()
            .filter(|case| case.expect.status == status)
            .count()
    };
    assert_eq!([201, 409, 400, 200].map(with), [120, 12, 1, 24]);
    let Proofs { entries, .. } = replay(&server, &cases, &[]).await;
    assert_eq!(entries, 120 + 12, "those posted, and those fetched");
    assert!(server.stop().await);
}
