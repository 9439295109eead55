//! Keys and signatures in `OpenPGP`'s form. The arithmetic of secrets is aws-lc's, which takes the same time whatever they are; the
//! packets are rPGP's. Secret keys leave this module sealed only.
//!
//! Keys are RSA with 3072 bits (as strong as AES-128; with 4096, making one took up to 12 s on a busy machine) and signatures are of
//! version 4 over SHA-256, which every rpm from 4.14 on takes.

use std::{fmt, io};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    digest::{Digest, SHA256},
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use pgp::{
    armor::{self, BlockType},
    composed::{ArmorOptions, Deserializable as _, DetachedSignature, SignedKeyDetails, SignedPublicKey},
    crypto::{hash::HashAlgorithm, public_key::PublicKeyAlgorithm},
    packet::{
        KeyFlags, PacketHeader, PacketTrait as _, PublicKey, SignatureConfig, SignatureType, Subpacket, SubpacketData,
        UserId,
    },
    ser::Serialize,
    types::{
        Fingerprint, KeyDetails, KeyId, KeyVersion, Mpi, PacketHeaderVersion, Password, PublicParams, SignatureBytes,
        SigningKey, Tag, Timestamp,
    },
};
use zeroize::Zeroizing;

/// Bytes of a server key.
pub(super) const SERVER_KEY: usize = 32;

/// Why a key or a signature can't be made; a sentence part.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The packets.
    #[error("OpenPGP: {0}")]
    Packet(#[from] pgp::errors::Error),
    /// The arithmetic, which does not say why.
    #[error("{0} failed")]
    Arithmetic(&'static str),
    /// The server key is not the one that this was sealed with, or it was changed since.
    #[error("it is not sealed with this server key")]
    Seal,
    /// The key is not the one that it is said to be.
    #[error("the sealed key is another one")]
    Another,
}

/// What secret keys are sealed with: AES-256-GCM, with a new random nonce each time.
pub(super) struct ServerKey(RandomizedNonceKey);

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(…)")
    }
}

impl ServerKey {
    /// From [`SERVER_KEY`] random bytes.
    ///
    /// # Errors
    /// They are more or fewer.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Error> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).map(Self).map_err(|_| Error::Arithmetic("AES-256-GCM"))
    }

    /// Seals a secret: the nonce, then the text and its tag. `about` must be said again when it is opened.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(super) fn seal(&self, secret: &[u8], about: &str) -> Result<Vec<u8>, Error> {
        let mut text = Zeroizing::new(secret.to_vec());
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(about), &mut *text)
            .map_err(|_| Error::Arithmetic("sealing a secret"))?;
        Ok([nonce.as_ref().as_slice(), text.as_slice()].concat())
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    /// [`Error::Seal`]
    pub(super) fn open(&self, sealed: &[u8], about: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(Error::Seal)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Seal)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(about), &mut text).map_err(|_| Error::Seal)?.len();
        text.truncate(length);
        Ok(text)
    }
}

/// A new key, its secret part sealed.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// Fingerprint, lower-case hex.
    pub fingerprint: String,
    /// The public key with its user id, armoured.
    pub public: String,
    /// The secret key.
    pub sealed: Vec<u8>,
}

/// Makes a key; takes about a second. `created` is in seconds since 1970.
///
/// # Errors
/// The system gives no random numbers, or `user_id` is none.
pub(super) fn make(server: &ServerKey, user_id: &str, created: u32) -> Result<Made, Error> {
    let pair = KeyPair::generate(KeySize::Rsa3072).map_err(|_| Error::Arithmetic("making a key"))?;
    let key = Unsealed::new(pair, created)?;
    let der = AsDer::<Pkcs8V1Der<'static>>::as_der(&key.pair).map_err(|_| Error::Arithmetic("writing a key"))?;
    let fingerprint = key.public.fingerprint().to_string();
    let sealed = server.seal(der.as_ref(), &fingerprint)?;
    Ok(Made { fingerprint, public: key.certificate(user_id)?, sealed })
}

/// Signs bytes with a sealed key; the answer is one binary signature packet.
///
/// # Errors
/// The key was not sealed with this server key, or is another one.
pub(super) fn sign(
    server: &ServerKey,
    sealed: &[u8],
    (fingerprint, created): (&str, u32),
    at: u32,
    bytes: &[u8],
) -> Result<Vec<u8>, Error> {
    let der = server.open(sealed, fingerprint)?;
    let pair = KeyPair::from_pkcs8(&der).map_err(|_| Error::Arithmetic("reading a key"))?;
    let key = Unsealed::new(pair, created)?;
    if key.public.fingerprint().to_string() != fingerprint {
        return Err(Error::Another);
    }
    let signature = key.config(SignatureType::Binary, at)?.sign(&key, &Password::empty(), bytes)?;
    let mut packet = Vec::new();
    signature.to_writer_with_header(&mut packet)?;
    Ok(packet)
}

