//! What a list of projects can be narrowed to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    config::chroots::Definitions,
    db::search::{Built, Search, Words},
    web::{frame::QUERY, text::encode},
};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Days within which something may have been built, and how that is said.
const BUILT: [(&str, i64, &str); 3] =
    [("7", 7, "in the last week"), ("30", 30, "in the last month"), ("365", 365, "in the last year")];
/// The longest name of a chroot.
const CHROOT: usize = 100;

/// The query of a list, as it is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Searched for.
    pub(super) q: String,
    /// Chroot or distribution.
    chroot: String,
    /// Built within so many days.
    built: String,
    /// Which page.
    pub(super) page: String,
}

/// What was asked for, as far as it makes sense.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Filters {
    /// Searched for; empty: anything.
    pub(super) q: String,
    /// Chroot or distribution; empty: any.
    pub(super) chroot: String,
    /// Built within so many days; empty: whenever, or never.
    pub(super) built: &'static str,
    #[serde(skip)]
    days: Option<i64>,
}

/// A choice of a filter.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

impl Filters {
    /// Reads a query; what makes no sense is not asked for.
    pub(super) fn read(asked: &Asked) -> Self {
        let built = BUILT.iter().find(|(word, ..)| *word == asked.built);
        Self {
            q: asked.q.trim().chars().take(QUERY).collect(),
            chroot: asked.chroot.trim().chars().take(CHROOT).collect(),
            built: built.map_or("", |(word, ..)| word),
            days: built.map(|(_, days, _)| *days),
        }
    }

    /// Whether everything is asked for.
    pub(super) fn is_all(&self) -> bool {
        self.q.is_empty() && self.is_unfiltered()
    }

    /// Whether nothing but words narrows the list.
    pub(super) fn is_unfiltered(&self) -> bool {
        self.chroot.is_empty() && self.built.is_empty()
    }

    /// The words that are searched for; none: anything.
    pub(super) fn words(&self) -> Words {
        Words::read(&self.q)
    }

    /// For the database, at `now_ms`.
    pub(super) fn search(&self, now_ms: i64) -> Search {
        Search {
            words: (!self.q.is_empty()).then(|| self.words()),
            chroot: Some(self.chroot.clone()).filter(|chroot| !chroot.is_empty()),
            built: self.days.map_or(Built::Any, |days| Built::After(now_ms - days * DAY_MS)),
            ..Search::default()
        }
    }

    /// The address of this list below `path`.
    pub(super) fn url(&self, path: &str) -> String {
        let all = [("q", self.q.as_str()), ("chroot", self.chroot.as_str()), ("built", self.built)];
        let asked = all.iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<String> = asked.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }

    /// Its address when nothing but the words counts.
    pub(super) fn words_url(&self, path: &str) -> String {
        self.words_only().url(path)
    }

    /// The same with the words alone.
    pub(super) fn words_only(&self) -> Self {
        Self { q: self.q.clone(), ..Self::default() }
    }

    /// Distributions, each for any architecture, then chroots.
    pub(super) fn chroots(&self, known: &Definitions) -> Vec<Choice> {
        let chroots: BTreeSet<&str> = known.iter().map(|(chroot, _)| chroot.as_str()).collect();
        let distributions: BTreeSet<&str> =
            chroots.iter().filter_map(|chroot| chroot.rsplit_once('-')).map(|(distribution, _)| distribution).collect();
        let choice =
            |value: &str, label: String| Choice { value: value.to_owned(), label, chosen: value == self.chroot };
        let mut all: Vec<Choice> =
            distributions.iter().map(|name| choice(name, format!("{name}, any architecture"))).collect();
        all.extend(chroots.iter().map(|name| choice(name, (*name).to_owned())));
        if !self.chroot.is_empty() && !all.iter().any(|choice| choice.chosen) {
            all.push(choice(&self.chroot, self.chroot.clone()));
        }
        all
    }

    /// When something was built.
    pub(super) fn times(&self) -> Vec<Choice> {
        let choice = |(value, _, label): &(&str, i64, &str)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            chosen: *value == self.built,
        };
        BUILT.iter().map(choice).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_not_asked_for_and_addresses_say_what_is() {
        let asked = Asked { q: " a&b ".into(), chroot: "fedora-44".into(), built: "8".into(), page: String::new() };
        let filters = Filters::read(&asked);
        assert_eq!(
            (filters.url("/"), filters.words_url("/")),
            ("/?q=a%26b&chroot=fedora-44".into(), "/?q=a%26b".into())
        );
        assert_eq!(filters.search(0).built, Built::Any);
        let asked = Asked { built: "7".into(), ..Asked::default() };
        assert_eq!(Filters::read(&asked).search(8 * DAY_MS).built, Built::After(DAY_MS));
        assert!(Filters::read(&Asked::default()).is_all());
        let odd = Filters::read(&Asked { chroot: "<b>".repeat(99), ..Asked::default() });
        assert_eq!(odd.chroots(&Definitions::default()).len(), 1);
    }

    #[test]
    fn distributions_come_before_their_chroots() {
        let known = ["fedora-44-x86_64", "fedora-44-aarch64", "epel-10-x86_64"]
            .map(|name| (name.parse().unwrap(), Default::default()));
        let all = Filters { chroot: "fedora-44".into(), ..Filters::default() }.chroots(&Definitions::of(known));
        let values: Vec<_> = all.iter().map(|choice| choice.value.as_str()).collect();
        assert_eq!(values, ["epel-10", "fedora-44", "epel-10-x86_64", "fedora-44-aarch64", "fedora-44-x86_64"]);
        assert_eq!(all.iter().filter(|choice| choice.chosen).count(), 1);
    }
}
