//! `copr-repo modify` and `modifyrepo_c`.

mod batch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Result, bail};
use copr_repodata::modify::{Addition, Change, modify};
use copr_repodata::{Compression, Locking, Output};

use super::definition::ModifyOptions;
use super::values;
use super::voice::Voice;

/// `retain`: how long superseded files stay, if not for an hour.
pub(super) fn run(options: &ModifyOptions, retain: Option<&str>, voice: Voice) -> Result<ExitCode> {
    let (changes, repodata) = plan(options, voice)?;
    let output = Output { retain: values::retain(retain)?, ..Output::new(SystemTime::now()) };
    modify(&repodata, &changes, &output, Locking::Wait, &mut |warning| voice.library_warning(warning))?;
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for change in &changes {
        match change {
            Change::Add(addition) => added.push(kind_of(addition)),
            Change::Remove { kind } => removed.push(kind.clone()),
        }
    }
    let line = [("added", &added), ("removed", &removed)]
        .iter()
        .filter(|(_, kinds)| !kinds.is_empty())
        .map(|(what, kinds)| format!("{} {what}", kinds.join(", ")))
        .collect::<Vec<_>>()
        .join("; ");
    let object = serde_json::json!({ "repodata": repodata.display().to_string(), "added": added, "removed": removed });
    voice.result(format_args!("{}: {line}", repodata.display()), &object);
    Ok(ExitCode::SUCCESS)
}

fn kind_of(addition: &Addition) -> String {
    let name = addition.name.as_ref().map_or(addition.path.as_path(), Path::new);
    addition.kind.clone().unwrap_or_else(|| stem(name))
}

/// What is to be changed, and where.
fn plan(options: &ModifyOptions, voice: Voice) -> Result<(Vec<Change>, PathBuf)> {
    if options.no_compress && options.compress_type.is_some() {
        voice.warning("Use --compress-type simultaneously with --no-compress doesn't make a sense");
    }
    if options.zck_dict_dir.is_some() && !options.zck {
        return usage("Cannot use --zck-dict-dir without setting --zck");
    }
    match (&options.batchfile, &options.remove, options.paths.as_slice()) {
        (Some(batch), _, [repodata]) => {
            if !batch.is_file() {
                return usage(&format!("File \"{}\" doesn't exist", batch.display()));
            }
            Ok((batch::read(batch)?, repodata.clone()))
        }
        (None, Some(kind), [repodata]) => {
            if options.new_name.is_some() {
                voice.warning("Use remove with new_name doesn't make a sense");
            }
            let kind = options.mdtype.clone().unwrap_or_else(|| stem(Path::new(kind)));
            Ok((vec![Change::Remove { kind }], repodata.clone()))
        }
        (None, None, [file, repodata]) => Ok((vec![Change::Add(addition(options, file)?)], repodata.clone())),
        _ => usage(""),
    }
}

fn addition(options: &ModifyOptions, file: &Path) -> Result<Addition> {
    let compression = values::compression(options.compress_type.as_deref())?.unwrap_or(Compression::Zstd);
    let addition = Addition {
        path: file.to_owned(),
        kind: options.mdtype.clone(),
        name: options.new_name.clone(),
        compression: if options.no_compress { Compression::None } else { compression },
        checksum: values::checksum(options.checksum.as_deref())?.unwrap_or_default(),
        unique_name: !options.simple_md_filenames,
        zchunk: options.zck,
        zchunk_dictionaries: options.zck_dict_dir.clone(),
    };
    checked(addition)
}

/// Checks what does not depend on where an addition was asked for.
fn checked(addition: Addition) -> Result<Addition> {
    if !addition.path.is_file() {
        bail!("File \"{}\" is not regular file or doesn't exist", addition.path.display());
    }
    if addition.name.as_deref() == Some("") {
        bail!("the new name of {} is empty", addition.path.display());
    }
    Ok(addition)
}

