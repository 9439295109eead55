//! The tool root: the packages that bring rpm into the machine, unpacked straight into an archive that the kernel reads.
//!
//! Nothing is unpacked onto the host's file system and no scriptlet runs. One archive serves all builds whose tools are
//! the same packages; it is named by what is in it: `CACHE/stage0/HASH.cpio`.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use copr_rpm::{FileEntry, Package, Payload};
use copr_vm::Initramfs;
use sha2::{Digest, Sha256};

use crate::repositories::{Fetched, touch};

/// Changes when archives are written differently, so that older ones are not used any more.
const FORMAT: &str = "copr stage0 1\n";
/// Most bytes of all files together.
const LIMIT: u64 = 1 << 30;
/// Most bytes of a file that has several names.
const LINKED_LIMIT: u64 = 128 << 20;
/// Longest chain of links in a path.
const MOST_LINKS: usize = 16;
/// What tools run without.
const LEFT_OUT: [&str; 8] = [
    "/usr/share/doc/",
    "/usr/share/man/",
    "/usr/share/info/",
    "/usr/share/locale/",
    "/usr/share/licenses/",
    "/usr/lib/.build-id/",
    "/dev/",
    "/proc/",
];

/// Why a tool root cannot be made. The distribution's fault or ours, never the packager's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stage0Error {
    /// A package that cannot be unpacked.
    #[error("unpacking {package} into the tool root: {reason}")]
    Package { package: String, reason: String },
    /// More than a tool root may be.
    #[error("the tool root is over {LIMIT} bytes; the chroot's stage0 list asks for too much")]
    TooLarge,
    /// The archive cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The key of the archive that these packages make; each is named by its checksum, `kind:hex`.
pub(crate) fn key(mut sums: Vec<String>) -> String {
    sums.sort_unstable();
    let mut key = Sha256::new();
    key.update(FORMAT);
    for sum in sums {
        key.update(sum);
        key.update("\n");
    }
    hex::encode(key.finalize())
}

/// The archive of this key, if it is in the cache.
pub(crate) fn find(cache: &Path, key: &str) -> Option<PathBuf> {
    let path = path(cache, key);
    path.is_file().then(|| {
        touch(&path);
        path
    })
}

fn path(cache: &Path, key: &str) -> PathBuf {
    cache.join("stage0").join(format!("{key}.cpio"))
}

/// Makes the archive of these packages, whose key this is; safe to call from several threads and processes.
pub(crate) fn make(cache: &Path, key: &str, packages: &[Fetched]) -> Result<PathBuf, Stage0Error> {
    let dir = cache.join("stage0");
    fs_err::create_dir_all(&dir)?;
    let folder = tempfile::Builder::new().prefix("making-").tempdir_in(&dir)?;
    let unfinished = folder.path().join("archive");
    write(&unfinished, packages)?;
    let path = path(cache, key);
    fs_err::rename(&unfinished, &path)?;
    Ok(path)
}

fn write(path: &Path, packages: &[Fetched]) -> Result<(), Stage0Error> {
    let mut tree = Tree::default();
    for package in packages {
        let header = Package::open(&package.path).map_err(|error| failed(package, &error))?;
        tree.learn(&header.files().map_err(|error| failed(package, &error))?);
    }
    let mut archive = Initramfs::create(path)?;
    for (folder, mode) in &tree.folders {
        if let Some(folder) = tree.resolve(folder) {
            archive.add_dir(&folder, *mode)?;
        }
    }
    for (link, target) in &tree.links {
        if let Some(link) = tree.resolve_parent(link) {
            archive.add_symlink(&link, target)?;
        }
    }
    let mut left = LIMIT;
    for package in packages {
        unpack(&mut archive, &tree, package, &mut left)?;
    }
    let file = archive.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(())
}

