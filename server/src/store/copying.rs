//! The same bytes at a second place: what a fork has of its origin.

use std::io;

use super::{Lasting, Place, Store, blocking};

impl Store {
    /// Gives a lease a file of the results as if it had handed that in; `false`: there is no such file.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn copy_to_incoming(&self, from: &Place, lease_id: &str, name: &str) -> io::Result<bool> {
        self.copy(from, &self.incoming(lease_id).join(name)).await
    }

    /// Gives a lease a file that another one has handed in; `false`: that has no such file.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn share_incoming(&self, from_lease: &str, lease_id: &str, name: &str) -> io::Result<bool> {
        self.copy(&self.incoming(from_lease).join(name), &self.incoming(lease_id).join(name)).await
    }

    /// Puts a file at a second place, where it stays if it is there already; `false`: there is no such file. On disk it is one file
    /// with two names, which costs no room: files of the store are replaced and never changed.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn copy(&self, from: &Place, to: &Place) -> io::Result<bool> {
        match &self.lasting {
            Lasting::Folder => {
                let (from, to) = (self.local(from), self.local(to));
                blocking(move || {
                    if let Some(folder) = to.parent() {
                        fs_err::create_dir_all(folder)?;
                    }
                    match fs_err::hard_link(&from, &to) {
                        Ok(()) => Ok(true),
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
                        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                        Err(error) => Err(error),
                    }
                })
                .await
            }
            Lasting::Bucket(bucket) => {
                if self.has(to).await? {
                    return Ok(true);
                }
                if !self.has(from).await? {
                    return Ok(false);
                }
                if bucket.copy(from, to).await? {
                    return Ok(true);
                }
                // Too large for the service to copy by itself.
                let folder = self.root.join("spool");
                let temporary = blocking(move || tempfile::NamedTempFile::new_in(folder)).await?.into_temp_path();
                if !bucket.download(from, &temporary).await? {
                    return Ok(false);
                }
                bucket.upload(&temporary, to).await?;
                Ok(true)
            }
        }
    }
}
