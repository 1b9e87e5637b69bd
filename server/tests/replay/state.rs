//! What is known of the log in the middle of a replay. It began empty and takes what the recorded one took, so that an entry has
//! the same index in both, and the trees have the same roots.

use std::collections::BTreeMap;

use treering_rekor::v1::wire::LogInfo;
use treering_rekor::v1::{LogKey, Tree, TreeId};

use super::corpus::Case;
use super::support::{Answer, HOST, Running};

pub(crate) struct State {
    pub(crate) pem: String,
    pub(crate) key: LogKey,
    pub(crate) tree: Tree,
    /// How many entries there are.
    pub(crate) created: u64,
    /// Their ids, by the case that made them.
    ids: BTreeMap<String, String>,
}

impl State {
    pub(crate) async fn of(server: &Running) -> Self {
        let path = "/api/v1/log/publicKey";
        let pem = server.get(path, "application/x-pem-file").await.text();
        let spki = treering_attest::PublicKey::from_pem_or_der(pem.as_bytes()).unwrap();
        let key = LogKey::from_spki_der(spki.spki_der()).unwrap();
        let info = server.get("/api/v1/log", "application/json").await;
        let info: LogInfo = serde_json::from_slice(&info.body).unwrap();
        assert_eq!((info.active.tree_size, info.inactive_shards.len()), (0, 0));
        let id = TreeId::new(info.active.tree_id.parse().unwrap()).unwrap();
        Self {
            tree: Tree::new(&key, HOST, id).unwrap(),
            pem,
            key,
            created: 0,
            ids: BTreeMap::new(),
        }
    }

    /// Takes note of the answer to a case.
    pub(crate) fn answered(&mut self, case: &Case, answer: &Answer) {
        let made = answer.status == 201;
        assert_eq!(made, case.creates, "{}: {}", case.id, answer.text());
        if made {
            self.created += 1;
            let entries = answer.json().unwrap();
            let id = entries.as_object().unwrap().keys().next().unwrap().clone();
            self.ids.insert(case.id.clone(), id);
        }
    }

    /// Fills in a text.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind.split_once('}').unwrap();
            out.push_str(before);
            out.push_str(&self.value(name));
            rest = after;
        }
        out + rest
    }

    fn value(&self, name: &str) -> String {
        match name.split_once(':').unwrap_or((name, "")) {
            ("TREE_HEX", _) => self.tree.id().to_hex(),
            ("TREE_DEC", _) => self.tree.id().to_string(),
            ("LOG_ID", _) => self.key.log_id(),
            ("ENTRY", case) => self.ids[case].clone(),
            ("LEAF", case) => self.ids[case][16..].to_owned(),
            ("V" | "L" | "S", number) if number.starts_with('+') => {
                let end = i64::try_from(self.created).unwrap();
                (end + number[1..].parse::<i64>().unwrap()).to_string()
            }
            ("V" | "L" | "S", number) => number.to_owned(),
            other => panic!("placeholder {other:?}"),
        }
    }
}
