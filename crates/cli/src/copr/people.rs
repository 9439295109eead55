//! Commands about who one is, tokens and secrets, groups, and who may do what in a project.

use std::{collections::BTreeMap, path::Path};

use copr_api::v3::{Group, GroupAdd, MemberChange, Permission, Pins, RolesChange, RolesRequest, TokenWish};
use serde::Serialize;

use super::{
    args::{EditPermissions, GroupCommand, Members, NewToken, PinCommand, RequestPermissions, TokenCommand},
    config::Renewal,
    failure::Failure,
    output,
    session::Session,
    ui::harmless,
};

/// What is printed of a token.
const TOKEN: [&str; 7] = ["api_login", "label", "project", "created_on", "used_on", "expiration", "expired"];
/// What is printed of a group in a list.
const GROUP: [&str; 3] = ["name", "members", "projects"];

/// `copr whoami`.
pub(super) async fn whoami(session: &Session) -> Result<(), Failure> {
    let name = session.caller().await?;
    session.done(&serde_json::json!({ "username": name, "copr_url": session.client.hub() }), &name)
}

/// `copr quota`.
pub(super) async fn quota(session: &Session, owner: Option<&str>) -> Result<(), Failure> {
    let owner = match owner {
        Some(text) => text.parse()?,
        None => session.caller().await?,
    };
    let quota = session.client.quota(&owner).await?;
    let used = size(quota.used);
    let sentence = match quota.limit {
        Some(limit) => format!("{owner}: {used} of {} are used ({} of {limit} bytes).", size(limit), quota.used),
        None => format!("{owner}: {used} are used ({} bytes), without a limit.", quota.used),
    };
    session.done(&quota, sentence)
}

/// Bytes with a unit; cut, so that what is just below a limit does not look like the limit.
#[must_use]
pub(super) fn size(bytes: i64) -> String {
    let (mut tenths, mut unit) = (i128::from(bytes) * 10, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// `copr new-api-token`, for the configuration file at `path`.
pub(super) async fn new_api_token(session: &Session, path: Option<&Path>) -> Result<(), Failure> {
    let renewal = Renewal::of(path)?;
    let token = session.client.new_api_token().await?;
    let path = renewal.finish(&token)?;
    let shown = path.display().to_string();
    let answer = serde_json::json!({ "config": shown, "expiration": token.expiration });
    session.done(&answer, format!("New API token was updated in {shown}."))
}

/// `copr token`.
pub(super) async fn token(session: &Session, command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::List { user, output_format } => {
            let rows = rows(&session.client.tokens(user.as_deref()).await?)?;
            Ok(output::rows(session, output::format(output_format), &TOKEN, rows)?)
        }
        TokenCommand::New(new) => new_token(session, new).await,
        TokenCommand::Revoke { login } => {
            let was = session.client.revoke_token(&login).await?;
            session.done(&was, format!("Token {} is of no use any more.", harmless(&login)))
        }
    }
}

/// `copr token new`: what is printed can be written into a file as it is.
async fn new_token(session: &Session, new: NewToken) -> Result<(), Failure> {
    let project = match &new.project {
        Some(text) => {
            let target = session.target(text).await?;
            Some(format!("{}/{}", target.owner, target.project()))
        }
        None => None,
    };
    let wish = TokenWish { label: new.label, project, days: new.days };
    let made = session.client.make_token(&wish).await?;
    let secret = made.api_token.expose();
    if [made.api_login.as_str(), secret, &made.expiration].iter().any(|word| word.contains(char::is_whitespace)) {
        return Err(Failure::Answer("the server's new token cannot stand in a configuration file".to_owned()));
    }
    let (user, hub) = (session.caller().await?, session.client.hub());
    let encrypted = if hub.starts_with("http://") { "encrypted = False\n" } else { "" };
    let section = format!(
        "[copr-cli]\nlogin = {}\nusername = {user}\ntoken = {}\ncopr_url = {hub}\n{encrypted}# expiration date: {}",
        harmless(&made.api_login),
        harmless(secret),
        harmless(&made.expiration)
    );
    session.done(&made, section)
}

/// Objects as rows.
fn rows<T: Serialize>(objects: &[T]) -> Result<Vec<output::Row>, Failure> {
    let unusable = |error: serde_json::Error| Failure::Answer(error.to_string());
    objects.iter().map(|object| Ok(output::row(serde_json::to_value(object).map_err(unusable)?))).collect()
}

/// `copr group`.
pub(super) async fn group(session: &Session, command: GroupCommand) -> Result<(), Failure> {
    let client = &session.client;
    match command {
        GroupCommand::List { output_format } => {
            let rows = rows(&client.groups().await?)?;
            Ok(output::rows(session, output::format(output_format), &GROUP, rows)?)
        }
        GroupCommand::Show { group } => show(session, &client.group(&group).await?),
        GroupCommand::Add { group, claim } => {
            let made = client.add_group(&group, &GroupAdd { claim }).await?;
            session.done(&made, format!("Group {group} was added."))
        }
        GroupCommand::Members(members) => {
            let group = members.group.clone();
            let now = client.set_members(&group, &changes(members)?).await?;
            session.done(&now, format!("Group {group} has {} members.", now.members.len()))
        }
        GroupCommand::Delete { group } => {
            let was = client.delete_group(&group).await?;
            session.done(&was, format!("Group {group} was deleted."))
        }
    }
}

fn show(session: &Session, group: &Group) -> Result<(), Failure> {
    if session.ui.is_json() {
        return Ok(session.ui.json(group)?);
    }
    session.ui.line(format!("{}: {} projects", group.name, group.projects))?;
    for (user, membership) in &group.members {
        let admin = if membership.admin { ", administrator" } else { "" };
        let claimed = if membership.claimed { ", as the identity provider says" } else { "" };
        session.ui.line(format!("  {}{admin}{claimed}", harmless(user)))?;
    }
    Ok(())
}

/// What is to become of whom; nobody is to become two things.
fn changes(members: Members) -> Result<BTreeMap<String, MemberChange>, Failure> {
    let member = |member, admin| MemberChange { member, admin };
    let mut changes = BTreeMap::new();
    for (users, change) in [
        (members.add, member(Some(true), None)),
        (members.admin, member(Some(true), Some(true))),
        (members.no_admin, member(None, Some(false))),
        (members.remove, member(Some(false), None)),
    ] {
        for user in users {
            match changes.insert(user.clone(), change) {
                Some(before) if before != change => {
                    return Err(Failure::Arguments(format!("{user} is to become two things")));
                }
                _ => {}
            }
        }
    }
    Ok(changes)
}

/// `copr pin`.
pub(super) async fn pin(session: &Session, command: PinCommand) -> Result<(), Failure> {
    match command {
        PinCommand::List { owner } => {
            let owner = match owner {
                Some(owner) => owner,
                None => session.caller().await?,
            };
            let pins = session.client.pins(&owner).await?;
            if session.ui.is_json() {
                return Ok(session.ui.json(&pins)?);
            }
            let lines: Vec<String> = pins.projects.iter().map(|project| harmless(project)).collect();
            Ok(session.ui.lines(&lines)?)
        }
        PinCommand::Set { project, group } => {
            let owner = match group {
                Some(group) => group,
                None => session.caller().await?,
            };
            let mut projects = Vec::with_capacity(project.len());
            for text in &project {
                let target = session.target(text).await?;
                projects.push(format!("{}/{}", target.owner, target.project()));
            }
            let pins = session.client.set_pins(&owner, &Pins { projects }).await?;
            session.done(&pins, format!("{} projects are pinned for {owner}.", pins.projects.len()))
        }
    }
}

/// `copr new-webhook-secret`; a person is asked first.
pub(super) async fn new_webhook_secret(session: &Session, project: &str, yes: bool) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let name = format!("{}/{}", target.owner, target.project());
    if !yes
        && !session
            .ui
            .agrees(&format!("Generate a new webhook secret for {name}? The old addresses will not work."))
            .await?
    {
        session.ui.note("The secret is as it was.");
        return Ok(());
    }
    let made = session.client.new_webhook_secret(&target.owner, &target.project()).await?;
    session.done(&made, format!("Generated new token: {}", harmless(made.webhook_secret.expose())))
}

