//! The small files that the host writes into a build's folder beside its packages, in Copr's form.

use copr_api::builder::ResultFile;
use serde_json::{Value, json};

/// Name of the file that says that a build went well.
pub const SUCCESS: &str = "success";

/// A package as Copr names it: an epoch of 0 is null.
#[must_use]
pub fn nevra(file: &ResultFile) -> Value {
    let epoch = (file.epoch != 0).then_some(file.epoch);
    json!({ "name": file.name, "epoch": epoch, "version": file.version, "release": file.release, "arch": file.arch })
}

/// `results.json` of a build: what came of it.
#[must_use]
pub fn results_json(results: &[ResultFile]) -> String {
    json!({ "packages": results.iter().map(nevra).collect::<Vec<_>>() }).to_string()
}

/// `results.json` of a source package.
#[must_use]
pub fn source_json(file: &ResultFile) -> String {
    let epoch = (file.epoch != 0).then_some(file.epoch);
    json!({ "name": file.name, "epoch": epoch, "version": file.version, "release": file.release }).to_string()
}
