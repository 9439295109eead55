//! `copr-repo merge` and `mergerepo_c`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail};
use copr_repodata::merge::{Input, Koji, MergeOptions as Options, Method, merge};
use copr_repodata::{Compression, Output};

use super::arches;
use super::definition::{MergeOptions, MoreOutput};
use super::fetch::Fetcher;
use super::values;
use super::voice::Voice;

pub(super) fn run(options: &MergeOptions, more: &MoreOutput, voice: Voice) -> Result<ExitCode> {
    let started = Instant::now();
    let mut fetch = Fetcher::default();
    let plan = plan(options, more, SystemTime::now(), &mut fetch, voice)?;
    let merged = merge(&plan.inputs, &plan.out, &plan.options, &mut |warning| voice.warning(warning))?;
    let place = plan.out.join("repodata");
    let inputs = plan.inputs.iter().zip(&merged.inputs).map(|(input, (packages, taken))| {
        voice.detail(format_args!("{}: {taken} of {packages} packages", input.url));
        serde_json::json!({ "repository": input.url, "packages": packages, "taken": taken })
    });
    let published = &merged.published;
    let object = serde_json::json!({
        "repodata": place.display().to_string(),
        "packages": published.packages,
        "revision": published.revision,
        "changed": published.changed,
        "inputs": inputs.collect::<Vec<_>>(),
    });
    let line = format!(
        "{}: {} packages of {} repositories, written in {:.1} s",
        place.display(),
        published.packages,
        merged.inputs.len(),
        started.elapsed().as_secs_f64()
    );
    voice.result(line, &object);
    Ok(ExitCode::SUCCESS)
}

/// What is to be done.
#[derive(Debug)]
struct Plan {
    inputs: Vec<Input>,
    out: PathBuf,
    options: Options,
}

/// Checks the options in the order and with the words of `mergerepo_c`, then fetches what lies elsewhere.
fn plan(options: &MergeOptions, more: &MoreOutput, now: SystemTime, fetch: &mut Fetcher, voice: Voice) -> Result<Plan> {
    if options.repos.is_empty() {
        let program = if voice.is_stock() { "mergerepo_c" } else { "copr-repo merge" };
        bail!(
            "Usage: {program} [OPTION...] --repo=url --repo=url\n\n\
             {program}: take 2 or more repositories and merge their metadata into a new repo\n"
        );
    }
    let arches = arches(options)?;
    let mut output = output(options, now)?;
    output.level = more.compress_level;
    output.open_checksums = !more.no_open_checksum;
    output.retain = values::retain(more.retain.as_deref())?;
    let method = method(options, voice)?;
    let koji = koji(options)?;
    let replace_prefix = replace_prefix(options)?;
    let mut inputs = Vec::new();
    for name in &options.repos {
        inputs.push(input(name, fetch).with_context(|| format!("Downloading of repodata failed: {name}"))?);
    }
    let noarch = options.noarch_repo.as_deref().map(|name| input(name, fetch)).transpose();
    let noarch = noarch.with_context(|| {
        format!("Cannot locate noarch repo: {}", options.noarch_repo.as_deref().unwrap_or_default())
    })?;
    let out = options.outputdir.clone().unwrap_or_else(|| PathBuf::from("merged_repo"));
    let groupfile = options.groupfile.as_deref().filter(|_| !options.nogroups);
    let options = Options {
        method,
        arches,
        origins: options.koji || options.pkgorigins,
        koji,
        noarch,
        omit_base: options.omit_baseurl,
        replace_prefix,
        groupfile: groupfile.map(|name| fetch.file(name)).transpose()?,
        no_groups: options.nogroups,
        no_updateinfo: options.noupdateinfo,
        ..Options::new(output)
    };
    Ok(Plan { inputs, out, options })
}

fn arches(options: &MergeOptions) -> Result<Vec<String>> {
    match &options.archlist {
        Some(list) => Ok(arches::expanded(list, options.koji || options.arch_expand)),
        None if options.arch_expand => bail!("--arch-expand cannot be used without -a/--archlist argument"),
        None if options.koji => Ok(vec!["noarch".to_owned()]),
        None => Ok(Vec::new()),
    }
}

