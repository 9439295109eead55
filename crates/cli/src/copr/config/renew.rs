//! A new token in the configuration file: all else in it stays, and it is never half-written.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use copr_api::v3::ApiToken;
use tempfile::NamedTempFile;

use super::SECTION;
use crate::copr::failure::Failure;

/// What begins the line that tells until when a token is good.
const EXPIRATION: &str = "# expiration date:";

/// A configuration file that is to get a new token.
#[derive(Debug)]
pub(in crate::copr) struct Renewal {
    path: PathBuf,
    text: String,
    /// Beside the file, so that it can take its place.
    new: NamedTempFile,
}

impl Renewal {
    /// Prepares it: what can go wrong goes wrong before the hub has made the old token useless.
    ///
    /// # Errors
    /// [`Failure::Config`] when there is no such file, it has no login and token, or its folder cannot be written.
    pub(in crate::copr) fn of(path: Option<&Path>) -> Result<Self, Failure> {
        let bad = |what: String| Failure::Config(format!("{what} Can't update."));
        let path = path.ok_or_else(|| bad("There is no home folder with a configuration file.".to_owned()))?;
        let shown = path.display();
        // What a link leads to is replaced, not the link.
        let path = fs_err::canonicalize(path).map_err(|_| bad(format!("File {shown} not found.")))?;
        let text = fs_err::read_to_string(&path).map_err(|error| bad(format!("{error}.")))?;
        if rewritten(&text, "login", "token", "").is_none() {
            return Err(bad(format!("Current {shown} doesn't specify login/token.")));
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        let new =
            NamedTempFile::new_in(folder).map_err(|error| bad(format!("File {shown} is not writable ({error}).")))?;
        Ok(Self { path, text, new })
    }

    /// Puts the new token in. The file is readable by its owner alone from then on.
    ///
    /// # Errors
    /// [`Failure::Config`] when the disk is full, or the like.
    pub(in crate::copr) fn finish(mut self, token: &ApiToken) -> Result<PathBuf, Failure> {
        let bad =
            |error: std::io::Error, path: &Path| Failure::Config(format!("cannot write {}: {error}", path.display()));
        let secret = token.api_token.expose();
        let plain = |word: &str| !word.is_empty() && !word.chars().any(|c| c.is_control() || c.is_whitespace());
        let text = rewritten(&self.text, &token.api_login, secret, &token.expiration)
            .filter(|_| plain(&token.api_login) && plain(secret) && !token.expiration.contains(['\n', '\r']))
            .ok_or_else(|| {
                Failure::Answer("the server's new token cannot stand in the configuration file".to_owned())
            })?;
        let written = self.new.write_all(text.as_bytes()).and_then(|()| self.new.as_file().sync_all());
        written.map_err(|error| bad(error, &self.path))?;
        self.new.persist(&self.path).map_err(|error| bad(error.error, &self.path))?;
        Ok(self.path)
    }
}

/// The text with another login, token and day; none unless its section has both.
fn rewritten(text: &str, login: &str, token: &str, expiration: &str) -> Option<String> {
    let (mut inside, mut seen, mut dated) = (false, (false, false), false);
    let mut lines = Vec::new();
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with('[') {
            inside = bare.eq_ignore_ascii_case(&format!("[{SECTION}]"));
        }
        let key = bare.split(['=', ':']).next().unwrap_or_default().trim().to_ascii_lowercase();
        let comment = bare.starts_with(['#', ';']);
        lines.push(match key.as_str() {
            "login" if inside && !comment => {
                seen.0 = true;
                format!("login = {login}")
            }
            "token" if inside && !comment => {
                seen.1 = true;
                format!("token = {token}")
            }
            _ if bare.starts_with(EXPIRATION) => {
                dated = true;
                format!("{EXPIRATION} {expiration}")
            }
            _ => line.to_owned(),
        });
    }
    if !dated {
        lines.push(format!("{EXPIRATION} {expiration}"));
    }
    (seen == (true, true)).then(|| lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use copr_api::names::Secret;

    use super::*;

    fn token() -> ApiToken {
        ApiToken { api_login: "new".to_owned(), api_token: Secret::new("t2"), expiration: "2031-01-01".to_owned() }
    }

    #[test]
    fn only_login_token_and_day_change_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real"), folder.path().join("copr"));
        let text = "# mine\n[other]\nlogin = x\n[copr-cli]\nlogin=old\n# token = no\ntoken: t1\ncopr_url = https://h\n\
                    # expiration date: 2030-01-01\n";
        fs_err::write(&path, text).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        Renewal::of(Some(&link)).unwrap().finish(&token()).unwrap();
        assert_eq!(
            fs_err::read_to_string(&link).unwrap(),
            "# mine\n[other]\nlogin = x\n[copr-cli]\nlogin = new\n# token = no\ntoken = t2\ncopr_url = https://h\n\
             # expiration date: 2031-01-01\n"
        );
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    }

    #[test]
    fn what_has_no_token_or_cannot_be_found_is_refused_before_the_hub_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copr");
        assert_eq!(Renewal::of(Some(&path)).unwrap_err().code(), 6);
        fs_err::write(&path, "[copr-cli]\nlogin = x\ncopr_url = https://h\n").unwrap();
        let failure = Renewal::of(Some(&path)).unwrap_err();
        assert!(failure.code() == 6 && failure.to_string().contains("doesn't specify login/token"), "{failure}");
    }

    #[test]
    fn a_token_that_would_write_more_than_its_line_is_refused_and_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copr");
        let text = "[copr-cli]\nlogin = x\ntoken = y\n";
        fs_err::write(&path, text).unwrap();
        let evil = ApiToken { api_token: Secret::new("t\ncopr_url=http://evil"), ..token() };
        assert!(Renewal::of(Some(&path)).unwrap().finish(&evil).is_err());
        assert_eq!(fs_err::read_to_string(&path).unwrap(), text);
    }
}
