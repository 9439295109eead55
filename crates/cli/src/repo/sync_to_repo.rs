//! `copr-repo sync-to-repo`.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Result, bail};
use copr_remote::sync_to_repo::{Local, SyncOptions, SyncPlan, SyncToRepo as Work, Synced};
use copr_remote::target::S3Options;
use copr_remote::{Target, TargetOptions};
use copr_repodata::{Output, RecordOptions, Repomd};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::definition::SyncToRepo;
use super::show::{plain, size, some};
use super::voice::Voice;
use super::{progress, values};

pub(super) fn run(arguments: &SyncToRepo) -> Result<ExitCode> {
    let voice = Voice::ours(arguments.quiet, false, arguments.json);
    let retain = values::retain(arguments.retain.as_deref())?;
    let found = Local::find(std::slice::from_ref(&arguments.packages))?;
    if found.is_empty() {
        bail!("{}: there are no packages (.rpm) in it", arguments.packages.display());
    }
    let options = options(arguments);
    let (read, write) = (Target::open(&arguments.read, &options)?, Target::open(&arguments.write, &options)?);
    let shown = write.to_string();
    let temporary = tempfile::Builder::new().prefix("copr-repo-").tempdir()?;
    let folder = arguments.cache.as_deref().unwrap_or(temporary.path());
    let bar = bytes(voice);
    let sent = bar.clone();
    let options = SyncOptions {
        init: arguments.init,
        delete: arguments.delete,
        at_once: arguments.workers.into(),
        progress: Arc::new(move |bytes| sent.inc(bytes)),
    };
    let sync = Work::new(read, write, folder, options);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;

    // As the repository has them, but for kinds that prove nothing.
    let checksum = runtime.block_on(sync.look())?.filter(|kind| kind.is_strong()).unwrap_or_default();
    let local = read_packages(&found, RecordOptions { checksum, ..RecordOptions::default() }, voice)?;
    let plan = runtime.block_on(sync.plan(&local))?;
    if plan.differs {
        voice.warning(format_args!(
            "{} shows another state than {shown}, which counts; is there a cache in between, or is it another repository?",
            plain(&arguments.read_shown()),
        ));
    }
    for (href, twin) in &plan.twins {
        voice.warning(format_args!(
            "{}: the same version is there as {}, with another content",
            plain(href),
            plain(twin)
        ));
    }
    if arguments.dry_run {
        show_plan(arguments, &shown, &plan);
        return Ok(ExitCode::SUCCESS);
    }
    bar.set_length(plan.bytes());
    let output = |repomd: Option<&Repomd>| {
        let now = SystemTime::now();
        let output = repomd.map_or_else(|| Output::new(now), |repomd| Output::like(repomd, now));
        Output { retain, ..output }
    };
    let synced = runtime.block_on(sync.run(&local, output));
    bar.finish_and_clear();
    let synced = synced?;
    voice.result(line(&shown, &synced), &object(&shown, false, &synced.plan, Some(&synced)));
    Ok(ExitCode::SUCCESS)
}

impl SyncToRepo {
    /// READ-URL without what may be a password.
    fn read_shown(&self) -> String {
        match (self.read.find("://"), self.read.rfind('@')) {
            (Some(start), Some(end)) if start < end => {
                let (scheme, host) = (self.read.get(..start + 3), self.read.get(end + 1..));
                format!("{}{}", scheme.unwrap_or_default(), host.unwrap_or_default())
            }
            _ => self.read.clone(),
        }
    }
}

/// The environment is read here and nowhere below.
fn options(arguments: &SyncToRepo) -> TargetOptions {
    let settings = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("AWS_"))
        .collect();
    let s3 = S3Options { settings, endpoint: arguments.s3_endpoint.clone() };
    TargetOptions { s3, ssh: arguments.ssh_options.clone(), ..TargetOptions::default() }
}

fn read_packages(found: &[(std::path::PathBuf, String)], options: RecordOptions, voice: Voice) -> Result<Local> {
    let bar = progress::bar(voice);
    bar.set_length(found.len() as u64);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let local = Local::read(found, &options, threads, &|| bar.inc(1));
    bar.finish_and_clear();
    Ok(local?)
}

/// The bar of what goes up.
fn bytes(voice: Voice) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !voice.shows_progress() || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let template = "{bar:40} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn show_plan(arguments: &SyncToRepo, shown: &str, plan: &SyncPlan) {
    if arguments.json {
        anstream::println!("{}", object(shown, true, plan, None));
        return;
    }
    if arguments.quiet {
        return;
    }
    if plan.new {
        anstream::println!("start a repository at {}", plain(shown));
    }
    for (what, packages) in [("add", &plan.added), ("replace", &plan.replaced)] {
        for (href, bytes) in packages {
            anstream::println!("{what} {} ({})", plain(href), size(*bytes));
        }
    }
    for href in &plan.removed {
        anstream::println!("remove {}", plain(href));
    }
    if plan.is_empty() {
        anstream::println!("{}: nothing to do, {} there", plain(shown), some(plan.unchanged, "package"));
        return;
    }
    let uploads = plan.added.len() + plan.replaced.len();
    anstream::println!(
        "{}: {} to upload ({}), {} to remove, {} there; then primary, filelists, other, and repomd.xml last",
        plain(shown),
        some(uploads, "package"),
        size(plan.bytes()),
        plan.removed.len(),
        plan.unchanged,
    );
}

fn line(shown: &str, synced: &Synced) -> String {
    let (published, plan) = (&synced.published, &synced.plan);
    let place = plain(shown);
    if !published.changed {
        return format!("{place}: {}, nothing to do", some(published.packages, "package"));
    }
    let (packages, bytes) = synced.uploaded;
    format!(
        "{place}: {} ({} added, {} replaced, {} removed), {packages} uploaded ({})",
        some(published.packages, "package"),
        plan.added.len(),
        plan.replaced.len(),
        plan.removed.len(),
        size(bytes),
    )
}

fn object(shown: &str, dry_run: bool, plan: &SyncPlan, synced: Option<&Synced>) -> Value {
    let packages = |list: &[(String, u64)]| -> Value {
        list.iter().map(|(href, size)| json!({ "location": href, "size": size })).collect()
    };
    json!({
        "repository": shown,
        "dry_run": dry_run,
        "new": plan.new,
        "added": packages(&plan.added),
        "replaced": packages(&plan.replaced),
        "removed": plan.removed,
        "unchanged": plan.unchanged,
        "uploaded": synced.map(|synced| synced.uploaded.0),
        "uploaded_size": synced.map(|synced| synced.uploaded.1),
        "packages": synced.map(|synced| synced.published.packages),
        "changed": synced.map(|synced| synced.published.changed),
        "revision": synced.map(|synced| synced.published.revision.clone()),
    })
}
