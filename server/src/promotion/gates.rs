//! What a project asks of a promotion into it, and how far that is.

use crate::db::{
    directory::DAY_MS,
    gates::Gates,
    promotion::{Candidate, Promotion, Vote},
};

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// `votes`, `days`, `impact` or `by_hand`.
    pub name: &'static str,
    /// Whether it is there.
    pub open: bool,
    /// How far it is, a sentence.
    pub text: String,
}

/// What a target that asks for `asked` wants of a promotion of these builds, each with how far it is.
#[must_use]
pub fn gates(asked: &Gates, promotion: &Promotion, votes: &[Vote], builds: &[Candidate], now_ms: i64) -> Vec<Gate> {
    let mut gates = Vec::new();
    if asked.votes > 0 {
        let sum: i64 = votes.iter().filter(|vote| vote.voter != promotion.submitter).map(|vote| vote.vote).sum();
        let text = format!("Its votes sum up to {sum}; {} are asked for.", asked.votes);
        gates.push(Gate { name: "votes", open: sum >= asked.votes, text });
    }
    if asked.days > 0 {
        gates.push(days(asked.days, promotion, builds, now_ms));
    }
    if asked.impact {
        gates.push(impact(promotion));
    }
    if asked.by_hand {
        let text = match &promotion.approved_by {
            Some(who) => format!("{who} has approved it."),
            None => format!("An administrator of {} has to approve it.", promotion.target()),
        };
        gates.push(Gate { name: "by_hand", open: promotion.approved_by.is_some(), text });
    }
    gates
}

fn days(asked: i64, promotion: &Promotion, builds: &[Candidate], now_ms: i64) -> Gate {
    let newest = builds.iter().max_by_key(|build| build.ended_ms);
    let since = newest.map_or(i64::MAX, |build| now_ms.saturating_sub(build.ended_ms));
    let open = since >= asked.saturating_mul(DAY_MS);
    let source = promotion.source();
    let text = match newest {
        Some(build) if !open => format!(
            "{} {} has been in {source} for {} of {asked} days.",
            build.package_name,
            build.package_version,
            since.max(0) / DAY_MS
        ),
        _ => format!("All of it has been in {source} for {asked} days."),
    };
    Gate { name: "days", open, text }
}

fn impact(promotion: &Promotion) -> Gate {
    let (open, text) = match (&promotion.overridden, &promotion.impact) {
        (Some((who, reason)), _) => (true, format!("{who} lets it go whatever breaks: {reason}")),
        (None, None) => (false, "Nobody has looked yet what would break.".to_owned()),
        (None, Some(found)) if found.clean => (true, "Nothing breaks.".to_owned()),
        (None, Some(found)) if !found.broken.is_empty() => {
            let first: Vec<&str> = found.broken.iter().take(3).map(|one| one.package.as_str()).collect();
            let more = found.broken.len().saturating_sub(first.len());
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            (false, format!("It would break {}{more}.", first.join(", ")))
        }
        (None, Some(found)) => {
            let why = found.problems.first().map_or("", String::as_str);
            (false, format!("It is not known what would break: {why}"))
        }
    };
    Gate { name: "impact", open, text }
}

#[cfg(test)]
mod tests {
    use copr_api::v3::{BrokenPackage, PromotionImpact, PromotionState};

    use super::*;

    fn promotion() -> Promotion {
        Promotion {
            id: 1,
            source_id: 1,
            source_owner: "kde".parse().unwrap(),
            source_name: "testing".parse().unwrap(),
            target_id: 2,
            target_owner: "kde".parse().unwrap(),
            target_name: "stable".parse().unwrap(),
            submitter: "alice".to_owned(),
            moves: false,
            state: PromotionState::Waiting,
            message: None,
            approved_by: None,
            overridden: None,
            impact: None,
            impact_ms: None,
            created_ms: 0,
            ended_ms: None,
        }
    }

    fn vote(voter: &str, vote: i64) -> Vote {
        Vote { voter: voter.to_owned(), vote, comment: String::new(), voted_ms: 0 }
    }

    fn open(asked: &Gates, promotion: &Promotion, votes: &[Vote], ended_ms: i64, now_ms: i64) -> Vec<bool> {
        let build = Candidate {
            id: 1,
            build_id: 1,
            chroot: "fedora-44-x86_64".parse().unwrap(),
            package_name: "kio".to_owned(),
            package_version: "6-1".to_owned(),
            ended_ms,
        };
        gates(asked, promotion, votes, &[build], now_ms).iter().map(|gate| gate.open).collect()
    }

    #[test]
    fn votes_are_summed_up_and_the_submitters_own_is_none() {
        let asked = Gates { votes: 2, ..Gates::default() };
        for (votes, wanted) in [
            (vec![vote("bob", 1), vote("carol", 1)], true),
            (vec![vote("bob", 1), vote("alice", 1)], false),
            (vec![vote("bob", 1), vote("carol", 1), vote("dave", -1)], false),
            (vec![], false),
        ] {
            assert_eq!(open(&asked, &promotion(), &votes, 0, 0), [wanted], "{votes:?}");
        }
    }

    #[test]
    fn the_youngest_build_counts_for_days() {
        let asked = Gates { days: 7, ..Gates::default() };
        assert_eq!(open(&asked, &promotion(), &[], 1000, 1000 + 7 * DAY_MS), [true]);
        assert_eq!(open(&asked, &promotion(), &[], 1001, 1000 + 7 * DAY_MS), [false]);
        // A clock that went back opens nothing.
        assert_eq!(open(&asked, &promotion(), &[], 8 * DAY_MS, 0), [false]);
    }

    #[test]
    fn what_breaks_closes_the_gate_until_somebody_says_why_not() {
        let asked = Gates { impact: true, ..Gates::default() };
        let mut it = promotion();
        assert_eq!(open(&asked, &it, &[], 0, 0), [false]);
        it.impact = Some(PromotionImpact { problems: vec!["no network".to_owned()], ..PromotionImpact::default() });
        assert_eq!(open(&asked, &it, &[], 0, 0), [false]);
        let broken = BrokenPackage {
            chroot: "fedora-44-x86_64".parse().unwrap(),
            package: "dolphin-6-1.x86_64".to_owned(),
            repository: "kde/stable".to_owned(),
            missing: vec!["kio = 5".to_owned()],
        };
        it.impact = Some(PromotionImpact { broken: vec![broken], ..PromotionImpact::default() });
        assert!(impact(&it).text.contains("dolphin-6-1.x86_64"));
        it.overridden = Some(("root".to_owned(), "dolphin goes".to_owned()));
        assert_eq!(open(&asked, &it, &[], 0, 0), [true]);
        it.overridden = None;
        it.impact = Some(PromotionImpact { clean: true, ..PromotionImpact::default() });
        assert_eq!(open(&asked, &it, &[], 0, 0), [true]);
    }

    #[test]
    fn nothing_is_asked_unless_the_project_says_so() {
        assert!(gates(&Gates::default(), &promotion(), &[], &[], 0).is_empty());
        let asked = Gates { by_hand: true, ..Gates::default() };
        let mut it = promotion();
        assert_eq!(open(&asked, &it, &[], 0, 0), [false]);
        it.approved_by = Some("carol".to_owned());
        assert_eq!(open(&asked, &it, &[], 0, 0), [true]);
    }
}
