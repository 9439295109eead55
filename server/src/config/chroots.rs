//! The chroots that can be built for: one TOML definition each, from the program and from the administrator's folder.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use copr_api::{builder::ChrootDefinition, names::Chroot};

use super::{Chroots as ChrootsConfig, Error};

/// The definition that comes with the program; offered when the minidistro's folder is known.
const MINIDISTRO: &str = include_str!("../../../plugin-conf/chroots/minidistro-12-x86_64.toml");
/// The name of that chroot.
const MINIDISTRO_NAME: &str = "minidistro-12-x86_64";
/// What stands for the minidistro's folder in its definition.
const MINIDISTRO_VARIABLE: &str = "$minidistro";

/// Every chroot that is offered, by name.
#[derive(Debug, Clone, Default)]
pub struct Definitions(BTreeMap<Chroot, ChrootDefinition>);

impl Definitions {
    /// Reads the definitions that the configuration names.
    ///
    /// # Errors
    /// A file can't be read, is no definition, or its name is no chroot; the text names it.
    pub fn load(config: &ChrootsConfig) -> Result<Self, Error> {
        let mut all = BTreeMap::new();
        if !config.minidistro.as_os_str().is_empty() {
            let folder = fs_err::canonicalize(&config.minidistro)?;
            let wrong =
                |rule: &str| Error::Value { path: folder.clone(), key: "chroots.minidistro", rule: rule.to_owned() };
            if !folder.join("repodata/repomd.xml").is_file() {
                return Err(wrong("the folder has no repodata/repomd.xml: make it with `make minidistro`"));
            }
            let url = url::Url::from_file_path(&folder)
                .map_err(|()| wrong("the folder can't be written as a file:// URL"))?;
            let text = MINIDISTRO.replace(&format!("file://{MINIDISTRO_VARIABLE}"), url.as_str());
            let name = MINIDISTRO_NAME.parse().map_err(|_| wrong("the built-in chroot has a bad name"))?;
            all.insert(name, parse(&text, Path::new("(built in) minidistro-12-x86_64.toml"))?);
        }
        if !config.folder.as_os_str().is_empty() {
            for entry in fs_err::read_dir(&config.folder)? {
                let path = entry?.path();
                if path.extension().is_none_or(|extension| extension != "toml") {
                    continue;
                }
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let name: Chroot = stem.parse().map_err(|error: copr_api::names::NameError| Error::Value {
                    path: path.clone(),
                    key: "file name",
                    rule: error.to_string(),
                })?;
                all.insert(name, parse(&fs_err::read_to_string(&path)?, &path)?);
            }
        }
        Ok(Self(all))
    }

    /// Definitions given one by one: for tests.
    #[must_use]
    pub fn of(list: impl IntoIterator<Item = (Chroot, ChrootDefinition)>) -> Self {
        Self(list.into_iter().collect())
    }

    /// The definition of a chroot; `None`: it is not offered.
    #[must_use]
    pub fn get(&self, chroot: &Chroot) -> Option<&ChrootDefinition> {
        self.0.get(chroot)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Chroot, &ChrootDefinition)> {
        self.0.iter()
    }
}

fn parse(text: &str, path: &Path) -> Result<ChrootDefinition, Error> {
    toml::from_str(text).map_err(|error| Error::Syntax { path: PathBuf::from(path), error: Box::new(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_read_from_the_folder_by_its_file_name() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("fedora-44-x86_64.toml"), "comment = \"x\"\ndbpath = \"/var/lib/rpm\"\n")
            .unwrap();
        fs_err::write(folder.path().join("README"), "not a definition").unwrap();
        let config = ChrootsConfig { folder: folder.path().to_owned(), minidistro: PathBuf::new() };
        let definitions = Definitions::load(&config).unwrap();
        assert_eq!(definitions.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["fedora-44-x86_64"]);
        fs_err::write(folder.path().join("nonsense.toml"), "").unwrap();
        assert!(Definitions::load(&config).unwrap_err().to_string().contains("nonsense.toml"));
    }

    #[test]
    fn the_minidistro_is_offered_when_its_folder_has_a_repository() {
        let folder = tempfile::tempdir().unwrap();
        let config = ChrootsConfig { folder: PathBuf::new(), minidistro: folder.path().to_owned() };
        let error = Definitions::load(&config).unwrap_err().to_string();
        assert!(error.contains("make minidistro"), "{error}");
        fs_err::create_dir_all(folder.path().join("repodata")).unwrap();
        fs_err::write(folder.path().join("repodata/repomd.xml"), "<repomd/>").unwrap();
        let definitions = Definitions::load(&config).unwrap();
        let (name, definition) = definitions.iter().next().unwrap();
        assert_eq!(name.as_str(), MINIDISTRO_NAME);
        let baseurl = &definition.repositories[0].baseurl;
        assert!(baseurl.starts_with("file:///") && !baseurl.contains('$'), "{baseurl}");
    }
}
