//! How many jobs are claimed before one that waits, and about when its turn is.
//!
//! The position is exact for the queue as it stands: it follows the order of [`crate::db::claim`] while nothing is added and
//! nothing ends. The time is an estimate.

use crate::db::{
    Db, Error,
    build::BuildChroot,
    waiting::{self, Job, Owner},
};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Jobs of its architecture that are claimed before it.
    pub position: i64,
    /// About when it is claimed, milliseconds since 1970; `None`: no machine of its architecture is at work, or nothing was ever
    /// built for its chroot.
    pub start_ms: Option<i64>,
}

/// Where a job stands; `None`: it does not wait for a machine.
///
/// # Errors
/// The database does not answer.
pub async fn of(db: &Db, job: &BuildChroot, now_ms: i64) -> Result<Option<Standing>, Error> {
    if job.state != copr_api::v3::BuildState::Pending {
        return Ok(None);
    }
    let Some(waits) = waiting::job(db, job.id).await? else { return Ok(None) };
    let (slots, own) = waiting::machines(db, &waits.arch, &waits.owner).await?;
    let position = before(&waits, own, &waiting::owners(db, &waits.arch).await?);
    let mean = waiting::mean_ms(db, &job.chroot, job.source).await?;
    // Of `slots` machines one becomes free every `mean / slots`.
    let start_ms = mean.filter(|_| slots > 0).map(|mean| {
        let wait = mean.max(0).saturating_mul(position.saturating_add(1)) / slots;
        now_ms.saturating_add(wait)
    });
    Ok(Some(Standing { position, start_ms }))
}

/// Jobs that are claimed before this one, whose owner has so many machines.
fn before(job: &Job, machines: i64, owners: &[Owner]) -> i64 {
    let served = owners.iter().find(|owner| owner.name == job.owner).map_or(0, |owner| owner.served_ms);
    // So many machines its owner has when it is this job's turn.
    let level = machines.saturating_add(job.rank);
    let others = owners.iter().filter(|owner| !(owner.name == job.owner && owner.background == job.background));
    let before_it = others.map(|owner| {
        if owner.background != job.background {
            return if job.background { owner.waiting } else { 0 };
        }
        let first = (owner.served_ms, &owner.name) < (served, &job.owner);
        level.saturating_sub(owner.machines).saturating_add(i64::from(first)).clamp(0, owner.waiting)
    });
    before_it.fold(job.rank, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str, waiting: i64, machines: i64, served_ms: i64) -> Owner {
        Owner { name: name.to_owned(), background: false, waiting, machines, served_ms }
    }

    fn job(owner: &str, rank: i64) -> Job {
        Job { owner: owner.to_owned(), arch: "x86_64".to_owned(), background: false, rank }
    }

    #[test]
    fn a_newcomer_waits_for_one_job_at_most_of_each_who_has_no_machine_either() {
        let owners = [owner("many", 3000, 0, 5), owner("old", 2, 0, 1), owner("new", 1, 0, 3)];
        assert_eq!(before(&job("new", 0), 0, &owners), 1);
    }

    #[test]
    fn whoever_has_more_machines_comes_later() {
        let owners = [owner("busy", 10, 2, 1), owner("me", 5, 0, 9)];
        assert_eq!(before(&job("me", 0), 0, &owners), 0);
        assert_eq!(before(&job("me", 1), 0, &owners), 1);
        assert_eq!(before(&job("me", 4), 0, &owners), 4 + 3);
        assert_eq!(before(&job("me", 4), 0, &[owner("busy", 1, 2, 1), owner("me", 5, 0, 9)]), 4 + 1);
    }

    #[test]
    fn the_background_comes_after_all_of_the_foreground() {
        let owners = [owner("a", 7, 9, 0), Owner { background: true, ..owner("me", 2, 0, 0) }];
        assert_eq!(before(&Job { background: true, ..job("me", 1) }, 0, &owners), 8);
        assert_eq!(before(&job("a", 6), 9, &owners), 6);
    }
}
