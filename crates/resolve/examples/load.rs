//! Times how a repository gets into a pool: `load DIR [--cache FILE [FILES]]`.
//!
//! With `--cache` from a cache file, else from primary.xml; `--write FILE` writes the cache file. FILES is a cache of the
//! owners of files, which is written if it is not there. Prints milliseconds of each phase, and the peak memory.

use std::path::Path;
use std::time::Instant;

use copr_repodata::{Checksum, ChecksumKind, Repomd, read};
use copr_resolve::{Pool, Providers, RepositoryInfo, cache, filelists, load};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("load DIR [--cache FILE | --write FILE] [FILES]")?;
    let (mode, file) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let files = arguments.next();
    let repomd = fs_err::read(Path::new(&folder).join("repodata/repomd.xml"))?;
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
        let packages = load::primary(read::open(&path)?)?;
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
    if let Some(file) = files {
        let file = Path::new(&file);
        let repomd = Repomd::read(&repomd)?;
        let entry = repomd.record("filelists").ok_or("repomd.xml names no filelists")?;
        let listed = Path::new(&folder).join(&entry.location_href);
        if !file.exists() {
            let asked: Vec<String> = ["/usr/share/doc", "/usr/share/none"].map(str::to_owned).to_vec();
            let owners = filelists::owners(read::open(&listed)?, &pool, 0, &asked)?;
            clock.lap(&format!("{} owners from filelists.xml", owners.len()));
            filelists::write(file, &key, read::open(&listed)?, &pool, 0)?;
            clock.lap("write the cache of files");
        }
        let files = filelists::Cache::open(file, &key).ok_or("the cache of files is missing or damaged")?;
        clock.lap("open the cache of files");
        let mut owners = 0;
        for number in 0..1000 {
            owners += files.owners_of(&format!("/usr/share/doc/{number}")).ok_or("damaged")?.len();
        }
        clock.lap("a thousand paths");
        owners += files.owners_of("/usr/share/doc").ok_or("damaged")?.len();
        clock.lap(&format!("one more: {owners} owners"));
    }
    if mode == "--cache" {
        let packages = cache::read(Path::new(&file), &key).ok_or("the cache file is missing or damaged")?;
        clock.lap("read the cache again");
        let mut both = pool;
        both.add(RepositoryInfo::new("again", ""), packages)?;
        clock.lap("add it to the same pool");
        let found = both.find("bash").map_or(0, |name| both.offering(name).len());
        clock.lap(&format!("first look-up: {found}"));
        pool = both;
    }
    let (packages, texts, caps) = (pool.len(), pool.text_count(), pool.cap_count());
    println!(
        "{packages} packages, {texts} texts, {caps} dependencies, {pairs} providers, {paths} paths, {found} found"
    );
    let status = fs_err::read_to_string("/proc/self/status")?;
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
