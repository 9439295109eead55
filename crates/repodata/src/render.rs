//! A record as XML.

use copr_rpm::{Dependency, Nevra};

use crate::xml::{push_attribute, push_element, push_fmt, push_text};
use crate::{FileKind, Fragments, Record};

/// The three `<package>` elements of a record.
pub(crate) fn fragments(record: &Record) -> Fragments {
    Fragments { primary: primary(record), filelists: filelists(record), other: other(record) }
}

fn primary(record: &Record) -> String {
    let mut out = String::with_capacity(2048 + record.description.len());
    out.push_str("<package type=\"rpm\">\n");
    push_element(&mut out, 2, "name", &record.nevra.name);
    push_element(&mut out, 2, "arch", &record.nevra.arch);
    push_version(&mut out, &record.nevra);
    push_fmt(&mut out, format_args!("  <checksum type=\"{}\" pkgid=\"YES\">", record.checksum.kind));
    push_text(&mut out, &record.checksum.hex);
    out.push_str("</checksum>\n");
    push_element(&mut out, 2, "summary", &record.summary);
    push_element(&mut out, 2, "description", &record.description);
    push_element(&mut out, 2, "packager", &record.packager);
    push_element(&mut out, 2, "url", &record.url);
    push_fmt(&mut out, format_args!("  <time file=\"{}\" build=\"{}\"/>\n", record.time_file, record.time_build));
    push_fmt(
        &mut out,
        format_args!(
            "  <size package=\"{}\" installed=\"{}\" archive=\"{}\"/>\n",
            record.size_package, record.size_installed, record.size_archive
        ),
    );
    out.push_str("  <location");
    if let Some(base) = &record.location_base {
        push_attribute(&mut out, "xml:base", base);
    }
    push_attribute(&mut out, "href", &record.location_href);
    out.push_str("/>\n  <format>\n");
    push_element(&mut out, 4, "rpm:license", &record.license);
    push_element(&mut out, 4, "rpm:vendor", &record.vendor);
    push_element(&mut out, 4, "rpm:group", &record.group);
    push_element(&mut out, 4, "rpm:buildhost", &record.buildhost);
    push_element(&mut out, 4, "rpm:sourcerpm", &record.sourcerpm);
    push_fmt(
        &mut out,
        format_args!("    <rpm:header-range start=\"{}\" end=\"{}\"/>\n", record.header_start, record.header_end),
    );
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
        push_dependencies(&mut out, name, list);
    }
    push_files(&mut out, record, 4, true);
    out.push_str("  </format>\n</package>\n");
    out
}

fn filelists(record: &Record) -> String {
    let mut out = String::with_capacity(256 + record.files.len() * 80);
    push_package(&mut out, record);
    push_files(&mut out, record, 2, false);
    out.push_str("</package>\n");
    out
}

fn other(record: &Record) -> String {
    let mut out = String::with_capacity(256 + record.changelogs.len() * 160);
    push_package(&mut out, record);
    for change in &record.changelogs {
        out.push_str("  <changelog");
        push_attribute(&mut out, "author", &change.author);
        push_fmt(&mut out, format_args!(" date=\"{}\">", change.time));
        push_text(&mut out, &change.text);
        out.push_str("</changelog>\n");
    }
    out.push_str("</package>\n");
    out
}

/// The start of a package in filelists and other: its checksum, name, architecture and version.
fn push_package(out: &mut String, record: &Record) {
    out.push_str("<package");
    push_attribute(out, "pkgid", &record.checksum.hex);
    push_attribute(out, "name", &record.nevra.name);
    push_attribute(out, "arch", &record.nevra.arch);
    out.push_str(">\n");
    push_version(out, &record.nevra);
}

fn push_version(out: &mut String, nevra: &Nevra) {
    push_fmt(out, format_args!("  <version epoch=\"{}\"", nevra.epoch));
    push_attribute(out, "ver", &nevra.version);
    push_attribute(out, "rel", &nevra.release);
    out.push_str("/>\n");
}

fn push_files(out: &mut String, record: &Record, indent: usize, primary_only: bool) {
    for file in record.files.iter().filter(|f| !primary_only || f.is_primary()) {
        let kind = match file.kind {
            FileKind::Plain => "",
            FileKind::Dir => " type=\"dir\"",
            FileKind::Ghost => " type=\"ghost\"",
        };
        push_fmt(out, format_args!("{:indent$}<file{kind}>", ""));
        push_text(out, &file.path);
        out.push_str("</file>\n");
    }
}

/// One list of dependencies; an empty one is not written at all.
fn push_dependencies(out: &mut String, name: &str, list: &[Dependency]) {
    if list.is_empty() {
        return;
    }
    push_fmt(out, format_args!("    <rpm:{name}>\n"));
    for dependency in list {
        out.push_str("      <rpm:entry");
        push_attribute(out, "name", &dependency.name);
        if let Some(comparison) = dependency.flags.comparison() {
            push_attribute(out, "flags", comparison.word());
            if let Some(evr) = &dependency.evr {
                push_fmt(out, format_args!(" epoch=\"{}\"", evr.epoch_or_zero()));
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
        out.push_str("/>\n");
    }
    push_fmt(out, format_args!("    </rpm:{name}>\n"));
}
