//! The dependency library at work: loading a distribution, and solving over it.

use std::path::Path;

use anyhow::{Context, Result};
use copr_repodata::{Repomd, read};
use copr_resolve::{
    cache, load,
    pool::{PackageId, Packages, Pool, RepositoryInfo},
    solve::{self, Request, Wish},
};

/// The key of the cache files; programs take the checksum of repomd.xml.
const KEY: &str = "benchmark";
const ARCH: &str = "x86_64";

/// Reads primary, writes the cache, and gets ready to solve.
///
/// # Errors
/// A file is missing or malformed, or the cache cannot be written.
pub fn cold(repository: &Path, path: &Path) -> Result<usize> {
    let repomd = Repomd::read(&fs_err::read(repository.join("repodata/repomd.xml"))?)?;
    let record = repomd.record("primary").context("repomd.xml names no primary")?;
    let packages = load::primary(read::open(&repository.join(&record.location_href))?)?;
    cache::write(path, KEY, &packages)?;
    Ok(ready(packages)?.len())
}

/// Reads the cache and gets ready to solve, so many times; the number of packages.
///
/// # Errors
/// The cache is not there, or not whole.
pub fn cached(path: &Path, times: usize) -> Result<usize> {
    (0..times).try_fold(0, |_, _| Ok(from_cache(path)?.len()))
}

/// Solves the requests of a file, each a line of names separated by blanks, so many times; the number of packages of all
/// answers of one time.
///
/// # Errors
/// A file is missing or malformed, or names what is not there.
pub fn solve(weak: bool, path: &Path, file: &Path, times: usize) -> Result<usize> {
    let pool = from_cache(path)?;
    let text = fs_err::read_to_string(file)?;
    let requests = text.lines().map(|line| request(&pool, line, weak)).collect::<Result<Vec<_>>>()?;
    let all = || requests.iter().map(|request| solve::solve(&pool, request).map_or(0, |found| found.install.len()));
    Ok((0..times).fold(0, |_, _| all().sum()))
}

/// Writes requests for single packages of all kinds into a file.
///
/// # Errors
/// The cache is not there, or the file cannot be written.
pub fn write_requests(path: &Path, file: &Path, count: usize) -> Result<()> {
    let pool = from_cache(path)?;
    let mut names: Vec<&str> =
        pool.ids().filter(|id| pool.installable(*id)).map(|id| pool.text(pool.name(id))).collect();
    names.sort_unstable();
    names.dedup();
    let lines = (0..count).filter_map(|n| names.get(n * names.len() / count)).map(|name| format!("{name}\n"));
    Ok(fs_err::write(file, lines.collect::<String>())?)
}

fn request(pool: &Pool, line: &str, weak: bool) -> Result<Request> {
    let wish = |name: &str| {
        let packages: Vec<PackageId> = pool.find(name).into_iter().flat_map(|name| pool.named(name)).collect();
        anyhow::ensure!(!packages.is_empty(), "there is no package {name}");
        Ok(Wish::Packages(packages, name.to_owned()))
    };
    let install = line.split_whitespace().map(wish).collect::<Result<_>>()?;
    Ok(Request { install, weak, ..Request::default() })
}

fn from_cache(path: &Path) -> Result<Pool> {
    ready(cache::read(path, KEY).with_context(|| format!("{} is not there, or not whole", path.display()))?)
}

/// A pool whose look-ups have been used.
fn ready(packages: Packages) -> Result<Pool> {
    let mut pool = Pool::new(ARCH);
    pool.add(RepositoryInfo::new("distribution", "file:///distribution/"), packages)?;
    if let Some(id) = pool.ids().next() {
        std::hint::black_box(pool.offering(pool.name(id)));
    }
    Ok(pool)
}
