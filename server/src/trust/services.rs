//! The other services of a deployment (certificate authority, identity provider, timestamp authority), which
//! `init --services` merges into what this server publishes.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::files;

/// Where the services are kept in a data directory.
const FILE_NAME: &str = "services.json";

/// The members of Sigstore's two files that are not about logs; each is an array of objects as they stand there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Services {
    /// Of the signing configuration: certificate authorities.
    pub ca_urls: Vec<Service>,
    /// Of the signing configuration: identity providers.
    pub oidc_urls: Vec<Service>,
    /// Of the signing configuration: timestamp authorities.
    pub tsa_urls: Vec<Service>,
    /// Of the trusted root: chains of the certificate authorities.
    pub certificate_authorities: Vec<Map<String, Value>>,
    /// Of the trusted root: the logs of the certificate authorities.
    pub ctlogs: Vec<Map<String, Value>>,
    /// Of the trusted root: chains of the timestamp authorities.
    pub timestamp_authorities: Vec<Map<String, Value>>,
}

/// One service of a signing configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// Where it is.
    pub url: String,
    /// The major version of its API.
    pub major_api_version: u32,
    /// When clients may use it.
    pub valid_for: Map<String, Value>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operator: String,
}

impl Services {
    /// Reads the file that an operator wrote.
    ///
    /// # Errors
    /// What is wrong with it, for the operator.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!(
                "{}: expected an object of caUrls, oidcUrls, tsaUrls, certificateAuthorities, ctlogs and \
                 timestampAuthorities as in Sigstore's signing configuration and trusted root, found: {error}",
                path.display()
            )
        };
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if !text.trim_ascii_start().starts_with(b"{") {
            // serde would take an array for the members in order.
            return Err(wrong(&"something else"));
        }
        let services: Self = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
        if services.tsa_urls.is_empty() != services.timestamp_authorities.is_empty() {
            return Err(wrong(
                &"only one of tsaUrls and timestampAuthorities; a timestamp that nobody can verify is of no use",
            ));
        }
        Ok(services)
    }

    /// The services that `init` kept in a data directory.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load(dir: &Path) -> Result<Self, String> {
        let path = dir.join(FILE_NAME);
        if path.exists() {
            Self::read(&path)
        } else {
            Ok(Self::default())
        }
    }

    /// Keeps them in a data directory.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        files::replace(
            &dir.join(FILE_NAME),
            &serde_json::to_vec_pretty(self)?,
            files::PUBLIC,
        )
    }
}