/// Adds one package's regular files.
fn unpack(
    archive: &mut Initramfs<io::BufWriter<fs_err::File>>,
    tree: &Tree,
    package: &Fetched,
    left: &mut u64,
) -> Result<(), Stage0Error> {
    let mut file = BufReader::new(fs_err::File::open(&package.path)?);
    let header = Package::read(&mut file).map_err(|error| failed(package, &error))?;
    let mut payload = Payload::new(&header, file).map_err(|error| failed(package, &error))?;
    // Names of hard links that wait for the content, which comes with the last of them.
    let mut waiting: HashMap<u32, Vec<(String, u32)>> = HashMap::new();
    while let Some(entry) = payload.next_entry().map_err(|error| failed(package, &error))? {
        if entry.mode & 0o170_000 != 0o100_000 || is_left_out(&entry.path) {
            continue;
        }
        let Some(place) = tree.resolve_parent(&entry.path) else { continue };
        *left = left.checked_sub(entry.size).ok_or(Stage0Error::TooLarge)?;
        let mode = entry.mode & 0o777;
        if entry.nlink < 2 {
            archive.add_file(&place, mode, entry.size, &mut payload)?;
        } else if entry.size == 0 {
            waiting.entry(entry.ino).or_default().push((place, mode));
        } else {
            if entry.size > LINKED_LIMIT {
                return Err(Stage0Error::TooLarge);
            }
            let mut content = Vec::new();
            payload.read_to_end(&mut content)?;
            for (place, mode) in waiting.remove(&entry.ino).unwrap_or_default().into_iter().chain([(place, mode)]) {
                archive.add_file(&place, mode, entry.size, &mut content.as_slice())?;
            }
        }
    }
    for (place, mode) in waiting.into_values().flatten() {
        archive.add_file(&place, mode, 0, &mut io::empty())?;
    }
    Ok(())
}

fn failed(package: &Fetched, error: &dyn std::fmt::Display) -> Stage0Error {
    Stage0Error::Package { package: package.nevra.to_string(), reason: error.to_string() }
}

fn is_left_out(path: &str) -> bool {
    LEFT_OUT.iter().any(|prefix| path.starts_with(prefix))
}

/// The folders and links of all packages: a distribution moves `/bin` by a link, while packages still say `/bin/sh`.
#[derive(Default)]
struct Tree {
    folders: BTreeMap<String, u32>,
    links: BTreeMap<String, String>,
}

impl Tree {
    fn learn(&mut self, files: &[FileEntry]) {
        for file in files.iter().filter(|file| !file.is_ghost() && !is_left_out(&file.path)) {
            if file.is_dir() {
                self.folders.insert(file.path.clone(), u32::from(file.mode) & 0o7777);
            } else if !file.link.is_empty() {
                self.links.insert(file.path.clone(), file.link.clone());
            }
        }
    }

    /// Where a path really is, relative to the root; `None` for the root itself, unsafe paths and circles.
    fn resolve(&self, path: &str) -> Option<String> {
        let mut done: Vec<String> = Vec::new();
        let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            match part.as_str() {
                "" | "." => {}
                ".." => {
                    done.pop();
                }
                _ => {
                    done.push(part);
                    let Some(target) = self.links.get(&format!("/{}", done.join("/"))) else { continue };
                    links += 1;
                    if links > MOST_LINKS {
                        return None;
                    }
                    done.pop();
                    if target.starts_with('/') {
                        done.clear();
                    }
                    todo.extend(target.split('/').rev().map(str::to_owned));
                }
            }
        }
        (!done.is_empty()).then(|| done.join("/"))
    }

    /// As [`Self::resolve`], but the last part stays what it is, even when it is a link.
    fn resolve_parent(&self, path: &str) -> Option<String> {
        let (parent, name) = path.rsplit_once('/')?;
        if matches!(name, "" | "." | "..") {
            return None;
        }
        if parent.split('/').all(str::is_empty) {
            return Some(name.to_owned());
        }
        self.resolve(parent).map(|parent| format!("{parent}/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(links: &[(&str, &str)]) -> Tree {
        Tree {
            folders: BTreeMap::new(),
            links: links.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
        }
    }

    #[test]
    fn files_go_where_the_links_of_the_distribution_lead() {
        let tree =
            tree(&[("/bin", "usr/bin"), ("/lib64", "/usr/lib64"), ("/usr/lib64", "lib/x"), ("/a/b", "../../../c")]);
        assert_eq!(tree.resolve_parent("/bin/sh").as_deref(), Some("usr/bin/sh"));
        assert_eq!(tree.resolve_parent("/lib64/ld.so").as_deref(), Some("usr/lib/x/ld.so"));
        assert_eq!(tree.resolve_parent("/lib64").as_deref(), Some("lib64"));
        assert_eq!(tree.resolve_parent("/a/b/d").as_deref(), Some("c/d"));
        assert_eq!(tree.resolve_parent("/a").as_deref(), Some("a"));
    }

    #[test]
    fn links_in_a_circle_lead_nowhere() {
        assert_eq!(tree(&[("/a", "b"), ("/b", "a")]).resolve("/a/x"), None);
    }
}
