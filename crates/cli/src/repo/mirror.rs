//! `copr-repo mirror`.

mod hub;
mod progress;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use copr_remote::mirror::{Filter, MirrorOptions, Mirrored, Origin, Snapshots, mirror};
use copr_remote::{Keyring, Timeouts};
use serde_json::{Value, json};

use super::definition::Mirror;
use super::show::{count, plain, size, some};
use super::values::{self, is_url};
use super::voice::Voice;

/// Exit code when something was left out.
const PARTLY: u8 = 2;

pub(super) fn run(arguments: &Mirror) -> Result<ExitCode> {
    let voice = Voice::ours(arguments.quiet, false, arguments.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    if arguments.hub.is_some() {
        return runtime.block_on(hub::run(arguments, voice));
    }
    let (origin, dir) = addressed(arguments)?;
    let options = options(arguments, origin, &dir)?;
    let watched = progress::Watched::new(voice, None);
    let done = runtime.block_on(mirror(&options, watched.watch()));
    watched.finish();
    let done = done?;
    tell(&done);
    voice.result(line(&done, &dir, arguments.dry_run), &object(&done, &dir, arguments.dry_run));
    Ok(if done.unmatched.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(PARTLY) })
}

/// What to mirror, and where to.
fn addressed(arguments: &Mirror) -> Result<(Origin, PathBuf)> {
    let given = [&arguments.metalink, &arguments.mirrorlist].into_iter().flatten().count();
    let (url, dir) = match (arguments.words.as_slice(), given) {
        ([url, dir], 0) => (Some(address(url)?), dir),
        ([dir], 1) => (None, dir),
        (_, 0) => bail!("two arguments are needed: the repository's URL and the mirror's folder"),
        _ => bail!("with --metalink or --mirrorlist one argument is needed: the mirror's folder"),
    };
    if is_url(dir) {
        bail!("{}: the mirror's folder comes last, and is a path", plain(dir));
    }
    let origin = match (url, &arguments.metalink, &arguments.mirrorlist) {
        (Some(url), ..) => Origin::Any(url),
        (None, Some(url), _) => Origin::Metalink(address(url)?),
        (None, None, Some(url)) => Origin::Mirrorlist(address(url)?),
        (None, None, None) => bail!("the repository's URL is missing"),
    };
    Ok((origin, PathBuf::from(dir)))
}

/// A URL as it is; a path as a `file://` URL.
fn address(text: &str) -> Result<String> {
    if is_url(text) {
        return Ok(text.to_owned());
    }
    let path = fs_err::canonicalize(text)?;
    let Some(path) = path.to_str() else { bail!("{text}: a path that is no UTF-8 cannot be mirrored from") };
    let encoded: String = path
        .chars()
        .map(|c| match c {
            '%' => "%25".to_owned(),
            '?' => "%3F".to_owned(),
            '#' => "%23".to_owned(),
            c => c.to_string(),
        })
        .collect();
    Ok(format!("file://{encoded}"))
}

fn options(arguments: &Mirror, origin: Origin, dir: &Path) -> Result<MirrorOptions> {
    let now = SystemTime::now();
    let mut keys = Keyring::default();
    for path in &arguments.keys {
        keys.add(&fs_err::read(path)?).with_context(|| path.display().to_string())?;
    }
    let mut arches = arguments.arches.clone();
    if arguments.source {
        arches.extend(["src".to_owned(), "nosrc".to_owned()]);
    }
    let snapshots = arguments.snapshots.then(|| Snapshots {
        name: arguments.snapshot_name.clone().unwrap_or_else(|| moment(now)),
        keep: arguments.keep.and_then(|keep| usize::try_from(keep).ok()),
    });
    Ok(MirrorOptions {
        filter: Filter {
            arches,
            include: arguments.include.clone(),
            exclude: arguments.exclude.clone(),
            newest_only: arguments.newest_only,
        },
        verify: arguments.verify,
        check_repository: arguments.repo_gpgcheck,
        check_packages: arguments.gpgcheck,
        keys,
        connections: usize::from(arguments.connections),
        rate: arguments.limit_rate.as_deref().map(rate).transpose()?,
        delete: arguments.delete,
        delete_share: arguments.delete_share,
        snapshots,
        dry_run: arguments.dry_run,
        wait: arguments.wait,
        grace: values::age(&arguments.retain)?,
        // The command line is the admin's own.
        allow_file: true,
        timeouts: Timeouts {
            silence: Duration::from_secs(u64::from(arguments.timeout)),
            attempts: u32::from(arguments.tries),
            ..Timeouts::default()
        },
        ..MirrorOptions::new(dir, origin, now)
    })
}

