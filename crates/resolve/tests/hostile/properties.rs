//! What holds of whatever bytes are read. Shared with the fuzz targets.

use copr_resolve::{Packages, Pool, Providers, RepositoryInfo, cache, load};
use copr_rpm::DependencyKind;

/// Whatever a primary.xml says: if it can be read, all can be asked, and a cache file gives the same answers.
pub(crate) fn packages(bytes: &[u8]) {
    let Ok(packages) = load::primary(bytes) else { return };
    let mut file = Vec::new();
    cache::write_to(&mut file, "key", &packages).expect("memory can be written");
    let cached = cache::read_from(file.as_slice(), file.len() as u64, "key").expect("what was just written");
    let told = told(packages.clone(), packages);
    assert_eq!(told, self::told(cached.clone(), cached));
}

/// Whatever a cache file holds: it is a miss, or all can be asked.
pub(crate) fn cache_file(bytes: &[u8]) {
    if let Some(packages) = cache::read_from(bytes, bytes.len() as u64, "") {
        told(packages.clone(), packages);
    }
}

/// The answers of a pool of two repositories.
fn told(one: Packages, other: Packages) -> Vec<String> {
    let mut pool = Pool::new("x86_64");
    for (id, packages) in [("one", one), ("other", other)] {
        pool.add(RepositoryInfo::new(id, ""), packages).expect("few packages");
    }
    let mut providers = Providers::new(&pool);
    let mut told = pool.missing_paths();
    for id in pool.ids() {
        let texts = [pool.vendor(id), pool.source_rpm(id), pool.location_base(id)].map(|text| pool.text(text));
        told.push(format!("{} {} {} {texts:?}", pool.describe(id), pool.location(id), pool.checksum(id)));
        assert!(!pool.installable(id) || pool.named(pool.name(id)).any(|same| same == id), "found by its name");
        for kind in DependencyKind::ALL {
            for cap in pool.list(id, kind) {
                let dependency = pool.dependency(*cap);
                told.push(format!("{dependency} {:?}", providers.of(*cap)));
                assert!(pool.providers(*cap) == providers.of(*cap), "remembered as they are");
                if kind == DependencyKind::Provides && pool.installable(id) && !pool.is_rich(*cap) {
                    assert!(providers.of(*cap).contains(&id), "{dependency} is provided by what says so");
                }
            }
        }
    }
    told
}
