//! What a build is made of, and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A package that a build made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuiltPackage {
    /// Name.
    pub name: String,
    /// Null where the package has none.
    pub epoch: Option<i64>,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Architecture; `src` for a source package.
    pub arch: String,
}

/// The packages that a build made in one chroot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuiltPackages {
    /// None until it has ended well.
    pub packages: Vec<BuiltPackage>,
}

/// `GET /build/source-build-config/{id}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceConfig {
    /// `upload`, `link` or `scm`.
    pub source_type: String,
    /// What the source package is made of.
    pub source_dict: Value,
    /// Memory of the machine in MiB; null: the builder's usual.
    pub memory_limit: Option<i64>,
    /// Seconds.
    pub timeout: i64,
    /// Lower priority.
    pub is_background: bool,
}