fn output(options: &MergeOptions, now: SystemTime) -> Result<Output> {
    let asked = values::compression(options.compress_type.as_deref())?;
    if options.zck_dict_dir.is_some() && !options.zck {
        bail!("Cannot use --zck-dict-dir without setting --zck");
    }
    let compression = asked.unwrap_or(Compression::Zstd);
    Ok(Output {
        compression,
        extra_compression: compression,
        databases: options.database.then_some(asked.unwrap_or(Compression::Bzip2)),
        unique_names: !options.simple_md_filenames,
        filelists_ext: options.filelists_ext,
        zchunk: options.zck,
        zchunk_dictionaries: options.zck_dict_dir.clone(),
        // Changes were cut when the repositories were made.
        changelog_limit: None,
        content_tags: Some(Vec::new()),
        repo_tags: Some(Vec::new()),
        distro_tags: Some(Vec::new()),
        ..Output::new(now)
    })
}

fn method(options: &MergeOptions, voice: Voice) -> Result<Method> {
    let named = match options.method.as_deref() {
        Some(_) if options.koji => {
            voice.warning("With -k/--koji argument merge method is ignored (--all is implicitly used).");
            Method::AllVersions
        }
        None | Some("repo") => Method::Repository,
        Some("ts") => Method::Newest,
        Some("nvr") => Method::HighestVersion,
        Some(other) => bail!("Unknown merge method {other}"),
    };
    Ok(match (options.koji, options.simple, options.all) {
        (true, true, _) => Method::Everything,
        (true, false, _) | (false, _, true) => Method::AllVersions,
        (false, _, false) => named,
    })
}

fn koji(options: &MergeOptions) -> Result<Option<Koji>> {
    let Some(path) = &options.blocked else {
        return Ok(options.koji.then(|| Koji { simple: options.simple, blocked: Vec::new() }));
    };
    if !options.koji {
        bail!("-b/--blocked cannot be used without -k/--koji argument");
    }
    if !path.exists() {
        bail!("File {} doesn't exist", path.display());
    }
    let blocked = values::lines(&fs_err::read_to_string(path)?).collect();
    Ok(Some(Koji { simple: options.simple, blocked }))
}

fn replace_prefix(options: &MergeOptions) -> Result<Option<(String, String)>> {
    match (&options.repo_prefix_search, &options.repo_prefix_replace) {
        (None, None) => Ok(None),
        (None, Some(_)) => bail!("--repo-prefix-replace must be used together with --repo-prefix-search"),
        (Some(_), None) => bail!("--repo-prefix-search must be used together with --repo-prefix-replace"),
        (Some(search), Some(_)) if search.is_empty() => bail!("--repo-prefix-search cannot be an empty string."),
        (Some(search), Some(replace)) => Ok(Some((search.clone(), replace.clone()))),
    }
}

