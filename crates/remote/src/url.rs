//! Where a repository is.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::error::{Error, cut};

/// URL of the folder that has `repodata/`: `http://`, `https://` or `file://`, no query, no fragment, no trailing slash.
///
/// A password in it is used but never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RepoUrl(url::Url);

impl FromStr for RepoUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |reason: &str| Error::BadUrl { url: redacted(text), reason: reason.to_owned() };
        let mut url = url::Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        match url.scheme() {
            "http" | "https" => {}
            "file" => {
                if url.host_str().is_some_and(|host| !host.is_empty()) || url.to_file_path().is_err() {
                    return Err(bad("a file:// URL must be absolute, and of this machine: file:///path"));
                }
            }
            _ => return Err(bad("only http://, https:// and file:// are understood")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("a query or fragment has no place in it"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }
}

/// Text of what may be a URL with everything between `//` and `@` hidden.
pub(crate) fn redacted(text: &str) -> String {
    let text = cut(text);
    match (text.find("://"), text.rfind('@')) {
        (Some(start), Some(end)) if start + 3 <= end => {
            format!("{}…{}", text.get(..start + 3).unwrap_or_default(), text.get(end..).unwrap_or_default())
        }
        _ => text,
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.password().is_some() {
            let mut shown = self.0.clone();
            // Only URLs without a host refuse this, and those have no password.
            let _ = shown.set_password(Some("***"));
            return f.write_str(shown.as_str().trim_end_matches('/'));
        }
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoUrl({self})")
    }
}

impl RepoUrl {
    /// Whether this is a folder of this machine.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.0.scheme() == "file"
    }

    /// The folder of a `file://` URL.
    #[must_use]
    pub fn to_path(&self) -> Option<PathBuf> {
        if self.is_file() { self.0.to_file_path().ok() } else { None }
    }

    /// URL of a single document, such as a list of mirrors: it may have a query.
    pub(crate) fn document(text: &str) -> Result<Self, Error> {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        let mut url: Self = path.parse()?;
        url.0.set_query(query);
        Ok(url)
    }

    /// The path of `href` below the repository as a path of files: with its `%XX` resolved, as a web server finds it.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub(crate) fn relative(href: &str) -> Result<PathBuf, Error> {
        let root: Self = "file:///".parse()?;
        let joined = root.join(href)?;
        let path = joined.to_path().unwrap_or_default();
        let path: PathBuf = path.components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect();
        if path.as_os_str().is_empty() {
            let reason = "it is empty";
            return Err(Error::Refused { repository: root.to_string(), location: cut(href), reason });
        }
        Ok(path)
    }

    /// The URL itself, for the one place that sends requests; may hold a password.
    pub(crate) fn url(&self) -> &url::Url {
        &self.0
    }

    /// The place that `href` names below this one. An href is a relative path as librepo understands it: `%41` is `A`,
    /// and characters that a URL may not have are taken as they are.
    ///
    /// # Errors
    /// [`Error::Refused`] for hrefs that are empty, absolute, have a scheme, or climb (`..`, also as `%2e%2e`).
    pub fn join(&self, href: &str) -> Result<Self, Error> {
        let refused = |reason| Error::Refused { repository: self.to_string(), location: cut(href), reason };
        if href.is_empty() {
            return Err(refused("it is empty"));
        }
        if href.len() > 4096 {
            return Err(refused("it is longer than 4096 bytes"));
        }
        if href.starts_with('/') {
            return Err(refused("it is absolute"));
        }
        let scheme = href.split('/').next().unwrap_or_default();
        if scheme.ends_with(':') || href.contains("://") {
            return Err(refused("it is a URL of its own"));
        }
        for segment in href.split('/') {
            let decoded = decoded(segment);
            if decoded == b".." {
                return Err(refused("it climbs out of the repository"));
            }
            if decoded.iter().any(|&b| matches!(b, 0..=31 | 127 | b'\\' | b'/')) {
                return Err(refused("it has characters that no path here may have"));
            }
        }
        let mut url = self.0.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        for segment in href.split('/').filter(|segment| !segment.is_empty() && decoded(segment) != b".") {
            path.push('/');
            path.push_str(segment);
        }
        url.set_path(&path);
        Ok(Self(url))
    }
}

/// A path segment with its `%XX` resolved; what is no `%XX` stays.
pub(crate) fn decoded(segment: &str) -> Vec<u8> {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let hex = |b: Option<&u8>| b.and_then(|&b| char::from(b).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, hex(tail.first()), hex(tail.get(1))) {
            out.push(u8::try_from(high * 16 + low).unwrap_or_default());
            rest = tail.get(2..).unwrap_or_default();
        } else {
            out.push(first);
            rest = tail;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> RepoUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_trailing_slash_does_not_make_another_repository() {
        assert_eq!(url("http://example.org/r/"), url("http://example.org/r"));
        assert_eq!(url("http://example.org/").to_string(), "http://example.org");
    }

    #[test]
    fn only_http_and_files_of_this_machine_are_urls_of_repositories() {
        for bad in ["", "r", "/srv/r", "ftp://example.org/r", "file://host/r", "http://e/?x", "http://e/#x", "s3://b/r"]
        {
            let error = bad.parse::<RepoUrl>().unwrap_err();
            assert!(matches!(error, Error::BadUrl { .. }), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(url("https://me:secret@example.org/r").to_string(), "https://me:***@example.org/r");
        let error = "ftp://me:secret@example.org/r".parse::<RepoUrl>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn hrefs_lead_below_the_repository() {
        let base = url("http://example.org/r");
        assert_eq!(
            base.join("Packages/a/a-1^2~rc+1.rpm").unwrap(),
            url("http://example.org/r/Packages/a/a-1^2~rc+1.rpm")
        );
        assert_eq!(base.join("./a b?.rpm").unwrap().0.as_str(), "http://example.org/r/a%20b%3F.rpm");
        assert_eq!(base.join("a%20b.rpm").unwrap().0.as_str(), "http://example.org/r/a%20b.rpm");
        assert_eq!(url("file:///srv/r").join("a%20b.rpm").unwrap().to_path().unwrap(), PathBuf::from("/srv/r/a b.rpm"));
    }

    #[test]
    fn a_path_of_files_is_what_a_web_server_finds() {
        assert_eq!(RepoUrl::relative("Packages/a/a%20b.rpm").unwrap(), PathBuf::from("Packages/a/a b.rpm"));
        assert_eq!(RepoUrl::relative("./a//b.rpm").unwrap(), PathBuf::from("a/b.rpm"));
        for bad in ["", ".", "..", "a/../b", "%2e%2e/a", "/a", "a%2fb"] {
            assert!(RepoUrl::relative(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_url_of_a_document_may_have_a_query() {
        let url = RepoUrl::document("https://m.example.org/metalink?repo=f&arch=x").unwrap();
        assert_eq!(url.to_string(), "https://m.example.org/metalink?repo=f&arch=x");
        assert!(RepoUrl::document("ftp://m.example.org/?x").is_err());
    }

    #[test]
    fn hrefs_that_lead_elsewhere_are_refused() {
        let base = url("http://example.org/r");
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "%2e%2E/x",
            "a/%2e./x",
            "http://evil.example/x",
            "file:///etc/passwd",
            "..\\x",
            "a%2f..%2fx",
            "a%00",
            "a\nb",
        ] {
            assert!(matches!(base.join(bad), Err(Error::Refused { .. })), "{bad:?}: {:?}", base.join(bad));
        }
    }
}
