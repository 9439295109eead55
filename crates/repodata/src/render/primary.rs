//! A package in primary.xml.

use copr_rpm::Dependency;

use super::{filelists, push_version};
use crate::Record;
use crate::xml::{Layout, push_attribute, push_number, push_text};

/// Appends the package.
pub(super) fn append(record: &Record, layout: Layout, out: &mut String) {
    out.reserve(2048 + record.description.len());
    layout.line(out, 0, "<package type=\"rpm\">");
    layout.element(out, 2, "name", &record.nevra.name);
    layout.element(out, 2, "arch", &record.nevra.arch);
    push_version(out, layout, &record.nevra);
    layout.indent(out, 2);
    out.push_str("<checksum");
    push_attribute(out, "type", record.checksum.kind.name());
    out.push_str(" pkgid=\"YES\">");
    push_text(out, &record.checksum.hex);
    out.push_str("</checksum>");
    layout.newline(out);
    layout.element(out, 2, "summary", &record.summary);
    layout.element(out, 2, "description", &record.description);
    layout.element(out, 2, "packager", &record.packager);
    layout.element(out, 2, "url", &record.url);
    push_numbers(out, layout, 2, "time", &[("file", record.time_file), ("build", record.time_build)]);
    push_numbers(
        out,
        layout,
        2,
        "size",
        &[("package", record.size_package), ("installed", record.size_installed), ("archive", record.size_archive)],
    );
    layout.indent(out, 2);
    push_location(out, record.location_base.as_deref(), &record.location_href);
    layout.newline(out);
    layout.line(out, 2, "<format>");
    layout.element(out, 4, "rpm:license", &record.license);
    layout.element(out, 4, "rpm:vendor", &record.vendor);
    layout.element(out, 4, "rpm:group", &record.group);
    layout.element(out, 4, "rpm:buildhost", &record.buildhost);
    layout.element(out, 4, "rpm:sourcerpm", &record.sourcerpm);
    let range = [("start", record.header_start), ("end", record.header_end)];
    push_numbers(out, layout, 4, "rpm:header-range", &range);
    for (name, list) in [
        ("provides", &record.provides),
        ("requires", &record.requires),
        ("conflicts", &record.conflicts),
        ("obsoletes", &record.obsoletes),
        ("suggests", &record.suggests),
        ("enhances", &record.enhances),
        ("recommends", &record.recommends),
        ("supplements", &record.supplements),
    ] {
        push_dependencies(out, layout, name, list);
    }
    for file in record.files.iter().filter(|file| file.is_primary()) {
        filelists::push_file(out, layout, 4, file, false);
    }
    layout.line(out, 2, "</format>");
    out.push_str("</package>\n");
}

/// Appends the `<location>` element.
pub(crate) fn push_location(out: &mut String, base: Option<&str>, href: &str) {
    out.push_str("<location");
    if let Some(base) = base {
        push_attribute(out, "xml:base", base);
    }
    push_attribute(out, "href", href);
    out.push_str("/>");
}

/// Appends an empty element with numbers for attributes.
fn push_numbers(out: &mut String, layout: Layout, indent: usize, name: &str, numbers: &[(&str, u64)]) {
    layout.indent(out, indent);
    out.push('<');
    out.push_str(name);
    numbers.iter().for_each(|(name, number)| push_number(out, name, *number));
    out.push_str("/>");
    layout.newline(out);
}

/// Appends one list of dependencies; an empty one is not written at all.
fn push_dependencies(out: &mut String, layout: Layout, name: &str, list: &[Dependency]) {
    if list.is_empty() {
        return;
    }
    layout.indent(out, 4);
    out.push_str("<rpm:");
    out.push_str(name);
    out.push('>');
    layout.newline(out);
    for dependency in list {
        layout.indent(out, 6);
        out.push_str("<rpm:entry");
        push_attribute(out, "name", &dependency.name);
        if let Some(comparison) = dependency.flags.comparison() {
            push_attribute(out, "flags", comparison.word());
            if let Some(evr) = &dependency.evr {
                push_number(out, "epoch", u64::from(evr.epoch_or_zero()));
                if !evr.version.is_empty() {
                    push_attribute(out, "ver", &evr.version);
                }
                if let Some(release) = &evr.release {
                    push_attribute(out, "rel", release);
                }
            }
        }
        if name == "requires" && dependency.flags.pre() {
            out.push_str(" pre=\"1\"");
        }
        out.push_str("/>");
        layout.newline(out);
    }
    layout.indent(out, 4);
    out.push_str("</rpm:");
    out.push_str(name);
    out.push('>');
    layout.newline(out);
}
