//! `copr_repo._native`: what the Python package takes from Rust. Each module wraps one Rust module and has no logic.

mod chain;
mod compressed;
mod database;
mod errors;
mod header;
mod installed;
mod load;
mod output;
mod overlap;
mod package;
mod plain;
mod pool;
mod publish;
mod record;
mod records;
mod repo_file;
mod repomd;
mod solution;
mod tuples;
mod updateinfo;
mod version;
mod whole;

/// Versions, the chain of repositories, the packages of repositories and their dependencies, the text of .repo files;
/// and reading packages, reading, writing and merging repodata.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::chain::{Chain, ChainItem, ChainProblem, External, ProjectRef, resolve_chain};
    #[pymodule_export]
    use super::compressed::{checksum_file, compress_file, zchunk_header};
    #[pymodule_export]
    use super::database::Database;
    #[pymodule_export]
    use super::errors::{
        ChainError, ChecksumError, Error, InvalidRepoError, LoadError, LockedError, MetadataError, NotFound,
        PackageError, ParseError, Unreachable, Unsolvable,
    };
    #[pymodule_export]
    use super::header::Header;
    #[pymodule_export]
    use super::output::{Output, Published};
    #[pymodule_export]
    use super::overlap::{Needed, Overlaps};
    #[pymodule_export]
    use super::package::Package;
    #[pymodule_export]
    use super::plain::{pkgid, plain_changelogs, plain_dependencies, plain_files};
    #[pymodule_export]
    use super::pool::{Pool, Repository};
    #[pymodule_export]
    use super::publish::{Publisher, Writer};
    #[pymodule_export]
    use super::record::Record;
    #[pymodule_export]
    use super::records::Records;
    #[pymodule_export]
    use super::repo_file::{RepoSection, render_repo_file};
    #[pymodule_export]
    use super::repomd::{Repomd, RepomdRecord};
    #[pymodule_export]
    use super::solution::{Chosen, Solution, Unsatisfied};
    #[pymodule_export]
    use super::updateinfo::read_updateinfo;
    #[pymodule_export]
    use super::version::{compare_evr, compare_versions};
    #[pymodule_export]
    use super::whole::{Created, Merged, Subset, create, merge, modify, subset};
}
