//! Which hub is meant: a URL, a host name, or a section of the DNF plugin's configuration, as that reads it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use configparser::ini::Ini;
use copr_api::names::{DirName, OwnerName};

const DEFAULT_SECTION: &str = "fedora";
const DEFAULT_HUB: &str = "https://copr.fedorainfracloud.org";

/// A project as people write it: `[hub/]owner/project`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) hub: Option<String>,
    pub(super) owner: OwnerName,
    pub(super) dirname: DirName,
}

impl FromStr for Written {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let form =
            || format!("{:?} names no project: HUB/OWNER/PROJECT does", text.chars().take(200).collect::<String>());
        let mut parts = text.trim_end_matches('/').rsplitn(3, '/');
        let (Some(dirname), Some(owner)) = (parts.next(), parts.next()) else { bail!(form()) };
        let hub = parts.next().map(str::to_owned);
        if hub.as_deref().is_some_and(|hub| hub.is_empty() || (hub.contains('/') && !hub.contains("://"))) {
            bail!(form());
        }
        Ok(Self { hub, owner: owner.parse().with_context(form)?, dirname: dirname.parse().with_context(form)? })
    }
}

/// The address of a hub.
pub(super) fn url(hub: Option<&str>, folder: &Path) -> Result<String> {
    if let Some(url) = hub.filter(|hub| hub.contains("://")) {
        return Ok(url.to_owned());
    }
    match (section(hub.unwrap_or(DEFAULT_SECTION), folder)?, hub) {
        (Some(url), _) => Ok(url),
        (None, None | Some(DEFAULT_SECTION)) => Ok(DEFAULT_HUB.to_owned()),
        (None, Some(host)) => {
            let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
            // A name without a dot is a section that is not there, rather than a host.
            if !host.chars().all(is_host) || !(host.contains(['.', ':']) || host == "localhost") {
                bail!(
                    "{host:?} is no hub: give its URL, its host name, or a section of copr.conf or copr.d/*.conf in {}",
                    folder.display()
                );
            }
            Ok(format!("https://{host}"))
        }
    }
}

/// The address in a section of that name; later files win.
fn section(name: &str, folder: &Path) -> Result<Option<String>> {
    let mut found = None;
    for file in files(folder) {
        let Ok(text) = fs_err::read_to_string(&file) else { continue };
        let mut ini = Ini::new_cs();
        ini.set_inline_comment_symbols(Some(&[]));
        if let Err(error) = ini.read(text) {
            bail!("{}: {error}", file.display());
        }
        let value = |key: &str| ini.get(name, key).filter(|value| !value.is_empty());
        if let (Some(host), true) = (value("hostname"), name != "main") {
            let protocol = value("protocol").unwrap_or_else(|| "https".to_owned());
            let port = value("port").map(|port| format!(":{port}")).unwrap_or_default();
            found = Some(format!("{protocol}://{host}{port}"));
        }
    }
    Ok(found)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![folder.join("copr.vendor.conf"), folder.join("copr.conf")];
    let more = fs_err::read_dir(folder.join("copr.d")).into_iter().flatten().filter_map(Result::ok);
    let mut more: Vec<PathBuf> =
        more.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "conf")).collect();
    more.sort();
    files.extend(more);
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_a_hub_an_owner_and_a_name() {
        let written: Written = "https://copr.example.org/path/@group/app:custom:x/".parse().unwrap();
        assert_eq!(written.hub.as_deref(), Some("https://copr.example.org/path"));
        assert_eq!((written.owner.as_str(), written.dirname.as_str()), ("@group", "app:custom:x"));
        assert_eq!("bob/app".parse::<Written>().unwrap().hub, None);
        assert_eq!("demo/bob/app".parse::<Written>().unwrap().hub.as_deref(), Some("demo"));
        for bad in ["", "app", "/bob/app", "a/b/bob/app", "demo/../app", "//app", "https://bob"] {
            assert!(bad.parse::<Written>().is_err(), "{bad}");
        }
    }

    #[test]
    fn hubs_are_urls_sections_and_host_names() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        fs_err::create_dir(folder.join("copr.d")).unwrap();
        fs_err::write(folder.join("copr.conf"), "[demo]\nhostname = 127.0.0.1\nprotocol = http\nport = 1\n").unwrap();
        fs_err::write(folder.join("copr.d/a.conf"), "[demo]\nhostname=127.0.0.1\nprotocol=http\nport=8080\n").unwrap();
        fs_err::write(folder.join("copr.d/b.conf"), "[x]\nhostname=x.example.org\n").unwrap();
        let address = |hub| url(hub, folder).unwrap();
        assert_eq!(address(Some("demo")), "http://127.0.0.1:8080");
        assert_eq!(address(Some("x")), "https://x.example.org");
        assert_eq!(address(Some("y.example.org:8443")), "https://y.example.org:8443");
        assert_eq!(address(Some("http://z.example.org")), "http://z.example.org");
        assert_eq!((address(None), address(Some("fedora"))), (DEFAULT_HUB.to_owned(), DEFAULT_HUB.to_owned()));
        let error = url(Some("nowhere"), folder).unwrap_err().to_string();
        assert!(error.contains("\"nowhere\" is no hub") && error.contains("copr.d"), "{error}");
    }
}