/// A signature packet as an armoured, detached signature.
///
/// # Errors
/// Never; the type of writing asks for it.
pub(super) fn armour(packet: &[u8]) -> Result<String, Error> {
    let mut text = Vec::new();
    armor::write(&Packet(packet), BlockType::Signature, &mut text, None, true)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Whether a text has, in blocks of their own, one good signature over these bytes by each of these (armoured) keys in this order,
/// and nothing else.
#[must_use]
pub(super) fn verifies(keys: &[&str], bytes: &[u8], signatures: &[u8]) -> bool {
    const BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";
    let Ok(text) = std::str::from_utf8(signatures) else { return false };
    let blocks: Vec<&str> = text.split_inclusive("-----END PGP SIGNATURE-----\n").collect();
    let good = |(key, block): (&&str, &&str)| {
        let Ok((key, _)) = SignedPublicKey::from_string(key) else { return false };
        let Ok((signature, _)) = DetachedSignature::from_string(block) else { return false };
        block.starts_with(BEGIN) && signature.verify(&key.primary_key, bytes).is_ok()
    };
    blocks.len() == keys.len() && keys.iter().zip(&blocks).all(good)
}

#[derive(Debug)]
struct Packet<'a>(&'a [u8]);

impl Serialize for Packet<'_> {
    fn to_writer<W: io::Write>(&self, writer: &mut W) -> pgp::errors::Result<()> {
        Ok(writer.write_all(self.0)?)
    }

    fn write_len(&self) -> usize {
        self.0.len()
    }
}

/// A key that can sign. Its secret part is forgotten with it.
struct Unsealed {
    pair: KeyPair,
    public: PublicKey,
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsealed({})", self.public.fingerprint())
    }
}

impl Unsealed {
    fn new(pair: KeyPair, created: u32) -> Result<Self, Error> {
        let (modulus, exponent) =
            integers(pair.public_key().as_ref()).ok_or(Error::Arithmetic("reading a public key"))?;
        // RFC 9580, 5.5.2.2: version, time, algorithm, and RSA's two numbers.
        let mut body = vec![4];
        body.extend_from_slice(&created.to_be_bytes());
        body.push(PublicKeyAlgorithm::RSA.into());
        Mpi::from_slice(modulus).to_writer(&mut body)?;
        Mpi::from_slice(exponent).to_writer(&mut body)?;
        let length = u32::try_from(body.len()).map_err(|_| Error::Arithmetic("writing a public key"))?;
        let public = PublicKey::try_from_reader(PacketHeader::new_fixed(Tag::PublicKey, length), body.as_slice())?;
        Ok(Self { pair, public })
    }

    /// What a signature of this key has in any case.
    fn config(&self, kind: SignatureType, at: u32) -> Result<SignatureConfig, Error> {
        let mut config = SignatureConfig::v4(kind, PublicKeyAlgorithm::RSA, HashAlgorithm::Sha256);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(at)))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(self.public.fingerprint()))?,
        ];
        // By this older readers find the key.
        config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(self.public.legacy_key_id()))?];
        Ok(config)
    }

    /// The public key and whose it is, armoured.
    fn certificate(&self, user_id: &str) -> Result<String, Error> {
        let user_id = UserId::from_str(PacketHeaderVersion::New, user_id)?;
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        let mut config = self.config(SignatureType::CertPositive, self.public.created_at().as_secs())?;
        config.hashed_subpackets.push(Subpacket::regular(SubpacketData::KeyFlags(flags))?);
        let signature = config.sign_certification(self, &self.public, &Password::empty(), Tag::UserId, &user_id)?;
        let details = SignedKeyDetails::new(Vec::new(), Vec::new(), vec![user_id.into_signed(signature)], Vec::new());
        let certificate = SignedPublicKey::new(self.public.clone(), details, Vec::new());
        Ok(certificate.to_armored_string(ArmorOptions::default())?)
    }
}

