//! `coprd admin group`: groups, whose members own the projects of `@NAME`.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result, bail};
use copr_api::names::OwnerName;

use super::{open, people::user};
use crate::{
    clock,
    db::{
        Db, Window,
        group::{self, Added, CLAIM, Change, Changed, Deleted, Group, Maker},
        user::User,
    },
};

/// What is done about groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// It is added, with these administrators and the identity provider's name for it.
    Add(Vec<String>, Option<String>),
    /// It is deleted.
    Remove,
    /// A user becomes a member or none, and an administrator or none.
    Member {
        /// The user's name.
        user: String,
        /// Whether it is a member.
        member: bool,
        /// Whether it administers the group.
        admin: bool,
    },
    /// The identity provider's name for it.
    Claim(Option<String>),
}

/// All groups, one a line; or one group with its members, one a line.
///
/// # Errors
/// There is no such group.
pub async fn list(data: &Path, config: Option<&Path>, name: Option<&str>) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let text = match name {
        None => all_groups(&db).await,
        Some(name) => one_group(&db, name).await,
    };
    db.close().await;
    text
}

async fn all_groups(db: &Db) -> Result<String> {
    let mut text = String::new();
    for group in group::list(db, Window::default()).await? {
        let claim = group.claim.map(|claim| format!("\tclaim {claim}")).unwrap_or_default();
        writeln!(text, "{}\t{} members\t{} projects{claim}", group.name, group.members, group.projects)?;
    }
    Ok(text)
}

async fn one_group(db: &Db, name: &str) -> Result<String> {
    let group = found(db, &group_name(name)?).await?;
    let mut text = String::new();
    for member in group::members(db, group.id).await? {
        let admin = if member.admin { "\tadministrator" } else { "" };
        let claimed = if member.claimed { "\tby claim" } else { "" };
        writeln!(text, "{}{admin}{claimed}", member.name)?;
    }
    Ok(text)
}

fn group_name(name: &str) -> Result<OwnerName> {
    Ok(format!("@{}", name.strip_prefix('@').unwrap_or(name)).parse()?)
}

async fn found(db: &Db, name: &OwnerName) -> Result<Group> {
    group::by_name(db, name)
        .await?
        .with_context(|| format!("there is no group {name}: `coprd admin group list` prints all"))
}

/// Changes one group; a running server sees it with the next call.
///
/// # Errors
/// There is no such group or user, or what was asked for can't be; the text says why.
pub async fn change(data: &Path, config: Option<&Path>, name: &str, change: GroupChange) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let result = apply_to_group(&db, &group_name(name)?, change).await;
    db.close().await;
    result
}

async fn apply_to_group(db: &Db, name: &OwnerName, change: GroupChange) -> Result<String> {
    let now = clock::now_ms();
    match change {
        GroupChange::Add(admins, claim) => {
            let claim = checked(claim)?;
            let mut changes = Vec::with_capacity(admins.len());
            for admin in admins {
                changes.push(as_admin(user(db, &admin).await?));
            }
            let nobody = Maker { user_id: None, most: None };
            match group::add(db, name, claim.as_deref(), nobody, now).await? {
                Added::Done => {}
                Added::Taken => bail!("there is a group {name} already, or another with this claim"),
                Added::Owns | Added::TooMany => bail!("{name} cannot be added"),
            }
            set(db, name, &changes).await?;
            Ok(format!("{name}: added\n"))
        }
        GroupChange::Remove => match group::delete(db, found(db, name).await?.id).await? {
            Deleted::Done => Ok(format!("{name}: deleted\n")),
            Deleted::Gone => bail!("there is no group {name}"),
            Deleted::Owns => bail!("{name} owns projects: delete them first"),
        },
        GroupChange::Member { user: who, member, admin } => {
            let change = Change { member: Some(member), admin: Some(admin), ..as_admin(user(db, &who).await?) };
            set(db, name, &[change]).await?;
            let now = match (member, admin) {
                (_, true) => "an administrator",
                (true, false) => "a member",
                (false, false) => "no member",
            };
            Ok(format!("{name}: {who} is {now}\n"))
        }
        GroupChange::Claim(claim) => {
            let claim = checked(claim)?;
            match group::set_claim(db, found(db, name).await?.id, claim.as_deref()).await {
                Err(error) if error.is_duplicate() => bail!("another group has this claim"),
                Err(error) => return Err(error.into()),
                Ok(false) => bail!("there is no group {name}"),
                Ok(true) => {}
            }
            Ok(format!("{name}: {}\n", claim.map_or_else(|| "no claim".to_owned(), |claim| format!("claim {claim}"))))
        }
    }
}

/// A claim as it is kept; an empty one is none.
fn checked(claim: Option<String>) -> Result<Option<String>> {
    let claim = claim.map(|claim| claim.trim().to_owned()).filter(|claim| !claim.is_empty());
    if claim.as_ref().is_some_and(|claim| claim.chars().count() > CLAIM || claim.chars().any(char::is_control)) {
        bail!("a claim has {CLAIM} characters at most, in one line");
    }
    Ok(claim)
}

fn as_admin(user: User) -> Change {
    Change { user_id: user.id, name: user.name, member: Some(true), admin: Some(true) }
}

async fn set(db: &Db, name: &OwnerName, changes: &[Change]) -> Result<()> {
    match group::set_members(db, found(db, name).await?.id, changes, false, clock::now_ms()).await? {
        Changed::Done => Ok(()),
        Changed::Gone => bail!("there is no group {name}"),
        Changed::Claimed(who) => bail!("{who} is a member of {name} as long as the identity provider says so"),
        Changed::NoAdmin | Changed::TooMany => bail!("{name} may have {} members at most", group::MEMBERS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_group_is_added_with_its_administrators_changed_and_removed() {
        let data = tempfile::tempdir().unwrap();
        for name in ["gina", "greta"] {
            super::super::add_user(data.path(), None, name).await.unwrap();
        }
        let change = |name: &'static str, what: GroupChange| change(data.path(), None, name, what);
        let list = |name: Option<&'static str>| list(data.path(), None, name);
        let add = |admin: &str, claim: &str| GroupChange::Add(vec![admin.to_owned()], Some(claim.to_owned()));
        assert!(change("sig", add("nobody", "")).await.unwrap_err().to_string().contains("no user nobody"));
        change("sig", add("greta", " fedora/sig ")).await.unwrap();
        assert!(change("@sig", add("greta", "")).await.unwrap_err().to_string().contains("@sig already"));
        assert!(change("s\u{456}g", add("greta", "")).await.is_err(), "a name that only looks like it");
        let member = |member, admin| GroupChange::Member { user: "gina".to_owned(), member, admin };
        change("sig", member(true, true)).await.unwrap();
        assert_eq!(list(Some("@sig")).await.unwrap(), "gina\tadministrator\ngreta\tadministrator\n");
        change("sig", member(true, false)).await.unwrap();
        assert_eq!(list(None).await.unwrap(), "@sig\t2 members\t0 projects\tclaim fedora/sig\n");
        change("sig", member(false, false)).await.unwrap();
        change("sig", GroupChange::Claim(None)).await.unwrap();
        assert_eq!(list(None).await.unwrap(), "@sig\t1 members\t0 projects\n");
        change("sig", GroupChange::Remove).await.unwrap();
        assert!(list(Some("sig")).await.unwrap_err().to_string().contains("group list"));
        assert!(change("sig", GroupChange::Remove).await.is_err());
    }
}
