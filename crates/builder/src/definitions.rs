//! Chroot definitions: those that come with the program, and those of a folder.
//!
//! A definition is a TOML file `CHROOT.toml`, see [`ChrootDefinition`]. In the minidistro's, `$minidistro` stands for the folder
//! of its repository; where that is not known, the definition is passed over.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

use copr_api::{
    builder::ChrootDefinition,
    names::{Chroot, NameError},
};

/// Name and text of a definition that comes with the program.
macro_rules! shipped {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../plugin-conf/chroots/", $name, ".toml")))
    };
}
/// What comes with the program: name and text.
const SHIPPED: [(&str, &str); 11] = [
    shipped!("amazonlinux-2023-x86_64"),
    shipped!("centos-stream-10-x86_64"),
    shipped!("centos-stream-9-x86_64"),
    shipped!("epel-10-x86_64"),
    shipped!("epel-9-x86_64"),
    shipped!("fedora-43-x86_64"),
    shipped!("fedora-44-x86_64"),
    shipped!("fedora-rawhide-x86_64"),
    shipped!("minidistro-12-x86_64"),
    shipped!("openeuler-24.03-x86_64"),
    shipped!("opensuse-tumbleweed-x86_64"),
];
/// The chroot whose repository is made by `make minidistro`.
const MINIDISTRO: &str = "minidistro-12-x86_64";
/// What stands for that repository's URL in its definition.
const MINIDISTRO_URL: &str = "file://$minidistro";

/// Why definitions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// A file's name is no chroot's.
    #[error("{path}: the file name is no chroot: {error}")]
    Name {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: NameError,
    },
    /// A file is no definition.
    #[error("{path}: {error}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        error: Box<toml::de::Error>,
    },
    /// A definition that says what cannot be.
    #[error("{path}: {rule}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// One sentence.
        rule: String,
    },
    /// The minidistro's folder is none.
    #[error("{folder}: {rule}")]
    Minidistro {
        /// The folder.
        folder: PathBuf,
        /// One sentence.
        rule: &'static str,
    },
    /// A file or folder cannot be read; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The definition of one chroot: the one in `folder`, or the one that comes with the program; `None`: there is none.
/// `minidistro` is the folder of the minidistro's repository.
///
/// # Errors
/// It cannot be read.
pub fn find(
    chroot: &Chroot,
    folder: Option<&Path>,
    minidistro: Option<&Path>,
) -> Result<Option<ChrootDefinition>, DefinitionError> {
    let minidistro = minidistro.map(minidistro_url).transpose()?;
    let own = folder.map(|folder| folder.join(format!("{chroot}.toml"))).filter(|path| path.is_file());
    if let Some(path) = own {
        return parse(&fs_err::read_to_string(&path)?, &path, minidistro.as_ref());
    }
    match SHIPPED.iter().find(|(name, _)| *name == chroot.as_str()) {
        Some((name, text)) => parse(text, &built_in(name), minidistro.as_ref()),
        None => Ok(None),
    }
}

/// All definitions in `folder`, and the minidistro's where the folder of its repository is known.
///
/// # Errors
/// One cannot be read; the message names it.
pub fn load(
    folder: Option<&Path>,
    minidistro: Option<&Path>,
) -> Result<BTreeMap<Chroot, ChrootDefinition>, DefinitionError> {
    let minidistro = minidistro.map(minidistro_url).transpose()?;
    let mut all = BTreeMap::new();
    if minidistro.is_some()
        && let Some((name, text)) = SHIPPED.iter().find(|(name, _)| *name == MINIDISTRO)
    {
        let path = built_in(name);
        if let Some(definition) = parse(text, &path, minidistro.as_ref())? {
            all.insert(chroot(&path)?, definition);
        }
    }
    let Some(folder) = folder else { return Ok(all) };
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = chroot(&path)?;
        if let Some(definition) = parse(&fs_err::read_to_string(&path)?, &path, minidistro.as_ref())? {
            all.insert(name, definition);
        }
    }
    Ok(all)
}

/// Names of the definitions that come with the program.
pub fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

fn built_in(name: &str) -> PathBuf {
    PathBuf::from(format!("(built in)/{name}.toml"))
}

fn chroot(path: &Path) -> Result<Chroot, DefinitionError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.parse().map_err(|error| DefinitionError::Name { path: path.to_owned(), error })
}

fn minidistro_url(folder: &Path) -> Result<url::Url, DefinitionError> {
    let folder = fs_err::canonicalize(folder)?;
    let wrong = |rule| DefinitionError::Minidistro { folder: folder.clone(), rule };
    if !folder.join("repodata/repomd.xml").is_file() {
        return Err(wrong("the folder has no repodata/repomd.xml: make it with `make minidistro`"));
    }
    url::Url::from_file_path(&folder).map_err(|()| wrong("the folder cannot be written as a file:// URL"))
}

