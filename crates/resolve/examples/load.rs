//! Times how a repository gets into a pool: `load DIR [--cache FILE]`.
//!
//! Without a cache file: from primary.xml, and writes FILE if one is named with `--write FILE`. Prints milliseconds of each
//! phase, and the peak memory of the process.

use std::path::Path;
use std::time::Instant;

use copr_repodata::{Checksum, ChecksumKind, Repomd, read};
use copr_resolve::{Packages, Pool, Providers, RepositoryInfo, cache, load};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("load DIR [--cache FILE | --write FILE]")?;
    let (mode, file) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let repomd = std::fs::read(Path::new(&folder).join("repodata/repomd.xml"))?;
    let (key, _) = Checksum::of(ChecksumKind::Sha256, repomd.as_slice())?;
    let key = key.to_string();
    let mut clock = Clock(Instant::now());
    let packages = if mode == "--cache" {
        let packages = cache::read(Path::new(&file), &key).ok_or("the cache file is missing or damaged")?;
        clock.lap("read the cache");
        packages
    } else {
        let repomd = Repomd::read(&repomd)?;
        let entry = repomd.record("primary").ok_or("repomd.xml names no primary")?;
        let path = Path::new(&folder).join(&entry.location_href);
        let packages: Packages = match mode.as_str() {
            "--one-thread" => load::primary(read::open(&path)?)?,
            _ => load::primary_file(&path)?,
        };
        clock.lap("read primary.xml");
        packages
    };
    if mode == "--write" {
        cache::write(Path::new(&file), &key, &packages)?;
        clock.lap("write the cache");
    }
    let mut pool = Pool::new("x86_64");
    pool.add(RepositoryInfo::new("big", ""), packages)?;
    clock.lap("add to the pool");
    let found = pool.find("glibc").map_or(0, |name| pool.offering(name).len());
    clock.lap("first look-up");
    let mut providers = Providers::new(&pool);
    let pairs: usize = pool.caps().map(|cap| providers.of(cap).len()).sum();
    clock.lap("providers of every dependency");
    let paths = pool.missing_paths().len();
    clock.lap("paths to look for in filelists");
    let (packages, texts, caps) = (pool.len(), pool.text_count(), pool.cap_count());
    println!("{packages} packages, {texts} texts, {caps} dependencies, {pairs} providers, {paths} paths, {found} found");
    let status = std::fs::read_to_string("/proc/self/status")?;
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}

struct Clock(Instant);

impl Clock {
    fn lap(&mut self, what: &str) {
        println!("{:8.1} ms  {what}", self.0.elapsed().as_secs_f64() * 1000.0);
        self.0 = Instant::now();
    }
}
