//! Reading advisories.

use std::io::BufRead;

use super::{Advisory, Collection, Module, Reference, Sum, UpdatedPackage};
use crate::read::{Attributes, Elements, Token, optional};
use crate::{Error, Warning};

/// Bytes of XML that one advisory may take. The largest in the wild, of whole distributions, have a few MiB.
const MAX_ADVISORY: u64 = 64 << 20;

/// The advisories of updateinfo.xml, one at a time. Ends after the first error.
///
/// As tolerant as `createrepo_c`: `warn` hears of unknown elements, which are passed over, of numbers that are none and
/// of advisories without id. A document that does not start with `<updates>`, is cut or malformed, or has entities
/// other than XML's own five is an error.
pub fn read<'a, R: BufRead + 'a>(
    from: R,
    warn: &'a mut dyn FnMut(Warning),
) -> impl Iterator<Item = Result<Advisory, Error>> + 'a {
    let elements = Elements::bounded(from, "updateinfo", MAX_ADVISORY);
    Advisories { elements, warn, inside: false, done: false }
}

struct Advisories<'a, R: BufRead> {
    elements: Elements<R>,
    warn: &'a mut dyn FnMut(Warning),
    inside: bool,
    done: bool,
}

impl<R: BufRead> Advisories<'_, R> {
    fn advance(&mut self) -> Result<Option<Advisory>, Error> {
        if !self.inside {
            self.elements.enter("updates")?;
            self.inside = true;
        }
        loop {
            self.elements.start_package();
            match self.elements.next()? {
                Token::Start(name, attributes) if name == "update" => {
                    return advisory(&mut self.elements, &attributes).map(Some);
                }
                Token::Start(name, _) => self.elements.skip_unknown(&name)?,
                Token::End(_) => return Ok(None),
                Token::Eof => return Err(self.elements.error("the file is truncated")),
            }
        }
    }
}

impl<R: BufRead> Iterator for Advisories<'_, R> {
    type Item = Result<Advisory, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.advance().transpose();
        self.elements.take_warnings().into_iter().for_each(&mut *self.warn);
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

fn advisory<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes) -> Result<Advisory, Error> {
    let mut advisory = Advisory {
        from: optional(attributes, "from"),
        status: optional(attributes, "status"),
        kind: optional(attributes, "type"),
        version: optional(attributes, "version"),
        ..Advisory::default()
    };
    elements.children(|elements, name, attributes| {
        match name {
            "id" => advisory.id = elements.text()?,
            "title" => advisory.title = elements.text()?,
            "rights" => advisory.rights = elements.text()?,
            "release" => advisory.release = elements.text()?,
            "pushcount" => advisory.pushcount = elements.text()?,
            "severity" => advisory.severity = elements.text()?,
            "summary" => advisory.summary = elements.text()?,
            "description" => advisory.description = elements.text()?,
            "solution" => advisory.solution = elements.text()?,
            "issued" => {
                advisory.issued = optional(attributes, "date").or(advisory.issued.take());
                elements.skip()?;
            }
            "updated" => {
                advisory.updated = optional(attributes, "date").or(advisory.updated.take());
                elements.skip()?;
            }
            "reboot_suggested" => {
                advisory.reboot_suggested = true;
                elements.skip()?;
            }
            // An element of old updates that nobody uses.
            "message" => elements.skip()?,
            "references" => elements.children(|elements, name, attributes| {
                if name == "reference" {
                    advisory.references.push(reference(attributes));
                    elements.skip()?;
                }
                Ok(name == "reference")
            })?,
            "pkglist" => elements.children(|elements, name, attributes| {
                if name == "collection" {
                    advisory.collections.push(collection(elements, attributes)?);
                }
                Ok(name == "collection")
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if advisory.id.is_empty() {
        elements.warn("an advisory has no id");
    }
    Ok(advisory)
}

fn reference(attributes: &Attributes) -> Reference {
    Reference {
        href: optional(attributes, "href"),
        id: optional(attributes, "id"),
        kind: optional(attributes, "type"),
        title: optional(attributes, "title"),
    }
}

fn collection<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes) -> Result<Collection, Error> {
    let mut collection = Collection { short: optional(attributes, "short"), ..Collection::default() };
    elements.children(|elements, name, attributes| {
        match name {
            "package" => collection.packages.push(package(elements, attributes)?),
            "name" => collection.name = elements.text()?,
            "module" => {
                collection.module = Some(module(elements, attributes));
                elements.skip()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(collection)
}

fn module<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes) -> Module {
    let written = optional(attributes, "version");
    let version = written.as_deref().and_then(number);
    if let (Some(written), None) = (&written, version) {
        let shown: String = written.chars().take(40).collect();
        elements.warn(format!("the module version `{shown}` is no number of 64 bits; 0 is taken"));
    }
    Module {
        name: optional(attributes, "name"),
        stream: optional(attributes, "stream"),
        version: version.unwrap_or(0),
        context: optional(attributes, "context"),
        arch: optional(attributes, "arch"),
    }
}

/// The number at the start of a text, as C's `strtoull` reads it (but for signs).
fn number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..digits)?.parse().ok()
}

fn package<R: BufRead>(elements: &mut Elements<R>, attributes: &Attributes) -> Result<UpdatedPackage, Error> {
    let mut package = UpdatedPackage {
        name: optional(attributes, "name"),
        version: optional(attributes, "version"),
        release: optional(attributes, "release"),
        epoch: optional(attributes, "epoch"),
        arch: optional(attributes, "arch"),
        src: optional(attributes, "src"),
        ..UpdatedPackage::default()
    };
    elements.children(|elements, name, attributes| {
        let flag = match name {
            "filename" => {
                package.filename = elements.text()?;
                return Ok(true);
            }
            "sum" => {
                let kind = optional(attributes, "type").map(|kind| kind.to_ascii_lowercase());
                let hex = elements.text()?;
                if !hex.is_empty() {
                    package.sums.push(Sum { kind, hex });
                }
                return Ok(true);
            }
            "reboot_suggested" => &mut package.reboot_suggested,
            "restart_suggested" => &mut package.restart_suggested,
            "relogin_suggested" => &mut package.relogin_suggested,
            _ => return Ok(false),
        };
        *flag = true;
        elements.skip()?;
        Ok(true)
    })?;
    Ok(package)
}
