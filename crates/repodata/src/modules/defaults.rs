//! A module's defaults: which stream, and which profiles of each stream. The only documents that are merged inside.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::document::{profiles, text_of};
use super::tree::{Node, push_quoted};
use crate::xml::push_fmt;

/// The names of profiles.
pub(super) type Profiles = BTreeSet<String>;

/// A modulemd-defaults document of format 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Defaults {
    pub(super) module: String,
    pub(super) modified: u64,
    pub(super) stream: Option<String>,
    /// Of each stream; an empty set is a statement too.
    profiles: BTreeMap<String, Profiles>,
    intents: BTreeMap<String, Intent>,
}

/// Other defaults for a purpose ("server", "desktop").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Intent {
    stream: Option<String>,
    profiles: BTreeMap<String, Profiles>,
}

impl Defaults {
    pub(super) fn from_tree(data: &Node, modified: u64) -> Self {
        let stream = |node: &Node| Some(text_of(node, "stream")).filter(|stream| !stream.is_empty());
        let intents = data.get("intents").map(Node::entries).unwrap_or_default();
        let intent = |node: &Node| Intent { stream: stream(node), profiles: profiles(node.get("profiles")) };
        Self {
            module: text_of(data, "module"),
            modified,
            stream: stream(data),
            profiles: profiles(data.get("profiles")),
            intents: intents.iter().filter_map(|(name, node)| Some((name.text()?.to_owned(), intent(node)))).collect(),
        }
    }

    /// Adds what `new` says. Where the two differ, the one with the higher `modified` is right. Where that is equal:
    /// two default streams leave the module without one, and `warn` hears of it; anything else is an error. A third
    /// document with a default stream gives it one again: libmodulemd means to prevent that, but its copies forget the
    /// conflict.
    pub(super) fn absorb(&mut self, new: &Self, warn: &mut dyn FnMut(String)) -> Result<(), String> {
        let newer = new.modified > self.modified;
        let equal = new.modified == self.modified;
        match (&self.stream, &new.stream) {
            (Some(old), Some(stream)) if old != stream && equal => {
                warn(format!("its default stream is `{old}` in one file and `{stream}` in another; it has none now"));
                self.stream = None;
            }
            (Some(old), Some(stream)) if old == stream || !newer => {}
            (_, None) => {}
            (_, Some(stream)) => self.stream = Some(stream.clone()),
        }
        let differ =
            |what: &str, name: &str| format!("{what} `{name}` has different defaults in files of the same date");
        absorb_all(&mut self.profiles, &new.profiles, newer, equal).map_err(|name| differ("stream", &name))?;
        for (name, intent) in &new.intents {
            let Entry::Occupied(mut known) = self.intents.entry(name.clone()) else {
                self.intents.insert(name.clone(), intent.clone());
                continue;
            };
            let known = known.get_mut();
            match (&known.stream, &intent.stream) {
                (Some(old), Some(stream)) if old != stream && equal => return Err(differ("intent", name)),
                (Some(old), Some(stream)) if old == stream || !newer => {}
                (_, None) => {}
                (_, Some(stream)) => known.stream = Some(stream.clone()),
            }
            absorb_all(&mut known.profiles, &intent.profiles, newer, equal).map_err(|_| differ("intent", name))?;
        }
        self.modified = self.modified.max(new.modified);
        Ok(())
    }

    /// As YAML, from the start marker on.
    pub(super) fn render(&self) -> String {
        let mut out = String::from("---\ndocument: modulemd-defaults\nversion: 1\ndata:\n");
        push_pair(&mut out, 2, "module", &self.module);
        if self.modified != 0 {
            push_fmt(&mut out, format_args!("  modified: {}\n", self.modified));
        }
        push_choice(&mut out, 2, self.stream.as_deref(), &self.profiles);
        if !self.intents.is_empty() {
            out.push_str("  intents:\n");
        }
        for (name, intent) in &self.intents {
            out.push_str("    ");
            push_quoted(&mut out, name);
            let empty = intent.stream.is_none() && intent.profiles.is_empty();
            out.push_str(if empty { ": {}\n" } else { ":\n" });
            push_choice(&mut out, 6, intent.stream.as_deref(), &intent.profiles);
        }
        out
    }
}

/// Adds the profiles of streams. An error is the name of a stream that differs without either being newer.
fn absorb_all(
    old: &mut BTreeMap<String, Profiles>,
    new: &BTreeMap<String, Profiles>,
    newer: bool,
    equal: bool,
) -> Result<(), String> {
    for (stream, profiles) in new {
        match old.get_mut(stream) {
            Some(known) if known == profiles => {}
            Some(_) if equal => return Err(stream.clone()),
            Some(known) if newer => known.clone_from(profiles),
            Some(_) => {}
            None => {
                old.insert(stream.clone(), profiles.clone());
            }
        }
    }
    Ok(())
}

fn push_pair(out: &mut String, indent: usize, key: &str, value: &str) {
    push_fmt(out, format_args!("{:indent$}{key}: ", ""));
    push_quoted(out, value);
    out.push('\n');
}

fn push_choice(out: &mut String, indent: usize, stream: Option<&str>, profiles: &BTreeMap<String, Profiles>) {
    if let Some(stream) = stream {
        push_pair(out, indent, "stream", stream);
    }
    if !profiles.is_empty() {
        push_fmt(out, format_args!("{:indent$}profiles:\n", ""));
    }
    for (stream, names) in profiles {
        push_fmt(out, format_args!("{:indent$}  ", ""));
        push_quoted(out, stream);
        out.push_str(": [");
        for (index, name) in names.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { ", " });
            push_quoted(out, name);
        }
        out.push_str("]\n");
    }
}
