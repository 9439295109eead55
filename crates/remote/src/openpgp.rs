//! `OpenPGP` keys that somebody trusts, and whether they made a signature.
//!
//! The cryptography and the packets are the `pgp` crate's (rPGP). What it leaves to its callers is here: which keys of a
//! certificate may sign, when they may, and which hashes prove nothing.

use std::{
    io::Read,
    time::{Duration, SystemTime},
};

use pgp::{
    composed::{Deserializable, DetachedSignature, SignedPublicKey, SignedPublicSubKey},
    crypto::hash::HashAlgorithm,
    packet::{KeyFlags, PublicKey, Signature, SignatureType},
    types::{KeyDetails, Tag},
};

/// Bytes that a file of keys may have.
const MAX_KEYS: usize = 8 << 20;
/// Certificates in one keyring.
const MAX_CERTIFICATES: usize = 1000;
/// Bytes that a signature may have.
const MAX_SIGNATURE: usize = 1 << 20;
/// Signatures in one file.
const MAX_SIGNATURES: usize = 64;
/// What every armoured certificate begins with.
const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Why a signature is not accepted, or a key cannot be used; a sentence part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SignatureError(pub(crate) String);

impl SignatureError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The keys whose signatures count.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    certificates: Vec<SignedPublicKey>,
}

impl Keyring {
    /// Adds the certificates of a file: armoured (several blocks may follow each other, as in `RPM-GPG-KEY` files) or binary.
    ///
    /// # Errors
    /// There is none in it, one cannot be read, or one is revoked.
    pub fn add(&mut self, file: &[u8]) -> Result<(), SignatureError> {
        if file.len() > MAX_KEYS {
            return Err(SignatureError::new(format!("a file of keys may have {MAX_KEYS} bytes at most")));
        }
        let unreadable = |error: pgp::errors::Error| SignatureError::new(format!("no OpenPGP key: {error}"));
        let mut found = Vec::new();
        match std::str::from_utf8(file).ok().filter(|text| text.contains(BEGIN)) {
            Some(text) => {
                for block in text.split(BEGIN).skip(1) {
                    let block = format!("{BEGIN}{block}");
                    let (keys, _) = SignedPublicKey::from_string_many(&block).map_err(unreadable)?;
                    found.extend(keys.take(MAX_CERTIFICATES).collect::<Result<Vec<_>, _>>().map_err(unreadable)?);
                }
            }
            None => {
                let keys = SignedPublicKey::from_bytes_many(file).map_err(unreadable)?;
                found.extend(keys.take(MAX_CERTIFICATES).collect::<Result<Vec<_>, _>>().map_err(unreadable)?);
            }
        }
        if found.is_empty() {
            return Err(SignatureError::new("there is no OpenPGP key in it"));
        }
        for certificate in &found {
            if is_revoked(certificate) {
                return Err(SignatureError::new(format!("the key {} is revoked", name(certificate))));
            }
        }
        self.certificates.extend(found);
        if self.certificates.len() > MAX_CERTIFICATES {
            return Err(SignatureError::new(format!("more than {MAX_CERTIFICATES} keys")));
        }
        Ok(())
    }

    /// Whether no key is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// A text that is another for other keys.
    pub(crate) fn mark(&self) -> String {
        let mut names: Vec<String> = self.certificates.iter().map(name).collect();
        names.sort();
        names.join(" ")
    }

    /// Checks that one of the signatures in `signatures` (armoured or raw packets) over the bytes that `data` reads was made by
    /// one of the keys. Gives the fingerprint of the key's certificate, lower-case hexadecimal.
    ///
    /// # Errors
    /// None was; the message tells of the last that came nearest.
    pub fn verify<R: Read>(
        &self,
        signatures: &[u8],
        now: SystemTime,
        mut data: impl FnMut() -> std::io::Result<R>,
    ) -> Result<String, SignatureError> {
        if signatures.len() > MAX_SIGNATURE {
            return Err(SignatureError::new(format!("a signature may have {MAX_SIGNATURE} bytes at most")));
        }
        let unreadable = |error: pgp::errors::Error| SignatureError::new(format!("no OpenPGP signature: {error}"));
        let (found, _) = DetachedSignature::from_reader_many(signatures).map_err(unreadable)?;
        let mut last = SignatureError::new("there is no OpenPGP signature in it");
        for signature in found.take(MAX_SIGNATURES) {
            let signature = match signature {
                Ok(signature) => signature.signature,
                Err(error) => {
                    last = unreadable(error);
                    continue;
                }
            };
            if let Err(reason) = acceptable(&signature, now) {
                last = reason;
                continue;
            }
            let issuer = issuer(&signature);
            last = SignatureError::new(format!("it is by the key {issuer}, which is not among those that count"));
            for certificate in &self.certificates {
                for key in signing_keys(certificate) {
                    if !key.may_have_made(&signature) {
                        continue;
                    }
                    if let Err(reason) = key.was_valid(&signature) {
                        last = reason;
                        continue;
                    }
                    let data = data().map_err(|error| SignatureError::new(error.to_string()))?;
                    match key.verify(&signature, data) {
                        Ok(()) => return Ok(certificate.fingerprint().to_string().to_lowercase()),
                        Err(error) => last = SignatureError::new(format!("it does not fit: {error}")),
                    }
                }
            }
        }
        Err(last)
    }
}

