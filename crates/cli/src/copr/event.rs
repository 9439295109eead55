//! Commands about events, webhooks, and what follows by itself.

use std::time::Duration;

use copr_api::v3::{Hook, HookAdd, HookEdit, Message};
use serde::Serialize;

use super::{
    args::{DependentsWish, EventsWish, Format, WebhookCommand, WebhookEdit},
    failure::Failure,
    output,
    session::Session,
    ui::harmless,
};

/// What is printed of a webhook.
const HOOK: [&str; 5] = ["id", "url", "topics", "active", "failures"];
/// What is printed of a delivery.
const DELIVERY: [&str; 7] = ["id", "topic", "state", "attempts", "status", "error", "tried_on"];
/// What is printed of a notice.
const NOTICE: [&str; 4] = ["kind", "about", "since", "text"];
/// What is printed of an automatic rebuild.
const REBUILD: [&str; 7] = ["package", "chroot", "build", "depth", "origin", "because", "error"];
/// What is printed of a dependent.
const DEPENDENT: [&str; 6] = ["ownername", "projectname", "package", "chroot", "requires", "rebuilt"];
/// Events that are asked for at once.
const PAGE: u32 = 500;
/// How often new ones are asked for.
const PAUSE: Duration = Duration::from_secs(2);

fn unusable(error: serde_json::Error) -> Failure {
    Failure::Answer(error.to_string())
}

fn rows<T: Serialize>(objects: &[T]) -> Result<Vec<output::Row>, Failure> {
    objects.iter().map(|object| Ok(output::row(serde_json::to_value(object).map_err(unusable)?))).collect()
}

/// `copr events`: a line each; with `--json` a document each, as fedora-messaging writes messages down.
pub(super) async fn events(session: &Session, wish: EventsWish) -> Result<(), Failure> {
    let project = match &wish.project {
        Some(text) => {
            let target = session.target(text).await?;
            Some(format!("{}/{}", target.owner, target.project()))
        }
        None => None,
    };
    let mut since = wish.since;
    loop {
        let page = session.client.events(since, project.as_deref(), &wish.topics, PAGE).await?;
        for message in &page.items {
            match session.ui.is_json() {
                true => session.ui.line(serde_json::to_string(message).map_err(unusable)?)?,
                false => session.ui.line(line(message))?,
            }
        }
        if page.next != since {
            since = page.next;
        } else if wish.follow {
            tokio::time::sleep(PAUSE).await;
        } else {
            return Ok(());
        }
    }
}

/// Number, time, topic, project, and what else there is to say.
fn line(message: &Message) -> String {
    let header = |name: &str| message.headers.get(name).map(ToString::to_string).unwrap_or_default();
    let body = |name: &str| message.body.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    let more = if body("what").is_empty() { body("chroot") } else { body("what") };
    let text = format!(
        "{}\t{}\t{}\t{}/{}\t{more}",
        header("copr_number"),
        header("sent-at").trim_matches('"'),
        message.topic,
        body("owner"),
        body("copr")
    );
    harmless(&text.replace('\n', " "))
}

/// `copr notices`.
pub(super) async fn notices(session: &Session, project: &str, format: Option<Format>) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let all = session.client.notices(&target.owner, &target.project()).await?;
    Ok(output::rows(session, output::format(format), &NOTICE, rows(&all)?)?)
}

/// `copr rebuilds`.
pub(super) async fn rebuilds(session: &Session, project: &str, format: Option<Format>) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let all = session.client.rebuilds(&target.owner, &target.project()).await?;
    Ok(output::rows(session, output::format(format), &REBUILD, rows(&all)?)?)
}

/// `copr dependents`.
pub(super) async fn dependents(session: &Session, wish: DependentsWish) -> Result<(), Failure> {
    let target = session.target(&wish.project).await?;
    let (name, chroot) = (wish.name.as_deref(), wish.chroot.as_deref());
    let all = session.client.dependents(&target.owner, &target.project(), name, chroot).await?;
    Ok(output::rows(session, output::format(wish.output_format), &DEPENDENT, rows(&all)?)?)
}

/// `copr webhook`.
pub(super) async fn webhook(session: &Session, command: WebhookCommand) -> Result<(), Failure> {
    let client = &session.client;
    match command {
        WebhookCommand::List { project, output_format } => {
            let target = session.target(&project).await?;
            let all: Vec<Hook> = client.hooks(&target.owner, &target.project()).await?;
            Ok(output::rows(session, output::format(output_format), &HOOK, rows(&all)?)?)
        }
        WebhookCommand::Add { project, url, topics } => {
            let target = session.target(&project).await?;
            let made =
                client.add_hook(&target.owner, &target.project(), &HookAdd { url, topics, secret: None }).await?;
            let secret = made.secret.as_ref().map(|secret| harmless(secret.expose())).unwrap_or_default();
            session.done(&made, format!("Webhook {}, signed with: {secret}", made.id))
        }
        WebhookCommand::Edit(edit) => change(session, edit).await,
        WebhookCommand::Delete { project, webhook } => {
            let target = session.target(&project).await?;
            let was = client.delete_hook(&target.owner, &target.project(), webhook).await?;
            session.done(&was, format!("Webhook {webhook} is told no more."))
        }
        WebhookCommand::Log { project, webhook, output_format } => {
            let target = session.target(&project).await?;
            let all = client.deliveries(&target.owner, &target.project(), webhook).await?;
            Ok(output::rows(session, output::format(output_format), &DELIVERY, rows(&all)?)?)
        }
        WebhookCommand::Test { project, webhook } => {
            let target = session.target(&project).await?;
            let queued = client.test_hook(&target.owner, &target.project(), webhook).await?;
            session.done(&queued, format!("Delivery {} is on its way: copr webhook log {project} {webhook}", queued.id))
        }
        WebhookCommand::Redeliver { project, webhook, delivery } => {
            let target = session.target(&project).await?;
            let queued = client.redeliver(&target.owner, &target.project(), webhook, delivery).await?;
            session.done(&queued, format!("Delivery {} is on its way: copr webhook log {project} {webhook}", queued.id))
        }
    }
}

async fn change(session: &Session, edit: WebhookEdit) -> Result<(), Failure> {
    let target = session.target(&edit.project).await?;
    let topics = (edit.all_topics || !edit.topics.is_empty()).then_some(edit.topics);
    let body = HookEdit { url: edit.url, topics, secret: None, active: edit.active.map(bool::from) };
    let now = session.client.edit_hook(&target.owner, &target.project(), edit.webhook, &body).await?;
    session.done(&now, format!("Webhook {} is changed.", now.id))
}
