//! Commands about promotions.

use std::time::Duration;

use copr_api::v3::{GatesEdit, Promotion, PromotionState, PromotionWish, VoteWish};
use serde_json::json;

use super::{
    args::{Gates, Promote, PromotionCommand},
    failure::Failure,
    output,
    session::Session,
    ui::harmless,
};

/// What is printed of a promotion in a list.
const PROMOTION: [&str; 7] = ["id", "state", "source", "target", "packages", "submitter", "message"];
/// How often a promotion is looked at while it goes on.
const PERIOD: Duration = Duration::from_secs(1);

/// `copr promote`.
pub(super) async fn promote(session: &Session, promote: Promote) -> Result<(), Failure> {
    let (from, to) = (session.target(&promote.from).await?, session.target(&promote.to).await?);
    let wish = PromotionWish {
        source: format!("{}/{}", from.owner, from.project()),
        what: promote.what,
        chroots: promote.chroots,
        moves: promote.moves,
        dry_run: promote.dry_run,
        override_reason: promote.override_reason,
    };
    let asked = session.client.promote(&to.owner, &to.project(), &wish).await?;
    let Some(id) = asked.id else { return show(session, &asked) };
    if !session.ui.is_json() {
        session.ui.line(format!("Promotion {id} from {} into {} was asked for.", wish.source, name(&asked)))?;
    }
    let ended = if promote.nowait { asked } else { wait(session, id).await? };
    show(session, &ended)?;
    match ended.state {
        PromotionState::Failed | PromotionState::Refused => Err(Failure::Build(format!(
            "Promotion {id} is {}: {}",
            ended.state,
            harmless(ended.message.as_deref().unwrap_or_default())
        ))),
        _ => Ok(()),
    }
}

/// Waits until a promotion has ended, or waits for somebody.
async fn wait(session: &Session, id: i64) -> Result<Promotion, Failure> {
    loop {
        let now = session.client.promotion(id).await?;
        if now.state.is_final() || now.state == PromotionState::Waiting {
            return Ok(now);
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// `copr promotion`.
pub(super) async fn promotion(session: &Session, command: PromotionCommand) -> Result<(), Failure> {
    let client = &session.client;
    match command {
        PromotionCommand::List { project, state, output_format } => {
            let target = session.target(&project).await?;
            let all = client.promotions(&target.owner, &target.project(), state.as_deref()).await?;
            if session.ui.is_json() {
                return Ok(session.ui.json(&all)?);
            }
            let rows = all.iter().map(|one| output::row(row(one))).collect();
            Ok(output::rows(session, output::format(output_format), &PROMOTION, rows)?)
        }
        PromotionCommand::Show { promotion } => show(session, &client.promotion(promotion).await?),
        PromotionCommand::Vote { promotion, vote, comment } => {
            show(session, &client.vote_on_promotion(promotion, &VoteWish { vote: Some(vote), comment }).await?)
        }
        PromotionCommand::Approve { promotion } => show(session, &client.approve_promotion(promotion).await?),
        PromotionCommand::Override { promotion, reason } => {
            show(session, &client.override_promotion(promotion, &reason).await?)
        }
        PromotionCommand::Cancel { promotion, reason } => {
            show(session, &client.cancel_promotion(promotion, &reason).await?)
        }
    }
}

fn name(of: &Promotion) -> String {
    format!("{}/{}", of.ownername, of.projectname)
}

fn row(of: &Promotion) -> serde_json::Value {
    let mut packages: Vec<&str> = of.items.iter().map(|item| item.package.as_str()).collect();
    packages.dedup();
    json!({
        "id": of.id, "state": of.state, "source": format!("{}/{}", of.source_owner, of.source_project), "target": name(of),
        "packages": packages, "submitter": of.submitter, "message": of.message,
    })
}

/// Prints all about a promotion.
fn show(session: &Session, of: &Promotion) -> Result<(), Failure> {
    if session.ui.is_json() {
        return Ok(session.ui.json(of)?);
    }
    let (source, target) = (format!("{}/{}", of.source_owner, of.source_project), name(of));
    let title = of.id.map_or_else(|| "Promotion (nothing is done)".to_owned(), |id| format!("Promotion {id}"));
    let how = if of.moves { "moves" } else { "copies" };
    let mut lines = vec![format!("{title}: {}", of.state), format!("  {how} builds of {source} into {target}")];
    lines.extend(of.message.iter().flat_map(|text| text.lines()).map(|text| format!("  {}", harmless(text))));
    for item in &of.items {
        let title = format!("{} {} ({}, build {})", item.package, item.version, item.chroot, item.build_id);
        lines.push(match (&item.skipped, item.copy_id) {
            (Some(why), _) => format!("  - {}: stays, {}", harmless(&title), harmless(why)),
            (None, Some(copy)) => format!("  + {}: is build {copy} there", harmless(&title)),
            (None, None) => format!("  + {}", harmless(&title)),
        });
    }
    for gate in &of.gates {
        lines.push(format!("  [{}] {}", if gate.open { "x" } else { " " }, harmless(&gate.text)));
    }
    if let Some(impact) = &of.impact {
        lines.extend(impact.problems.iter().map(|text| format!("  ? {}", harmless(text))));
        for one in &impact.broken {
            lines.push(format!(
                "  ! {} of {} ({}) lacks:",
                harmless(&one.package),
                harmless(&one.repository),
                one.chroot
            ));
            lines.extend(one.missing.iter().map(|text| format!("      {}", harmless(text))));
        }
        if impact.clean {
            lines.push("  Nothing would break.".to_owned());
        }
    }
    for event in &of.history {
        let who = if event.who.is_empty() { "the server" } else { event.who.as_str() };
        lines.push(format!("  {} {}", harmless(who), harmless(&event.what)));
    }
    Ok(session.ui.lines(&lines)?)
}

/// `copr gates`.
pub(super) async fn gates(session: &Session, gates: Gates) -> Result<(), Failure> {
    let target = session.target(&gates.project).await?;
    let edit = GatesEdit {
        rpm_uploads: gates.rpm_uploads.map(bool::from),
        admins_only: gates.admins_only.map(bool::from),
        votes: gates.votes,
        days: gates.days,
        impact: gates.impact.map(bool::from),
        by_hand: gates.by_hand.map(bool::from),
    };
    let now = if edit == GatesEdit::default() {
        session.client.gates(&target.owner, &target.project()).await?
    } else {
        session.client.edit_gates(&target.owner, &target.project(), &edit).await?
    };
    if session.ui.is_json() {
        return Ok(session.ui.json(&now)?);
    }
    let word = |on: bool| if on { "on" } else { "off" };
    Ok(session.ui.lines(&[
        format!("rpm-uploads: {}", word(now.rpm_uploads)),
        format!("admins-only: {}", word(now.admins_only)),
        format!("votes: {}", now.votes),
        format!("days: {}", now.days),
        format!("impact: {}", word(now.impact)),
        format!("by-hand: {}", word(now.by_hand)),
    ])?)
}