/// `copr edit-permissions`.
pub(super) async fn edit(session: &Session, edit: EditPermissions) -> Result<(), Failure> {
    let target = session.target(&edit.project).await?;
    let mut changes: BTreeMap<String, RolesChange> = BTreeMap::new();
    for (user, value) in edit.admin {
        once(&mut changes.entry(user.clone()).or_default().admin, value, &user)?;
    }
    for (user, value) in edit.builder {
        once(&mut changes.entry(user.clone()).or_default().builder, value, &user)?;
    }
    session.client.set_permissions(&target.owner, &target.project(), &changes).await?;
    session.done(&serde_json::json!({ "updated": changes.keys().collect::<Vec<_>>() }), "success")
}

/// A role is given once.
fn once(role: &mut Option<Permission>, value: Permission, user: &str) -> Result<(), Failure> {
    match role.replace(value) {
        Some(before) if before != value => Err(Failure::Arguments(format!("one role of {user} is set to two values"))),
        _ => Ok(()),
    }
}

/// `copr list-permissions`.
pub(super) async fn list(session: &Session, project: &str) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let found = session.client.permissions(&target.owner, &target.project()).await?;
    if session.ui.is_json() {
        return Ok(session.ui.json(&found)?);
    }
    for (user, roles) in &found.permissions {
        let (admin, builder) = (roles.admin.as_str(), roles.builder.as_str());
        session.ui.line(format!("{}:\n  admin: {admin}\n  builder: {builder}", harmless(user)))?;
    }
    Ok(())
}

/// `copr request-permissions`.
pub(super) async fn request(session: &Session, request: RequestPermissions) -> Result<(), Failure> {
    let target = session.target(&request.project).await?;
    let wish = RolesRequest { admin: request.admin, builder: request.builder };
    session.client.request_permissions(&target.owner, &target.project(), wish).await?;
    session.done(&wish, "success")
}
