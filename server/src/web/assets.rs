//! The style sheet, the script and the icon: embedded, and served under names that carry their hash, so that they never go stale.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub text: &'static str,
    url: OnceLock<String>,
}

impl Asset {
    const fn new(stem: &'static str, extension: &'static str, content_type: &'static str, text: &'static str) -> Self {
        Self { stem, extension, content_type, text, url: OnceLock::new() }
    }

    /// Its path on this server, `/static/STEM-HASH.EXTENSION`.
    pub fn url(&self) -> &str {
        self.url.get_or_init(|| {
            let hash = hex::encode(Sha256::digest(self.text.as_bytes()));
            format!("/static/{}-{}.{}", self.stem, hash.get(..16).unwrap_or_default(), self.extension)
        })
    }
}

/// Its parts.
const STYLES: &str = concat!(
    include_str!("../../../crates/view/assets/base.css"),
    include_str!("assets/style.css"),
    include_str!("assets/forms.css"),
    include_str!("assets/parts.css"),
    include_str!("../../../crates/view/assets/parts.css"),
    include_str!("assets/build.css")
);

/// The style sheet of every page.
pub static STYLE: Asset = Asset::new("style", "css", "text/css; charset=utf-8", STYLES);
/// What pages gain when scripts run.
pub static SCRIPT: Asset = Asset::new("live", "js", "text/javascript; charset=utf-8", include_str!("assets/live.js"));
/// The icon of the browser's tab.
pub static ICON: Asset = Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg"));

/// The asset whose path this is.
#[must_use]
pub fn find(path: &str) -> Option<&'static Asset> {
    [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.url() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_by_the_name_that_pages_use_and_by_no_other() {
        assert!(STYLE.url().starts_with("/static/style-"));
        assert!(find(STYLE.url()).is_some());
        assert!(find("/static/style.css").is_none());
        assert!(find("/static/../coprd.toml").is_none());
    }
}
