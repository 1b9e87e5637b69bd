//! The URL of a server: scheme, host and port.

use std::fmt;

/// Where clients reach a server: `http` or `https`, a host and perhaps a port, no path. Equal if they reach the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

/// `http://localhost`.
impl Default for ServerUrl {
    fn default() -> Self {
        Self {
            scheme: "http",
            host: "localhost".to_owned(),
            port: None,
        }
    }
}

impl ServerUrl {
    /// Reads a URL; a single `/` at its end is dropped.
    ///
    /// # Errors
    /// What was expected, when it is no such URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = |what: &str| format!("a URL such as \"https://log.example.com\" ({what})");
        let uri: http::Uri = text
            .parse()
            .map_err(|error| expected(&format!("{error}")))?;
        let (scheme, default_port) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            Some("https") => ("https", 443),
            _ => return Err(expected("scheme http or https")),
        };
        let authority = uri.authority().ok_or_else(|| expected("with a host"))?;
        if authority.as_str().contains('@') {
            return Err(expected("without a user"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
            return Err(expected(
                "without a path: clients derive the log's origin from the host alone",
            ));
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(expected("with a host"));
        }
        let port = authority.port_u16();
        if port.is_none() && authority.as_str().len() != authority.host().len() {
            return Err(expected("with a port from 1 to 65535 or none"));
        }
        Ok(Self {
            scheme,
            host,
            port: port.filter(|port| *port != default_port),
        })
    }

    /// The host name in lower case; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(&self.host)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    #[test]
    fn reads_what_reaches_a_server_and_writes_it_in_one_way() {
        for (text, written, host) in [
            (
                "http://localhost:3000",
                "http://localhost:3000",
                "localhost",
            ),
            (
                "https://Log.Example.com/",
                "https://log.example.com",
                "log.example.com",
            ),
            (
                "https://log.example.com:443",
                "https://log.example.com",
                "log.example.com",
            ),
            (
                "http://log.example.com:443",
                "http://log.example.com:443",
                "log.example.com",
            ),
            ("http://127.0.0.1:80", "http://127.0.0.1", "127.0.0.1"),
            ("http://[::1]:3000", "http://[::1]:3000", "::1"),
        ] {
            let url = ServerUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((url.to_string().as_str(), url.host()), (written, host));
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "localhost:3000",
            "localhost",
            "ftp://x",
            "http://",
            "http:///x",
            "http://x/rekor",
            "http://x/?a=b",
            "http://x?a",
            "http://u:p@x",
            "http://x:",
            "http://x:99999",
            "http://x y",
            "http://x/#a",
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
