//! Commands about licences, terms, reports of abuse and takedowns.

use std::path::Path;

use copr_api::v3::{LicenceDecision, ReportAdd};
use copr_licence::{FORBIDDEN_URL, Table, Verdict, judge};
use copr_rpm::tag;
use serde::Serialize;

use super::{
    args::{Format, LicenceCommand, ReportCommand, TakedownCommand, TermsCommand, What},
    failure::Failure,
    output,
    session::{Session, numbers},
    ui::{Ui, harmless},
};

/// What is printed of a build that waits.
const WAITING: [&str; 7] = ["build_id", "ownername", "projectname", "package", "version", "licence", "reason"];
/// What is printed of a decision.
const KEPT: [&str; 7] = ["id", "licence", "approved", "project", "package", "by", "reason"];
/// What is printed of a report.
const REPORT: [&str; 8] = ["id", "state", "ownername", "projectname", "build_id", "reporter", "reason", "note"];
/// What is printed of a takedown.
const TAKEDOWN: [&str; 7] = ["id", "ownername", "projectname", "build_id", "reason", "by", "restored_on"];
/// What is printed of a step.
const STEP: [&str; 5] = ["at", "who", "action", "about", "text"];

/// The `License` tag of a package file; `None`: it is no package.
fn licence_of(path: &Path) -> Option<String> {
    let package = copr_rpm::Package::open(path).ok()?;
    Some(package.header.str(tag::LICENSE).unwrap_or_default().into_owned())
}

/// `copr licence check`: of a text, or of a package file. What is forbidden is a failure.
pub(super) fn check(ui: &Ui, licence: &str) -> Result<(), Failure> {
    let path = Path::new(licence);
    let text = if path.is_file() {
        licence_of(path).ok_or_else(|| Failure::Package(format!("{licence} is no package")))?
    } else {
        licence.to_owned()
    };
    let judgement = judge(&text, Table::fedora());
    let (verdict, said) = (judgement.verdict, judgement.to_string());
    let word = match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Unknown => "unknown",
        Verdict::Forbidden => "forbidden",
    };
    if ui.is_json() {
        let date = Table::fedora().date();
        ui.json(&serde_json::json!({ "licence": text, "verdict": word, "reason": said, "lists_of": date }))?;
    } else if verdict != Verdict::Forbidden {
        ui.line(if verdict == Verdict::Allowed { word.to_owned() } else { format!("unknown: {}", harmless(&said)) })?;
    }
    match verdict {
        Verdict::Forbidden => Err(Failure::Package(format!("{said}, see {FORBIDDEN_URL}"))),
        Verdict::Allowed | Verdict::Unknown => Ok(()),
    }
}

/// Says before a package is uploaded what the server will say of its licence, if it goes by Fedora's lists.
pub(super) fn warn(session: &Session, path: &Path) {
    let Some(text) = licence_of(path) else { return };
    let judgement = judge(&text, Table::fedora());
    let outlook = match judgement.verdict {
        Verdict::Allowed => return,
        Verdict::Unknown => "the server may ask for a review",
        Verdict::Forbidden => "the server may refuse it",
    };
    session.ui.note(format!("{}: {}; {outlook}", path.display(), harmless(&judgement.to_string())));
}

/// Objects as rows.
fn show<T: Serialize>(
    session: &Session,
    format: Option<Format>,
    fields: &[&str],
    objects: &[T],
) -> Result<(), Failure> {
    let unusable = |error: serde_json::Error| Failure::Answer(error.to_string());
    let rows: Vec<output::Row> = objects
        .iter()
        .map(|object| Ok(output::row(serde_json::to_value(object).map_err(unusable)?)))
        .collect::<Result<_, Failure>>()?;
    Ok(output::rows(session, output::format(format), fields, rows)?)
}

