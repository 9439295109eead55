//! Names, parsed once at the edge into types: what is held here is known to be well formed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A name that is not well formed; the message says which rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?}: {rule}")]
pub struct NameError {
    /// What kind of name it should have been, e.g. `project name`.
    pub what: &'static str,
    /// The text that was given, cut to 100 characters.
    pub value: String,
    /// The rule that it breaks, as a sentence part.
    pub rule: &'static str,
}

impl NameError {
    fn new(what: &'static str, value: &str, rule: &'static str) -> Self {
        Self { what, value: value.chars().take(100).collect(), rule }
    }
}

/// Text form, parsing, serde and, as a pattern, schema for a newtype over `String`.
macro_rules! name_type {
    ($name:ident, $pattern:literal, $parse:expr) => {
        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<(), NameError> = $parse;
                check(text).map(|()| Self(text.to_owned()))
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

/// The owner of projects: a user, or a group as `@name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OwnerName(String);

name_type!(OwnerName, "^@?[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$", |text| {
    let bare = text.strip_prefix('@').unwrap_or(text);
    plain("owner name", text, bare)
});

impl OwnerName {
    /// Whether this is a group (`@name`).
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.0.starts_with('@')
    }

    /// The form used inside repository ids: `@name` becomes `group_name` (Copr, `copr_dir.repo`).
    #[must_use]
    pub fn in_repo_id(&self) -> String {
        match self.0.strip_prefix('@') {
            Some(group) => format!("group_{group}"),
            None => self.0.clone(),
        }
    }
}

/// The name of a project, without its owner: Copr's `^[\w.-]+$`, not all digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

name_type!(ProjectName, "^(?![0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$", |text| {
    plain("project name", text, text)?;
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NameError::new("project name", text, "it may not be a number"));
    }
    Ok(())
});

/// A project's directory: the project itself (`p`), or a side directory `p:custom:x` or `p:pr:12`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DirName(String);

name_type!(
    DirName,
    "^(?![0-9]+(:|$))[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}(:custom:[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}|:pr:[0-9]+)?$",
    |text| {
        let mut parts = text.splitn(3, ':');
        let project = parts.next().unwrap_or_default();
        project.parse::<ProjectName>()?;
        match (parts.next(), parts.next()) {
            (None, None) => Ok(()),
            (Some("custom"), Some(suffix)) => plain("directory name", text, suffix),
            (Some("pr"), Some(n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
            _ => Err(NameError::new(
                "directory name",
                text,
                "Please use directory format P:custom:<SUFFIX_OF_CHOICE> or P:pr:<ID>",
            )),
        }
    }
);

impl DirName {
    /// The project's part, before the first `:`.
    #[must_use]
    pub fn project(&self) -> ProjectName {
        ProjectName(self.0.split(':').next().unwrap_or_default().to_owned())
    }
}

/// Letters, digits, `_ . + -`; begins with a letter, digit or `_`; 1 to 100 characters.
fn plain(what: &'static str, whole: &str, text: &str) -> Result<(), NameError> {
    let first_ok = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !first_ok {
        return Err(NameError::new(what, whole, "it must begin with a letter or a digit"));
    }
    if text.len() > 100 {
        return Err(NameError::new(what, whole, "it may have 100 characters at most"));
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.+-".contains(&b)) {
        return Err(NameError::new(
            what,
            whole,
            "it may have only letters, digits, dashes, underscores, dots and pluses",
        ));
    }
    Ok(())
}

/// What one builds for and enables: `distro-release-arch`, e.g. `fedora-44-x86_64`; the distribution may have dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Chroot(String);

name_type!(Chroot, "^[A-Za-z0-9_][A-Za-z0-9_.+-]*-[A-Za-z0-9_.+]+-[A-Za-z0-9_.+]+$", |text| {
    plain("chroot", text, text)?;
    let parts: Vec<&str> = text.rsplitn(3, '-').collect();
    if parts.len() != 3 || parts.iter().any(|part| part.is_empty()) {
        return Err(NameError::new("chroot", text, "it must have the form distribution-release-architecture"));
    }
    Ok(())
});

impl Chroot {
    /// `fedora` of `fedora-44-x86_64`.
    #[must_use]
    pub fn distro(&self) -> &str {
        self.0.rsplitn(3, '-').nth(2).unwrap_or_default()
    }

    /// `44` of `fedora-44-x86_64`.
    #[must_use]
    pub fn release(&self) -> &str {
        self.0.rsplit('-').nth(1).unwrap_or_default()
    }

    /// `x86_64` of `fedora-44-x86_64`.
    #[must_use]
    pub fn arch(&self) -> &str {
        self.0.rsplit('-').next().unwrap_or_default()
    }

    /// `fedora-44` of `fedora-44-x86_64`: what the stock plugins call name-release.
    #[must_use]
    pub fn name_release(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(head, _)| head)
    }
}

/// Text that must never be shown: its `Debug` is a constant, and it has no `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "password" })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chroot_is_read_from_its_end_because_distributions_have_dashes() {
        let chroot: Chroot = "centos-stream-10-x86_64".parse().unwrap();
        assert_eq!((chroot.distro(), chroot.release(), chroot.arch()), ("centos-stream", "10", "x86_64"));
        assert_eq!(chroot.name_release(), "centos-stream-10");
        assert!("fedora-x86_64".parse::<Chroot>().is_err());
    }

    #[test]
    fn names_that_could_climb_out_of_a_folder_are_refused() {
        for bad in ["", ".", "..", "a/b", "a\0b", "-x", ".hidden", "ä", "a b", "12345"] {
            assert!(bad.parse::<ProjectName>().is_err(), "{bad:?}");
        }
        for bad in ["@", "@@x", "@-x", "a@b", "../x"] {
            assert!(bad.parse::<OwnerName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn side_directories_have_two_forms_and_the_refusal_names_them() {
        assert!("p:custom:x".parse::<DirName>().is_ok());
        assert!("p:pr:12".parse::<DirName>().is_ok());
        let error = "p:example".parse::<DirName>().unwrap_err();
        assert!(error.to_string().contains("P:custom:<SUFFIX_OF_CHOICE> or P:pr:<ID>"), "{error}");
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }
}
