//! The packages of a chain's repositories: which of these are needed, and what they would replace.

use anyhow::{Result, bail};
use copr_resolve::chain::Link;
use copr_resolve::chain::needed::{self, MOST_SOLVES, Needed};
use copr_resolve::chain::overlap::{Summary, overlaps};
use copr_resolve::query::wishes;
use copr_resolve::solve::Request;

use super::load::{Loaded, load_all};
use super::place::{Role, places};
use super::solve::enabled;
use super::transaction::problem_lines;
use crate::repo::definition::Repositories;
use crate::repo::show::plain;

/// Most names of packages in one line.
const NAMES: usize = 8;

/// A repository of a chain, and where its packages are.
#[derive(Debug, Clone)]
pub(in crate::repo) struct Member {
    pub(in crate::repo) link: Link,
    /// Its URL, all filled in.
    pub(in crate::repo) url: String,
    /// What its project wants for `priority`.
    pub(in crate::repo) priority: Option<i32>,
}

/// A chain with all its packages, beside the repositories of the command line.
#[derive(Debug)]
pub(in crate::repo) struct Members {
    loaded: Loaded,
    /// The chain's repositories, dependencies first, by their numbers in the pool.
    members: Vec<(usize, Link)>,
    /// The others.
    others: Vec<usize>,
}

/// What one repository would replace of one other.
#[derive(Debug)]
pub(in crate::repo) struct Replaced {
    pub(in crate::repo) link: Link,
    pub(in crate::repo) summary: Summary,
    /// Each package in a line.
    pub(in crate::repo) lines: Vec<String>,
}

impl Members {
    /// Reads the metadata of them all.
    pub(in crate::repo) fn load(arguments: &Repositories, members: &[Member], specs: &[String]) -> Result<Self> {
        let ids: Vec<String> = members.iter().map(|member| id(&member.link)).collect();
        let texts: Vec<String> = members
            .iter()
            .zip(&ids)
            .map(|(member, id)| format!("{id}={},priority={},cost=1000", member.url, member.priority.unwrap_or(99)))
            .collect();
        let places = places(arguments, &[(Role::Enabled, &texts)])?;
        let loaded = load_all(arguments, places, &specs.iter().collect::<Vec<_>>())?;
        let number = |id: &String| loaded.places.iter().position(|place| place.info.id == *id);
        let found = members.iter().zip(&ids).filter_map(|(member, id)| Some((number(id)?, member.link.clone())));
        let members: Vec<(usize, Link)> = found.collect();
        let is_other = |number: &usize| !members.iter().any(|(member, _)| member == number);
        let others = loaded.of_roles(&[Role::Enabled]).into_iter().filter(is_other).collect();
        Ok(Self { loaded, members, others })
    }

    /// The link of a repository of the pool.
    pub(in crate::repo) fn link_of(&self, number: usize) -> Option<&Link> {
        self.members.iter().find(|(member, _)| *member == number).map(|(_, link)| link)
    }

    /// Which repositories these packages pull from; the last one, the project itself, is there anyway.
    pub(in crate::repo) fn needed(&self, specs: &[String], weak: bool) -> Result<Needed> {
        let within = enabled(&self.loaded);
        let mut install = Vec::new();
        for spec in specs {
            install.extend(wishes(&within, spec)?);
        }
        let request = Request { install, weak, not_enabled: self.loaded.of_roles(&[Role::Hint]), ..Request::default() };
        let declared = self.members.split_last().map_or(&[][..], |(_, declared)| declared);
        let candidates: Vec<usize> = declared.iter().map(|(number, _)| *number).collect();
        match needed::in_pool(&self.loaded.pool, &request, &candidates, MOST_SOLVES) {
            Ok(needed) => Ok(needed),
            Err(problem) => bail!("{}", plain_lines(&problem_lines(&problem))),
        }
    }

    /// What each repository of the chain would replace of the others.
    pub(in crate::repo) fn replaced(&self) -> Vec<Replaced> {
        let pool = &self.loaded.pool;
        let of = |(number, link): &(usize, Link)| {
            let all = overlaps(pool, *number, &self.others).into_iter();
            let link = link.clone();
            all.map(move |of| Replaced {
                link: link.clone(),
                summary: of.summary(pool, NAMES),
                lines: of.list.iter().map(|overlap| plain(&overlap.describe(pool))).collect(),
            })
        };
        self.members.iter().flat_map(of).collect()
    }
}

fn plain_lines(lines: &[String]) -> String {
    lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n")
}

/// A repository's name in messages: the project's, or the URL without its protocol.
fn id(link: &Link) -> String {
    let text = link.to_string();
    let text = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:/@+".contains(c);
    let id: String = text.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    id.trim_start_matches(['/', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_called_what_a_command_line_can_name() {
        let external = Link::External { url: "https://mirror.example/$basearch/a=b,c/".to_owned() };
        assert_eq!(id(&external), "mirror.example/_basearch/a_b_c/");
    }
}
