//! A package in filelists.xml and filelists-ext.xml, and its files in primary.xml.

use super::push_package;
use crate::xml::{Layout, push_attribute, push_text};
use crate::{File, FileKind, Record};

/// Appends the package; `digests` makes it the element of filelists-ext.
pub(super) fn append(record: &Record, layout: Layout, digests: bool, out: &mut String) {
    out.reserve(256 + record.files.len().saturating_mul(80));
    push_package(out, layout, record);
    if digests {
        layout.indent(out, 2);
        out.push_str("<checksum");
        push_attribute(out, "type", record.file_digest.map_or("", crate::ChecksumKind::name));
        out.push_str("/>");
        layout.newline(out);
    }
    for file in &record.files {
        push_file(out, layout, 2, file, digests);
    }
    out.push_str("</package>\n");
}

/// Appends one file.
pub(super) fn push_file(out: &mut String, layout: Layout, indent: usize, file: &File, digest: bool) {
    layout.indent(out, indent);
    out.push_str(match file.kind {
        FileKind::Plain => "<file",
        FileKind::Dir => "<file type=\"dir\"",
        FileKind::Ghost => "<file type=\"ghost\"",
    });
    if let Some(digest) = file.digest.as_ref().filter(|_| digest) {
        push_attribute(out, "hash", digest);
    }
    out.push('>');
    push_text(out, &file.path);
    out.push_str("</file>");
    layout.newline(out);
}
