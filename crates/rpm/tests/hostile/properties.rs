//! What must hold whatever the bytes are. The tests beside this and the fuzz targets share these.
#![allow(dead_code, reason = "each user takes what it needs")]

use copr_rpm::{DependencyKind, Error, Package};

/// Looks at everything that a header can tell.
pub(crate) fn read_everything(bytes: &[u8]) -> Result<(), Error> {
    let package = Package::read(bytes)?;
    package.nevra()?;
    package.files()?;
    for file in package.listed_files()? {
        file?.path();
    }
    for kind in DependencyKind::ALL {
        package.dependencies(kind)?;
        package.old_dependencies(kind)?;
    }
    package.changelogs();
    package.payload_compressor();
    let _ = (package.installed_size(), package.archive_size(), package.expected_file_size(), package.is_source());
    for header in [&package.signature, &package.header] {
        for number in 0..6000 {
            let tag = copr_rpm::Tag(number);
            let _ = (header.strings(tag), header.u64s(tag), header.u32s(tag), header.binary(tag), header.offset(tag));
        }
    }
    Ok(())
}

/// Bytes are an error or a package.
pub(crate) fn header(bytes: &[u8]) {
    let _ = read_everything(bytes);
}
