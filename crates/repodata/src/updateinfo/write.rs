//! Writing advisories.

use std::io::{self, Write};

use super::{Advisory, Collection, Module, Reference, UpdatedPackage};
use crate::xml::{push_attribute_utf8, push_element, push_fmt, push_text};

/// Writes updateinfo.xml, whole: byte for byte as `createrepo_c` does.
///
/// # Errors
/// `to` fails.
pub fn write<'a>(to: &mut dyn Write, advisories: impl IntoIterator<Item = &'a Advisory>) -> io::Result<()> {
    to.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
    let mut advisories = advisories.into_iter().peekable();
    if advisories.peek().is_none() {
        return to.write_all(b"<updates/>\n");
    }
    to.write_all(b"<updates>\n")?;
    for advisory in advisories {
        to.write_all(advisory.render().as_bytes())?;
    }
    to.write_all(b"</updates>\n")
}

impl Advisory {
    /// Its `<update>` element as it stands in updateinfo.xml, indented by two blanks, with a newline at its end. What is
    /// empty is not written, `<references/>` and `<pkglist/>` always are.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(1024 + self.description.len());
        out.push_str("  <update");
        push_optional(&mut out, "from", self.from.as_ref());
        push_optional(&mut out, "status", self.status.as_ref());
        push_optional(&mut out, "type", self.kind.as_ref());
        push_optional(&mut out, "version", self.version.as_ref());
        out.push_str(">\n");
        push_filled(&mut out, 4, "id", &self.id);
        push_filled(&mut out, 4, "title", &self.title);
        for (name, date) in [("issued", &self.issued), ("updated", &self.updated)] {
            if date.is_some() {
                push_fmt(&mut out, format_args!("    <{name}"));
                push_optional(&mut out, "date", date.as_ref());
                out.push_str("/>\n");
            }
        }
        for (name, text) in [
            ("rights", &self.rights),
            ("release", &self.release),
            ("pushcount", &self.pushcount),
            ("severity", &self.severity),
            ("summary", &self.summary),
            ("description", &self.description),
            ("solution", &self.solution),
        ] {
            push_filled(&mut out, 4, name, text);
        }
        push_flag(&mut out, 4, "reboot_suggested", self.reboot_suggested);
        push_list(&mut out, "references", &self.references, push_reference);
        push_list(&mut out, "pkglist", &self.collections, push_collection);
        out.push_str("  </update>\n");
        out
    }
}

/// ` name="value"`, if there is a value.
fn push_optional(out: &mut String, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        push_attribute_utf8(out, name, value);
    }
}

/// `<name>text</name>`, if there is a text.
fn push_filled(out: &mut String, indent: usize, name: &str, text: &str) {
    if !text.is_empty() {
        push_element(out, indent, name, text);
    }
}

fn push_flag(out: &mut String, indent: usize, name: &str, set: bool) {
    if set {
        push_element(out, indent, name, "True");
    }
}

/// An element that holds a list; an empty one is written too.
fn push_list<T>(out: &mut String, name: &str, list: &[T], push: fn(&mut String, &T)) {
    if list.is_empty() {
        push_fmt(out, format_args!("    <{name}/>\n"));
        return;
    }
    push_fmt(out, format_args!("    <{name}>\n"));
    for item in list {
        push(out, item);
    }
    push_fmt(out, format_args!("    </{name}>\n"));
}

fn push_reference(out: &mut String, reference: &Reference) {
    out.push_str("      <reference");
    push_optional(out, "href", reference.href.as_ref());
    push_optional(out, "id", reference.id.as_ref());
    push_optional(out, "type", reference.kind.as_ref());
    push_optional(out, "title", reference.title.as_ref());
    out.push_str("/>\n");
}

fn push_collection(out: &mut String, collection: &Collection) {
    out.push_str("      <collection");
    push_optional(out, "short", collection.short.as_ref());
    if collection.name.is_empty() && collection.module.is_none() && collection.packages.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    push_filled(out, 8, "name", &collection.name);
    if let Some(module) = &collection.module {
        push_module(out, module);
    }
    for package in &collection.packages {
        push_package(out, package);
    }
    out.push_str("      </collection>\n");
}

fn push_module(out: &mut String, module: &Module) {
    out.push_str("        <module");
    push_optional(out, "name", module.name.as_ref());
    push_optional(out, "stream", module.stream.as_ref());
    push_fmt(out, format_args!(" version=\"{}\"", module.version));
    push_optional(out, "context", module.context.as_ref());
    push_optional(out, "arch", module.arch.as_ref());
    out.push_str("/>\n");
}

fn push_package(out: &mut String, package: &UpdatedPackage) {
    out.push_str("        <package");
    push_optional(out, "name", package.name.as_ref());
    push_optional(out, "version", package.version.as_ref());
    push_optional(out, "release", package.release.as_ref());
    push_optional(out, "epoch", package.epoch.as_ref());
    push_optional(out, "arch", package.arch.as_ref());
    push_optional(out, "src", package.src.as_ref());
    let flags = [
        ("reboot_suggested", package.reboot_suggested),
        ("restart_suggested", package.restart_suggested),
        ("relogin_suggested", package.relogin_suggested),
    ];
    if package.filename.is_empty() && package.sums.is_empty() && !flags.iter().any(|(_, set)| *set) {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    push_filled(out, 10, "filename", &package.filename);
    for sum in &package.sums {
        out.push_str("          <sum");
        push_optional(out, "type", sum.kind.as_ref());
        out.push('>');
        push_text(out, &sum.hex);
        out.push_str("</sum>\n");
    }
    for (name, set) in flags {
        push_flag(out, 10, name, set);
    }
    out.push_str("        </package>\n");
}