/// `copr licence`.
pub(super) async fn licence(session: &Session, command: LicenceCommand) -> Result<(), Failure> {
    let client = &session.client;
    match command {
        LicenceCommand::Check { licence } => check(&session.ui, &licence),
        LicenceCommand::Queue { output_format } => {
            show(session, output_format, &WAITING, &client.licence_queue().await?)
        }
        LicenceCommand::Approve { build, reason, everywhere } => {
            let done = client.decide_licence(build, true, &LicenceDecision { reason, everywhere }).await?;
            session.done(&done, format!("Build(s) {} go on.", numbers(&done.builds, ", ")))
        }
        LicenceCommand::Refuse { build, reason, everywhere } => {
            let done = client.decide_licence(build, false, &LicenceDecision { reason, everywhere }).await?;
            session.done(&done, format!("Build(s) {} have failed.", numbers(&done.builds, ", ")))
        }
        LicenceCommand::List { output_format } => {
            show(session, output_format, &KEPT, &client.licence_decisions().await?)
        }
        LicenceCommand::Forget { decision } => {
            client.forget_licence(decision).await?;
            session.done(&serde_json::json!({ "id": decision }), format!("Decision {decision} is forgotten."))
        }
    }
}

/// `copr terms`.
pub(super) async fn terms(session: &Session, command: TermsCommand) -> Result<(), Failure> {
    let terms = session.client.terms().await?;
    let (Some(text), Some(version)) = (&terms.text, &terms.version) else {
        return session.done(&terms, "This server has no terms.");
    };
    match command {
        TermsCommand::Show => session.done(&terms, text.lines().map(harmless).collect::<Vec<_>>().join("\n")),
        TermsCommand::Accept { .. } if terms.accepted_on.is_some() => {
            session.done(&terms, "You have accepted them already.")
        }
        TermsCommand::Accept { yes } => {
            for line in text.lines() {
                session.ui.note(harmless(line));
            }
            if !yes && !session.ui.agrees("Do you accept these terms?").await? {
                session.ui.note("You have not accepted them.");
                return Ok(());
            }
            let accepted = session.client.accept_terms(version).await?;
            session.done(&accepted, "You have accepted the terms.")
        }
    }
}

/// What a report or takedown is about, in the hub's words.
async fn about(session: &Session, what: What) -> Result<ReportAdd, Failure> {
    let mut add = ReportAdd { build_id: what.build, reason: what.reason, ..ReportAdd::default() };
    if let Some(project) = &what.project {
        let target = session.target(project).await?;
        (add.ownername, add.projectname) = (target.owner.to_string(), target.project().to_string());
    }
    Ok(add)
}

/// `copr report`.
pub(super) async fn report(session: &Session, command: ReportCommand) -> Result<(), Failure> {
    let client = &session.client;
    match command {
        ReportCommand::Add(what) => {
            let id = client.report(&about(session, what).await?).await?;
            let said = format!("Report {id}: the administrators of the server will look at it.");
            session.done(&serde_json::json!({ "id": id }), said)
        }
        ReportCommand::List { output_format } => show(session, output_format, &REPORT, &client.reports().await?),
        ReportCommand::Dismiss { report, note } => {
            let closed = client.decide_report(report, false, &note).await?;
            session.done(&closed, format!("Report {report} is closed."))
        }
        ReportCommand::Takedown { report, note } => {
            let closed = client.decide_report(report, true, &note).await?;
            session.done(&closed, format!("What report {report} is about is not served any more."))
        }
    }
}

/// `copr takedown`.
pub(super) async fn takedown(session: &Session, command: TakedownCommand) -> Result<(), Failure> {
    let client = &session.client;
    match command {
        TakedownCommand::Add(what) => {
            let down = client.take_down(&about(session, what).await?).await?;
            session.done(&down, format!("Takedown {}: it is not served any more.", down.id))
        }
        TakedownCommand::List { output_format } => show(session, output_format, &TAKEDOWN, &client.takedowns().await?),
        TakedownCommand::Restore { takedown, note } => {
            let restored = client.restore(takedown, &note).await?;
            session.done(&restored, "It is served again.")
        }
        TakedownCommand::Log { output_format } => show(session, output_format, &STEP, &client.audit().await?),
    }
}
