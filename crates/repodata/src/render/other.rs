//! A package in other.xml.

use super::push_package;
use crate::Record;
use crate::xml::{Layout, push_attribute, push_number, push_text};

/// Appends the package with its changes.
pub(super) fn append(record: &Record, layout: Layout, out: &mut String) {
    push_package(out, layout, record);
    for change in &record.changelogs {
        layout.indent(out, 2);
        out.push_str("<changelog");
        push_attribute(out, "author", &change.author);
        push_number(out, "date", change.time);
        out.push('>');
        push_text(out, &change.text);
        out.push_str("</changelog>");
        layout.newline(out);
    }
    out.push_str("</package>\n");
}
