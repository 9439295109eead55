//! Which builds a promotion is to have.

use std::collections::{BTreeSet, HashSet};

use copr_api::names::Chroot;
use globset::Glob;

use crate::{
    db::{self, project::Project, promotion::Candidate},
    state::AppState,
};

/// Most build-chroots of one promotion.
const ITEMS: usize = 2000;
/// Most builds and packages that one names, and most patterns of chroots.
const NAMED: usize = 1000;

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Numbers of builds and names of packages; none: all packages.
    pub what: &'a [String],
    /// Chroots, or patterns of them; none: all that both projects have.
    pub chroots: &'a [String],
}

/// The builds of a promotion.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// All that was found; with a text those that do not go, and why.
    pub items: Vec<(Candidate, Option<String>)>,
}

impl Plan {
    /// The builds that go.
    pub fn going(&self) -> impl Iterator<Item = &Candidate> {
        self.items.iter().filter(|(_, skipped)| skipped.is_none()).map(|(item, _)| item)
    }
}

/// Finds the builds of a promotion; the inner error is what is wrong with the wish, a line a field.
///
/// # Errors
/// The database does not answer.
pub async fn plan(
    state: &AppState,
    source: &Project,
    target: &Project,
    wish: Wish<'_>,
) -> Result<Result<Plan, String>, db::Error> {
    if wish.what.len() > NAMED || wish.chroots.len() > NAMED {
        return Ok(Err(format!("what: A promotion may name {NAMED} builds, packages and chroots")));
    }
    let chroots = match chroots(state, source, target, wish.chroots).await? {
        Ok(chroots) => chroots,
        Err(why) => return Ok(Err(why)),
    };
    let mut found = match candidates(state, source, wish.what).await? {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    found.retain(|one| chroots.contains(&one.chroot));
    if found.is_empty() {
        return Ok(Err(format!("what: {} has no good build of that for these chroots", source.full_name())));
    }
    if found.len() > ITEMS {
        return Ok(Err(format!(
            "what: These are {} builds, counted by chroot; a promotion may have {ITEMS}",
            found.len()
        )));
    }
    sorted_out(state, target, found).await.map(Ok)
}

/// The chroots that both have, as far as they are wanted.
async fn chroots(
    state: &AppState,
    source: &Project,
    target: &Project,
    wanted: &[String],
) -> Result<Result<HashSet<Chroot>, String>, db::Error> {
    let of_source: HashSet<Chroot> =
        db::chroot::of_project(&state.db, source.id).await?.into_iter().map(|of| of.chroot).collect();
    let both: Vec<Chroot> = db::chroot::of_project(&state.db, target.id)
        .await?
        .into_iter()
        .filter(|of| of.delete_at_ms.is_none() && of_source.contains(&of.chroot))
        .map(|of| of.chroot)
        .collect();
    if both.is_empty() {
        return Ok(Err(format!("chroots: {} and {} have none in common", source.full_name(), target.full_name())));
    }
    if wanted.is_empty() {
        return Ok(Ok(both.into_iter().collect()));
    }
    let mut chosen = HashSet::new();
    for pattern in wanted {
        let shown: String = pattern.chars().filter(|c| !c.is_control()).take(100).collect();
        let matcher = Some(pattern).filter(|pattern| pattern.len() <= 200).and_then(|pattern| Glob::new(pattern).ok());
        let Some(matcher) = matcher.map(|glob| glob.compile_matcher()) else {
            return Ok(Err(format!("chroots: {shown} is no chroot and no pattern of one")));
        };
        let hit: Vec<&Chroot> = both.iter().filter(|chroot| matcher.is_match(chroot.as_str())).collect();
        if hit.is_empty() {
            return Ok(Err(format!(
                "chroots: {shown} is none that {} and {} have both",
                source.full_name(),
                target.full_name()
            )));
        }
        chosen.extend(hit.into_iter().cloned());
    }
    Ok(Ok(chosen))
}

/// What is named, newest first.
async fn candidates(
    state: &AppState,
    source: &Project,
    what: &[String],
) -> Result<Result<Vec<Candidate>, String>, db::Error> {
    let numbers: BTreeSet<i64> = what.iter().filter_map(|word| word.parse().ok()).collect();
    let names: BTreeSet<&str> = what.iter().filter(|word| word.parse::<i64>().is_err()).map(String::as_str).collect();
    let mut found = Vec::new();
    if what.is_empty() || !names.is_empty() {
        let newest = db::promotion::newest(&state.db, source).await?;
        for name in &names {
            if !newest.iter().any(|one| one.package_name == *name) {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
                return Ok(Err(format!("what: {} has no good build of a package {shown:?}", source.full_name())));
            }
        }
        found.extend(newest.into_iter().filter(|one| what.is_empty() || names.contains(one.package_name.as_str())));
    }
    let named: Vec<i64> = numbers.iter().copied().collect();
    let of_numbers = db::promotion::good_of(&state.db, source.id, &named).await?;
    for number in &numbers {
        if !of_numbers.iter().any(|one| one.build_id == *number) {
            return Ok(Err(format!("what: {} has no good build {number}", source.full_name())));
        }
    }
    found.extend(of_numbers);
    found.sort_by_key(|one| std::cmp::Reverse(one.id));
    found.dedup_by_key(|one| one.id);
    Ok(Ok(found))
}

/// Those that the target has already stay behind, and of the same package twice the older.
async fn sorted_out(state: &AppState, target: &Project, found: Vec<Candidate>) -> Result<Plan, db::Error> {
    let ids: Vec<i64> = found.iter().map(|one| one.id).collect();
    let mut packages = db::promotion::packages(&state.db, &ids).await?;
    let there = db::promotion::present(&state.db, target.id).await?;
    let mut taken = HashSet::new();
    let mut plan = Plan::default();
    for one in found {
        let files = packages.remove(&one.id).unwrap_or_default();
        let keys: Vec<(String, String)> =
            files.iter().map(|file| (one.chroot.to_string(), db::promotion::called(file))).collect();
        let at = |set: &HashSet<(String, String)>| keys.iter().position(|key| set.contains(key));
        let skipped = match (at(&there), at(&taken)) {
            _ if files.is_empty() => Some("it has no packages".to_owned()),
            (Some(at), _) => files.get(at).map(|file| format!("{} has {} already", target.full_name(), file.file)),
            (None, Some(_)) => Some("a newer build of the set has the same packages".to_owned()),
            (None, None) => None,
        };
        if skipped.is_none() {
            taken.extend(keys);
        }
        plan.items.push((one, skipped));
    }
    plan.items.sort_by(|(a, _), (b, _)| {
        (&a.package_name, a.build_id, &a.chroot).cmp(&(&b.package_name, b.build_id, &b.chroot))
    });
    Ok(plan)
}
