//! Uniting several modules.yaml by the rules of libmodulemd's `ModuleIndexMerger`, all files of one priority, which is how
//! `createrepo_c` and `mergerepo_c` call it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::defaults::Defaults;
use super::{Document, DocumentKind};
use crate::{Error, Warning};

/// All that is known of one module.
#[derive(Default)]
struct Module {
    defaults: Option<Merged>,
    obsoletes: Obsoletes,
    /// By stream.
    translations: BTreeMap<String, Document>,
    /// By NSVCA.
    streams: BTreeMap<String, Document>,
}

/// Obsoletes in the order in which they came; one that comes again goes to the end.
#[derive(Default)]
struct Obsoletes {
    list: Vec<Option<Document>>,
    /// By stream, context and date: the place in the list.
    places: HashMap<(String, String, u64), usize>,
}

/// Defaults, and the document that says just that, if there is one.
struct Merged {
    defaults: Defaults,
    document: Option<Document>,
}

/// Unites several files, each as [`read`](super::read) gives it.
///
/// - Builds of module streams are the same if name, stream, version, context and architecture are. One stays; if their
///   contents differ it is the first one, and `warn` hears of it.
/// - Defaults of a module are united. Where they differ, those with the higher `modified` are right. Default streams that
///   differ in files of the same date leave the module without a default stream (until a further file names one), and
///   `warn` hears of it.
/// - Of translations of one stream the one with the higher `modified` stays, else the first one.
/// - Obsoletes are the same if module, stream, context and `modified` are; the last one stays.
/// - Inside one file a later document of defaults or translations replaces an earlier one.
/// - Documents of other types, or that do not say what they are about, are kept once each, as they are. (libmodulemd
///   refuses them.)
///
/// The order is libmodulemd's: by module name; of a module defaults, obsoletes, translations by stream, builds by NSVCA.
/// What is kept as it is comes last. Texts stay as they are, but for defaults that no one document says. (libmodulemd
/// writes everything anew and raises builds of format 1 to format 2.)
///
/// # Errors
/// Defaults of the same date differ in more than the default stream: libmodulemd refuses that too.
pub fn merge(files: Vec<Vec<Document>>, warn: &mut dyn FnMut(Warning)) -> Result<Vec<Document>, Error> {
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut others = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for file in files {
        let mut defaults = BTreeMap::new();
        let mut translations = BTreeMap::new();
        for document in file {
            if !document.is_identified() {
                if seen.insert(document.text().to_owned()) {
                    others.push(document);
                }
                continue;
            }
            match document.kind {
                DocumentKind::Defaults => {
                    defaults.insert(document.module.clone(), document);
                }
                DocumentKind::Translations => {
                    translations.insert((document.module.clone(), document.stream.clone()), document);
                }
                DocumentKind::Obsoletes => modules.entry(document.module.clone()).or_default().obsoletes.add(document),
                _ => modules.entry(document.module.clone()).or_default().add_stream(document, warn),
            }
        }
        for (name, document) in defaults {
            modules.entry(name).or_default().add_defaults(document, warn)?;
        }
        for ((name, stream), document) in translations {
            let known = &mut modules.entry(name).or_default().translations;
            if known.get(&stream).is_none_or(|known| document.modified > known.modified) {
                known.insert(stream, document);
            }
        }
    }
    let mut merged = Vec::new();
    for module in modules.into_values() {
        merged.extend(module.defaults.map(|merged| {
            let Merged { defaults, document } = merged;
            document.unwrap_or_else(|| Document::of_defaults(defaults))
        }));
        merged.extend(module.obsoletes.list.into_iter().flatten());
        merged.extend(module.translations.into_values());
        merged.extend(module.streams.into_values());
    }
    merged.extend(others);
    Ok(merged)
}

impl Obsoletes {
    fn add(&mut self, document: Document) {
        let key = (document.stream.clone(), document.context.clone(), document.modified);
        if let Some(old) = self.places.insert(key, self.list.len()).and_then(|place| self.list.get_mut(place)) {
            *old = None;
        }
        self.list.push(Some(document));
    }
}

impl Module {
    fn add_stream(&mut self, document: Document, warn: &mut dyn FnMut(Warning)) {
        let nsvca = document.nsvca();
        match self.streams.get(&nsvca) {
            None => {
                self.streams.insert(nsvca, document);
            }
            Some(known) if known.same_content(&document) => {}
            Some(_) => warn(Warning::new("modules", format!("`{nsvca}` has different contents; the first one stays"))),
        }
    }

    fn add_defaults(&mut self, document: Document, warn: &mut dyn FnMut(Warning)) -> Result<(), Error> {
        let Some(new) = document.defaults().cloned() else { return Ok(()) };
        let Some(known) = &mut self.defaults else {
            self.defaults = Some(Merged { defaults: new, document: Some(document) });
            return Ok(());
        };
        let what = format!("modules, defaults of `{}`", document.module);
        let before = known.defaults.clone();
        let mut odd = |reason| warn(Warning::new(what.clone(), reason));
        known.defaults.absorb(&new, &mut odd).map_err(|reason| Error::metadata(&what, reason))?;
        if known.defaults == new {
            known.document = Some(document);
        } else if known.defaults != before {
            known.document = None;
        }
        Ok(())
    }
}
