use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;
use copr_repodata::ChecksumKind;

use super::*;
use crate::repo::definition::{Action, Arguments, parse_stock};
use crate::repo::dispatch::Stock;

/// A folder with `comps.xml` and `pkglist` in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("comps.xml"), "<comps/>").unwrap();
    fs_err::write(folder.path().join("pkglist"), "a.rpm\n\nsub/b.rpm\r\n").unwrap();
    folder
}

/// What `createrepo_c WORDS` is to do; `@` stands for the folder.
fn stock(folder: &tempfile::TempDir, words: &str) -> Result<Plan> {
    let at = folder.path().display().to_string();
    let words = std::iter::once("createrepo_c").chain(words.split_whitespace());
    let words = words.map(|word| OsString::from(word.replace('@', &at)));
    let options: CreateOptions = parse_stock(Stock::Create, words)?;
    let voice = Voice::stock(options.quiet, options.verbose);
    plan(&options, &MoreOutput::default(), SystemTime::now(), &mut Fetcher::default(), voice)
}

/// The same for `copr-repo create`.
fn ours(folder: &tempfile::TempDir, words: &str) -> Result<Plan> {
    let at = folder.path().display().to_string();
    let words = ["copr-repo", "create"].into_iter().chain(words.split_whitespace());
    let Action::Create(it) = Arguments::try_parse_from(words.map(|word| word.replace('@', &at)))?.action else {
        bail!("another command")
    };
    let voice = Voice::ours(it.stock.quiet, it.stock.verbose, it.json);
    plan(&it.stock, &it.more, SystemTime::now(), &mut Fetcher::default(), voice)
}

fn output(words: &str) -> Output {
    stock(&folder(), &format!("@ {words}")).unwrap().options.output
}

