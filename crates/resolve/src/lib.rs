//! Who provides what: buildroots, closures, and the chain of repositories that a project needs.
//!
//! All of it is synchronous and knows no environment, clock or network; only [`cache`], [`filelists`] and [`kept`] write files:
//!
//! - [`chain`]: the ordered, cycle-free list of repositories that one project needs, from a callback that gives one
//!   project's facts at a time;
//! - [`pool`]: the packages of several repositories, found by capability and by file path;
//! - [`closure`]: every requirement that nothing satisfies; [`impact`]: what a change of one repository does to others;
//! - [`query`]: who provides, requires, ... what; and what a text on a command line names;
//! - [`repo_file`]: the text of a .repo file for a repository of the chain;
//! - [`load`]: a repository's packages, straight from its primary.xml; [`cache`] keeps them in a file;
//! - [`filelists`]: owners of the files that primary.xml does not list, on demand; [`kept`]: a folder for all that;
//! - [`mod@solve`]: which of them to install for a set of wishes, or why that cannot be done.
//!
//! ```
//! use copr_resolve::{Pool, Request, solve};
//!
//! let pool = Pool::new("x86_64");
//! let problem = solve(&pool, &Request::install(["hello".parse().unwrap()])).unwrap_err();
//! assert_eq!(problem.to_string(), "nothing provides hello");
//! ```

mod ahead;
pub mod cache;
pub mod chain;
pub mod closure;
pub mod filelists;
mod formula;
pub mod impact;
pub mod kept;
pub mod load;
pub mod pool;
pub mod query;
pub mod repo_file;
pub mod rich;
pub mod solve;
mod strings;

#[cfg(test)]
mod test_support;

pub use chain::{Chain, ChainError, ChainItem, ChainProblem, FetchError, Limits, Link, ProjectFacts, ProjectRef};
pub use pool::{Cap, CapView, PackageId, Packages, Pool, Providers, RepositoryInfo, Str};
pub use solve::{Chosen, Policy, Problem, Reason, Request, Solution, Wish, solve};