/// Reads a definition; `None` when it needs a minidistro that is not there.
fn parse(text: &str, path: &Path, minidistro: Option<&url::Url>) -> Result<Option<ChrootDefinition>, DefinitionError> {
    let text = match minidistro {
        Some(url) => text.replace(MINIDISTRO_URL, url.as_str()),
        None if text.contains(MINIDISTRO_URL) => return Ok(None),
        None => text.to_owned(),
    };
    let definition: ChrootDefinition = toml::from_str(&text)
        .map_err(|error| DefinitionError::Syntax { path: path.to_owned(), error: Box::new(error) })?;
    check(&definition).map_err(|rule| DefinitionError::Wrong { path: path.to_owned(), rule })?;
    Ok(Some(definition))
}

fn check(definition: &ChrootDefinition) -> Result<(), String> {
    let mut ids = HashSet::new();
    for repository in &definition.repositories {
        let id = &repository.id;
        if id.is_empty() || !ids.insert(id.as_str()) {
            return Err(format!("the id {id:?} of a repository is empty, or another's too"));
        }
        let addresses = [Some(&repository.baseurl), repository.mirrorlist.as_ref(), repository.metalink.as_ref()];
        if addresses.into_iter().flatten().filter(|address| !address.is_empty()).count() != 1 {
            return Err(format!("the repository {id} must have one of baseurl, mirrorlist and metalink"));
        }
    }
    if !definition.dbpath.starts_with('/') {
        return Err("dbpath must be the absolute path of rpm's database, e.g. /usr/lib/sysimage/rpm".to_owned());
    }
    if !definition.cpu.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        return Err(format!("cpu must be the name of a QEMU CPU model, not {:?}", definition.cpu));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like the minidistro's repository.
    fn minidistro() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("repodata")).unwrap();
        fs_err::write(folder.path().join("repodata/repomd.xml"), "<repomd/>").unwrap();
        folder
    }

    #[test]
    fn every_definition_that_is_shipped_is_whole() {
        let folder = minidistro();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin-conf/chroots");
        let loaded = load(Some(&source), Some(folder.path())).unwrap();
        assert_eq!(loaded.keys().map(Chroot::as_str).collect::<Vec<_>>(), shipped().collect::<Vec<_>>());
        for name in shipped() {
            let definition = find(&name.parse().unwrap(), None, Some(folder.path())).unwrap().expect(name);
            assert_eq!(definition.stage0, ["rpm"], "{name}");
            assert!(!definition.comment.is_empty() && !definition.source.is_empty(), "{name}");
            assert!(definition.group.is_empty() != definition.buildroot.is_empty(), "{name}: a group, or a list");
            assert!(["qemu64", "Nehalem", "max"].contains(&definition.cpu.as_str()), "{name}");
            assert!(definition.repositories.iter().any(|repository| !repository.optional), "{name}");
            for repository in &definition.repositories {
                let signed = !repository.keys.is_empty() || name == MINIDISTRO;
                assert!(signed, "{name}: packages of {} must be signed", repository.id);
                let addresses = format!("{repository:?}");
                assert!(!addresses.contains('$'), "{name}: {addresses}");
            }
        }
    }

    #[test]
    fn a_definition_in_the_folder_comes_before_the_one_that_is_shipped() {
        let folder = tempfile::tempdir().unwrap();
        let text = "comment = \"ours\"\ndbpath = \"/var/lib/rpm\"\n";
        fs_err::write(folder.path().join("fedora-44-x86_64.toml"), text).unwrap();
        let found = |name: &str| find(&name.parse().unwrap(), Some(folder.path()), None).unwrap();
        assert_eq!(found("fedora-44-x86_64").unwrap().comment, "ours");
        assert_eq!(found("fedora-43-x86_64").unwrap().comment, "Fedora 43");
        assert!(found("fedora-12-x86_64").is_none());
        assert!(found("minidistro-12-x86_64").is_none(), "nobody knows where it is");
    }

    #[test]
    fn a_definition_that_cannot_be_is_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fedora-44-x86_64.toml");
        for (text, wrong) in [
            ("dbpath = \"var\"", "dbpath must be the absolute path"),
            ("dbpath = \"/v\"\ncpu = \"max,+x\"", "name of a QEMU CPU model"),
            ("dbpath = \"/v\"\n[[repositories]]\nid = \"a\"", "one of baseurl, mirrorlist and metalink"),
            ("dbpath = \"/v\"\nspelling = 1", "unknown field"),
        ] {
            fs_err::write(&path, text).unwrap();
            let error = load(Some(folder.path()), None).unwrap_err().to_string();
            assert!(error.contains("fedora-44-x86_64.toml") && error.contains(wrong), "{error}");
        }
    }
}
