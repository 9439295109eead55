//! Reading comps.xml.

use std::io::BufRead;

use super::{
    Blacklisted, Category, Comps, Environment, Group, GroupPackage, GroupRef, IgnoredDependency, Langpack, PackageKind,
    Text,
};
use crate::read::{Attributes, Elements, attribute, optional};
use crate::{Error, Warning};

/// Bytes of XML that one file may have. Fedora's has 2 MiB with all its translations.
const MAX_COMPS: u64 = 64 << 20;

/// Reads comps.xml.
///
/// Tolerant as libcomps: `warn` hears of unknown elements, of numbers and words that are none, of groups without id
/// (they are left out). Of two groups with one id both stay. Bounded to 64 MiB of XML.
///
/// # Errors
/// The document does not start with `<comps>`, is cut, malformed or too large, or has entities other than XML's five.
pub fn read(from: impl BufRead, warn: &mut dyn FnMut(Warning)) -> Result<Comps, Error> {
    let mut elements = Elements::bounded(from, "comps", MAX_COMPS);
    let comps = comps(&mut elements);
    elements.take_warnings().into_iter().for_each(warn);
    comps
}

fn comps<R: BufRead>(elements: &mut Elements<R>) -> Result<Comps, Error> {
    let mut comps = Comps::default();
    elements.enter("comps")?;
    elements.children(|elements, name, attributes| {
        match name {
            "group" => {
                let read = group(elements, attributes)?;
                push_named(elements, &mut comps.groups, read, |group| &group.id);
            }
            "category" => {
                let read = category(elements, attributes)?;
                push_named(elements, &mut comps.categories, read, |category| &category.id);
            }
            "environment" => {
                let read = environment(elements, attributes)?;
                push_named(elements, &mut comps.environments, read, |environment| &environment.id);
            }
            "langpacks" => each(elements, "match", |attributes| {
                let text = |name| attribute(attributes, name).to_owned();
                comps.langpacks.push(Langpack { name: text("name"), install: text("install") });
            })?,
            "blacklist" => each(elements, "package", |attributes| {
                let name = attribute(attributes, "name").to_owned();
                comps.blacklist.push(Blacklisted { name, arch: optional(attributes, "arch") });
            })?,
            "whiteout" => each(elements, "ignoredep", |attributes| {
                let text = |name| attribute(attributes, name).to_owned();
                comps.whiteout.push(IgnoredDependency { requires: text("requires"), package: text("package") });
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(comps)
}

/// Appends what has an id.
fn push_named<R: BufRead, T>(elements: &mut Elements<R>, list: &mut Vec<T>, item: T, id: fn(&T) -> &String) {
    if id(&item).is_empty() {
        elements.warn("a group, category or environment without <id> is left out");
    } else {
        list.push(item);
    }
}

/// Reads a list of empty elements.
fn each<R: BufRead>(elements: &mut Elements<R>, wanted: &str, mut take: impl FnMut(&Attributes)) -> Result<(), Error> {
    elements.children(|elements, name, attributes| {
        if name == wanted {
            take(attributes);
            elements.skip()?;
        }
        Ok(name == wanted)
    })
}

/// What groups, categories and environments have in common. Tells whether it read the element.
fn common<R: BufRead>(
    elements: &mut Elements<R>,
    element: &str,
    attributes: &Attributes,
    (id, name, description): (&mut String, &mut Text, &mut Text),
    display_order: &mut Option<i64>,
) -> Result<bool, Error> {
    match element {
        "id" => *id = elements.text()?.trim().to_owned(),
        "name" => text(elements, attributes, name)?,
        "description" => text(elements, attributes, description)?,
        "display_order" => {
            let written = elements.text()?;
            *display_order = written.trim().parse().ok();
            if display_order.is_none() {
                elements.warn(format!("the display order `{}` is no number; it is left out", shown(&written)));
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn group<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes) -> Result<Group, Error> {
    let mut group = Group { arch: optional(attributes, "arch"), ..Group::default() };
    elements.children(|elements, name, attributes| {
        match name {
            "default" => group.default = flag_element(elements)?,
            "uservisible" => group.uservisible = flag_element(elements)?,
            "biarchonly" => group.biarchonly = flag_element(elements)?,
            "langonly" => group.langonly = Some(elements.text()?).filter(|language| !language.is_empty()),
            "packagelist" => elements.children(|elements, name, attributes| {
                if name == "packagereq" {
                    group.packages.extend(package(elements, attributes)?);
                }
                Ok(name == "packagereq")
            })?,
            _ => {
                let texts = (&mut group.id, &mut group.name, &mut group.description);
                return common(elements, name, attributes, texts, &mut group.display_order);
            }
        }
        Ok(true)
    })?;
    group.name.tidy();
    group.description.tidy();
    Ok(group)
}

fn package<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes) -> Result<Option<GroupPackage>, Error> {
    let kind = match attribute(attributes, "type") {
        "mandatory" => PackageKind::Mandatory,
        "default" => PackageKind::Default,
        "optional" => PackageKind::Optional,
        "conditional" => PackageKind::Conditional,
        "" => PackageKind::default(),
        other => {
            elements.warn(format!("a package's type is `{}`; mandatory is taken", shown(other)));
            PackageKind::default()
        }
    };
    let package = GroupPackage {
        kind,
        requires: optional(attributes, "requires"),
        basearchonly: flag_attribute(elements, attributes, "basearchonly"),
        arch: optional(attributes, "arch"),
        name: elements.text()?.trim().to_owned(),
    };
    if package.name.is_empty() {
        elements.warn("a package without a name is left out");
    }
    Ok(Some(package).filter(|package| !package.name.is_empty()))
}

fn category<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes) -> Result<Category, Error> {
    let mut category = Category { arch: optional(attributes, "arch"), ..Category::default() };
    elements.children(|elements, name, attributes| match name {
        "grouplist" => groups(elements, &mut category.groups).map(|()| true),
        _ => {
            let texts = (&mut category.id, &mut category.name, &mut category.description);
            common(elements, name, attributes, texts, &mut category.display_order)
        }
    })?;
    category.name.tidy();
    category.description.tidy();
    Ok(category)
}

fn environment<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes) -> Result<Environment, Error> {
    let mut environment = Environment { arch: optional(attributes, "arch"), ..Environment::default() };
    elements.children(|elements, name, attributes| match name {
        "grouplist" => groups(elements, &mut environment.groups).map(|()| true),
        "optionlist" => groups(elements, &mut environment.options).map(|()| true),
        _ => {
            let texts = (&mut environment.id, &mut environment.name, &mut environment.description);
            common(elements, name, attributes, texts, &mut environment.display_order)
        }
    })?;
    environment.name.tidy();
    environment.description.tidy();
    Ok(environment)
}

fn groups<R: BufRead>(elements: &mut Elements<R>, list: &mut Vec<GroupRef>) -> Result<(), Error> {
    elements.children(|elements, name, attributes| {
        if name != "groupid" {
            return Ok(false);
        }
        let default = flag_attribute(elements, attributes, "default");
        let group = GroupRef { default, arch: optional(attributes, "arch"), id: elements.text()?.trim().to_owned() };
        if group.id.is_empty() {
            elements.warn("an empty <groupid> is left out");
        } else {
            list.push(group);
        }
        Ok(true)
    })
}

/// A text in the language that the attributes say. What is written again replaces what was, but for translations: those
/// are [tidied](Text::tidy) when all are read.
fn text<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes, into: &mut Text) -> Result<(), Error> {
    let text = elements.text()?;
    match optional(attributes, "xml:lang").filter(|language| !language.is_empty()) {
        None => into.default = text,
        Some(language) => into.translations.push((language, text)),
    }
    Ok(())
}

fn flag_element<R: BufRead>(elements: &mut Elements<R>) -> Result<Option<bool>, Error> {
    let text = elements.text()?;
    Ok(flag(elements, &text))
}

fn flag_attribute<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes, name: &str) -> Option<bool> {
    optional(attributes, name).and_then(|text| flag(elements, &text))
}

/// The words that yum, dnf and libcomps know between them. An empty one is as good as none.
fn flag<R: BufRead>(elements: &mut Elements<R>, text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        "" => None,
        _ => {
            elements.warn(format!("`{}` is neither true nor false; it is left out", shown(text)));
            None
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
