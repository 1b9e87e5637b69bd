//! The list of a server's logs.

use serde::{Deserialize, Serialize};
use treering_tlog::TreeSize;

use super::fields::tree_size;
use crate::log::{Dialect, LogInfo, LogName};

/// The answer of `GET /v1/logs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogsJson {
    /// In the order they were added.
    pub logs: Vec<LogInfoJson>,
}

/// One log; see [`LogInfo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogInfoJson {
    /// Its name.
    pub name: LogName,
    /// The dialect of its leaves.
    pub dialect: Dialect,
    /// The first line of its checkpoints.
    pub origin: String,
    /// Its checkpoint key.
    pub vkey: String,
    /// Whether it takes new entries.
    pub state: LogState,
    /// The size of its newest published checkpoint.
    #[serde(with = "tree_size")]
    pub size: TreeSize,
}

/// Whether a log takes new entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogState {
    /// It does.
    Active,
    /// It only answers.
    Frozen,
}

impl From<LogInfo> for LogInfoJson {
    fn from(info: LogInfo) -> Self {
        let LogInfo {
            name,
            dialect,
            origin,
            vkey,
            frozen,
            size,
        } = info;
        let state = if frozen {
            LogState::Frozen
        } else {
            LogState::Active
        };
        Self {
            name,
            dialect,
            origin,
            vkey,
            state,
            size,
        }
    }
}

impl From<LogInfoJson> for LogInfo {
    fn from(json: LogInfoJson) -> Self {
        let LogInfoJson {
            name,
            dialect,
            origin,
            vkey,
            state,
            size,
        } = json;
        Self {
            name,
            dialect,
            origin,
            vkey,
            frozen: state == LogState::Frozen,
            size,
        }
    }
}

impl From<Vec<LogInfo>> for LogsJson {
    fn from(logs: Vec<LogInfo>) -> Self {
        Self {
            logs: logs.into_iter().map(LogInfoJson::from).collect(),
        }
    }
}

impl From<LogsJson> for Vec<LogInfo> {
    fn from(json: LogsJson) -> Self {
        json.logs.into_iter().map(LogInfo::from).collect()
    }
}
