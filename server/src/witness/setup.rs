//! From the policy file to witnesses that can be asked. Everything that can be wrong with it is found at the start.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use treering_tlog::note::{KeyKind, MAX_SIGNATURES, VerifierKey};
use treering_tlog::policy::{MAX_POLICY_LEN, Policy, PolicyWitness};
use treering_tlog::witness::PATH;

use crate::config::WitnessConfig;
use crate::log::LogIdentity;

/// The most witnesses of a server: a note has a line for each, and one for the log.
pub const MAX_WITNESSES: usize = MAX_SIGNATURES - 1;

/// Why a policy is not followed: where, what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The file cannot be read.
    #[error("witness.policy: {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A line of it.
    #[error("witness.policy: {path}: line {line}: expected {expected}, found {found}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The logs of the policy are not those of the server.
    #[error(
        "witness.policy: {path}: expected no log lines, or one with the key of a log of this server ({expected}), found {found} of other logs"
    )]
    OtherLogs {
        /// The file.
        path: PathBuf,
        /// The server's.
        expected: String,
        /// How many the policy lists.
        found: usize,
    },
    /// No client for HTTP.
    #[error("no client for witnesses: {0}")]
    Client(String),
}

/// A witness that can be asked.
#[derive(Debug)]
pub struct Witness {
    /// What the policy calls it; metrics and events do, too.
    pub name: String,
    /// Its key, of type 0x04.
    pub key: VerifierKey,
    /// Where it takes checkpoints.
    pub url: Url,
}

/// A policy, and how it is followed.
#[derive(Debug)]
pub struct Setup {
    pub(super) path: PathBuf,
    pub(super) policy: Policy,
    pub(super) witnesses: Vec<Witness>,
    pub(super) client: reqwest::Client,
    pub(super) interval: Duration,
    /// How long a call may wait for the quorum.
    pub max_wait: Duration,
    text: Vec<u8>,
}

impl Setup {
    /// Reads the policy of a data directory, if the configuration names one.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn load(root: &Path, config: &WitnessConfig) -> Result<Option<Self>, SetupError> {
        let Some(path) = &config.policy else {
            return Ok(None);
        };
        let path = root.join(path);
        let text = read(&path).map_err(|error| SetupError::File {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        let at = |line, expected: String, found: String| SetupError::Line {
            path: path.clone(),
            line,
            expected,
            found,
        };
        let policy =
            Policy::parse(&text).map_err(|error| at(error.line, error.expected, error.found))?;
        let count = policy.witnesses().len();
        if !(1..=MAX_WITNESSES).contains(&count) {
            let expected = format!("1 to {MAX_WITNESSES} witness lines");
            return Err(at(1, expected, count.to_string()));
        }
        let witnesses = policy.witnesses().iter().map(|witness| {
            askable(witness).map_err(|(expected, found)| {
                at(line_of(&text, witness), expected.to_owned(), found)
            })
        });
        let witnesses = witnesses.collect::<Result<_, _>>()?;
        Ok(Some(Self {
            policy,
            witnesses,
            client: client(config.timeout).map_err(SetupError::Client)?,
            interval: config.interval,
            max_wait: config.max_wait,
            path,
            text,
        }))
    }

    /// Whether the policy is for that log: it lists its key, or no log at all.
    #[must_use]
    pub fn is_for(&self, log: &LogIdentity) -> bool {
        let logs = self.policy.logs();
        logs.is_empty() || logs.iter().any(|listed| listed.key.to_string() == log.vkey)
    }

    /// Refuses a policy that lists logs and none of these, and one in which a log would be its own witness.
    ///
    /// # Errors
    /// `OtherLogs` or `Line`.
    pub fn check_logs(&self, logs: &[&LogIdentity]) -> Result<(), SetupError> {
        if !logs.iter().any(|log| self.is_for(log)) && !logs.is_empty() {
            let vkeys: Vec<&str> = logs.iter().map(|log| log.vkey.as_str()).collect();
            return Err(SetupError::OtherLogs {
                path: self.path.clone(),
                expected: vkeys.join(", "),
                found: self.policy.logs().len(),
            });
        }
        for log in logs {
            let own = VerifierKey::parse(&log.vkey).ok();
            let material = own.as_ref().map(VerifierKey::material);
            let witnesses = self.policy.witnesses().iter();
            let mut same = witnesses.filter(|witness| Some(witness.key.material()) == material);
            if let Some(witness) = same.next() {
                return Err(SetupError::Line {
                    path: self.path.clone(),
                    line: line_of(&self.text, witness),
                    expected: "a witness's own key".to_owned(),
                    found: format!("the key of log {}", log.name),
                });
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let limit = u64::try_from(MAX_POLICY_LEN).unwrap_or(u64::MAX);
    // A byte more than is allowed, so that the parser sees that there is more.
    std::fs::File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut text)?;
    Ok(text)
}

/// The line that a witness is defined on.
fn line_of(text: &[u8], witness: &PolicyWitness) -> usize {
    let defines = |line: &[u8]| {
        let mut fields = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|field| !field.is_empty());
        fields.next() == Some(b"witness") && fields.next() == Some(witness.name.as_bytes())
    };
    let before = text
        .split(|byte| *byte == b'\n')
        .take_while(|line| !defines(line));
    before.count() + 1
}

fn askable(witness: &PolicyWitness) -> Result<Witness, (&'static str, String)> {
    if witness.key.kind() != KeyKind::CosignatureV1 {
        let found = format!("a key of another type for witness {}", witness.name);
        return Err(("a key of type 0x04, which is verified here", found));
    }
    let expected = "an http or https URL of the witness without query";
    let found = |shown: &dyn fmt::Display| (expected, format!("{shown} for {}", witness.name));
    let url = witness.url.as_ref().ok_or_else(|| found(&"none"))?;
    let text = url.as_str().ok_or_else(|| found(url))?;
    let mut parsed = Url::parse(text).map_err(|error| found(&format!("{text:?} ({error})")))?;
    let plain = matches!(parsed.scheme(), "http" | "https")
        && parsed.has_host()
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    if !plain {
        return Err(found(&format!("{text:?}")));
    }
    let path = format!("{}/{PATH}", parsed.path().trim_end_matches('/'));
    parsed.set_path(&path);
    Ok(Witness {
        name: witness.name.to_string(),
        key: witness.key.clone(),
        url: parsed,
    })
}

/// One client for all, so that connections are kept. A witness that sends elsewhere is refused: who is asked stands in
/// the policy.
fn client(timeout: Duration) -> Result<reqwest::Client, String> {
    // An error only says that somebody chose a provider before, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("treering-server/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .build()
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
