//! Cache files as bytes, and everything that can be asked of what was read from one.

use copr_resolve::{Cap, PackageId, Packages, Pool, Providers, RepositoryInfo, Str, cache};
use copr_rpm::DependencyKind;
use twox_hash::XxHash3_64;

use super::repository::Case;

const KEY: &str = "sha256:00";
/// Bytes of the sum at the end of a file.
const SUM: usize = 8;

/// A change of a file: `width` bytes from `at` on become `value`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit {
    /// Modulo the file's length.
    pub(crate) at: usize,
    pub(crate) width: usize,
    pub(crate) value: u8,
}

/// A sound cache file of a few packages.
pub(crate) fn written() -> Vec<u8> {
    let case = Case::read(
        "app-1:2-3.x86_64; requires lib >= 1, /bin/sh, /usr/share/x, (a if b else lib); recommends doc; files /usr/bin/app\n\
         lib-1.5~rc1-1.x86_64; provides lib.so()(64bit), v = 1; conflicts app < 1; obsoletes old <= 2\n\
         lib-1.5~rc1-1.i686; provides lib.so\n sh-5-1.noarch; files /bin/sh; supplements (app and lib); enhances v\n\
         lib-2-1.src; requires gcc; suggests doc",
    );
    let packages = Packages::from_records(&case.records).expect("few packages");
    let mut file = Vec::new();
    cache::write_to(&mut file, KEY, &packages).expect("memory can be written");
    file
}

/// What is read from a file of these bytes.
pub(crate) fn read(bytes: &[u8]) -> Option<Packages> {
    cache::read_from(bytes, bytes.len() as u64, KEY)
}

/// A file whose sum fits although it was changed is refused, or gives packages that can be asked everything.
pub(crate) fn edited(whole: &[u8], edits: &[Edit]) {
    let (body, _) = whole.split_at(whole.len() - SUM);
    let mut body = body.to_vec();
    for edit in edits {
        let at = edit.at % body.len();
        body.iter_mut().skip(at).take(edit.width).for_each(|byte| *byte = edit.value);
    }
    sealed(body);
}

/// The same of a file that consists of these bytes and a sum that fits.
pub(crate) fn sealed(mut body: Vec<u8>) {
    let sum = XxHash3_64::oneshot(&body);
    body.extend(sum.to_le_bytes());
    if let Some(packages) = read(&body) {
        ask_everything(packages);
    }
}

fn ask_everything(packages: Packages) {
    let again = packages.clone();
    let mut pool = Pool::new("x86_64");
    // The first is taken over as it is, the second is renumbered.
    for packages in [packages, again] {
        if pool.add(RepositoryInfo::new("r", ""), packages).is_err() {
            return;
        }
        let ids: Vec<PackageId> = pool.ids().take(100).collect();
        for id in &ids {
            ask_of_package(&pool, *id);
        }
        let caps: Vec<Cap> = pool.caps().take(200).collect();
        let mut providers = Providers::new(&pool);
        for cap in &caps {
            let found = pool.providers(*cap);
            assert_eq!(providers.of(*cap), found.as_slice());
            let _ = pool.overlaps(*cap, caps[0]);
            let _ = pool.providers_of(&pool.dependency(*cap));
            assert!(ids.iter().all(|id| !pool.is_within(*id, *cap) || pool.name(*id) == pool.cap(*cap).name));
        }
        let _ = pool.missing_paths();
    }
    if pool.add_file_owners(0, [("/usr/share/x", 0), ("/usr/share/x", u32::MAX)]).is_ok() {
        let _ = pool.providers_of(&"/usr/share/x".parse().expect("a path"));
    }
}

fn ask_of_package(pool: &Pool, id: PackageId) {
    let nevra = pool.nevra(id);
    let _ = pool.exactly(&nevra);
    let _ = pool.describe(id);
    let _ = pool.checksum(id);
    let _ = pool.location(id);
    let _ = pool.package_size(id);
    let texts: [Str; 6] =
        [pool.name(id), pool.arch_of(id), pool.evr(id), pool.vendor(id), pool.source_rpm(id), pool.location_base(id)];
    for text in texts {
        let _ = pool.find(pool.text(text));
        let _ = pool.named(text).count();
        let _ = pool.offering(text);
        let _ = pool.compare_evr(text, pool.evr(id));
    }
    for kind in DependencyKind::ALL {
        for cap in pool.list(id, kind).iter().take(100) {
            let _ = pool.dependency(*cap);
            let _ = pool.is_rich(*cap);
        }
    }
}
