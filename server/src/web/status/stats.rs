//! `/status/stats/`: what was built in the last day and the last week.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::State, response::Response};
use copr_api::v3::BuildState;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    Answers, DAY_MS, SLOWLY,
    chart::{Chart, Span},
};
use crate::{
    clock,
    db::{
        self,
        status::{Done, For},
    },
    state::AppState,
    web::{
        PageError,
        frame::{Frame, Wants, show},
        text::{Moment, duration},
    },
};

const HOUR_MS: i64 = 3600 * 1000;
/// Days of the longer picture.
const DAYS: i64 = 7;

/// All that the page shows, as the database has it.
#[derive(Debug)]
pub(super) struct Counted {
    at_ms: i64,
    /// Begin of the first hour.
    since_ms: i64,
    /// Hour since then, state, and how many.
    hours: Vec<(i64, BuildState, i64)>,
    chroots: Vec<Done>,
}

async fn count(state: &AppState) -> Result<Counted, db::Error> {
    let at_ms = clock::now_ms();
    // Whole days, of which today is the last; whole hours.
    let since_ms = at_ms - at_ms.rem_euclid(DAY_MS) - (DAYS - 1) * DAY_MS;
    Ok(Counted {
        at_ms,
        since_ms,
        hours: db::status::ended(&state.db, since_ms, HOUR_MS).await?,
        chroots: db::status::done(&state.db, For::Chroot, at_ms - DAY_MS).await?,
    })
}

/// What was built for a chroot.
#[derive(Debug, Serialize)]
struct ChrootLine {
    /// Its name.
    name: String,
    /// What ended.
    ended: i64,
    /// How much of it failed.
    failed: i64,
    /// How long it took, on the average.
    mean: String,
    /// When the last one ended.
    last: Moment,
}

/// `/status/stats/`.
#[derive(Debug, Template, Serialize)]
#[template(path = "status/stats.html")]
struct StatsPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// When this was so.
    at: Moment,
    /// The last 24 hours.
    hours: Vec<Span>,
    /// Their picture.
    #[serde(skip)]
    hours_chart: Chart,
    /// The last days.
    days: Vec<Span>,
    /// Their picture.
    #[serde(skip)]
    days_chart: Chart,
    /// The last day, by chroot.
    chroots: Vec<ChrootLine>,
}

/// The page.
///
/// # Errors
/// The database does not answer.
pub(super) async fn page(
    State(state): State<AppState>,
    Extension(answers): Extension<Arc<Answers>>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let counted = answers.stats.get(SLOWLY, count(&state)).await?;
    let now_ms = clock::now_ms();
    let last = (counted.at_ms - counted.since_ms).div_euclid(HOUR_MS);
    let hours = spans(&counted, (last - 23).max(0), 24, HOUR_MS, "%H:00", "%a %H:00 UTC");
    let days = spans(&counted, 0, DAYS, DAY_MS, "%a", "%Y-%m-%d");
    let page = StatsPage {
        frame,
        at: Moment::new(counted.at_ms, now_ms),
        hours_chart: Chart::new(&hours, "Builds that ended, by hour"),
        hours,
        days_chart: Chart::new(&days, "Builds that ended, by day"),
        days,
        chroots: counted
            .chroots
            .iter()
            .map(|done| ChrootLine {
                name: done.name.clone(),
                ended: done.ended,
                failed: done.failed,
                mean: done.mean_ms.map(duration).unwrap_or_default(),
                last: Moment::new(done.last_ms, now_ms),
            })
            .collect(),
    };
    show(&wants, &page)
}

/// So many spans of time, from an hour on.
fn spans(counted: &Counted, first_hour: i64, count: i64, span_ms: i64, label: &str, when: &str) -> Vec<Span> {
    let hours = span_ms / HOUR_MS;
    (0..count)
        .map(|number| {
            let begin = first_hour + number * hours;
            let time = Timestamp::from_millisecond(counted.since_ms + begin * HOUR_MS).unwrap_or_default();
            let time = time.to_zoned(TimeZone::UTC);
            let mut span = Span {
                label: time.strftime(label).to_string(),
                when: time.strftime(when).to_string(),
                ..Span::default()
            };
            for (hour, state, many) in &counted.hours {
                if (begin..begin + hours).contains(hour) {
                    match state {
                        BuildState::Succeeded | BuildState::Forked => span.good += many,
                        BuildState::Failed => span.bad += many,
                        _ => span.other += many,
                    }
                }
            }
            span
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_add_up_to_days() {
        let counted = Counted {
            at_ms: 6 * DAY_MS + 5 * HOUR_MS,
            since_ms: 0,
            hours: vec![
                (0, BuildState::Succeeded, 3),
                (23, BuildState::Failed, 2),
                (24, BuildState::Canceled, 1),
                (149, BuildState::Forked, 4),
            ],
            chroots: Vec::new(),
        };
        let days = spans(&counted, 0, DAYS, DAY_MS, "%a", "%Y-%m-%d");
        let numbers: Vec<_> = days.iter().map(|day| (day.good, day.bad, day.other)).collect();
        assert_eq!(numbers, [(3, 2, 0), (0, 0, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (4, 0, 0)]);
        assert_eq!((days[0].label.as_str(), days[6].when.as_str()), ("Thu", "1970-01-07"));
        let hours = spans(&counted, 149 - 23, 24, HOUR_MS, "%H:00", "%a %H:00 UTC");
        assert_eq!((hours.len(), hours[23].good, hours[23].label.as_str()), (24, 4, "05:00"));
    }
}
