//! Reading metadata, as they are in the wild and as attackers make them.

use copr_repodata::{Error, Record, Repomd, read};
use proptest::prelude::*;
use std::io::{Read, Write};

const SUM: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn primary(package: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<metadata xmlns:rpm=\"x\" packages=\"9\">{package}</metadata>")
}

fn read_primary(text: &str) -> Result<Vec<Record>, Error> {
    read::primary(text.as_bytes()).collect()
}

fn package(extra: &str) -> String {
    format!(
        "<package type=\"rpm\"><name>a</name><arch>noarch</arch><version epoch=\"0\" ver=\"1\" rel=\"1\"/>\
         <checksum type=\"sha256\" pkgid=\"YES\">{SUM}</checksum><location href=\"a.rpm\"/>{extra}</package>"
    )
}

#[test]
fn unknown_elements_and_comments_are_passed_over_and_the_count_may_lie() {
    let extra = "<!-- c --><future><name>not this</name></future><url><![CDATA[u&v]]></url>";
    let records = read_primary(&primary(&format!("<odd/>{}", package(extra)))).unwrap();
    assert_eq!((records.len(), records[0].nevra.name.as_str(), records[0].url.as_str()), (1, "a", "u&v"));
}

#[test]
fn dependencies_of_all_shapes_are_read() {
    let extra = "<format><rpm:requires><rpm:entry name=\"x\" flags=\"GE\" epoch=\"1\" ver=\"2\" rel=\"3\" pre=\"1\"/>\
                 <rpm:entry name=\"y\" pre=\"0\"/><rpm:entry/></rpm:requires><file>/bin/a</file></format>";
    let record = &read_primary(&primary(&package(extra))).unwrap()[0];
    assert_eq!(record.requires.iter().map(ToString::to_string).collect::<Vec<_>>(), ["x >= 1:2-3", "y"]);
    assert_eq!(record.requires.iter().map(|d| d.flags.pre()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(record.files[0].path, "/bin/a");
}

#[test]
fn what_no_client_could_use_is_an_error() {
    let whole = package("");
    for missing in ["<name>a</name>", "<arch>noarch</arch>", "<location href=\"a.rpm\"/>", SUM] {
        assert!(read_primary(&primary(&whole.replace(missing, ""))).is_err(), "without {missing}");
    }
    for document in ["", "<html></html>", "not xml", "<metadata>", "<metadata><package>"] {
        assert!(read_primary(document).is_err(), "{document:?}");
    }
}

#[test]
fn a_document_cut_at_any_byte_is_an_error() {
    let whole = primary(&package("<summary>a &amp; b</summary>"));
    assert_eq!(read_primary(&whole).unwrap()[0].summary, "a & b");
    for end in 0..whole.len() {
        assert!(read_primary(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn entities_are_not_expanded() {
    let bomb = "<!DOCTYPE m [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>";
    let document =
        format!("{bomb}{}", primary(&package("<summary>&b;</summary>")).replace("<?xml version=\"1.0\"?>", ""));
    assert!(read_primary(&document).unwrap_err().to_string().contains("&b;"));
}

#[test]
fn files_open_whatever_their_compression_and_name() {
    let dir = tempfile::tempdir().unwrap();
    let plain = primary(&package(""));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(plain.as_bytes()).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(plain.as_bytes()).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(plain.as_bytes()).unwrap();
    let members = [gzip.finish().unwrap(), bzip2.finish().unwrap(), xz.finish().unwrap()];
    for bytes in members.into_iter().chain([zstd::encode_all(plain.as_bytes(), 1).unwrap(), plain.clone().into()]) {
        let path = dir.path().join("metadata.unknown");
        fs_err::write(&path, &bytes).unwrap();
        let mut text = String::new();
        read::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, plain, "{:02x?}", &bytes[..4]);
        let error = read::open_bounded(&path, 20).unwrap().read_to_string(&mut text).unwrap_err().to_string();
        assert!(error.contains("over 20 bytes") && error.contains("metadata.unknown"), "{error}");
    }
}

#[test]
fn repomd_survives_writing_and_reading() {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  <revision>7</revision>\n  <tags>\n    \
         <content>c</content>\n    <distro cpeid=\"cpe:/o\">D</distro>\n  </tags>\n  <data type=\"primary\">\n    \
         <checksum type=\"sha256\">{SUM}</checksum>\n    <open-checksum type=\"sha256\">{SUM}</open-checksum>\n    \
         <location href=\"repodata/p.xml.gz\"/>\n    <timestamp>5</timestamp>\n    <size>1</size>\n    \
         <open-size>2</open-size>\n  </data>\n</repomd>\n"
    );
    let repomd = Repomd::read(text.as_bytes()).unwrap();
    assert_eq!(repomd.record("primary").unwrap().open_size, Some(2));
    assert_eq!(repomd.write(), text);
    for end in 0..text.len() - "</repomd>\n".len() {
        assert!(Repomd::read(&text.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn metadata_that_lead_out_of_the_repository_are_refused() {
    for href in ["../secret", "/etc/passwd", "repodata/../../x"] {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(dir.path().join("repodata")).unwrap();
        let text = format!(
            "<repomd><data type=\"primary\"><checksum type=\"sha256\">{SUM}</checksum><location href=\"{href}\"/></data></repomd>"
        );
        fs_err::write(dir.path().join("repodata/repomd.xml"), text).unwrap();
        assert!(matches!(read::load(dir.path()), Err(Error::UnsafePath(_))), "{href}");
    }
}

#[test]
fn loading_what_is_no_repository_names_the_missing_file() {
    let dir = tempfile::tempdir().unwrap();
    let error = read::load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("repodata/repomd.xml"), "{error}");
}

proptest! {
    #[test]
    fn no_change_of_bytes_makes_the_readers_panic(changes in prop::collection::vec((0usize..600, any::<u8>()), 1..6)) {
        let mut bytes = primary(&package("<format><rpm:provides><rpm:entry name=\"x\"/></rpm:provides></format>")).into_bytes();
        let length = bytes.len();
        for (at, value) in changes {
            bytes[at % length] = value;
        }
        let _ = read::primary(&bytes[..]).collect::<Vec<_>>();
        let _ = read::filelists(&bytes[..]).collect::<Vec<_>>();
        let _ = Repomd::read(&bytes);
    }
}
