//! Slashes. Clients of Rekor join URLs carelessly (`//api/v2`, `/api/v1/log/entries/`), so these paths are cleaned;
//! everywhere else a path is what it is, for a tile has one path only.

use super::rekor_v1;
use http::uri::PathAndQuery;
use http::{Request, Uri};

/// Cleans the path of a request under `/api/` or `//api/`: no doubled slashes, none at the end.
pub fn clean<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = cleaned(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn cleaned(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let rekor = path.starts_with("/api/") || path.starts_with("//api/");
    if !(rekor || rekor_v1::is_at(path)) {
        return None;
    }
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let mut clean = format!("/{}", segments.join("/"));
    if clean == path {
        return None;
    }
    if let Some(query) = uri.query() {
        clean.push('?');
        clean.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(clean).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::cleaned;

    #[test]
    fn only_paths_of_rekor_are_cleaned() {
        for (given, expected) in [
            ("//api/v2/log/entries", "/api/v2/log/entries"),
            ("/api/v1/log/entries/", "/api/v1/log/entries"),
            (
                "/api//v2///log/entries//?a=/b//",
                "/api/v2/log/entries?a=/b//",
            ),
            ("http://h:1//api/v2/x/", "http://h:1/api/v2/x"),
        ] {
            let uri = given.parse().expect("a URI");
            assert_eq!(
                cleaned(&uri).map(|uri| uri.to_string()).as_deref(),
                Some(expected),
                "{given}"
            );
        }
        for kept in [
            "/api/v2/log/entries",
            "/v1//entries",
            "/tile//0/000",
            "///api/v2/x",
            "/apis//x",
            "/v1/entries/",
            "/",
        ] {
            assert_eq!(cleaned(&kept.parse().expect("a URI")), None, "{kept}");
        }
    }
}