/// `20261125T150000Z`.
fn moment(now: SystemTime) -> String {
    jiff::Timestamp::try_from(now).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// `500k`, `10M`, `1G`: bytes a second, in thousands.
fn rate(text: &str) -> Result<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let times = match unit.trim_end_matches("/s") {
        "" => 1,
        "k" | "K" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => bail!("--limit-rate: {text:?} is no rate; 500k or 10M are"),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(times)).filter(|rate| *rate > 0) {
        Some(rate) => Ok(rate),
        None => bail!("--limit-rate: {text:?} is no rate; 500k or 10M are"),
    }
}

/// What people should know, on standard error.
fn tell(done: &Mirrored) {
    for warning in &done.warnings {
        anstream::eprintln!("copr-repo: {}", plain(warning));
    }
    for pattern in &done.unmatched {
        anstream::eprintln!("copr-repo: no package matches `{}`", plain(pattern));
    }
    if done.elsewhere > 0 {
        let packages = some(done.elsewhere, "package");
        anstream::eprintln!(
            "copr-repo: {packages} lie elsewhere, as the repository itself has it, and were not fetched"
        );
    }
}

fn line(done: &Mirrored, dir: &Path, dry_run: bool) -> String {
    let place = dir.display();
    let mut parts = vec![some(done.packages, "package")];
    if done.of != done.packages + done.elsewhere {
        parts.push(format!("of {}", count(done.of as u64)));
    }
    let mut text = format!("{place}: {}", parts.join(" "));
    let deleted = done.deleted.len();
    if dry_run {
        text.push_str(&format!(", {} to fetch ({})", count(done.fetched as u64), size(done.fetched_bytes)));
        if deleted > 0 {
            text.push_str(&format!(", {} to remove", count(deleted as u64)));
        }
        done.would_fetch.iter().for_each(|path| text.push_str(&format!("\n+ {}", plain(path))));
        done.deleted.iter().for_each(|path| text.push_str(&format!("\n- {}", plain(path))));
        return text;
    }
    if !done.changed {
        text.push_str(", nothing to do");
        return text;
    }
    text.push_str(&format!(", {} fetched ({})", count(done.fetched as u64), size(done.fetched_bytes)));
    if deleted > 0 {
        text.push_str(&format!(", {} removed", count(deleted as u64)));
    }
    if let Some(snapshot) = &done.snapshot {
        text.push_str(&format!(", snapshot {snapshot}"));
    }
    text
}

fn object(done: &Mirrored, dir: &Path, dry_run: bool) -> Value {
    json!({
        "mirror": dir.display().to_string(),
        "packages": done.packages,
        "of": done.of,
        "elsewhere": done.elsewhere,
        "fetched": done.fetched,
        "fetched_bytes": done.fetched_bytes,
        "kept": done.kept,
        "deleted": done.deleted,
        "would_fetch": done.would_fetch,
        "revision": done.revision,
        "changed": done.changed,
        "dry_run": dry_run,
        "snapshot": done.snapshot,
        "removed_snapshots": done.removed_snapshots,
        "unmatched": done.unmatched,
        "warnings": done.warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_unit() {
        for (text, bytes) in
            [("1", 1), ("500k", 500_000), ("10M", 10_000_000), ("10M/s", 10_000_000), ("2G", 2_000_000_000)]
        {
            assert_eq!(rate(text).unwrap(), bytes, "{text}");
        }
        for bad in ["", "0", "k", "-1", "1.5M", "1T", "99999999999999999999G"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_becomes_a_url() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("50% ?#");
        fs_err::create_dir(&odd).unwrap();
        let url = address(odd.to_str().unwrap()).unwrap();
        assert!(url.starts_with("file:///") && url.ends_with("/50%25 %3F%23"), "{url}");
        assert_eq!(address("http://x.example/?").unwrap(), "http://x.example/?");
    }

    #[test]
    fn a_snapshot_is_named_by_its_moment() {
        assert_eq!(moment(SystemTime::UNIX_EPOCH), "19700101T000000Z");
    }
}
