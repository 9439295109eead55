//! `copr prune` and `copr undelete`.

use copr_api::v3::{NeededBuild, PruneReport, PruneWish, PrunedBuild, Undelete as What};

use super::{
    args::{Prune, Undelete},
    failure::Failure,
    output,
    people::size,
    session::{Session, numbers},
    ui::harmless,
};

/// Who needs a build, as many as are printed.
const SHOWN: usize = 5;

/// `copr prune`.
pub(super) async fn prune(session: &Session, prune: Prune) -> Result<(), Failure> {
    let target = session.target(&prune.project).await?;
    let wish = PruneWish { keep: prune.keep, older_than_days: prune.older_than, dry_run: prune.dry_run };
    let report = session.client.prune(&target.owner, &target.project(), &wish).await?;
    let project = format!("{}/{}", target.owner, target.project());
    session.done(&report, told(&project, &report))
}

fn told(project: &str, report: &PruneReport) -> String {
    let mut lines: Vec<String> = report.builds.iter().map(line).collect();
    for NeededBuild { build, needed_by } in &report.needed {
        lines.push(format!("{} stays:", line(build)));
        for need in needed_by.iter().take(SHOWN) {
            let what = match need.requirement.as_str() {
                "" => "cannot be installed without it".to_owned(),
                requirement => format!("requires {}", harmless(requirement)),
            };
            lines.push(format!("    {} of {} {what}", harmless(&need.package), harmless(&need.repository)));
        }
        if let Some(more) = needed_by.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            lines.push(format!("    and {more} more"));
        }
    }
    let (count, freed) = (report.builds.len(), size(report.freed));
    let builds = if count == 1 { "1 build".to_owned() } else { format!("{count} builds") };
    lines.push(match (report.dry_run, report.prune_id) {
        (true, _) => format!("{builds} would go, with packages of {freed}. Nothing was changed."),
        (false, Some(id)) => {
            format!("{builds} are gone, {freed} are free. `copr undelete {project} {id}` brings them back.")
        }
        (false, None) => "Nothing is old and not needed.".to_owned(),
    });
    lines.join("\n")
}

fn line(build: &PrunedBuild) -> String {
    let chroots: Vec<String> = build.chroots.iter().map(ToString::to_string).collect();
    let package = if build.package.is_empty() { "(no package)" } else { build.package.as_str() };
    let chroots = if chroots.is_empty() { "no results".to_owned() } else { chroots.join(" ") };
    format!("{}\t{}\t{}\t{chroots}", build.id, harmless(package), harmless(&build.version))
}

/// `copr undelete`.
pub(super) async fn undelete(session: &Session, undelete: Undelete) -> Result<(), Failure> {
    let target = session.target(&undelete.project).await?;
    let project = target.project();
    let Some(prune) = undelete.prune else {
        let prunes = session.client.prunes(&target.owner, &project).await?;
        let rows = prunes
            .iter()
            .map(|prune| serde_json::to_value(prune).map(output::row))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Failure::Answer(error.to_string()))?;
        let fields = ["id", "by", "pruned_on", "undo_until", "builds"];
        return Ok(output::rows(session, output::format(None), &fields, rows)?);
    };
    let what = What { prune_id: Some(prune), build_id: undelete.build };
    let back = session.client.undelete(&target.owner, &project, &what).await?;
    session.done(&back, format!("Builds {} are back and will be published again.", numbers(&back.builds, ", ")))
}
