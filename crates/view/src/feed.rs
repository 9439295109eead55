//! Atom feeds (RFC 4287).

use askama::Template;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::pages::change_line;
use crate::text::{When, clean, line};
use crate::{Error, Index, Links};

/// Entries that a feed of a repository has.
const ENTRIES: usize = 50;
/// Characters of a title and of a text.
const TITLE: usize = 300;
const TEXT: usize = 4000;

/// A feed. Texts are cleaned when it is rendered.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "feed.xml", escape = "html")]
pub struct Feed {
    /// What tells it from all others for ever: an address or a URN.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Its own address, where that is known.
    pub self_url: Option<String>,
    /// The page that it belongs to.
    pub page_url: String,
    /// Who made it.
    pub author: String,
    /// When it last changed, seconds since 1970; `None` takes the newest entry's.
    pub updated: Option<u64>,
    /// What happened, the newest first.
    pub entries: Vec<Entry>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What tells it from all others for ever.
    pub id: String,
    /// What happened, in a line.
    pub title: String,
    /// The page about it.
    pub url: String,
    /// When, seconds since 1970.
    pub updated: u64,
    /// Who did it.
    pub author: Option<String>,
    /// What there is to say.
    pub text: String,
}

impl Entry {
    fn updated_text(&self) -> String {
        iso(self.updated)
    }
}

impl Feed {
    /// The feed of what was built latest in a repository. `identity` is what tells the repository from all others; where the
    /// feed has an address, that.
    pub fn of_repository(index: &Index, links: &dyn Links, identity: &str, self_url: Option<String>) -> Self {
        let entries = index.latest().iter().take(ENTRIES).filter_map(|change| {
            let line = change_line(index, links, change)?;
            let mut packages: Vec<&str> = line.packages.iter().map(|link| link.text.as_str()).collect();
            let more = format!("and {} more", line.more);
            if line.more > 0 {
                packages.push(&more);
            }
            let top = line.top.as_ref().map(|top| format!("\n{}", top.text)).unwrap_or_default();
            Some(Entry {
                id: urn(&format!("{identity}\n{}\n{}", change.source, change.time)),
                title: line.source.clone(),
                url: line.url.clone(),
                updated: change.time,
                author: line.top.as_ref().map(|top| top.author.clone()).filter(|author| !author.is_empty()),
                text: format!("{}{top}", packages.join(", ")),
            })
        });
        Self {
            id: self_url.clone().unwrap_or_else(|| urn(identity)),
            title: format!("{}: latest changes", index.about().title),
            page_url: links.index(),
            author: index.about().title.clone(),
            updated: None,
            entries: entries.collect(),
            self_url,
        }
    }

    /// The feed as XML.
    ///
    /// # Errors
    /// None that is known.
    pub fn xml(mut self) -> Result<String, Error> {
        let words = |text: &str, what: &str| {
            Some(line(text, TITLE)).filter(|l| !l.is_empty()).unwrap_or_else(|| what.to_owned())
        };
        self.title = words(&self.title, "Changes");
        self.author = words(&self.author, "Unknown");
        for entry in &mut self.entries {
            entry.title = words(&entry.title, "A change");
            entry.author = entry.author.take().map(|author| words(&author, "Unknown"));
            entry.text = crate::text::cut(&clean(&entry.text), TEXT);
        }
        Ok(self.render()?)
    }

    fn updated_text(&self) -> String {
        let newest = self.entries.iter().map(|entry| entry.updated).max();
        iso(self.updated.or(newest).unwrap_or_default())
    }
}

/// RFC 3339; what cannot be said in it is 1970.
fn iso(seconds: u64) -> String {
    When::new(seconds).map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |when| when.iso)
}

/// A URN that tells a text from all others: a UUID of the kind for one's own use (RFC 9562, version 8), by SHA-256.
pub fn urn(text: &str) -> String {
    let mut bytes: [u8; 16] = [0; 16];
    for (to, from) in bytes.iter_mut().zip(Sha256::digest(text.as_bytes())) {
        *to = from;
    }
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = hex::encode(bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_is_a_uuid_that_says_how_it_was_made() {
        let urn = urn("x");
        assert_eq!(urn.len(), "urn:uuid:".len() + 36);
        assert_eq!((urn.as_bytes()[23], urn == super::urn("x"), urn == super::urn("y")), (b'8', true, false));
    }

    #[test]
    fn a_feed_without_entries_is_whole() {
        let feed = Feed {
            id: "urn:x".into(),
            title: "<&\u{1}>".into(),
            self_url: None,
            page_url: "index.html".into(),
            author: " ".into(),
            updated: None,
            entries: Vec::new(),
        };
        let xml = feed.xml().unwrap();
        for part in [
            "<title>&#60;&#38;\u{FFFD}&#62;</title>",
            "<updated>1970-01-01T00:00:00Z</updated>",
            "<name>Unknown</name>",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
    }
}
