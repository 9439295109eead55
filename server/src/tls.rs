//! TLS spoken by the server itself: certificate and key from PEM files, read anew when they have been exchanged.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::{Context as _, Result, bail};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig},
};

use crate::config;

/// Most bytes of either file.
const FILE_BYTES: u64 = 1 << 20;

/// What new connections get; clones share it.
#[derive(Clone)]
pub struct Tls {
    files: (PathBuf, PathBuf),
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files that the configuration names; `None`: it names none.
    ///
    /// # Errors
    /// A file can't be read, holds no certificate or key, or they do not belong together; the text names it.
    pub fn open(config: &config::Tls) -> Result<Option<Self>> {
        if !config.is_on() {
            return Ok(None);
        }
        let files = (config.certificate.clone(), config.key.clone());
        let current = Arc::new(RwLock::new(Arc::new(read(&files)?)));
        Ok(Some(Self { files, current }))
    }

    /// Reads the files again. When they are not good, connections go on to get what was read before.
    ///
    /// # Errors
    /// See [`Self::open`].
    pub fn reload(&self) -> Result<()> {
        let new = Arc::new(read(&self.files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// For one connection.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

fn read((certificate, key): &(PathBuf, PathBuf)) -> Result<ServerConfig> {
    let bytes = |path: &PathBuf| -> Result<Vec<u8>> {
        if fs_err::metadata(path)?.len() > FILE_BYTES {
            bail!("{} is too long for a PEM file", path.display());
        }
        Ok(fs_err::read(path)?)
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes(certificate)?)
        .collect::<Result<_, _>>()
        .with_context(|| format!("{}: not a PEM file of certificates", certificate.display()))?;
    if chain.is_empty() {
        bail!("{}: there is no certificate in it", certificate.display());
    }
    let secret = PrivateKeyDer::from_pem_slice(&bytes(key)?)
        .with_context(|| format!("{}: not a PEM file with a private key", key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .with_context(|| format!("{} and {} do not belong together", certificate.display(), key.display()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_no_certificate_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let open = || Tls::open(&config::Tls { certificate: certificate.clone(), key: key.clone() });
        assert!(open().unwrap_err().to_string().contains("c.pem"));
        fs_err::write(&certificate, "nothing").unwrap();
        fs_err::write(&key, "nothing").unwrap();
        assert!(open().unwrap_err().to_string().contains("there is no certificate"));
        assert!(Tls::open(&config::Tls::default()).unwrap().is_none());
    }
}
