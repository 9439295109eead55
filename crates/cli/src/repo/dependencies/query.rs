//! `copr-repo query`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use copr_resolve::query::{DEPENDS, Meaning, Within, latest};
use copr_resolve::{Cap, PackageId};
use copr_rpm::DependencyKind;
use serde_json::{Value, json};

use super::closure::{narrow, repository};
use super::load::{Loaded, load_all};
use super::place::{Role, places};
use super::{name, text};
use crate::repo::definition::{Query, Shown};
use crate::repo::show::{plain, say};

pub(in crate::repo) fn run(arguments: &Query) -> Result<ExitCode> {
    let kinds = kinds(&arguments.shown);
    if arguments.resolve && kinds.is_empty() {
        bail!("--resolve goes with --requires, --provides, --conflicts, --recommends, ... or --depends");
    }
    let resolving = arguments.resolve && arguments.shown.requires;
    if arguments.recursive && arguments.whatrequires.is_empty() && !resolving {
        bail!("--recursive goes with --whatrequires, or with --requires and --resolve");
    }
    let places = places(&arguments.repositories, &[])?;
    let texts: Vec<&String> = arguments.specs.iter().chain(&arguments.files).chain(&arguments.whatprovides).collect();
    let loaded = load_all(&arguments.repositories, places, &texts)?;
    let found = find(arguments, &loaded)?;
    let within = whole(&loaded);
    let answer = if arguments.shown.deplist {
        Answer::Lists(found)
    } else if kinds.is_empty() {
        Answer::Packages(found)
    } else {
        let caps = within.dependencies(&found, &kinds);
        match arguments.resolve {
            true => Answer::Packages(within.resolve(&caps, arguments.recursive)),
            false => Answer::Dependencies(caps),
        }
    };
    if arguments.repositories.json {
        say(object(&within, &answer))?;
    } else {
        show(arguments, &within, &answer)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is told.
enum Answer {
    Packages(Vec<PackageId>),
    Dependencies(Vec<Cap>),
    /// Each requirement of each package, with what satisfies it.
    Lists(Vec<PackageId>),
}

/// All packages of the repositories that are used.
fn whole(loaded: &Loaded) -> Within<'_> {
    let packages = loaded.packages_of(&[Role::Enabled]);
    Within { pool: &loaded.pool, packages, owners: loaded.owners.clone() }
}

/// The packages that meet all conditions.
fn find(arguments: &Query, loaded: &Loaded) -> Result<Vec<PackageId>> {
    let pool = &loaded.pool;
    let mut within = whole(loaded);
    narrow(loaded, &mut within.packages, &arguments.from, &arguments.only_arches)?;
    let mut found: Vec<PackageId> = if arguments.specs.is_empty() {
        within.packages.iter().collect()
    } else {
        arguments.specs.iter().flat_map(|spec| within.named(spec, Meaning::QUERY)).collect()
    };
    found.sort_unstable();
    found.dedup();
    let mut keep = |ids: Vec<PackageId>| found.retain(|id| ids.binary_search(id).is_ok());
    if !arguments.files.is_empty() {
        keep(within.files(&arguments.files));
    }
    if !arguments.whatprovides.is_empty() {
        keep(within.what_provides(&arguments.whatprovides));
    }
    let conditions: [(&[DependencyKind], &[String], bool); 7] = [
        (&[DependencyKind::Conflicts], &arguments.whatconflicts, true),
        (&[DependencyKind::Obsoletes], &arguments.whatobsoletes, false),
        (&[DependencyKind::Recommends], &arguments.whatrecommends, true),
        (&[DependencyKind::Suggests], &arguments.whatsuggests, true),
        (&[DependencyKind::Supplements], &arguments.whatsupplements, true),
        (&[DependencyKind::Enhances], &arguments.whatenhances, true),
        (&DEPENDS, &arguments.whatdepends, !arguments.exactdeps),
    ];
    for (kinds, texts, of_packages) in conditions {
        if !texts.is_empty() {
            keep(within.what_depends(kinds, texts, of_packages));
        }
    }
    if !arguments.whatrequires.is_empty() {
        let kinds = [DependencyKind::Requires];
        let mut requiring = within.what_depends(&kinds, &arguments.whatrequires, !arguments.exactdeps);
        if arguments.recursive {
            requiring = within.recursively_requiring(&requiring);
        }
        keep(requiring);
    }
    if let Some(limit) = arguments.latest_limit.filter(|limit| *limit != 0) {
        found = latest(pool, &found, limit);
    }
    if arguments.srpm {
        found = whole(loaded).sources(&found);
    }
    Ok(found)
}

fn kinds(shown: &Shown) -> Vec<DependencyKind> {
    let one = [
        (shown.requires, DependencyKind::Requires),
        (shown.provides, DependencyKind::Provides),
        (shown.conflicts, DependencyKind::Conflicts),
        (shown.obsoletes, DependencyKind::Obsoletes),
        (shown.recommends, DependencyKind::Recommends),
        (shown.suggests, DependencyKind::Suggests),
        (shown.supplements, DependencyKind::Supplements),
        (shown.enhances, DependencyKind::Enhances),
    ];
    if shown.depends {
        return DEPENDS.to_vec();
    }
    one.into_iter().filter(|(wanted, _)| *wanted).map(|(_, kind)| kind).collect()
}

fn object(within: &Within<'_>, answer: &Answer) -> Value {
    let pool = within.pool;
    let package = |id: &PackageId| {
        json!({
            "nevra": pool.nevra(*id).to_string(),
            "repository": repository(pool, *id),
            "location": pool.location(*id),
            "source": Some(pool.text(pool.source_rpm(*id))).filter(|source| !source.is_empty()),
            "size": pool.package_size(*id),
        })
    };
    match answer {
        Answer::Packages(ids) => json!({ "packages": ids.iter().map(package).collect::<Vec<_>>() }),
        Answer::Dependencies(caps) => {
            json!({ "dependencies": caps.iter().map(|cap| pool.dependency(*cap).to_string()).collect::<Vec<_>>() })
        }
        Answer::Lists(ids) => {
            let list = |id: &PackageId| {
                let requires = within.dependencies(&[*id], &[DependencyKind::Requires]);
                let requires = requires.into_iter().map(|cap| {
                    let providers = within.resolve(&[cap], false);
                    let providers: Vec<String> = providers.iter().map(|id| pool.nevra(*id).to_string()).collect();
                    json!({ "requirement": pool.dependency(cap).to_string(), "providers": providers })
                });
                json!({ "nevra": pool.nevra(*id).to_string(), "requires": requires.collect::<Vec<_>>() })
            };
            json!({ "packages": ids.iter().map(list).collect::<Vec<_>>() })
        }
    }
}

fn show(arguments: &Query, within: &Within<'_>, answer: &Answer) -> Result<()> {
    let pool = within.pool;
    let mut lines: Vec<String> = match answer {
        Answer::Dependencies(caps) => caps.iter().map(|cap| text(pool, *cap)).collect(),
        Answer::Packages(ids) if arguments.shown.location => ids.iter().map(|id| location(within, *id)).collect(),
        Answer::Packages(ids) if arguments.shown.source => {
            ids.iter().map(|id| plain(pool.text(pool.source_rpm(*id)))).filter(|name| !name.is_empty()).collect()
        }
        Answer::Packages(ids) => ids.iter().map(|id| name(pool, *id)).collect(),
        Answer::Lists(ids) => {
            for (at, id) in ids.iter().enumerate() {
                if at > 0 {
                    say("")?;
                }
                say(format_args!("package: {}", name(pool, *id)))?;
                for cap in within.dependencies(&[*id], &[DependencyKind::Requires]) {
                    say(format_args!("  dependency: {}", text(pool, cap)))?;
                    for provider in within.resolve(&[cap], false) {
                        say(format_args!("   provider: {}", name(pool, provider)))?;
                    }
                }
            }
            return Ok(());
        }
    };
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().try_for_each(say)
}

/// Where a package's file is.
fn location(within: &Within<'_>, id: PackageId) -> String {
    let pool = within.pool;
    let base = match pool.text(pool.location_base(id)) {
        "" => pool.repository_info(id).map_or("", |info| info.baseurl.as_str()),
        base => base,
    };
    plain(&format!("{}/{}", base.trim_end_matches('/'), pool.location(id)))
}
