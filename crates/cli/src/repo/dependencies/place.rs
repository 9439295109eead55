//! What `--repo` and its kin say: which repositories, under which names, in which order.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use copr_remote::RepoUrl;
use copr_resolve::RepositoryInfo;

use super::super::values::is_url;
use crate::repo::definition::Repositories;

/// What a repository is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Its packages are installed already.
    Installed,
    /// It is used.
    Enabled,
    /// Its packages are about to be published.
    Published,
    /// It is named where it would help.
    Hint,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    Folder(PathBuf),
    Url(RepoUrl),
}

/// A repository as the command line has it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) info: RepositoryInfo,
    pub(super) at: At,
    pub(super) role: Role,
}

/// The repositories of a command line: what is used in the order in which dnf asks them, by priority, cost, and as given;
/// then the others.
pub(super) fn places(arguments: &Repositories, others: &[(Role, &[String])]) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for text in &arguments.repositories {
        places.push(Place::read(text, Role::Enabled)?);
    }
    for text in &arguments.repofrompath {
        let split = text.split_once(',').filter(|(id, place)| !id.is_empty() && !place.is_empty());
        let (id, place) = split.with_context(|| format!("--repofrompath {text}: it should be ID,PLACE"))?;
        places.push(Place::new(Some(id), place, Role::Enabled)?);
    }
    for (role, texts) in others {
        for text in *texts {
            places.push(Place::read(text, *role)?);
        }
    }
    for text in &arguments.hints {
        places.push(Place::read(text, Role::Hint)?);
    }
    if !places.iter().any(|place| matches!(place.role, Role::Enabled | Role::Published)) {
        bail!("no repository is given; name one with --repo [ID=]PLACE");
    }
    // Stable: what is equal stays in the order of the command line.
    places.sort_by_key(|place| (place.role, place.info.priority, place.info.cost));
    distinguish(&mut places)?;
    Ok(places)
}

/// Gives repositories that were not named, and would be called the same, their places for names.
fn distinguish(places: &mut [Place]) -> Result<()> {
    let ids: Vec<String> = places.iter().map(|place| place.info.id.clone()).collect();
    let twice = |id: &str| ids.iter().filter(|other| *other == id).count() > 1;
    for place in places.iter_mut() {
        if twice(&place.info.id) && place.info.id == last_part(&place.info.baseurl) {
            place.info.id.clone_from(&place.info.baseurl);
        }
    }
    for (at, place) in places.iter().enumerate() {
        if places.iter().skip(at + 1).any(|other| other.info.id == place.info.id) {
            bail!("two repositories are called {}; give them names with --repo ID=PLACE", place.info.id);
        }
    }
    Ok(())
}

impl Place {
    /// `[ID=]PLACE[,priority=N][,cost=N]`.
    fn read(text: &str, role: Role) -> Result<Self> {
        let (mut rest, mut priority, mut cost) = (text, None, None);
        while let Some((before, option)) = rest.rsplit_once(',') {
            let (target, number) = match option.split_once('=') {
                Some(("priority", number)) => (&mut priority, number),
                Some(("cost", number)) => (&mut cost, number),
                _ => break,
            };
            let number: i32 = number.parse().ok().with_context(|| format!("{text}: {option}: a number is missing"))?;
            target.get_or_insert(number);
            rest = before;
        }
        let (id, place) = match rest.split_once('=') {
            Some((id, place)) if is_id(id) => (Some(id), place),
            _ => (None, rest),
        };
        let mut place = Self::new(id, place, role)?;
        place.info.priority = priority.unwrap_or(place.info.priority);
        place.info.cost = cost.unwrap_or(place.info.cost);
        Ok(place)
    }

    fn new(id: Option<&str>, place: &str, role: Role) -> Result<Self> {
        if place.is_empty() {
            bail!("the place of a repository is empty");
        }
        let at = if let Some(path) = place.strip_prefix("file://") {
            // As a URL, so that %20 is a blank; as a path where that does not do.
            let url: Option<PathBuf> = place.parse::<RepoUrl>().ok().and_then(|url| url.to_path());
            At::Folder(url.unwrap_or_else(|| path.into()))
        } else if is_url(place) {
            At::Url(place.parse()?)
        } else {
            At::Folder(place.into())
        };
        let base = match &at {
            At::Url(url) => url.to_string(),
            At::Folder(path) => shown(path),
        };
        let id = id.map_or_else(|| last_part(&base).to_owned(), str::to_owned);
        Ok(Self { info: RepositoryInfo::new(id, base), at, role })
    }
}

fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    match text.trim_end_matches('/') {
        "" => "/".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

fn last_part(place: &str) -> &str {
    place.rsplit('/').find(|part| !part.is_empty()).unwrap_or(place)
}

/// Whether what stands before a `=` is a name, and not part of a path or URL.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['/', '.'])
        && !text.contains("://")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/@+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Vec<(String, String, i32, i32)>> {
        let repositories = texts.iter().map(|text| (*text).to_owned()).collect();
        let places = places(&Repositories { repositories, ..Repositories::default() }, &[])?;
        let each = |place: Place| (place.info.id, place.info.baseurl, place.info.priority, place.info.cost);
        Ok(places.into_iter().map(each).collect())
    }

    fn one(text: &str) -> (String, String, i32, i32) {
        read(&[text]).unwrap().remove(0)
    }

    fn of(id: &str, base: &str, priority: i32, cost: i32) -> (String, String, i32, i32) {
        (id.to_owned(), base.to_owned(), priority, cost)
    }

    #[test]
    fn a_repository_may_have_a_name_and_a_priority_and_a_cost() {
        assert_eq!(one("/srv/repo/"), of("repo", "/srv/repo", 99, 1000));
        assert_eq!(one("bob/app=https://h.example/a=b/"), of("bob/app", "https://h.example/a=b", 99, 1000));
        assert_eq!(one("b=/srv/x,y,cost=5,priority=1"), of("b", "/srv/x,y", 1, 5));
        assert_eq!(one("file:///srv/a%20b"), of("a b", "/srv/a b", 99, 1000));
        assert_eq!(one("./a=b"), of("a=b", "./a=b", 99, 1000));
        assert!(read(&["/srv/x,priority=high"]).unwrap_err().to_string().contains("priority=high"));
        assert!(read(&[]).unwrap_err().to_string().contains("--repo"));
        assert!(read(&["ftp://h.example/r"]).is_err());
    }

    #[test]
    fn repositories_are_asked_by_priority_and_cost_then_as_given() {
        let order = read(&["c=/c", "b=/b,cost=1", "a=/a,priority=1", "d=/d"]).unwrap();
        assert_eq!(order.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn repositories_that_end_alike_are_called_by_their_places() {
        let both = read(&["/a/x86_64", "/b/x86_64"]).unwrap();
        assert_eq!(both.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["/a/x86_64", "/b/x86_64"]);
        let error = read(&["x=/a", "x=/b"]).unwrap_err().to_string();
        assert!(error.contains("two repositories are called x"), "{error}");
    }
}