impl KeyDetails for Unsealed {
    fn version(&self) -> KeyVersion {
        self.public.version()
    }
    fn legacy_key_id(&self) -> KeyId {
        self.public.legacy_key_id()
    }
    fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint()
    }
    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.public.algorithm()
    }
    fn created_at(&self) -> Timestamp {
        self.public.created_at()
    }
    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        None
    }
    fn public_params(&self) -> &PublicParams {
        self.public.public_params()
    }
}

impl SigningKey for Unsealed {
    fn sign(&self, _: &Password, hash: HashAlgorithm, data: &[u8]) -> pgp::errors::Result<SignatureBytes> {
        let failed = |_| io::Error::other("the signature cannot be computed");
        if hash != HashAlgorithm::Sha256 {
            return Err(io::Error::other("only SHA-256 is signed").into());
        }
        let digest = Digest::import_less_safe(data, &SHA256).map_err(failed)?;
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign_digest(&RSA_PKCS1_SHA256, &digest, &mut signature).map_err(failed)?;
        Ok(SignatureBytes::Mpis(vec![Mpi::from_slice(&signature)]))
    }

    fn hash_alg(&self) -> HashAlgorithm {
        HashAlgorithm::Sha256
    }
}

/// The two numbers of an `RSAPublicKey` in DER (RFC 8017, A.1.1).
fn integers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (numbers, _) = element(der, 0x30)?;
    let (modulus, rest) = element(numbers, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    Some((modulus, exponent))
}

/// The contents of an element that must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], mut rest) = der.split_first_chunk::<2>()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, after) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
        length = digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit));
        rest = after;
    }
    rest.split_at_checked(length).filter(|_| found == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> ServerKey {
        ServerKey::new(&[7; SERVER_KEY]).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_the_same_name_only() {
        let sealed = server().seal(b"secret", "name").unwrap();
        assert_eq!(server().open(&sealed, "name").unwrap().as_slice(), b"secret");
        assert_ne!(sealed, server().seal(b"secret", "name").unwrap(), "the nonce is another each time");
        assert!(matches!(server().open(&sealed, "other"), Err(Error::Seal)));
        assert!(matches!(ServerKey::new(&[8; SERVER_KEY]).unwrap().open(&sealed, "name"), Err(Error::Seal)));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(matches!(server().open(&changed, "name"), Err(Error::Seal)), "byte {at}");
        }
        assert!(matches!(server().open(&sealed[..5], "name"), Err(Error::Seal)));
        assert!(ServerKey::new(b"short").is_err());
    }

    #[test]
    fn a_key_signs_so_that_its_own_certificate_verifies_it_and_nothing_else() {
        let made = make(&server(), "alice_app <alice#app@copr.example.org>", 1_700_000_000).unwrap();
        let (certificate, _) = SignedPublicKey::from_string(&made.public).unwrap();
        certificate.verify_bindings().unwrap();
        assert_eq!(certificate.fingerprint().to_string(), made.fingerprint);
        assert_eq!(certificate.created_at().as_secs(), 1_700_000_000);
        assert_eq!(certificate.details.users[0].id.as_str(), Some("alice_app <alice#app@copr.example.org>"));

        let signed = |at| sign(&server(), &made.sealed, (&made.fingerprint, 1_700_000_000), at, b"text").unwrap();
        let text = armour(&signed(1_700_000_005)).unwrap();
        let keys = [made.public.as_str()];
        assert!(verifies(&keys, b"text", text.as_bytes()));
        assert!(!verifies(&keys, b"tex_", text.as_bytes()));
        assert!(!verifies(&[], b"text", text.as_bytes()), "one too many");
        let both = format!("{text}{}", armour(&signed(1_700_000_006)).unwrap());
        assert!(verifies(&[keys[0], keys[0]], b"text", both.as_bytes()));
        assert!(!verifies(&keys, b"text", both.as_bytes()) && !verifies(&keys, b"text", b"\xff"));
        let wrong = sign(&server(), &made.sealed, (&made.fingerprint, 1_700_000_001), 1_700_000_005, b"text");
        assert!(matches!(wrong, Err(Error::Another)), "the time is part of the fingerprint");
    }

    #[test]
    fn numbers_are_read_from_der_and_what_is_none_is_refused() {
        assert_eq!(integers(&[0x30, 6, 2, 1, 5, 2, 1, 3]), Some((&[5][..], &[3][..])));
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 9, 2, 1, 5],
            &[0x31, 6, 2, 1, 5, 2, 1, 3],
            &[0x30, 0x89, 1],
            &[0x30, 0x84, 255, 255, 255, 255],
        ] {
            assert_eq!(integers(bad), None, "{bad:?}");
        }
    }
}
