//! `copr-repo sqlite` and `sqliterepo_c`.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Result, bail};
use copr_repodata::databases::{DatabaseOptions, add};
use copr_repodata::{Compression, Output};

use super::definition::SqliteOptions;
use super::values;
use super::voice::Voice;

pub(super) fn run(options: &SqliteOptions, voice: Voice) -> Result<ExitCode> {
    let (dir, how) = plan(options)?;
    voice.step("Preparing sqlite DBs");
    let output = Output { retain: values::retain(None)?, ..Output::new(SystemTime::now()) };
    let records = add(dir, &how, &output)?;
    let place = dir.join("repodata").display().to_string();
    let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
    let object = serde_json::json!({ "repodata": place, "added": kinds });
    voice.result(format_args!("{place}: {} added", kinds.join(", ")), &object);
    Ok(ExitCode::SUCCESS)
}

/// Checks the options in the order and with the words of `sqliterepo_c`.
fn plan(options: &SqliteOptions) -> Result<(&Path, DatabaseOptions)> {
    let compression = values::compression(options.compress_type.as_deref())?.unwrap_or(Compression::Bzip2);
    let how = DatabaseOptions {
        force: options.force,
        keep_old: options.keep_old,
        compression: if options.xz { Compression::Xz } else { compression },
        checksum: values::checksum(options.checksum.as_deref())?,
        scratch: options.local_sqlite.then(std::env::temp_dir),
        ..DatabaseOptions::default()
    };
    let [dir] = options.dirs.as_slice() else { bail!("Must specify exactly one repo directory to work on") };
    if !dir.is_dir() {
        bail!("Directory {} must exist", values::folder(dir));
    }
    Ok((dir, how))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use copr_repodata::ChecksumKind;

    use super::*;
    use crate::repo::definition::parse_stock;
    use crate::repo::dispatch::Stock;

    fn parsed(words: &[&str]) -> SqliteOptions {
        let words = [&["sqliterepo_c"], words].concat();
        parse_stock(Stock::Sqlite, words.into_iter().map(OsString::from)).unwrap()
    }

    #[test]
    fn databases_are_bzip2_unless_asked_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().display().to_string();
        let usual = parsed(&[&dir]);
        let (found, how) = plan(&usual).unwrap();
        assert_eq!((found, how.compression, how.checksum), (folder.path(), Compression::Bzip2, None));
        assert!(!how.force && !how.keep_old && how.scratch.is_none());
        let asked = parsed(&["-qvf", "--keep-old", &dir, "--compress-type=gz", "--checksum", "sha1", "--local-sqlite"]);
        let how = plan(&asked).unwrap().1;
        assert_eq!((how.compression, how.checksum), (Compression::Gzip, Some(ChecksumKind::Sha1)));
        assert!(how.force && how.keep_old && how.scratch.is_some());
        assert_eq!(plan(&parsed(&["--xz", "--compress-type=gz", &dir])).unwrap().1.compression, Compression::Xz);
    }

    #[test]
    fn exactly_one_folder_that_exists_is_needed() {
        for words in [&[][..], &["/", "/"]] {
            assert!(plan(&parsed(words)).unwrap_err().to_string().contains("exactly one repo directory"));
        }
        assert!(plan(&parsed(&["/nowhere"])).unwrap_err().to_string().contains("Directory /nowhere/ must exist"));
        assert!(plan(&parsed(&["/", "--checksum=crc"])).unwrap_err().to_string().contains("crc"));
    }
}
