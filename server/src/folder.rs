//! The data folder: all that one server keeps, made at its first start.
//!
//! ```text
//! coprd.toml      the configuration, commented
//! admin-token     login:token of the user `admin` (0600), written by the first start
//! builder-token   what builders present (0600)
//! signing-key     what the keys in the database are sealed with (0600); read by the signing process alone
//! address         base URL of the server that runs here, or ran here last; not there while one starts
//! lock            held by the running server
//! coprd.sqlite    the database, unless the configuration names another
//! store/          sources, logs, results
//! cache/ work/    the embedded builder's
//! ```

use std::{
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use copr_api::names::Secret;
use rand::RngExt as _;
use rustix::fs::{FlockOperation, flock};

use crate::config;

/// Why the folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file in it can't be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another server runs on it.
    #[error("{} is in use by another coprd (process {holder}): one server a data folder", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// Its process number, as it wrote it.
        holder: String,
    },
    /// A secret's file is empty.
    #[error("{} is empty: delete it, and the next start makes another", .0.display())]
    Empty(PathBuf),
}

/// A data folder that exists, with its configuration file.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// Proof that this process serves the folder; ends with it.
#[derive(Debug)]
pub struct Lock {
    _file: fs_err::File,
}

impl Folder {
    /// Opens the folder; makes it, with the commented configuration, when it is not there.
    ///
    /// # Errors
    /// It can't be made or written.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = std::path::absolute(path)?;
        if !path.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(0o750).create(&path).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot make the data folder {}: {error}", path.display()))
            })?;
        }
        let folder = Self { path };
        let config = folder.config();
        if !config.exists() {
            folder.write("coprd.toml", config::TEMPLATE.as_bytes(), false)?;
        }
        Ok(folder)
    }

    /// The folder itself, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path.join("coprd.toml")
    }

    /// The server key. Only the signing process reads and writes it.
    #[must_use]
    pub fn signing_key(&self) -> PathBuf {
        self.path.join("signing-key")
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// [`Error::Busy`]: another one has it.
    pub fn lock(&self) -> Result<Lock, Error> {
        let path = self.path.join("lock");
        let mut file = fs_err::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut tries = 0;
        while flock(file.file(), FlockOperation::NonBlockingLockExclusive).is_err() {
            // Someone who only looks, in `is_served`, lets go at once.
            tries += 1;
            if tries < 10 {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            let mut holder = String::new();
            (&mut file).take(20).read_to_string(&mut holder).ok();
            return Err(Error::Busy { folder: self.path.clone(), holder: holder.trim().to_owned() });
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Lock { _file: file })
    }

    /// Whether a server runs here, or is about to.
    #[must_use]
    pub fn is_served(&self) -> bool {
        fs_err::File::open(self.path.join("lock"))
            .is_ok_and(|file| flock(file.file(), FlockOperation::NonBlockingLockShared).is_err())
    }

    /// The builder token; made when there is none.
    ///
    /// # Errors
    /// The file can't be read or written.
    pub fn builder_token(&self) -> Result<Secret, Error> {
        let path = self.path.join("builder-token");
        if !path.exists() {
            let mut rng = rand::rng();
            let token: String = (0..40).map(|_| char::from(rng.sample(rand::distr::Alphanumeric))).collect();
            self.write("builder-token", format!("{token}\n").as_bytes(), true)?;
        }
        let token = fs_err::read_to_string(&path)?.trim().to_owned();
        if token.is_empty() { Err(Error::Empty(path)) } else { Ok(Secret::new(token)) }
    }

    /// Whether a server has been started here before.
    #[must_use]
    pub fn has_admin_token(&self) -> bool {
        self.path.join("admin-token").exists()
    }

    /// Keeps the administrator's token, `login:token`, for its owner's eyes only.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write_admin_token(&self, login: &str, token: &Secret) -> Result<(), Error> {
        self.write("admin-token", format!("{login}:{}\n", token.expose()).as_bytes(), true)
    }

    /// Base URL of the server that runs or ran here last.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        fs_err::read_to_string(self.path.join("address"))
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// Takes the base URL of an earlier run away; none is fine.
    ///
    /// # Errors
    /// The file can't be deleted.
    pub fn remove_address(&self) -> Result<(), Error> {
        match fs_err::remove_file(self.path.join("address")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Notes the base URL.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write_address(&self, base_url: &str) -> Result<(), Error> {
        self.write("address", format!("{base_url}\n").as_bytes(), false)
    }

    /// Writes a file whole or not at all.
    fn write(&self, name: &str, bytes: &[u8], secret: bool) -> Result<(), Error> {
        use std::os::unix::fs::PermissionsExt as _;
        let target = self.path.join(name);
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        file.write_all(bytes)?;
        let mode = if secret { 0o600 } else { 0o644 };
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|error| {
            io::Error::new(error.error.kind(), format!("cannot write {}: {}", target.display(), error.error))
        })?;
        fs_err::File::open(&self.path)?.sync_all()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_open_writes_a_commented_configuration_and_the_second_leaves_it() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("new/data");
        let folder = Folder::open(&path).unwrap();
        assert_eq!(fs_err::read_to_string(folder.config()).unwrap(), config::TEMPLATE);
        fs_err::write(folder.config(), "listen = \"127.0.0.1:1\"\n").unwrap();
        Folder::open(&path).unwrap();
        assert_eq!(fs_err::read_to_string(folder.config()).unwrap(), "listen = \"127.0.0.1:1\"\n");
    }

    #[test]
    fn a_locked_folder_is_refused_with_its_name_and_free_again_after() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let lock = folder.lock().unwrap();
        assert!(folder.is_served());
        let text = folder.lock().unwrap_err().to_string();
        assert!(text.contains(&temporary.path().display().to_string()), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(lock);
        assert!(!folder.is_served());
        folder.lock().unwrap();
    }

    #[test]
    fn secrets_are_for_their_owner_only_and_stay_the_same() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let token = folder.builder_token().unwrap();
        assert_eq!(folder.builder_token().unwrap(), token);
        let mode = fs_err::metadata(temporary.path().join("builder-token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
