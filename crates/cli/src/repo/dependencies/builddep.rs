//! `copr-repo builddep`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use copr_resolve::query::{FileOwners, Meaning, named};
use copr_resolve::solve::{Request, Wish, solve};
use copr_rpm::{Dependency, DependencyKind, Package};

use super::load::{Loaded, load_all};
use super::place::Role;
use super::solve::{request, with_installed};
use super::spec_file;
use super::transaction::{fail, tell};
use crate::repo::definition::Builddep;
use crate::repo::show::{complain, plain};

pub(in crate::repo) fn run(arguments: &Builddep) -> Result<ExitCode> {
    let places = with_installed(&arguments.repositories, &arguments.choosing)?;
    let loaded = load_all(&arguments.repositories, places, &[])?;
    let (mut install, mut problems) = (Vec::new(), Vec::new());
    for source in &arguments.sources {
        for dependency in requires(source, &loaded)? {
            if dependency.name.starts_with("rpmlib(") {
                continue;
            }
            if !install.contains(&dependency) {
                install.push(dependency);
            }
        }
    }
    let usable = loaded.packages_of(&[Role::Enabled, Role::Installed]);
    // As dnf does it: all that is missing is named at once. Rich ones are for the solver to decide.
    for dependency in install.iter().filter(|dependency| !dependency.name.starts_with('(')) {
        if !loaded.pool.providers_of(dependency).iter().any(|id| usable.contains(*id)) {
            problems.push(format!("nothing provides {dependency}"));
        }
    }
    let install = install.into_iter().map(Wish::Dependency).collect();
    let request = Request { install, ..request(&arguments.choosing, &loaded)? };
    let solved = solve(&loaded.pool, &request);
    if let (Err(problem), [_, _, ..]) = (&solved, problems.as_slice()) {
        // The solver names one; its other reasons are worth telling, too.
        for line in super::transaction::problem_lines(problem) {
            if !problems.iter().any(|known| line.starts_with(known.as_str())) {
                problems.push(line);
            }
        }
        return fail(&arguments.repositories, &problems);
    }
    tell(&arguments.repositories, &loaded, solved)
}

/// What a source requires to be built.
fn requires(source: &str, loaded: &Loaded) -> Result<Vec<Dependency>> {
    let path = Path::new(source);
    let ends = |end: &str| path.extension().is_some_and(|extension| extension == end);
    if ends("rpm") && path.is_file() {
        let package = Package::open(path).with_context(|| plain(source))?;
        if !package.is_source() {
            bail!("{}: this is no source package", plain(source));
        }
        return package.dependencies(DependencyKind::Requires).with_context(|| plain(source));
    }
    if ends("spec") {
        return of_spec(path, loaded.pool.arch());
    }
    let pool = &loaded.pool;
    let found = named(pool, source, Meaning { ignore_case: false, ..Meaning::QUERY }, &FileOwners::new());
    let enabled = loaded.packages_of(&[Role::Enabled]);
    let is_source = |id: &copr_resolve::PackageId| matches!(pool.text(pool.arch_of(*id)), "src" | "nosrc");
    let sources =
        found.into_iter().flat_map(|found| found.packages).filter(|id| enabled.contains(*id)).filter(is_source);
    let newest = sources.max_by(|a, b| pool.compare_evr(pool.evr(*a), pool.evr(*b)).then(b.cmp(a)));
    let Some(id) = newest else {
        bail!("{}: neither a .src.rpm or .spec file, nor a source package of the repositories", plain(source));
    };
    Ok(pool.list(id, DependencyKind::Requires).iter().map(|cap| pool.dependency(*cap)).collect())
}

fn of_spec(path: &Path, arch: &str) -> Result<Vec<Dependency>> {
    let shown = plain(&path.display().to_string());
    let size = fs_err::metadata(path)?.len();
    if size > spec_file::LONGEST {
        bail!("{shown}: it has {size} bytes, more than a spec file may have");
    }
    let spec = spec_file::read(&String::from_utf8_lossy(&fs_err::read(path)?), arch);
    for (number, line, why) in &spec.left_out {
        complain(format_args!("{shown}, line {number} is left out, because {why}: {}", plain(line)));
    }
    if !spec.left_out.is_empty() {
        complain("a source package tells it all: rpmbuild -bs makes one of the spec");
    }
    Ok(spec.requires)
}