fn refusal(words: &str) -> String {
    stock(&folder(), words).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_those_of_createrepo_c_under_both_names() {
    let folder = folder();
    for plan in [stock(&folder, "@").unwrap(), ours(&folder, "@").unwrap()] {
        assert_eq!(plan.dirs, [folder.path()]);
        assert_eq!(plan.out, folder.path());
        let output = &plan.options.output;
        assert_eq!((output.compression, output.extra_compression), (Compression::Zstd, Compression::Zstd));
        assert_eq!((output.databases, output.level, output.changelog_limit), (None, None, Some(10)));
        assert_eq!((output.checksum, plan.options.checksum), (ChecksumKind::Sha256, ChecksumKind::Sha256));
        assert!(output.unique_names && output.pretty && output.open_checksums);
        assert!(!output.filelists_ext && !output.zchunk);
        assert_eq!((output.workers, output.retain), (0, Retain::For(Duration::from_secs(3600))));
        assert_eq!((output.revision.as_deref(), output.timestamp), (None, None));
        // Tags of the metadata before do not stay.
        assert_eq!((output.content_tags.as_deref(), output.distro_tags.as_deref()), (Some(&[][..]), Some(&[][..])));
        assert_eq!(plan.options.selection, Selection::Walk);
        assert!(plan.options.update.is_none() && plan.options.groupfile.is_none());
        assert_eq!((plan.options.duplicates, plan.options.locking), (Duplicates::Keep, Locking::Refuse));
    }
}

#[test]
fn kojis_command_line() {
    let folder = folder();
    let words = "--error-exit-val -vd -o @ -i @/pkglist -g @/comps.xml --update --skip-stat @";
    let plan = stock(&folder, words).unwrap();
    assert_eq!(plan.dirs, [folder.path()]);
    assert_eq!(plan.options.output_dir.as_deref(), Some(folder.path()));
    assert_eq!(plan.options.selection, Selection::List(vec!["a.rpm".to_owned(), "sub/b.rpm".to_owned()]));
    assert_eq!(plan.options.groupfile, Some(folder.path().join("comps.xml")));
    assert_eq!(plan.options.output.databases, Some(Compression::Bzip2));
    assert_eq!(plan.options.output.compression, Compression::Zstd);
    let update = plan.options.update.unwrap();
    assert!(update.skip_stat && !update.discard_additional && update.more.is_empty());
}

#[test]
fn coprs_command_line() {
    let folder = folder();
    fs_err::create_dir(folder.path().join("devel")).unwrap();
    let words = "@ --no-database --ignore-lock --local-sqlite --cachedir @/cache/ --workers 8 \
         --general-compress-type=gz --update --skip-stat --recycle-pkglist --excludes *SUB/* --excludes *TWO/* \
         --pkglist @/pkglist --groupfile comps.xml --outputdir @/devel --baseurl https://example.org/d";
    let plan = stock(&folder, words).unwrap();
    let (options, output) = (&plan.options, &plan.options.output);
    assert_eq!((output.compression, output.extra_compression), (Compression::Gzip, Compression::Gzip));
    assert_eq!((output.databases, output.workers), (None, 8));
    assert_eq!(options.locking, Locking::Ignore);
    assert_eq!(options.checksum_cache.as_deref(), Some(folder.path().join("cache/").as_path()));
    assert!(folder.path().join("cache").is_dir());
    assert_eq!(options.selection, Selection::Recycle(vec!["a.rpm".to_owned(), "sub/b.rpm".to_owned()]));
    assert_eq!(options.excludes, ["*SUB/*", "*TWO/*"]);
    assert_eq!(options.groupfile, Some(folder.path().join("comps.xml")));
    assert_eq!(plan.out, folder.path().join("devel"));
    assert_eq!(options.location_base.as_deref(), Some("https://example.org/d"));
}

#[test]
fn each_switch_of_compression_means_another_group_of_files() {
    use Compression::{Bzip2, Gzip, Xz, Zchunk, Zstd};
    let kinds = |words: &str| {
        let output = output(words);
        (output.compression, output.extra_compression, output.databases)
    };
    assert_eq!(kinds("-d"), (Zstd, Zstd, Some(Bzip2)));
    assert_eq!(kinds("-d --xz"), (Zstd, Xz, Some(Xz)));
    assert_eq!(kinds("-d --xz --compress-type=gz"), (Zstd, Xz, Some(Xz)));
    assert_eq!(kinds("-d --compress-type GZ"), (Zstd, Gzip, Some(Gzip)));
    assert_eq!(kinds("-d --compress-type bz2 --general-compress-type xz"), (Xz, Xz, Some(Xz)));
    assert_eq!(kinds("--compatibility"), (Gzip, Gzip, Some(Bzip2)));
    assert_eq!(kinds("--compatibility --no-database"), (Gzip, Gzip, None));
    assert_eq!(kinds("--general-compress-type zck"), (Zchunk, Zchunk, None));
    assert!(stock(&folder(), "@ --compatibility").unwrap().options.plain_group);
}

#[test]
fn superseded_files_stay_for_an_hour_unless_something_else_is_asked_for() {
    let retain = |words: &str| output(words).retain;
    assert_eq!(retain("--retain-old-md 0"), Retain::Nothing);
    assert_eq!(retain("--retain-old-md 3"), Retain::All);
    assert_eq!(retain("--retain-old-md 3 --compatibility"), Retain::Generations(3));
    assert_eq!(retain("--retain-old-md-by-age 2h"), Retain::Younger(Duration::from_secs(7200)));
    assert!(refusal("@ --retain-old-md 1 --retain-old-md-by-age 2h").contains("cannot be combined"));
    let ours = |words: &str| ours(&folder(), words).map(|plan| plan.options.output.retain);
    assert_eq!(ours("@ --retain 1d").unwrap(), Retain::For(Duration::from_secs(86400)));
    assert_eq!(ours("@ --retain 0").unwrap(), Retain::Nothing);
    assert!(ours("@ --retain 1d --retain-old-md 1").is_err());
    assert!(stock(&folder(), "@ --retain 1d").is_err());
}

#[test]
fn our_own_switches_stand_beside_the_others() {
    let plan =
        ours(&folder(), "@ -q --json --compress gz --compress-level 9 --no-open-checksum --output @/new").unwrap();
    let output = &plan.options.output;
    assert_eq!((output.compression, output.level, output.open_checksums), (Compression::Gzip, Some(9), false));
    assert!(plan.out.ends_with("new"), "it need not exist");
}

#[test]
fn numbers_and_tags() {
    assert_eq!(output("--changelog-limit -1").changelog_limit, None);
    assert_eq!(output("--changelog-limit -2").changelog_limit, Some(10));
    assert_eq!(output("--changelog-limit=0").changelog_limit, Some(0));
    for (given, taken) in [("0", 0), ("-3", 0), ("101", 0), ("100", 100)] {
        assert_eq!(output(&format!("--workers {given}")).workers, taken, "{given}");
    }
    let tagged = output("--distro cpe:/o:f,F44 --distro plain --content a --content b --repo c");
    let distros = vec![(Some("cpe:/o:f".to_owned()), "F44".to_owned()), (None, "plain".to_owned())];
    assert_eq!(tagged.distro_tags, Some(distros));
    assert_eq!(tagged.content_tags, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(tagged.repo_tags, Some(vec!["c".to_owned()]));
    let fixed = output("--revision 1700000000 --set-timestamp-to-revision -s sha1 --repomd-checksum sha512");
    assert_eq!((fixed.revision.as_deref(), fixed.timestamp), (Some("1700000000"), Some(1_700_000_000)));
    assert_eq!(fixed.checksum, ChecksumKind::Sha512);
    assert_eq!(output("-s sha").checksum, ChecksumKind::Sha);
}

#[test]
fn places_of_packages() {
    let folder = folder();
    fs_err::create_dir(folder.path().join("two")).unwrap();
    let plan = stock(&folder, "--basedir @ two -u /srv/x --cut-dirs 2 --location-prefix p/ -S").unwrap();
    assert_eq!(plan.dirs, [folder.path().join("two")]);
    assert_eq!(plan.options.location_base.as_deref(), Some("file:///srv/x"));
    assert_eq!((plan.options.cut_dirs, plan.options.location_prefix.as_deref()), (2, Some("p/")));
    assert!(plan.options.skip_symlinks);
    let plan = stock(&folder, "--split @ @/two --duplicated-nevra keep-last").unwrap();
    assert!(plan.options.split && plan.dirs.len() == 2);
    assert_eq!(plan.options.duplicates, Duplicates::KeepLast);
    let list = stock(&folder, "@ -n x.rpm --includepkg=y.rpm").unwrap().options.selection;
    assert_eq!(list, Selection::List(vec!["x.rpm".to_owned(), "y.rpm".to_owned()]));
    fs_err::write(folder.path().join("pkglist"), "\n").unwrap();
    assert_eq!(stock(&folder, "@ -i @/pkglist").unwrap().options.selection, Selection::List(Vec::new()));
}

#[test]
fn metadata_that_cannot_be_taken_over_are_only_warned_about() {
    let folder = folder();
    let other = folder.path().join("other");
    fs_err::create_dir_all(other.join("repodata")).unwrap();
    fs_err::write(other.join("repodata/repomd.xml"), "<repomd/>").unwrap();
    let plan =
        stock(&folder, "@ --update --update-md-path /nowhere --update-md-path @/other --discard-additional-metadata");
    let update = plan.unwrap().options.update.unwrap();
    assert_eq!(update.more, [other]);
    assert!(update.discard_additional);
    assert!(stock(&folder, "@ --update-md-path @/other").unwrap().options.update.is_none());
}

#[test]
fn what_does_not_fit_together_is_refused_with_createrepos_words() {
    for (words, why) in [
        ("", "Must specify exactly one directory to index."),
        ("@ @", "Must specify exactly one directory to index."),
        ("--split", "Must specify at least one directory to index."),
        ("@/nowhere", "must exist"),
        ("@ -o @/nowhere", "Specified outputdir"),
        ("@ -s crc", "Unknown/Unsupported checksum type \"crc\""),
        ("@ --repomd-checksum crc", "Unknown/Unsupported checksum type"),
        ("@ --compress-type rar", "Unknown/Unsupported compression type \"rar\""),
        ("@ -g none.xml", "groupfile"),
        ("@ -i none", "pkglist file \"none\" doesn't exist"),
        ("@ --set-timestamp-to-revision", "require numeric value for --revision"),
        ("@ --set-timestamp-to-revision --revision 12a", "require numeric value for --revision"),
        ("@ --set-timestamp-to-revision --revision=-12", "--revision value out of range"),
        ("@ --set-timestamp-to-revision --revision 99999999999999999999", "--revision value out of range"),
        ("@ --retain-old-md-by-age 2w", "Bad time unit \"w\""),
        ("@ --cut-dirs -1", "--cut-dirs value must be a positive integer"),
        ("@ --zck-dict-dir x", "Cannot use --zck-dict-dir without setting --zck"),
        ("@ --zck --general-compress-type zck", "Cannot use --general-compress-type=zck with --zck"),
        ("@ --duplicated-nevra first", "use 'keep' or 'keep-last'"),
        ("@ --deltas", "delta RPMs are not made"),
        ("@ --oldpackagedirs x", "delta RPMs are not made"),
        ("@ -n http://example.org/a.rpm", "packages are not fetched"),
        ("@ -c comps.xml", "already exists and it is not a directory"),
    ] {
        assert!(refusal(words).contains(why), "{words}: {}", refusal(words));
    }
}