/// A file's name up to its first dot.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn usage<T>(reason: &str) -> Result<T> {
    let line = if reason.is_empty() { String::new() } else { format!("{reason}\n") };
    bail!(
        "{line}Usage: modifyrepo_c [options] <input metadata> <output repodata>\n\
         Usage: modifyrepo_c --remove <metadata type> <output repodata>\n\
         Usage: modifyrepo_c [options] --batchfile <batch file> <output repodata>"
    );
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use copr_repodata::ChecksumKind;

    use super::*;
    use crate::repo::definition::parse_stock;
    use crate::repo::dispatch::Stock;

    fn planned(words: &[&str]) -> Result<(Vec<Change>, PathBuf)> {
        let words = [&["modifyrepo_c"], words].concat();
        let options: ModifyOptions = parse_stock(Stock::Modify, words.into_iter().map(OsString::from))?;
        plan(&options, Voice::stock(false, false))
    }

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
        let path = folder.path().join(name);
        fs_err::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[test]
    fn a_file_is_compressed_and_named_by_its_checksum_unless_asked_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "productid.txt", "x");
        let (changes, repodata) = planned(&[&path, "repo/repodata"]).unwrap();
        assert_eq!(repodata, PathBuf::from("repo/repodata"));
        let plain = Addition {
            path: path.clone().into(),
            kind: None,
            name: None,
            compression: Compression::Zstd,
            checksum: ChecksumKind::Sha256,
            unique_name: true,
            zchunk: false,
            zchunk_dictionaries: None,
        };
        assert_eq!(changes, [Change::Add(plain.clone())]);
        let words = ["--no-compress", "-s", "sha512", &path, "r", "--simple-md-filenames", "--new-name=a/b.c.txt"];
        let asked = Addition {
            name: Some("a/b.c.txt".to_owned()),
            compression: Compression::None,
            checksum: ChecksumKind::Sha512,
            unique_name: false,
            ..plain
        };
        assert_eq!(planned(&words).unwrap().0, [Change::Add(asked)]);
    }

    #[test]
    fn what_is_removed_is_named_by_its_type_or_by_its_file() {
        let removal = |kind: &str| vec![Change::Remove { kind: kind.to_owned() }];
        assert_eq!(planned(&["--remove", "updateinfo", "r"]).unwrap(), (removal("updateinfo"), "r".into()));
        assert_eq!(planned(&["--remove=updateinfo.xml.gz", "r"]).unwrap().0, removal("updateinfo"));
        assert_eq!(planned(&["--remove=x", "--mdtype=group", "r"]).unwrap().0, removal("group"));
    }

    #[test]
    fn a_batch_file_has_one_section_a_change_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (file(&folder, "Aa.xml", "x"), file(&folder, "b.xml", "y"));
        let text = format!(
            "# changes\n[{a}]\ncompress=false\nchecksum = sha1\n\n[second]\npath={b}\ntype=bee\nnew-name=c.xml\n\
             unique-md-filenames=0\ncompress-type=xz\n[updateinfo]\nremove=true\n"
        );
        let batch = file(&folder, "batch", &text);
        let (changes, _) = planned(&["-f", &batch, "r"]).unwrap();
        let [Change::Add(first), Change::Add(second), Change::Remove { kind }] = changes.as_slice() else {
            panic!("{changes:?}");
        };
        assert_eq!((first.path.to_str(), first.compression), (Some(a.as_str()), Compression::None));
        assert_eq!((first.checksum, first.unique_name), (ChecksumKind::Sha1, true));
        assert_eq!((second.path.to_str(), second.kind.as_deref()), (Some(b.as_str()), Some("bee")));
        assert_eq!((second.name.as_deref(), second.compression), (Some("c.xml"), Compression::Xz));
        assert!(!second.unique_name);
        assert_eq!(kind, "updateinfo");
    }

    #[test]
    fn what_does_not_fit_together_is_refused_with_the_usage() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "a.xml", "x");
        for words in [
            &[][..],
            &["r"],
            &["a", "b", "c"],
            &["--remove", "x", "a", "r"],
            &["--remove", "x", "-f", "none", "r", "s"],
            &["-f", "none", "r"],
            &["--zck-dict-dir", "d", &path, "r"],
        ] {
            let error = planned(words).unwrap_err().to_string();
            assert!(error.contains("Usage: modifyrepo_c"), "{words:?}: {error}");
        }
        assert!(planned(&["/nowhere", "r"]).unwrap_err().to_string().contains("is not regular file"));
        assert!(planned(&["--checksum", "crc", &path, "r"]).is_err());
        assert!(planned(&["-f", &file(&folder, "bad", "path=x\n"), "r"]).is_err());
    }
}
