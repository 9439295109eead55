//! What came out of a machine, taken as what it is: bytes of strangers.

use std::path::Path;

use copr_api::builder::ResultFile;
use copr_rpm::{Nevra, Package, tag};

/// Checks all packages among what a machine handed back; other files (spec files) are no packages.
///
/// `source` is the source package that was built.
///
/// # Errors
/// One sentence for the packager: the first result that is refused, or that there is none.
pub(crate) fn check_all(
    results: &[copr_vm::ResultFile],
    arch: &str,
    source: &Nevra,
) -> Result<Vec<ResultFile>, String> {
    let packages = results.iter().filter(|result| result.name.ends_with(".rpm"));
    let checked: Vec<ResultFile> = packages
        .map(|result| check(&result.path, &result.name, result.size, &result.sha256, arch, source))
        .collect::<Result<_, _>>()?;
    if checked.is_empty() {
        return Err("the build made no package".to_owned());
    }
    Ok(checked)
}

/// Reads one result's header and checks that it is what its name says and what this build may make.
///
/// `name` is the file's name, `size` and `sha256` what was received; `source` is the SRPM that was built.
///
/// # Errors
/// One sentence for the packager: a result that is no package, whole, of an allowed architecture, named by its header,
/// and made from the leased source.
fn check(path: &Path, name: &str, size: u64, sha256: &str, arch: &str, source: &Nevra) -> Result<ResultFile, String> {
    let refused = |reason: String| format!("the result {name} is refused: {reason}");
    let package = Package::open(path).map_err(|error| refused(error.to_string()))?;
    let nevra = package.nevra().map_err(|error| refused(error.to_string()))?;
    if nevra.file_name() != name {
        return Err(refused(format!("its header says that it is {}", nevra.file_name())));
    }
    if let Some(expected) = package.expected_file_size()
        && expected != size
    {
        return Err(refused(format!("it has {size} bytes, its header says {expected}")));
    }
    if package.is_source() {
        if nevra.name != source.name {
            return Err(refused(format!("the source package that was built is {}", source.name)));
        }
    } else {
        if nevra.arch != arch && nevra.arch != "noarch" {
            return Err(refused(format!("its architecture is {}, this build is for {arch}", nevra.arch)));
        }
        let made_from = package.header.str(tag::SOURCERPM).unwrap_or_default();
        // NAME-VERSION-RELEASE.src.rpm: the name is what stands before the last two dashes, and may have dashes itself.
        if made_from.rsplitn(3, '-').nth(2) != Some(source.name.as_str()) {
            return Err(refused(format!("it says that it is made from {made_from}, not from {}", source.name)));
        }
    }
    Ok(ResultFile {
        file: name.to_owned(),
        size,
        sha256: sha256.to_owned(),
        name: nevra.name,
        epoch: nevra.epoch,
        version: nevra.version,
        release: nevra.release,
        arch: nevra.arch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_is_no_package_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a-1-1.noarch.rpm");
        fs_err::write(&path, b"\x7fELF").unwrap();
        let source: Nevra = "a-1-1.src".parse().unwrap();
        let message = check(&path, "a-1-1.noarch.rpm", 4, "", "x86_64", &source).unwrap_err();
        assert!(message.starts_with("the result a-1-1.noarch.rpm is refused: "), "{message}");
    }
}
