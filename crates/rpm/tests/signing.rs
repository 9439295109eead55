//! Signatures put into packages, replaced and taken out. `judged.rs` asks rpm about it.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod small_rpm;

use std::io::Cursor;

use base64::{Engine, engine::general_purpose::STANDARD};
use copr_rpm::sign::{signable, signatures, write_signed};
use copr_rpm::write::{Builder, File};
use copr_rpm::{Error, Package, Payload, tag};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use small_rpm::{Value, archive, assemble, entries, lead, odd, sealed, text, texts};

/// What has the form of a signature by an RSA key, of that many bytes.
fn packet(bytes: usize, fill: u8) -> Vec<u8> {
    let body = [&[4, 0, 1, 8][..], &vec![fill; bytes]].concat();
    [&[0x89][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat()
}

fn built() -> Vec<u8> {
    let file = File { path: "/etc/greet".to_owned(), mode: 0o644, contents: b"hello\n".to_vec(), config: true };
    let package = Builder {
        name: "greet".to_owned(),
        version: "1.0".to_owned(),
        release: "1".to_owned(),
        summary: "Says hello".to_owned(),
        description: "Says hello.".to_owned(),
        license: "MIT".to_owned(),
        files: vec![file],
        ..Builder::default()
    };
    let mut bytes = Vec::new();
    package.write(&mut bytes).unwrap();
    bytes
}

/// A package with this signature header, and whatever `changes` its header besides the digest of its payload.
fn made(signature: &[(u32, Value)], changes: &[(u32, Value)]) -> Vec<u8> {
    let mut all = entries();
    all.extend([(5092, texts(&[&hex::encode(Sha256::digest(archive()))])), (5093, Value::U32(vec![8]))]);
    all.extend(changes.iter().cloned());
    all.sort_by_key(|(tag, _)| *tag);
    assemble(lead(), sealed(62, signature), &sealed(63, &all), &archive())
}

fn sign(package: &[u8], signature: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let mut from = Cursor::new(package);
    let signable = signable(&mut from)?;
    let mut to = Vec::new();
    write_signed(&mut from, &signable, signature, &mut to)?;
    Ok(to)
}

fn header(package: &[u8]) -> &[u8] {
    let read = Package::read(package).unwrap();
    &package[usize::try_from(read.header_start).unwrap()..usize::try_from(read.header_end).unwrap()]
}

#[test]
fn a_signature_is_put_in_and_read_back_and_nothing_else_changes() {
    let (package, own) = (built(), packet(280, 1));
    let signed = sign(&package, Some(&own)).unwrap();
    assert_eq!(signatures(&mut Cursor::new(&signed)).unwrap(), std::slice::from_ref(&own));
    assert!(signatures(&mut Cursor::new(&package)).unwrap().is_empty());
    assert_eq!(signable(&mut Cursor::new(&signed)).unwrap().header(), header(&package));
    assert_eq!(signed.len(), package.len(), "it takes the place of zeros that were kept for it");
    let start = usize::try_from(Package::read(&*package).unwrap().header_start).unwrap();
    assert_eq!(signed[start..], package[start..]);
    let (before, after) = (Package::read(&*package).unwrap().signature, Package::read(&*signed).unwrap().signature);
    for tag in [tag::SIG_SHA1, tag::SIG_SHA256] {
        assert_eq!(before.str(tag).unwrap(), after.str(tag).unwrap());
    }
    for tag in [tag::SIG_SIZE, tag::SIG_PAYLOADSIZE] {
        assert_eq!(before.number(tag).unwrap(), after.number(tag).unwrap());
    }
    assert_eq!(before.binary(tag::SIG_MD5).unwrap(), after.binary(tag::SIG_MD5).unwrap());
    assert_eq!(after.tags().map(|tag| tag.0).collect::<Vec<_>>(), [62, 268, 269, 273, 1000, 1004, 1007, 1008]);
}

#[test]
fn signing_twice_is_signing_once_and_taking_out_gives_back_what_was() {
    let package = built();
    let once = sign(&package, Some(&packet(280, 1))).unwrap();
    assert_eq!(sign(&once, Some(&packet(280, 1))).unwrap(), once);
    let other = sign(&once, Some(&packet(536, 2))).unwrap();
    assert_eq!(other, sign(&package, Some(&packet(536, 2))).unwrap());
    assert_eq!(signatures(&mut Cursor::new(&other)).unwrap(), [packet(536, 2)]);
    for signed in [&once, &other] {
        assert_eq!(sign(signed, None).unwrap(), package);
    }
}

#[test]
fn where_no_place_was_kept_the_signature_header_grows() {
    for kept in [None, Some(3)] {
        let space = kept.map(|bytes| (1008, Value::Bin(vec![0; bytes])));
        let signature: Vec<_> =
            [(1000, Value::U32(vec![7])), (1007, Value::U32(vec![9]))].into_iter().chain(space).collect();
        let package = made(&signature, &[]);
        let signed = sign(&package, Some(&packet(281, 1))).unwrap();
        assert!(signed.len() > package.len());
        assert_eq!(sign(&signed, Some(&packet(281, 1))).unwrap(), signed);
        assert_eq!(header(&signed), header(&package));
        assert_eq!(header(&sign(&signed, None).unwrap()), header(&package));
        let read = Package::read(&*signed).unwrap().signature;
        assert_eq!((read.number(tag::SIG_SIZE), read.number(tag::SIG_PAYLOADSIZE)), (Some(7), Some(9)));
        let mut from = Cursor::new(signed);
        let package = Package::read(&mut from).unwrap();
        assert_eq!(Payload::new(&package, from).unwrap().next_entry().unwrap().unwrap().path, "/etc/greet");
    }
}

#[test]
fn signatures_of_all_kinds_give_way_and_what_is_none_stays() {
    let old = vec![9; 40];
    let own = |tag| (tag, Value::Bin(old.clone()));
    let openpgp = (278, texts(&[&STANDARD.encode(&old)]));
    let signature = [
        own(267),
        own(268),
        (274, texts(&["a", "bc"])),
        openpgp,
        own(1002),
        own(1005),
        own(1006),
        own(1008),
        (5000, text("x")),
    ];
    let package = made(&signature, &[]);
    assert_eq!(signatures(&mut Cursor::new(&package)).unwrap(), [old.clone(), old.clone(), old.clone()]);
    let signed = sign(&package, Some(&packet(20, 1))).unwrap();
    let read = Package::read(&*signed).unwrap().signature;
    assert_eq!(read.tags().map(|tag| tag.0).collect::<Vec<_>>(), [62, 268, 274, 1008, 5000]);
    assert_eq!(read.strings(copr_rpm::Tag(274)).unwrap(), ["a", "bc"]);
    assert_eq!(read.binary(tag::SIG_RSA).unwrap(), packet(20, 1));
    assert_eq!(signed.len(), package.len());
    assert!(signatures(&mut Cursor::new(sign(&package, None).unwrap())).unwrap().is_empty());
}

#[test]
fn a_package_of_format_6_has_its_signature_as_text() {
    let package = made(&[(999, Value::Bin(vec![0; 4096]))], &[(5114, Value::U32(vec![6]))]);
    let own = packet(280, 1);
    let signed = sign(&package, Some(&own)).unwrap();
    assert_eq!(signatures(&mut Cursor::new(&signed)).unwrap(), std::slice::from_ref(&own));
    let read = Package::read(&*signed).unwrap().signature;
    assert_eq!(read.tags().map(|tag| tag.0).collect::<Vec<_>>(), [62, 278, 999]);
    assert_eq!(read.strings(tag::SIG_OPENPGP).unwrap(), [STANDARD.encode(own)]);
    assert_eq!(signed.len(), package.len());
    assert_eq!(sign(&signed, None).unwrap(), package);
    let bad = made(&[(278, texts(&["?"]))], &[]);
    assert!(matches!(signatures(&mut Cursor::new(bad)), Err(Error::Damaged { part: "signature", .. })));
}

#[test]
fn what_a_signature_would_not_cover_is_not_signed() {
    let reason = |package: &[u8]| sign(package, Some(&packet(280, 1))).unwrap_err().to_string();
    let no_digest = assemble(lead(), sealed(62, &[]), &sealed(63, &entries()), &archive());
    assert!(reason(&no_digest).contains("no SHA-256 of the payload"), "{}", reason(&no_digest));
    let no_region = assemble(lead(), sealed(62, &[]), &small_rpm::header(&entries()), &archive());
    assert!(reason(&no_region).contains("no immutable region"), "{}", reason(&no_region));
    let wrong = made(&[(273, text(&"0".repeat(64)))], &[]);
    assert!(reason(&wrong).contains("its SHA-256 is not the one"), "{}", reason(&wrong));
    let wrong = made(&[(269, text(&"0".repeat(40)))], &[]);
    assert!(reason(&wrong).contains("its SHA-1 is not the one"), "{}", reason(&wrong));
    let wrong = made(&[(1004, Value::Bin(vec![0; 16]))], &[]);
    assert!(reason(&wrong).contains("its MD5 is not the one"), "{}", reason(&wrong));
    let many: Vec<_> = (2000..2031).map(|tag| (tag, text("x"))).collect();
    assert!(reason(&made(&many, &[])).contains("more than 32 entries"));
    assert!(sign(&made(&many[1..], &[]), Some(&packet(280, 1))).is_ok());
}

#[test]
fn a_signature_that_is_none_is_refused_before_anything_is_written() {
    let package = built();
    let mut from = Cursor::new(&package);
    let signable = signable(&mut from).unwrap();
    for signature in
        [&b""[..], b"-----BEGIN PGP SIGNATURE-----", &[packet(20, 1), packet(20, 1)].concat(), &packet(9000, 1)]
    {
        let mut to = Vec::new();
        assert!(matches!(write_signed(&mut from, &signable, Some(signature), &mut to), Err(Error::Signature(_))));
        assert!(to.is_empty());
    }
}

#[test]
fn a_package_cut_at_any_byte_or_longer_than_it_was_is_an_error() {
    for package in [built(), sign(&built(), Some(&packet(280, 1))).unwrap()] {
        for end in 0..package.len() {
            assert!(sign(&package[..end], None).is_err(), "cut at {end} of {}", package.len());
        }
        assert!(sign(&[&package[..], b"x"].concat(), None).is_err(), "longer");
    }
}

#[test]
fn no_byte_of_header_or_payload_can_be_changed() {
    let package = built();
    let start = usize::try_from(Package::read(&*package).unwrap().header_start).unwrap();
    for at in start..package.len() {
        let mut package = package.clone();
        package[at] ^= 1;
        assert!(sign(&package, Some(&packet(280, 1))).is_err(), "byte {at}");
    }
}

#[test]
fn packages_of_all_kinds_are_signed_or_refused() {
    for (name, package) in odd::packages() {
        match sign(&package, Some(&packet(280, 1))) {
            Ok(signed) => assert_eq!(header(&signed), header(&package), "{name}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        let _ = signatures(&mut Cursor::new(&package));
    }
}

proptest! {
    #[test]
    fn whatever_the_signature_header_says_the_rest_stays(
        changes in prop::collection::vec((96usize..700, any::<u8>()), 1..8),
        size in 1usize..600,
    ) {
        let mut package = sign(&built(), Some(&packet(100, 1))).unwrap();
        for (at, value) in changes {
            package[at] = value;
        }
        if let Ok(signed) = sign(&package, Some(&packet(size, 2))) {
            prop_assert_eq!(header(&signed), header(&package));
            prop_assert_eq!(signatures(&mut Cursor::new(&signed)).unwrap(), [packet(size, 2)]);
            prop_assert_eq!(sign(&signed, Some(&packet(size, 2))).unwrap(), signed);
        }
    }
}
