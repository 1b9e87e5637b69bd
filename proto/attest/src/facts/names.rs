//! Names that several tools spell differently: package URLs, and file names of Python distributions.

use std::str::FromStr;

use packageurl::PackageUrl;

/// A package URL in its normal form, if the text is one: `pkg:npm/%40scope/x@1.0` and `pkg:npm/@scope/x@1.0` are the same.
pub fn purl(text: &str) -> Option<String> {
    if !text.starts_with("pkg:") {
        return None;
    }
    let parsed = PackageUrl::from_str(text).ok()?;
    Some(parsed.to_string())
}

/// A file name in a form that is the same however tools spell it: of a wheel, the tags are sorted and the distribution's name is
/// folded as PyPI does (statements have been seen with the tags in another order than the file); any other name stays as it is.
pub fn file_key(name: &str) -> String {
    let Some(stem) = name.strip_suffix(".whl") else {
        return name.to_owned();
    };
    let mut parts: Vec<String> = stem.split('-').map(str::to_owned).collect();
    if !matches!(parts.len(), 5 | 6) {
        return name.to_owned();
    }
    let tags = parts.len() - 3;
    for tag in parts.iter_mut().skip(tags) {
        let mut members: Vec<&str> = tag.split('.').collect();
        members.sort_unstable();
        *tag = members.join(".");
    }
    if let Some(distribution) = parts.first_mut() {
        *distribution = distribution.to_ascii_lowercase().replace('.', "_");
    }
    format!("{}.whl", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_package_url_are_one() {
        let normal = purl("pkg:npm/%40scope/x@1.0").unwrap();
        assert_eq!(normal, "pkg:npm/%40scope/x@1.0");
        assert_eq!(purl("pkg:npm/@scope/x@1.0"), Some(normal.clone()));
        assert_eq!(purl("pkg://npm/@scope/x@1.0"), Some(normal.clone()));
        assert_eq!(purl("pkg:NPM/@scope/x@1.0"), Some(normal));
        for text in ["", "pkg:", "pkg:npm", "https://example.com/pkg:npm/x", "x"] {
            assert_eq!(purl(text), None, "{text:?}");
        }
    }

    #[test]
    fn tags_of_a_wheel_are_in_one_order() {
        let written = "spt3g-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
        let stated = "spt3g-1.0-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl";
        assert_eq!(file_key(written), file_key(stated));
        assert_eq!(
            file_key("A.b-1-py3.py2-none-any.whl"),
            "a_b-1-py2.py3-none-any.whl"
        );
        assert_ne!(
            file_key("a-1-py3-none-any.whl"),
            file_key("a-2-py3-none-any.whl")
        );
        for name in ["a-1.tar.gz", "odd.whl", "", ".whl", "a-b-c-d-e-f-g.whl"] {
            assert_eq!(file_key(name), name);
        }
    }
}
