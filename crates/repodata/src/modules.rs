//! Modules: modules.yaml.
//!
//! The file is a stream of YAML documents: builds of module streams, defaults, translations, obsoletes. [`read`] keeps the
//! text of each as it is, so that nothing is lost of what later formats may say, and parses only what tells documents
//! apart and what they hold; [`merge`] unites several files by libmodulemd's rules; [`write`] writes them.
//!
//! The formats: <https://github.com/fedora-modularity/libmodulemd/tree/main/yaml_specs>.

mod defaults;
mod document;
mod merge;
mod split;
mod tree;

use std::io::Read;

pub use document::{Document, DocumentKind};
pub use merge::merge;

use crate::{Error, Warning};

/// Bytes of one file, and of one document in it. All modules that Fedora ever had are 30 MiB.
const MAX_FILE: u64 = 256 << 20;
const MAX_DOCUMENT: usize = 16 << 20;
/// Documents of one file. A distribution has some thousands.
const MAX_DOCUMENTS: usize = 100_000;

/// Reads all documents of a modules.yaml, in their order. Documents that hold nothing are passed over.
///
/// `warn` hears of documents of unknown types and of those that lack what tells them apart (both are kept), and of
/// versions that are no numbers (0 is taken).
///
/// Bounds: 256 MiB, 100,000 documents, 16 MiB and a million nodes in one document, 64 levels. Aliases are never followed:
/// libmodulemd knows none, so what is only an alias is as good as not there.
///
/// # Errors
/// `from` fails or goes over a bound; it is not UTF-8; it has characters that libyaml refuses, with which no client could
/// read any of it; a document is no YAML mapping.
pub fn read(from: impl Read, warn: &mut dyn FnMut(Warning)) -> Result<Vec<Document>, Error> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::TooLarge { what: "modules".into(), limit: MAX_FILE });
    }
    let text = String::from_utf8(bytes).map_err(|e| Error::metadata("modules", format!("it is not UTF-8: {e}")))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let mut documents = Vec::new();
    for part in split::split(text) {
        if documents.len() == MAX_DOCUMENTS {
            return Err(Error::metadata("modules", format!("it has over {MAX_DOCUMENTS} documents; refused")));
        }
        let failed = |reason| Error::metadata(format!("modules, document at line {}", part.line), reason);
        if part.text.len() > MAX_DOCUMENT {
            return Err(failed(format!("it has over {MAX_DOCUMENT} bytes; refused")));
        }
        if let Some(c) = part.text.chars().find(|c| !tree::is_printable(*c)) {
            return Err(failed(format!("it has the character U+{:04X}, which YAML does not allow", u32::from(c))));
        }
        let Some(root) = tree::parse(&part.text).map_err(failed)? else { continue };
        let mut odd = |reason| warn(Warning::new(format!("modules, document at line {}", part.line), reason));
        documents.push(Document::from_tree(part.text, &root, &mut odd));
    }
    Ok(documents)
}

/// The documents as one file, each with its start (`---`) and end (`...`) marked, as libmodulemd writes them.
pub fn write<'a>(documents: impl IntoIterator<Item = &'a Document>) -> String {
    let mut out = String::new();
    for document in documents {
        out.push_str(document.text());
        out.push_str("...\n");
    }
    out
}
