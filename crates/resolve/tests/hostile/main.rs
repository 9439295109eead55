//! Hostile bytes: documents with all kinds of nonsense in them, and cache files of nothing.

mod properties;

use proptest::prelude::*;

/// A text as it may stand in an attribute, often one of a few, so that packages meet.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]",
        1 => "/(usr/)?(bin|share)/[ab]",
        1 => r"\((a|b) (if|or|without) /[ab]\)",
        1 => "[a-z0-9:~^.\\-]{0,6}",
        1 => "&(amp|lt|#x?[0-9a-f]{1,4});",
        1 => "[^<>&\"]{0,4}",
    ]
}

fn entry() -> impl Strategy<Value = String> {
    let flags = prop::sample::select(vec!["", "EQ", "LT", "LE", "GE", "GT", "XX"]);
    (word(), flags, word(), word(), word()).prop_map(|(name, flags, epoch, version, release)| {
        format!(r#"<rpm:entry name="{name}" flags="{flags}" epoch="{epoch}" ver="{version}" rel="{release}"/>"#)
    })
}

fn package() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["provides", "requires", "conflicts", "obsoletes", "supplements", "other"]);
    let lists = prop::collection::vec((kind, prop::collection::vec(entry(), 0..4)), 0..5);
    let arch = prop::sample::select(vec!["x86_64", "noarch", "i686", "src", "riscv64"]);
    (word(), arch, word(), word(), word(), lists).prop_map(|(name, arch, epoch, version, release, lists)| {
        let lists: String =
            lists.iter().map(|(kind, list)| format!("<rpm:{kind}>{}</rpm:{kind}>", list.concat())).collect();
        let sum = "0a".repeat(32);
        format!(
            "<package type=\"rpm\"><name>{name}</name><arch>{arch}</arch>\
             <version epoch=\"{epoch}\" ver=\"{version}\" rel=\"{release}\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{sum}</checksum><location href=\"{name}.rpm\"/>\
             <format>{lists}<file>/usr/bin/{version}</file></format></package>\n"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_document_says_answers_are_the_same_from_a_cache_file(list in prop::collection::vec(package(), 0..6)) {
        properties::packages(document(&list.concat()).as_bytes());
    }

    #[test]
    fn no_bytes_are_a_cache_file(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        properties::cache_file(&bytes);
    }
}

fn document(packages: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"1\">\n{packages}</metadata>"
    )
}
