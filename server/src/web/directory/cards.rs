//! Projects and builds as lists show them.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use crate::{
    db::{
        Db, Error,
        build::{self, Build},
        search::{Found, Words},
    },
    web::{
        markdown,
        text::{project_url, summary},
        views::BuildLine,
    },
};

/// Chroots that a project's card shows.
const CHROOTS: usize = 6;
/// Characters of the description.
const SUMMARY: usize = 200;
/// Characters before what was found in a description.
const BEFORE: usize = 60;

/// A text in pieces: those that were searched for, and the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Marked(Vec<(bool, String)>);

impl Marked {
    fn new(text: &str, words: &Words) -> Self {
        Self(words.mark(text))
    }

    /// The pieces, in order.
    pub(super) fn pieces(&self) -> &[(bool, String)] {
        &self.0
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Marked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iter().map(|(_, text)| text.as_str()).collect::<String>())
    }
}

/// A project in a list.
#[derive(Debug, Serialize)]
pub(super) struct Card {
    /// Its page.
    pub(super) url: String,
    /// Owner.
    pub(super) owner: Marked,
    /// Name.
    pub(super) name: Marked,
    /// Beginning of the description, or what of it was found.
    pub(super) summary: Marked,
    /// Names and paths of its packages that were found.
    pub(super) found: Vec<Marked>,
    /// Its first chroots.
    pub(super) chroots: Vec<String>,
    /// How many more it has.
    pub(super) more_chroots: usize,
    /// It is on no list but its owner's own.
    pub(super) unlisted: bool,
    /// Its newest build.
    pub(super) newest: Option<BuildLine>,
}

impl Card {
    fn new(mut project: Found, words: &Words, newest: Option<&Build>, now: i64) -> Self {
        let (owner, name) = (project.owner.as_str(), project.name.as_str());
        let description = project.description.as_deref().unwrap_or_default();
        let full_name = format!("{owner}/{name}");
        // What the name tells already needs no other reason.
        let said = words.all().iter().all(|word| word.is_in(&full_name));
        let found = project.packages.iter().filter(|_| !said).map(|text| Marked::new(text, words)).collect();
        let more_chroots = project.chroots.len().saturating_sub(CHROOTS);
        project.chroots.truncate(CHROOTS);
        Self {
            url: project_url(owner, name),
            owner: Marked::new(owner, words),
            name: Marked::new(name, words),
            summary: Marked::new(&excerpt(&markdown::plain(description), words), words),
            found,
            chroots: project.chroots,
            more_chroots,
            unlisted: project.unlisted,
            newest: newest.map(|build| BuildLine::new(build, now)),
        }
    }
}

/// The beginning of a description, or the part of it with the first of these words when that begins without any.
fn excerpt(description: &str, words: &Words) -> String {
    let beginning = summary(description, SUMMARY);
    if words.all().iter().any(|word| word.is_in(&beginning)) {
        return beginning;
    }
    let Some(at) = words.all().iter().filter_map(|word| word.place_in(description)).min() else { return beginning };
    let characters: Vec<char> = description.chars().collect();
    // From the beginning of a word on.
    let from = (at.saturating_sub(BEFORE)..at).find(|n| characters.get(*n).is_some_and(|c| c.is_whitespace()));
    let part: String = characters.iter().skip(from.unwrap_or(at)).collect();
    let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("… {}", summary(&part, SUMMARY))
}

/// The cards of projects, with the newest build of each.
pub(super) async fn cards(db: &Db, found: Vec<Found>, words: &Words, now: i64) -> Result<Vec<Card>, Error> {
    let ids: Vec<i64> = found.iter().map(|project| project.id).collect();
    let newest: HashMap<i64, Build> = build::newest_of_projects(db, &ids).await?;
    Ok(found
        .into_iter()
        .map(|project| {
            let newest = newest.get(&project.id);
            Card::new(project, words, newest, now)
        })
        .collect())
}

/// A build in a list of those of several projects.
#[derive(Debug, Serialize)]
pub(super) struct BuildRow {
    /// The build.
    #[serde(flatten)]
    pub(super) line: BuildLine,
    /// Owner of its project.
    pub(super) owner: String,
    /// Name of its project.
    pub(super) project: String,
    /// Page of its project.
    pub(super) project_url: String,
}

impl BuildRow {
    /// A build, seen from `now`.
    pub(super) fn new(build: &Build, now: i64) -> Self {
        Self {
            line: BuildLine::new(build, now),
            owner: build.owner.to_string(),
            project: build.project.to_string(),
            project_url: project_url(build.owner.as_str(), build.project.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_shown_from_where_it_was_found() {
        let text = format!("A tool.\n\n{}and it speaks gopher to whoever listens.", "It does much. ".repeat(30));
        assert_eq!(excerpt(&text, &Words::read("tool")), "A tool.");
        assert_eq!(excerpt(&text, &Words::read("nothing")), "A tool.");
        let part = excerpt(&text, &Words::read("gopher"));
        assert!(part.starts_with("… ") && part.ends_with("speaks gopher to whoever listens."), "{part}");
        assert!(part.len() < 150, "{part}");
    }
}