fn input(name: &str, fetch: &mut Fetcher) -> Result<Input> {
    let dir = fetch.repository(name)?;
    let index = dir.join("repodata/repomd.xml");
    if !index.is_file() {
        bail!("there is no {}", index.display());
    }
    let trimmed = name.trim_end_matches('/');
    let url = if trimmed.is_empty() { "/" } else { trimmed };
    Ok(Input { dir, url: url.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::repo::definition::parse_stock;
    use crate::repo::dispatch::Stock;

    /// A folder that has a repomd.xml.
    fn repository(under: &std::path::Path, name: &str) -> String {
        let dir = under.join(name);
        fs_err::create_dir_all(dir.join("repodata")).unwrap();
        fs_err::write(dir.join("repodata/repomd.xml"), "<repomd/>").unwrap();
        dir.display().to_string()
    }

    fn planned(words: &[&str]) -> Result<Plan> {
        let words = [&["mergerepo_c"], words].concat();
        let options: MergeOptions = parse_stock(Stock::Merge, words.into_iter().map(OsString::from))?;
        plan(&options, &MoreOutput::default(), SystemTime::now(), &mut Fetcher::default(), Voice::stock(false, false))
    }

    fn refusal(words: &[&str]) -> String {
        format!("{:#}", planned(words).unwrap_err())
    }

    #[test]
    fn kojis_merge_of_a_build_target_with_external_repositories() {
        let folder = tempfile::tempdir().unwrap();
        let (local, external) = (repository(folder.path(), "local"), repository(folder.path(), "external"));
        let blocked = folder.path().join("blocklist");
        fs_err::write(&blocked, "kernel\n\nglibc").unwrap();
        let comps = folder.path().join("comps.xml").display().to_string();
        fs_err::write(&comps, "<comps/>").unwrap();
        let out = folder.path().join("out").display().to_string();
        let words = [
            "--koji",
            "-b",
            blocked.to_str().unwrap(),
            "-a",
            "x86_64",
            "-o",
            &out,
            "--arch-expand",
            "-g",
            &comps,
            "-r",
            &format!("{local}/"),
            "-r",
            &format!("file://{external}"),
        ];
        let plan = planned(&words).unwrap();
        assert_eq!(plan.out, PathBuf::from(&out));
        assert_eq!(
            plan.inputs,
            [
                Input { dir: format!("{local}/").into(), url: local.clone() },
                Input { dir: external.clone().into(), url: format!("file://{external}") },
            ]
        );
        let options = plan.options;
        let blocked = vec!["kernel".to_owned(), "glibc".to_owned()];
        assert_eq!(options.koji, Some(Koji { simple: false, blocked }));
        assert_eq!((options.method, options.origins), (Method::AllVersions, true));
        assert_eq!(options.groupfile, Some(comps.into()));
        for arch in ["x86_64", "noarch", "i686", "amd64"] {
            assert!(options.arches.iter().any(|known| known == arch), "{arch}");
        }
        assert_eq!((options.output.compression, options.output.databases), (Compression::Zstd, None));
        assert_eq!(options.output.content_tags, Some(Vec::new()));
    }

    #[test]
    fn kojis_merge_of_bare_repositories_keeps_all_versions_and_lists_origins() {
        let folder = tempfile::tempdir().unwrap();
        let bare = repository(folder.path(), "bare");
        let plan = planned(&["--pkgorigins", "--all", "-r", &bare, "-d", "--compress-type", "gz"]).unwrap();
        assert_eq!((plan.options.method, plan.options.origins), (Method::AllVersions, true));
        assert_eq!(plan.options.koji, None);
        assert_eq!(plan.options.arches, [""; 0]);
        assert_eq!(plan.out, PathBuf::from("merged_repo"));
        assert_eq!(plan.options.output.databases, Some(Compression::Gzip));
        let simple = planned(&["-k", "--simple", "-r", &bare]).unwrap().options;
        assert_eq!(simple.method, Method::Everything);
        assert_eq!(simple.koji, Some(Koji { simple: true, blocked: Vec::new() }));
        assert_eq!(simple.arches, ["noarch"]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused_with_mergerepos_words() {
        let folder = tempfile::tempdir().unwrap();
        let r = &repository(folder.path(), "r");
        let blocked = folder.path().join("none").display().to_string();
        assert!(refusal(&["--all"]).contains("Usage: mergerepo_c"));
        assert!(refusal(&["-r", r, "--arch-expand"]).contains("cannot be used without -a/--archlist"));
        assert!(refusal(&["-r", r, "--method", "x"]).contains("Unknown merge method x"));
        assert!(refusal(&["-r", r, "-b", &blocked]).contains("cannot be used without -k/--koji"));
        assert!(refusal(&["-r", r, "-k", "-b", &blocked]).contains("doesn't exist"));
        assert!(refusal(&["-r", r, "--repo-prefix-search", "x"]).contains("must be used together"));
        assert!(refusal(&["-r", r, "--repo-prefix-search", "", "--repo-prefix-replace", "y"]).contains("empty string"));
        assert!(refusal(&["-r", r, "--zck-dict-dir", "x"]).contains("without setting --zck"));
        assert!(refusal(&["-r", r, "--compress-type", "rar"]).contains("rar"));
        assert!(refusal(&["-r", "/nowhere"]).contains("Downloading of repodata failed: /nowhere"));
        assert!(refusal(&["-r", "ftp://example.org/r"]).contains("only http://, https:// and file://"));
    }
}
