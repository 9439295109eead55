//! The text of a .repo file, as Copr's server renders it: dnf's configuration of one or more repositories.
//!
//! Everything that goes into it comes from a hub, so every value is checked: nothing can break out of its line, begin a
//! section or name a repository that dnf refuses.

use std::fmt::Write as _;

/// Longest value of one line, in bytes.
const LONGEST: usize = 4096;

/// One section: one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoSection {
    /// The repository's id, e.g. `copr:HOST:OWNER:DIRNAME`: letters, digits and `-_.:+`.
    pub id: String,
    /// What dnf shows.
    pub name: String,
    /// Where its `repodata/` is, `$releasever` and `$basearch` allowed; http, https or ftp.
    pub baseurl: String,
    /// The key that packages are signed with; `None` writes `gpgcheck=0`.
    pub gpgkey: Option<String>,
    /// Whether the metadata are checked as well, with the same key; without a key they are not.
    pub repo_gpgcheck: bool,
    /// Whether dnf uses it.
    pub enabled: bool,
    /// dnf's `cost`, left out when `None`.
    pub cost: Option<i64>,
    /// dnf's `priority`, left out when `None`.
    pub priority: Option<i64>,
    /// dnf's `module_hotfixes`, left out when false.
    pub module_hotfixes: bool,
}

impl RepoSection {
    /// An enabled repository without key and options.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>, baseurl: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            baseurl: baseurl.into(),
            gpgkey: None,
            repo_gpgcheck: false,
            enabled: true,
            cost: None,
            priority: None,
            module_hotfixes: false,
        }
    }
}

/// A value that may not stand in a .repo file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} cannot be written into a .repo file: {reason}")]
pub struct RepoFileError {
    /// Which value, e.g. `baseurl`.
    pub what: &'static str,
    /// The value, cut to 200 characters.
    pub value: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Renders a file: `comments` as `# ` lines, then the sections.
///
/// # Errors
/// [`RepoFileError`] for the first value that may not stand in such a file.
pub fn render(comments: &[String], sections: &[RepoSection]) -> Result<String, RepoFileError> {
    let mut text = String::new();
    for comment in comments {
        one_line("comment", comment)?;
        let _ = writeln!(text, "# {comment}");
    }
    for section in sections {
        check_id(&section.id)?;
        one_line("name", &section.name)?;
        check_url("baseurl", &section.baseurl)?;
        if let Some(key) = &section.gpgkey {
            check_url("gpgkey", key)?;
        }
        let RepoSection { id, name, baseurl, .. } = section;
        let _ = write!(text, "[{id}]\nname={name}\nbaseurl={baseurl}\ntype=rpm-md\nskip_if_unavailable=True\n");
        match &section.gpgkey {
            Some(key) => {
                let _ = write!(text, "gpgcheck=1\ngpgkey={key}\n");
            }
            None => text.push_str("gpgcheck=0\n"),
        }
        let _ = writeln!(text, "repo_gpgcheck={}", u8::from(section.repo_gpgcheck && section.gpgkey.is_some()));
        if let Some(cost) = section.cost {
            let _ = writeln!(text, "cost={cost}");
        }
        let _ = write!(text, "enabled={}\nenabled_metadata=1\n", u8::from(section.enabled));
        if section.module_hotfixes {
            text.push_str("module_hotfixes=1\n");
        }
        if let Some(priority) = section.priority {
            let _ = writeln!(text, "priority={priority}");
        }
    }
    Ok(text)
}

fn fail(what: &'static str, value: &str, reason: &'static str) -> RepoFileError {
    RepoFileError { what, value: value.chars().take(200).collect(), reason }
}

fn one_line(what: &'static str, value: &str) -> Result<(), RepoFileError> {
    if value.len() > LONGEST {
        return Err(fail(what, value, "it is too long"));
    }
    if value.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}') {
        return Err(fail(what, value, "it has a line break or another control character"));
    }
    if value.trim() != value || value.is_empty() {
        return Err(fail(what, value, "it is empty, or begins or ends with a blank"));
    }
    Ok(())
}

fn check_id(id: &str) -> Result<(), RepoFileError> {
    one_line("repository id", id)?;
    if id == "main" || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:+".contains(&b)) {
        return Err(fail("repository id", id, "only letters, digits and -_.:+ are allowed"));
    }
    Ok(())
}

fn check_url(what: &'static str, url: &str) -> Result<(), RepoFileError> {
    one_line(what, url)?;
    let Some((scheme, rest)) = url.split_once("://") else { return Err(fail(what, url, "it is no URL")) };
    if !["http", "https", "ftp"].contains(&scheme) {
        return Err(fail(what, url, "only http, https and ftp are allowed"));
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        return Err(fail(what, url, "it has no host"));
    }
    if host.contains('@') {
        return Err(fail(what, url, "it has a user name or a password"));
    }
    if url.contains([' ', '"', '<', '>', '\\', ',']) {
        return Err(fail(what, url, "it has a character that must be percent-encoded"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> RepoSection {
        RepoSection::new(
            "copr:h:group_g:p",
            "Copr repo for p owned by @g",
            "http://h:1/results/@g/p/fedora-$releasever-$basearch/",
        )
    }

    #[test]
    fn a_file_has_the_lines_that_copr_writes() {
        let signed = RepoSection {
            gpgkey: Some("http://h/results/@g/p/pubkey.gpg".to_owned()),
            repo_gpgcheck: true,
            priority: Some(5),
            cost: Some(1100),
            module_hotfixes: true,
            ..section()
        };
        let off =
            RepoSection { enabled: false, repo_gpgcheck: true, ..RepoSection::new("coprdep:http_x", "x", "http://x/") };
        assert_eq!(
            render(&["copr-requested: yes".to_owned()], &[signed, off]).as_deref(),
            Ok("# copr-requested: yes\n[copr:h:group_g:p]\nname=Copr repo for p owned by @g\n\
                baseurl=http://h:1/results/@g/p/fedora-$releasever-$basearch/\ntype=rpm-md\nskip_if_unavailable=True\n\
                gpgcheck=1\ngpgkey=http://h/results/@g/p/pubkey.gpg\nrepo_gpgcheck=1\ncost=1100\nenabled=1\n\
                enabled_metadata=1\nmodule_hotfixes=1\npriority=5\n[coprdep:http_x]\nname=x\nbaseurl=http://x/\n\
                type=rpm-md\nskip_if_unavailable=True\ngpgcheck=0\nrepo_gpgcheck=0\nenabled=0\nenabled_metadata=1\n")
        );
    }

    #[test]
    fn nothing_breaks_out_of_its_line() {
        let bad = |change: fn(&mut RepoSection)| {
            let mut bad = section();
            change(&mut bad);
            render(&[], &[bad]).unwrap_err().to_string()
        };
        assert!(bad(|s| s.id = "a]\n[b".to_owned()).contains("control character"));
        assert!(bad(|s| s.id = "a]b".to_owned()).contains("only letters"));
        assert!(bad(|s| s.id = "/../x".to_owned()).contains("only letters"));
        assert!(bad(|s| s.name = "a\r\nbaseurl=file:///".to_owned()).contains("control character"));
        assert!(bad(|s| s.baseurl = "file:///etc".to_owned()).contains("only http"));
        assert!(bad(|s| s.baseurl = "http://u:p@h/".to_owned()).contains("a password"));
        assert!(bad(|s| s.baseurl = "http://a/ http://b/".to_owned()).contains("percent-encoded"));
        assert!(bad(|s| s.gpgkey = Some("x".repeat(5000))).contains("too long"));
        assert!(render(&["a\nb".to_owned()], &[]).is_err());
    }
}
