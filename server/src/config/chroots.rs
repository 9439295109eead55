//! The chroots that can be built for: one TOML definition each, from the program and from the administrator's folder.

use std::{collections::BTreeMap, path::Path};

use copr_api::{builder::ChrootDefinition, names::Chroot};
use copr_builder::definitions;

use super::{Chroots as ChrootsConfig, Error};

/// Every chroot that is offered, by name.
#[derive(Debug, Clone, Default)]
pub struct Definitions(BTreeMap<Chroot, ChrootDefinition>);

impl Definitions {
    /// Reads the definitions that the configuration names.
    ///
    /// # Errors
    /// A file can't be read, is no definition, or its name is no chroot; the text names it.
    pub fn load(config: &ChrootsConfig) -> Result<Self, Error> {
        let set = |path: &&Path| !path.as_os_str().is_empty();
        let folder = Some(config.folder.as_path()).filter(set);
        let minidistro = Some(config.minidistro.as_path()).filter(set);
        Ok(Self(definitions::load(folder, minidistro)?))
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
        assert_eq!(name.as_str(), "minidistro-12-x86_64");
        let baseurl = &definition.repositories[0].baseurl;
        assert!(baseurl.starts_with("file:///") && !baseurl.contains('$'), "{baseurl}");
    }
}
