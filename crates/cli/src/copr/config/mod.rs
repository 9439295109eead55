//! `~/.config/copr`, the file that copr-cli reads too.

mod renew;

use std::path::{Path, PathBuf};

use configparser::ini::Ini;
use copr_api::{client::Config, names::Secret};

pub(super) use self::renew::Renewal;
use super::failure::Failure;

/// The hub without a configuration file, as in copr-cli.
const DEFAULT_HUB: &str = "https://copr.fedorainfracloud.org";

const SECTION: &str = "copr-cli";

/// The file given by `--config`, or `~/.config/copr`; none without a home.
#[must_use]
pub(super) fn path(given: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    match (given, home) {
        (Some(given), home) => Some(match (given.strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => given.to_owned(),
        }),
        (None, home) => Some(home?.join(".config/copr")),
    }
}

/// Reads the file given by `--config`, or `~/.config/copr`, which may be missing.
pub(super) fn load(given: Option<&Path>, home: Option<&Path>) -> Result<Config, Failure> {
    let Some(path) = path(given, home) else { return Ok(anonymous()) };
    match fs_err::read_to_string(&path) {
        Ok(text) => parse(&text, &path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match given {
            Some(_) => Err(Failure::Config(format!("File {} is missing.", path.display()))),
            None => Ok(anonymous()),
        },
        Err(error) => Err(Failure::Config(error.to_string())),
    }
}

/// The home folder.
#[must_use]
pub(super) fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

fn anonymous() -> Config {
    Config { copr_url: DEFAULT_HUB.to_owned(), ..Config::default() }
}

/// Parses the file's text; `path` is for messages.
fn parse(text: &str, path: &Path) -> Result<Config, Failure> {
    let bad = |what: String| Failure::Config(format!("Bad configuration file {}: {what}", path.display()));
    let mut ini = Ini::new();
    ini.set_inline_comment_symbols(Some(&[])); // a token may have `#` and `;`
    ini.read(text.to_owned()).map_err(bad)?;
    if !ini.sections().iter().any(|name| name == SECTION) {
        return Err(bad(format!("it has no section [{SECTION}]")));
    }
    let value = |key: &str| ini.get(SECTION, key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let encrypted = match value("encrypted") {
        None => true,
        Some(word) => boolean(&word).ok_or_else(|| bad(format!("encrypted: {word:?} is neither True nor False")))?,
    };
    let copr_url = value("copr_url").ok_or_else(|| bad("it has no copr_url".to_owned()))?;
    if encrypted && copr_url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://")) {
        return Err(Failure::Config(
            "The `copr_url` should not be http, please obtain an up-to-date configuration from the Copr website \
             (or set `encrypted = False` for a server of your own)"
                .to_owned(),
        ));
    }
    Ok(Config { copr_url, login: value("login"), token: value("token").map(Secret::new), username: value("username") })
}

/// What Python's configparser takes for a boolean.
fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Config, String> {
        parse(text, Path::new("copr.ini")).map_err(|failure| {
            assert_eq!(failure.code(), 6);
            failure.to_string()
        })
    }

    #[test]
    fn a_file_as_the_server_prints_it_is_read() {
        let config = parsed(
            "[copr-cli]\nlogin = abc#1;2\nusername = alice\ntoken = t:=%x\ncopr_url = http://127.0.0.1:8080\n\
             encrypted = False\n# expiration date: 2030-01-01\n",
        )
        .unwrap();
        assert_eq!(config.copr_url, "http://127.0.0.1:8080");
        assert_eq!(config.login.as_deref(), Some("abc#1;2"), "comments begin at the line's start only");
        assert_eq!(config.token.unwrap().expose(), "t:=%x");
        assert_eq!(config.username.as_deref(), Some("alice"));
    }

    #[test]
    fn plain_http_needs_the_word_of_the_owner() {
        let error = parsed("[copr-cli]\ncopr_url = http://h\n").unwrap_err();
        assert!(
            error.starts_with(
                "Copr configuration error. The `copr_url` should not be http, please obtain an up-to-date configuration"
            ),
            "{error}"
        );
        assert!(parsed("[copr-cli]\ncopr_url = HTTP://h\n").is_err());
        for (word, taken) in [("off", true), ("NO", true), ("0", true), ("True", false), ("", false)] {
            assert_eq!(
                parsed(&format!("[copr-cli]\ncopr_url = http://h\nencrypted = {word}\n")).is_ok(),
                taken,
                "{word}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        for (text, part) in [
            ("", "no section [copr-cli]"),
            ("[other]\ncopr_url = https://h\n", "no section [copr-cli]"),
            ("[copr-cli]\nlogin = x\n", "no copr_url"),
            ("[copr-cli]\ncopr_url = https://h\nencrypted = maybe\n", "neither True nor False"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(part) && error.contains("copr.ini"), "{text:?}: {error}");
        }
    }

    #[test]
    fn empty_values_are_no_values() {
        let config = parsed("[copr-cli]\nlogin =\ntoken = \nusername\ncopr_url = https://h\n").unwrap();
        assert!(config.login.is_none() && config.token.is_none() && config.username.is_none());
    }

    #[test]
    fn the_default_file_may_be_missing_but_not_one_that_was_named() {
        let folder = std::env::temp_dir().join("copr-no-such-home");
        assert_eq!(load(None, Some(&folder)).unwrap().copr_url, DEFAULT_HUB);
        let failure = load(Some(Path::new("~/mine")), Some(&folder)).unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!("Copr configuration error. File {}/mine is missing.", folder.display())
        );
    }
}
