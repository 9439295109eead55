//! A record as XML: one file for each document that a package has a part in.

mod filelists;
mod other;
mod primary;

use copr_rpm::Nevra;

pub(crate) use primary::push_location;

use crate::xml::{Layout, push_attribute, push_number};
use crate::{Fragments, Record};

/// How records are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RenderOptions {
    /// Elements on lines of their own, indented; otherwise a package is one line.
    pub pretty: bool,
    /// Whether to render the part for filelists-ext too.
    pub filelists_ext: bool,
}

impl Default for RenderOptions {
    /// Pretty, without filelists-ext.
    fn default() -> Self {
        Self { pretty: true, filelists_ext: false }
    }
}

/// Appends a record's parts to `to`. Each ends with a newline.
pub(crate) fn append(record: &Record, options: RenderOptions, to: &mut Fragments) {
    let layout = Layout { pretty: options.pretty };
    primary::append(record, layout, &mut to.primary);
    filelists::append(record, layout, false, &mut to.filelists);
    if options.filelists_ext {
        filelists::append(record, layout, true, &mut to.filelists_ext);
    }
    other::append(record, layout, &mut to.other);
}

/// The start of a package in all but primary: its checksum, name, architecture and version.
fn push_package(out: &mut String, layout: Layout, record: &Record) {
    out.push_str("<package");
    push_attribute(out, "pkgid", &record.checksum.hex);
    push_attribute(out, "name", &record.nevra.name);
    push_attribute(out, "arch", &record.nevra.arch);
    out.push('>');
    layout.newline(out);
    push_version(out, layout, &record.nevra);
}

fn push_version(out: &mut String, layout: Layout, nevra: &Nevra) {
    layout.indent(out, 2);
    out.push_str("<version");
    push_number(out, "epoch", u64::from(nevra.epoch));
    push_attribute(out, "ver", &nevra.version);
    push_attribute(out, "rel", &nevra.release);
    out.push_str("/>");
    layout.newline(out);
}
