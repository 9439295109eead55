//! `[queue]`: how many machines may be at work at once.

use std::collections::BTreeMap;

use copr_api::names::Chroot;
use serde::Deserialize;

use super::chroots::Definitions;

/// `[queue]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// Most machines for one owner, unless the administrator has said otherwise of it; 0: as many as there are.
    pub max_running: u32,
    /// Most machines for an architecture.
    pub arches: BTreeMap<String, u32>,
    /// Most machines for all chroots together that ask for a tag.
    pub tags: BTreeMap<String, u32>,
}

/// Most machines at once.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// For an owner for whom the database says nothing else; `None`: as many as there are.
    pub owner: Option<i64>,
    /// For all chroots of an architecture.
    pub arches: BTreeMap<String, i64>,
    /// For chroots together that share a tag.
    pub tags: Vec<(Vec<Chroot>, i64)>,
}

impl Queue {
    /// The limits that claims keep to.
    #[must_use]
    pub fn limits(&self, chroots: &Definitions) -> Limits {
        let of_tag = |tag: &String| -> Vec<Chroot> {
            chroots
                .iter()
                .filter(|(_, definition)| definition.tags.contains(tag))
                .map(|(name, _)| name.clone())
                .collect()
        };
        Limits {
            owner: (self.max_running > 0).then(|| i64::from(self.max_running)),
            arches: self.arches.iter().map(|(arch, most)| (arch.clone(), i64::from(*most))).collect(),
            tags: self.tags.iter().map(|(tag, most)| (of_tag(tag), i64::from(*most))).collect(),
        }
    }
}