/// What every signature has to have, whoever made it.
fn acceptable(signature: &Signature, now: SystemTime) -> Result<(), SignatureError> {
    if signature.typ() != Some(SignatureType::Binary) {
        return Err(SignatureError::new("it is no signature over a file"));
    }
    match signature.hash_alg() {
        Some(HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160) | None => {
            return Err(SignatureError::new("its hash can be forged; SHA-256 or better is needed"));
        }
        Some(_) => {}
    }
    let Some(created) = signature.created().map(SystemTime::from) else {
        return Err(SignatureError::new("it does not say when it was made"));
    };
    let lifetime = signature.signature_expiration_time().map(|lifetime| u64::from(lifetime.as_secs()));
    if lifetime.filter(|lifetime| *lifetime > 0).is_some_and(|lifetime| created + Duration::from_secs(lifetime) < now) {
        return Err(SignatureError::new("it has expired"));
    }
    Ok(())
}

/// A key of a certificate that may sign, with what limits it.
struct SigningKey<'a> {
    key: Key<'a>,
    /// When keys of it expire.
    until: Vec<SystemTime>,
}

enum Key<'a> {
    Primary(&'a PublicKey),
    Sub(&'a SignedPublicSubKey),
}

impl SigningKey<'_> {
    fn created(&self) -> SystemTime {
        match self.key {
            Key::Primary(key) => key.created_at().into(),
            Key::Sub(key) => key.created_at().into(),
        }
    }

    /// Whether the signature names this key, or none.
    fn may_have_made(&self, signature: &Signature) -> bool {
        let (id, fingerprint) = match self.key {
            Key::Primary(key) => (key.legacy_key_id(), key.fingerprint()),
            Key::Sub(key) => (key.legacy_key_id(), key.fingerprint()),
        };
        let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
        (ids.is_empty() && fingerprints.is_empty()) || ids.contains(&&id) || fingerprints.contains(&&fingerprint)
    }

    /// Whether the key could sign when the signature was made.
    fn was_valid(&self, signature: &Signature) -> Result<(), SignatureError> {
        let Some(made) = signature.created().map(SystemTime::from) else {
            return Err(SignatureError::new("it does not say when it was made"));
        };
        if made < self.created() {
            return Err(SignatureError::new("it is older than its key"));
        }
        if self.until.iter().any(|until| made >= *until) {
            return Err(SignatureError::new("its key had expired when it was made"));
        }
        Ok(())
    }

    fn verify(&self, signature: &Signature, data: impl Read) -> Result<(), pgp::errors::Error> {
        match self.key {
            Key::Primary(key) => signature.verify(key, data),
            Key::Sub(key) => signature.verify(&key.key, data),
        }
    }
}

/// The keys of a certificate that its owner lets sign data.
fn signing_keys(certificate: &SignedPublicKey) -> Vec<SigningKey<'_>> {
    let primary = &certificate.primary_key;
    let details = &certificate.details;
    let direct = details.direct_signatures.iter().filter(|signature| signature.verify_key(primary).is_ok());
    let users = details.users.iter().flat_map(|user| {
        let own = move |signature: &&Signature| {
            signature.is_certification() && signature.verify_certification(primary, Tag::UserId, &user.id).is_ok()
        };
        user.signatures.iter().filter(own)
    });
    // The newest of what the owner said counts.
    let Some(own) = direct.chain(users).max_by_key(|signature| signature.created()) else { return Vec::new() };
    let expiry = |created: SystemTime, signature: &Signature| {
        let lifetime = signature.key_expiration_time().map_or(0, |lifetime| u64::from(lifetime.as_secs()));
        (lifetime > 0).then(|| created + Duration::from_secs(lifetime))
    };
    let primary_until: Vec<SystemTime> = expiry(primary.created_at().into(), own).into_iter().collect();
    let mut keys = Vec::new();
    let flags = own.key_flags();
    if flags.sign() || flags == KeyFlags::default() {
        keys.push(SigningKey { key: Key::Primary(primary), until: primary_until.clone() });
    }
    for sub in &certificate.public_subkeys {
        let valid = |signature: &&Signature| signature.verify_subkey_binding(primary, &sub.key).is_ok();
        let revoked = |signature: &Signature| signature.typ() == Some(SignatureType::SubkeyRevocation);
        if sub.signatures.iter().filter(valid).any(revoked) {
            continue;
        }
        let bindings = sub.signatures.iter().filter(|s| s.typ() == Some(SignatureType::SubkeyBinding)).filter(valid);
        let Some(binding) = bindings.max_by_key(|signature| signature.created()) else { continue };
        // A key that signs has to agree to belong here: otherwise anyone's key could be taken for one's own.
        let agreed =
            binding.embedded_signature().is_some_and(|back| back.verify_primary_key_binding(&sub.key, primary).is_ok());
        if binding.key_flags().sign() && agreed {
            let mut until = primary_until.clone();
            until.extend(expiry(sub.created_at().into(), binding));
            keys.push(SigningKey { key: Key::Sub(sub), until });
        }
    }
    keys
}

fn is_revoked(certificate: &SignedPublicKey) -> bool {
    let revocations = &certificate.details.revocation_signatures;
    revocations.iter().any(|signature| signature.verify_key(&certificate.primary_key).is_ok())
}

fn name(certificate: &SignedPublicKey) -> String {
    certificate.fingerprint().to_string().to_lowercase()
}

/// The key that a signature says it is by.
fn issuer(signature: &Signature) -> String {
    if let Some(fingerprint) = signature.issuer_fingerprint().first() {
        return fingerprint.to_string().to_lowercase();
    }
    signature.issuer_key_id().first().map_or_else(|| "that it does not name".to_owned(), ToString::to_string)
}
