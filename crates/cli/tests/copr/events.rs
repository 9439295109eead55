//! Events, webhooks, and what follows by itself.

use serde_json::json;

use crate::support::{Hub, not_found};

#[test]
fn a_webhook_is_added_and_its_secret_is_printed_once() {
    let hub = Hub::new(|line, _| match line {
        "POST /api_3/webhook/add/alice/libs" => {
            let made = json!({"id": 3, "url": "https://h/x", "topics": ["copr.build.end"], "active": true, "failures": 0,
                "created_on": 1, "secret": "5ecret"});
            (200, made.to_string())
        }
        "GET /api_3/webhook/list/alice/libs" => {
            let one =
                json!({"id": 3, "url": "https://h/x", "topics": [], "active": false, "failures": 7, "created_on": 1});
            (200, json!({"items": [one]}).to_string())
        }
        _ => not_found(),
    });
    let ended = hub.copr(&["webhook", "add", "libs", "https://h/x", "--topic", "copr.build.end"]);
    assert_eq!(ended.out, "Webhook 3, signed with: 5ecret\n", "{}", ended.err);
    let ended = hub.copr(&["webhook", "list", "libs", "--output-format", "text-row"]);
    assert_eq!(ended.out, "3\thttps://h/x\t\tfalse\t7\n", "{}", ended.err);
}

#[test]
fn events_are_printed_page_by_page_until_there_are_no_more() {
    let hub = Hub::new(|line, _| {
        let message = |number: i64| {
            json!({"id": "u", "topic": "copr.build.end", "headers": {"copr_number": number, "sent-at": "2026-11-29T12:00:00+00:00"},
                "body": {"owner": "alice", "copr": "libs", "what": "build end\n\u{1b}[31m"}, "queue": null, "priority": 0})
        };
        match line.split('?').collect::<Vec<_>>()[..] {
            ["GET /api_3/events", query] if query.contains("since=0") => {
                assert!(query.contains("project=alice%2Flibs"), "{query}");
                (200, json!({"items": [message(1), message(2)], "next": 2}).to_string())
            }
            ["GET /api_3/events", _] => (200, json!({"items": [], "next": 2}).to_string()),
            _ => not_found(),
        }
    });
    let ended = hub.copr(&["events", "libs"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ended.out);
    assert!(
        lines[1].starts_with("2\t2026-11-29T12:00:00+00:00\tcopr.build.end\talice/libs\tbuild end"),
        "{}",
        ended.out
    );
    assert!(!ended.out.contains('\u{1b}'));
}
