//! What must hold whatever the bytes are. The tests beside this and the fuzz targets share these; each panics where its
//! property does not hold.
#![allow(dead_code, reason = "each user takes what it needs")]

use copr_repodata::read::{self, PackageChangelogs, PackageFiles};
use copr_repodata::{
    Checksum, Document, Error, Fragments, Record, RenderOptions, Repomd, comps, modules, updateinfo, zchunk,
};

/// The packages of a document; of filelists and other as records that have nothing else.
pub(crate) fn read_all(document: Document, bytes: &[u8]) -> Result<Vec<Record>, Error> {
    let files = |PackageFiles { pkgid, nevra, digest, files }| {
        let checksum = Checksum { hex: pkgid, ..Checksum::default() };
        Record { checksum, nevra, file_digest: digest, files, ..Record::default() }
    };
    match document {
        Document::Primary => read::primary(bytes).collect(),
        Document::Filelists => read::filelists(bytes).map(|package| package.map(files)).collect(),
        Document::FilelistsExt => read::filelists_ext(bytes).map(|package| package.map(files)).collect(),
        Document::Other => {
            let changes = |PackageChangelogs { pkgid, nevra, changelogs }| {
                let checksum = Checksum { hex: pkgid, ..Checksum::default() };
                Record { checksum, nevra, changelogs, ..Record::default() }
            };
            read::other(bytes).map(|package| package.map(changes)).collect()
        }
    }
}

/// The document of these packages.
pub(crate) fn written(document: Document, records: &[Record]) -> String {
    let mut fragments = Fragments::default();
    let options = RenderOptions { filelists_ext: true, ..RenderOptions::default() };
    records.iter().for_each(|record| record.render_into(options, &mut fragments));
    let packages = match document {
        Document::Primary => fragments.primary,
        Document::Filelists => fragments.filelists,
        Document::FilelistsExt => fragments.filelists_ext,
        Document::Other => fragments.other,
    };
    format!("{}{packages}{}", document.head(records.len()), document.foot())
}

/// Bytes are an error or packages, and those are the same after they were written.
pub(crate) fn document(document: Document, bytes: &[u8]) {
    if let Ok(records) = read_all(document, bytes) {
        let text = written(document, &records);
        let again = read_all(document, text.as_bytes()).expect("what was written is read");
        assert_eq!(written(document, &again), text);
    }
}

/// Bytes are an error or an index, and that is the same after it was written.
pub(crate) fn repomd(bytes: &[u8]) {
    if let Ok(repomd) = Repomd::read(bytes) {
        let text = repomd.write();
        let again = Repomd::read(text.as_bytes()).expect("what was written is read");
        assert_eq!(again.write(), text);
    }
}

/// Bytes are an error or advisories, and those can be read after they were written.
pub(crate) fn updateinfo(bytes: &[u8]) {
    let mut warn = |_| ();
    if let Ok(advisories) = updateinfo::read(bytes, &mut warn).collect::<Result<Vec<_>, _>>() {
        let mut text = Vec::new();
        updateinfo::write(&mut text, &advisories).expect("memory can be written to");
        updateinfo::read(text.as_slice(), &mut |_| ()).for_each(|advisory| drop(advisory.expect("it is read again")));
    }
}

/// Bytes are an error or groups, and those can be read after they were written.
pub(crate) fn comps(bytes: &[u8]) {
    if let Ok(comps) = comps::read(bytes, &mut |_| ()) {
        comps::read(comps.render().as_bytes(), &mut |_| ()).expect("what was written is read");
    }
}

/// Bytes are an error or documents, and those can be merged and read after they were written.
pub(crate) fn modules(bytes: &[u8]) {
    if let Ok(documents) = modules::read(bytes, &mut |_| ()) {
        let text = modules::write(&documents);
        modules::read(text.as_bytes(), &mut |_| ()).expect("what was written is read");
        let _ = modules::merge(vec![documents], &mut |_| ());
    }
}

/// Bytes are an error or a file of which every byte was checked.
pub(crate) fn zchunk(bytes: &[u8]) {
    let _ = zchunk::verify(bytes, "input");
}
