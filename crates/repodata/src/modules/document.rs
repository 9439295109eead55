//! One document and what it says of itself.

use std::collections::BTreeMap;

use super::defaults::Defaults;
use super::tree::{self, Node};

/// What a document is about. The words are those of its `document` key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// "modulemd" (formats 1 and 2) or "modulemd-stream": a build of a module stream.
    Stream,
    /// "modulemd-defaults": a module's default stream and profiles.
    Defaults,
    /// "modulemd-translations": texts of a module stream in other languages.
    Translations,
    /// "modulemd-obsoletes": that a module stream has reached its end, or what replaces it.
    Obsoletes,
    /// "modulemd-packager": what a module is built from. It belongs in no repository; libmodulemd refuses such a file.
    Packager,
    /// Anything else.
    Other(String),
}

/// A document of modules.yaml: its text, and what of it tells documents apart. What is not written is empty or 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is about.
    pub kind: DocumentKind,
    /// Version of the document's format.
    pub format: u64,
    /// Name of the module.
    pub module: String,
    /// The stream: the default one in defaults, else the one that the document is about.
    pub stream: String,
    /// Version of the module's build.
    pub version: u64,
    /// Context of the build: what it was built against.
    pub context: String,
    /// Architecture of the build.
    pub arch: String,
    /// When defaults, translations or obsoletes were last changed: the digits of a date (201805231425). Higher is newer.
    pub modified: u64,
    text: String,
    artifacts: Vec<String>,
    defaults: Option<Box<Defaults>>,
}

impl Document {
    /// Its YAML, from the start marker `---` on, without end marker, with a newline at its end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The packages of a module's build, as `name-epoch:version-release.arch`, in the order of the document.
    pub fn artifacts(&self) -> &[String] {
        &self.artifacts
    }

    /// Name, stream, version, context and architecture, as in `nodejs:18:9020230101:rhel9:x86_64`; parts that are not
    /// there are empty.
    pub fn nsvca(&self) -> String {
        let version = if self.version == 0 { String::new() } else { self.version.to_string() };
        format!("{}:{}:{version}:{}:{}", self.module, self.stream, self.context, self.arch)
    }

    pub(super) fn defaults(&self) -> Option<&Defaults> {
        self.defaults.as_deref()
    }

    /// A document of merged defaults.
    pub(super) fn of_defaults(defaults: Defaults) -> Self {
        Self {
            kind: DocumentKind::Defaults,
            format: 1,
            module: defaults.module.clone(),
            stream: defaults.stream.clone().unwrap_or_default(),
            version: 0,
            context: String::new(),
            arch: String::new(),
            modified: defaults.modified,
            text: defaults.render(),
            artifacts: Vec::new(),
            defaults: Some(Box::new(defaults)),
        }
    }

    /// Reads what identifies a document; `warn` hears of what is missing.
    pub(super) fn from_tree(text: String, root: &Node, warn: &mut dyn FnMut(String)) -> Self {
        let kind = match text_of(root, "document").as_str() {
            "modulemd" | "modulemd-stream" => DocumentKind::Stream,
            "modulemd-defaults" => DocumentKind::Defaults,
            "modulemd-translations" => DocumentKind::Translations,
            "modulemd-obsoletes" => DocumentKind::Obsoletes,
            "modulemd-packager" => DocumentKind::Packager,
            other => {
                warn(format!(
                    "its type `{}` is unknown; it is kept as it is",
                    other.chars().take(40).collect::<String>()
                ));
                DocumentKind::Other(other.to_owned())
            }
        };
        let nothing = Node::Map(Vec::new());
        let data = root.get("data").unwrap_or(&nothing);
        let is_build = matches!(kind, DocumentKind::Stream | DocumentKind::Packager);
        let list = data.get("artifacts").and_then(|artifacts| artifacts.get("rpms")).map(Node::items);
        let modified = if is_build { 0 } else { date(data, warn) };
        let document = Self {
            format: number(root, "version", warn),
            module: text_of(data, if is_build { "name" } else { "module" }),
            stream: text_of(data, "stream"),
            version: if is_build { number(data, "version", warn) } else { 0 },
            context: text_of(data, "context"),
            arch: text_of(data, "arch"),
            modified,
            artifacts: list.unwrap_or_default().iter().filter_map(Node::text).map(str::to_owned).collect(),
            defaults: (kind == DocumentKind::Defaults).then(|| Box::new(Defaults::from_tree(data, modified))),
            kind,
            text,
        };
        if !document.is_identified() && !matches!(document.kind, DocumentKind::Other(_)) {
            warn("it does not say which module and stream it is about; it is kept as it is".to_owned());
        }
        document
    }

    /// Whether it says enough to tell what it replaces.
    pub(super) fn is_identified(&self) -> bool {
        match self.kind {
            DocumentKind::Defaults => !self.module.is_empty() && self.format == 1,
            DocumentKind::Stream | DocumentKind::Translations | DocumentKind::Obsoletes => {
                !self.module.is_empty() && !self.stream.is_empty()
            }
            DocumentKind::Packager | DocumentKind::Other(_) => false,
        }
    }

    /// Whether two documents say the same, however it is written.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        let content = |document: &Self| {
            let mut node = tree::parse(&document.text).ok().flatten();
            node.iter_mut().for_each(Node::sort);
            node
        };
        self.text == other.text || content(self) == content(other)
    }
}

/// A scalar, empty if it is not there.
pub(super) fn text_of(node: &Node, name: &str) -> String {
    node.get(name).and_then(Node::text).unwrap_or_default().to_owned()
}

fn number(node: &Node, name: &str, warn: &mut dyn FnMut(String)) -> u64 {
    let text = text_of(node, name);
    text.parse().unwrap_or_else(|_| {
        if !text.is_empty() {
            warn(format!("its {name} `{}` is no number; 0 is taken", text.chars().take(40).collect::<String>()));
        }
        0
    })
}

/// `modified`: the digits of a date, or as in obsoletes "2018-05-23T14:25Z".
fn date(data: &Node, warn: &mut dyn FnMut(String)) -> u64 {
    let digits: String = text_of(data, "modified").chars().filter(|c| !matches!(c, '-' | ':' | 'T' | 'Z')).collect();
    let plain = Node::Map(vec![(Node::Scalar("modified".to_owned()), Node::Scalar(digits))]);
    number(&plain, "modified", warn)
}

/// The profiles of each stream: a mapping of lists.
pub(super) fn profiles(node: Option<&Node>) -> BTreeMap<String, super::defaults::Profiles> {
    let entries = node.map(Node::entries).unwrap_or_default();
    let texts = |node: &Node| node.items().iter().filter_map(Node::text).map(str::to_owned).collect();
    entries.iter().filter_map(|(stream, list)| Some((stream.text()?.to_owned(), texts(list)))).collect()
}
