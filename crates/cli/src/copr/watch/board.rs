//! The bottom of the terminal while builds are watched: a line for each build and chroot that goes on.

use std::collections::BTreeMap;

use copr_api::v3::BuildState;
use indicatif::ProgressBar;

use super::Watched;
use crate::copr::ui::Ui;

/// The most lines at once: the log above wants to be read too.
const LINES: usize = 12;

/// The lines, each with its own clock.
#[derive(Debug, Default)]
pub(super) struct Board {
    lines: BTreeMap<(i64, String), (ProgressBar, String)>,
}

impl Board {
    /// Brings the lines to where the builds are; what has ended goes.
    pub(super) fn show(&mut self, ui: &Ui, watched: &BTreeMap<i64, Watched>) {
        let wanted = wanted(watched);
        self.lines.retain(|key, (bar, _)| {
            let stays = wanted.contains_key(key);
            if !stays {
                ui.take_away(bar);
            }
            stays
        });
        for (key, text) in wanted {
            let (bar, before) = self.lines.entry(key).or_insert_with(|| (ui.clocked(), String::new()));
            if *before != text {
                bar.reset_elapsed();
                bar.set_message(text.clone());
                *before = text;
            }
        }
    }
}

/// `Build 12  fedora-44-x86_64  running` for each chroot that goes on, `Build 13  pending` for a build without any.
fn wanted(watched: &BTreeMap<i64, Watched>) -> BTreeMap<(i64, String), String> {
    let mut lines = BTreeMap::new();
    let mut more = 0;
    for build in watched.values().filter(|build| !build.ended) {
        let open: Vec<_> = build.chroots.iter().filter(|(_, chroot)| !chroot.ended).collect();
        let word = |state: Option<BuildState>| state.map_or("", BuildState::as_str);
        if open.is_empty() {
            lines.insert((build.id, String::new()), format!("Build {}  {}", build.id, word(build.state)));
        }
        for (name, chroot) in open {
            if lines.len() >= LINES {
                more += 1;
                continue;
            }
            lines.insert((build.id, name.to_string()), format!("Build {}  {name}  {}", build.id, word(chroot.state)));
        }
    }
    if more > 0 {
        lines.insert((i64::MAX, String::new()), format!("and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copr::watch::{Logs, WatchedChroot};

    #[test]
    fn each_chroot_that_goes_on_has_a_line_and_too_many_are_counted() {
        let mut watched = BTreeMap::new();
        let mut build = Watched::new(7, Logs::None);
        build.state = Some(BuildState::Running);
        let chroot = |state: BuildState| WatchedChroot {
            state: Some(state),
            ended: state.is_final(),
            ..WatchedChroot::default()
        };
        build.chroots.insert("f-1-x86_64".parse().unwrap(), chroot(BuildState::Running));
        build.chroots.insert("f-2-x86_64".parse().unwrap(), chroot(BuildState::Succeeded));
        watched.insert(7, build);
        let mut other = Watched::new(8, Logs::None);
        other.state = Some(BuildState::Pending);
        watched.insert(8, other);
        let texts: Vec<_> = wanted(&watched).into_values().collect();
        assert_eq!(texts, ["Build 7  f-1-x86_64  running", "Build 8  pending"]);
        let many = watched.get_mut(&7).unwrap();
        for number in 10..40 {
            many.chroots.insert(format!("f-{number}-x86_64").parse().unwrap(), chroot(BuildState::Pending));
        }
        let lines = wanted(&watched);
        assert!(lines.len() <= LINES + 2);
        assert_eq!(lines.values().last().unwrap(), "and 19 more");
    }
}
