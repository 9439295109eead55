//! Writing comps.xml in libcomps' layout.

use super::{Comps, Group, GroupRef, Text};
use crate::xml::{push_attribute_utf8, push_element, push_fmt, push_text};

impl Comps {
    /// The whole document, which yum, dnf and libcomps read. An empty description is written as an empty element,
    /// everything else that is not there is not written.
    pub fn render(&self) -> String {
        let mut out = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE comps PUBLIC \"-//Red Hat, Inc.//DTD Comps info//EN\" \"comps.dtd\">\n<comps>\n",
        );
        for group in &self.groups {
            push_group(&mut out, group);
        }
        for category in &self.categories {
            let texts = (category.id.as_str(), &category.name, &category.description);
            push_start(&mut out, "category", category.arch.as_ref(), texts);
            push_order(&mut out, category.display_order);
            push_groups(&mut out, "grouplist", &category.groups, true);
            out.push_str("  </category>\n");
        }
        for environment in &self.environments {
            let texts = (environment.id.as_str(), &environment.name, &environment.description);
            push_start(&mut out, "environment", environment.arch.as_ref(), texts);
            push_order(&mut out, environment.display_order);
            push_groups(&mut out, "grouplist", &environment.groups, true);
            push_groups(&mut out, "optionlist", &environment.options, false);
            out.push_str("  </environment>\n");
        }
        push_section(&mut out, "langpacks", &self.langpacks, |out, langpack| {
            out.push_str("    <match");
            push_attribute_utf8(out, "name", &langpack.name);
            push_attribute_utf8(out, "install", &langpack.install);
        });
        push_section(&mut out, "blacklist", &self.blacklist, |out, package| {
            out.push_str("    <package");
            push_attribute_utf8(out, "name", &package.name);
            push_optional(out, "arch", package.arch.as_ref());
        });
        push_section(&mut out, "whiteout", &self.whiteout, |out, dependency| {
            out.push_str("    <ignoredep");
            push_attribute_utf8(out, "requires", &dependency.requires);
            push_attribute_utf8(out, "package", &dependency.package);
        });
        out.push_str("</comps>\n");
        out
    }
}

/// The start of a group, category or environment, with its id and texts.
fn push_start(out: &mut String, element: &str, arch: Option<&String>, (id, name, description): (&str, &Text, &Text)) {
    push_fmt(out, format_args!("  <{element}"));
    push_optional(out, "arch", arch);
    out.push_str(">\n");
    push_element(out, 4, "id", id);
    push_texts(out, "name", name);
    push_texts(out, "description", description);
}

fn push_group(out: &mut String, group: &Group) {
    push_start(out, "group", group.arch.as_ref(), (&group.id, &group.name, &group.description));
    push_flag(out, "default", group.default);
    push_flag(out, "uservisible", group.uservisible);
    push_flag(out, "biarchonly", group.biarchonly);
    push_order(out, group.display_order);
    if let Some(language) = &group.langonly {
        push_element(out, 4, "langonly", language);
    }
    if group.packages.is_empty() {
        out.push_str("    <packagelist/>\n  </group>\n");
        return;
    }
    out.push_str("    <packagelist>\n");
    for package in &group.packages {
        push_fmt(out, format_args!("      <packagereq type=\"{}\"", package.kind.word()));
        push_optional(out, "requires", package.requires.as_ref());
        push_optional(out, "basearchonly", package.basearchonly.map(|flag| flag.to_string()).as_ref());
        push_optional(out, "arch", package.arch.as_ref());
        out.push('>');
        push_text(out, &package.name);
        out.push_str("</packagereq>\n");
    }
    out.push_str("    </packagelist>\n  </group>\n");
}

fn push_groups(out: &mut String, element: &str, groups: &[GroupRef], even_empty: bool) {
    if groups.is_empty() {
        if even_empty {
            push_fmt(out, format_args!("    <{element}/>\n"));
        }
        return;
    }
    push_fmt(out, format_args!("    <{element}>\n"));
    for group in groups {
        out.push_str("      <groupid");
        push_optional(out, "default", group.default.map(|flag| flag.to_string()).as_ref());
        push_optional(out, "arch", group.arch.as_ref());
        out.push('>');
        push_text(out, &group.id);
        out.push_str("</groupid>\n");
    }
    push_fmt(out, format_args!("    </{element}>\n"));
}

fn push_section<T>(out: &mut String, element: &str, list: &[T], push: fn(&mut String, &T)) {
    if list.is_empty() {
        return;
    }
    push_fmt(out, format_args!("  <{element}>\n"));
    for item in list {
        push(out, item);
        out.push_str("/>\n");
    }
    push_fmt(out, format_args!("  </{element}>\n"));
}

fn push_texts(out: &mut String, element: &str, text: &Text) {
    if text.default.is_empty() {
        push_fmt(out, format_args!("    <{element}/>\n"));
    } else {
        push_element(out, 4, element, &text.default);
    }
    for (language, translation) in &text.translations {
        push_fmt(out, format_args!("    <{element}"));
        push_attribute_utf8(out, "xml:lang", language);
        out.push('>');
        push_text(out, translation);
        push_fmt(out, format_args!("</{element}>\n"));
    }
}

fn push_order(out: &mut String, order: Option<i64>) {
    if let Some(order) = order {
        push_fmt(out, format_args!("    <display_order>{order}</display_order>\n"));
    }
}

fn push_flag(out: &mut String, element: &str, flag: Option<bool>) {
    if let Some(flag) = flag {
        push_fmt(out, format_args!("    <{element}>{flag}</{element}>\n"));
    }
}

fn push_optional(out: &mut String, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        push_attribute_utf8(out, name, value);
    }
}
