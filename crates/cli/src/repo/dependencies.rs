//! Commands about dependencies across repositories: `closure`, `solve`, `builddep`, `impact`, `query`.

pub(super) mod builddep;
pub(super) mod closure;
pub(super) mod impact;
mod load;
mod place;
pub(super) mod query;
pub(super) mod solve;
mod spec_file;
mod transaction;

use copr_resolve::{Cap, PackageId, Pool};

use super::show::plain;

/// A package's full name, for people.
fn name(pool: &Pool, id: PackageId) -> String {
    plain(&pool.nevra(id).to_string())
}

/// A dependency, for people.
fn text(pool: &Pool, cap: Cap) -> String {
    plain(&pool.dependency(cap).to_string())
}
