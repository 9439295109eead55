//! Pinned projects: in the browser, by the API, of users and of groups.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    pages_account::{assert_there, group},
    signing_in::{Browser, person},
    support::{CHROOT, Hub, User},
};

/// `OWNER/NAME` of the pinned projects on a page with cards.
fn cards(page: &Value) -> Vec<String> {
    let name = |card: &Value| format!("{}/{}", card["owner"].as_str().unwrap(), card["name"].as_str().unwrap());
    page["pinned"].as_array().unwrap().iter().map(name).collect()
}

/// The same of a page with lines.
fn lines(page: &Value) -> Vec<String> {
    page["pinned"].as_array().unwrap().iter().map(|line| line["project"].as_str().unwrap().to_owned()).collect()
}

async fn press(browser: &Browser<'_>, owner: &str, project: &str, what: &str, next: &str) {
    let fields = [("owner", owner), ("project", project), ("as", what), ("next", next)];
    assert_there(&browser.form("/pins/", &fields).await, next);
}

async fn set(hub: &Hub, by: &User, owner: &str, projects: Value) -> crate::support::Answer {
    hub.call(by, "PUT", &format!("/api_3/pins/{owner}"), &json!({ "projects": projects })).await
}

#[tokio::test]
async fn what_a_user_pins_stands_first_in_the_order_that_was_chosen() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (person(&hub, "alice").await, person(&hub, "bob").await);
        for (user, project) in [(&alice, "libs"), (&alice, "tools"), (&bob, "app")] {
            hub.create(user, project).await;
        }
        let browser = Browser::signed_in(&hub, "alice").await;
        assert!(browser.get("/user/").await.text().contains("The page of every project has a button"));
        let page = browser.get("/coprs/bob/app/").await.text();
        assert!(page.contains("Pin to your page") && !page.contains("Pin to the page of"), "{page}");
        assert!(!hub.get("/coprs/bob/app/").await.text().contains("action=\"/pins/\""), "nobody pins nothing");
        for project in ["alice/libs", "bob/app", "alice/libs"] {
            press(&browser, "alice", project, "pin", "/coprs/bob/app/").await;
        }
        assert!(browser.get("/coprs/bob/app/").await.text().contains("Unpin from your page"));
        assert_eq!(lines(&browser.get("/user/.json").await.ok()), ["alice/libs", "bob/app"]);
        press(&browser, "alice", "bob/app", "up", "/user/").await;
        assert_eq!(lines(&browser.get("/user/.json").await.ok()), ["bob/app", "alice/libs"]);

        assert_eq!(cards(&browser.get("/.json").await.ok()), ["bob/app", "alice/libs"]);
        assert_eq!(cards(&hub.get("/.json").await.ok()), [""; 0], "of nobody");
        assert_eq!(cards(&hub.get("/coprs/alice/.json").await.ok()), ["bob/app", "alice/libs"]);
        assert_eq!(
            cards(&hub.get("/coprs/alice/.json?q=libs").await.ok()),
            [""; 0],
            "what is searched for is no list of pins"
        );
        let text = hub.get("/coprs/alice/").await.text();
        assert!(text.find(">Pinned<").unwrap() < text.find("All projects of alice").unwrap(), "{text}");

        hub.call(&bob, "PUT", "/api_3/project/edit/bob/app", &json!({ "unlisted_on_hp": true })).await.ok();
        assert_eq!(cards(&hub.get("/coprs/alice/.json").await.ok()), ["alice/libs"]);
        assert_eq!(cards(&browser.get("/coprs/alice/.json").await.ok()), ["bob/app", "alice/libs"]);
        press(&browser, "alice", "bob/app", "down", "/user/").await;
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &json!({ "verify": true })).await.ok();
        assert_eq!(lines(&browser.get("/user/.json").await.ok()), ["bob/app"], "what is deleted is not pinned");
        press(&browser, "alice", "bob/app", "unpin", "/user/").await;
        assert_eq!(hub.rows().await["pins"], 0);

        let elsewhere = [("owner", "alice"), ("project", "alice/tools"), ("as", "pin"), ("next", "//evil.example/")];
        assert_there(&browser.form("/pins/", &elsewhere).await, "/");
        for (field, bad) in [
            ("owner", "bob"),
            ("owner", "@none"),
            ("owner", "<b>"),
            ("as", "x"),
            ("project", "a/none"),
            ("project", "<b>"),
        ] {
            let fields = elsewhere.map(|(name, value)| if name == field { (name, bad) } else { (name, value) });
            let answer = browser.form("/pins/", &fields).await;
            assert!(answer.status.is_client_error() && !answer.text().contains("<b>"), "{bad}: {}", answer.text());
        }
        assert_eq!(hub.rows().await["pins"], 1);
    }
}

#[tokio::test]
async fn all_pins_are_set_at_once_or_none() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        for number in 0..13 {
            hub.create(&alice, &format!("p{number}")).await;
        }
        let names = |numbers: std::ops::Range<usize>| numbers.map(|n| format!("alice/p{n}")).collect::<Vec<_>>();
        let done = set(&hub, &alice, "alice", json!(["alice/p2", "alice/p1"])).await.ok();
        assert_eq!(done, json!({ "projects": ["alice/p2", "alice/p1"] }));
        assert_eq!(hub.get("/api_3/pins?ownername=alice").await.ok(), done);
        assert!(set(&hub, &alice, "alice", json!(names(0..13))).await.error(400).contains("12 can be pinned at most"));
        assert!(set(&hub, &alice, "alice", json!(["alice/p1", "alice/p1"])).await.error(400).contains("twice"));
        for (bad, why) in
            [("alice/none", "no such project"), ("p1", "OWNER/NAME"), ("", "OWNER/NAME"), ("a/b/c", "OWNER/NAME")]
        {
            let refused = set(&hub, &alice, "alice", json!(["alice/p3", bad])).await.error(400);
            assert!(refused.contains(why), "{bad}: {refused}");
        }
        assert!(hub.call(&alice, "PUT", "/api_3/pins/alice", &json!({})).await.error(400).contains("projects"));
        set(&hub, &bob, "alice", json!([])).await.error(403);
        set(&hub, &alice, "nobody", json!([])).await.error(403);
        hub.get("/api_3/pins?ownername=nobody").await.error(404);
        assert_eq!(hub.get("/api_3/pins?ownername=alice").await.ok(), done, "nothing has changed");
        assert_eq!(set(&hub, &alice, "alice", json!(names(0..12))).await.ok()["projects"], json!(names(0..12)));
        assert_eq!(set(&hub, &alice, "alice", json!([])).await.ok()["projects"], json!([]));
    }
}

#[tokio::test]
async fn a_groups_administrators_pin_for_it_and_its_pins_go_with_it() {
    for hub in Hub::on_every_engine().await {
        let (admin, bob) = (person(&hub, "admin").await, person(&hub, "bob").await);
        let (root, member) = (Browser::signed_in(&hub, "admin").await, Browser::signed_in(&hub, "bob").await);
        group(&hub, &root).await;
        root.form("/groups/sig/members/", &[("user", "bob"), ("as", "member")]).await;
        let add = json!({ "name": "tools", "chroots": [CHROOT] });
        hub.call(&bob, "POST", "/api_3/project/add/@sig", &add).await.ok();
        let page = "/coprs/g/sig/tools/";
        assert!(root.get(page).await.text().contains("Pin to the page of @sig"));
        assert!(!member.get(page).await.text().contains("Pin to the page of @sig"));
        set(&hub, &bob, "@sig", json!(["@sig/tools"])).await.error(403);
        press(&root, "@sig", "@sig/tools", "pin", page).await;
        assert_eq!(cards(&hub.get("/coprs/g/sig/.json").await.ok()), ["@sig/tools"]);
        assert_eq!(lines(&member.get("/groups/sig/.json").await.ok()), ["@sig/tools"]);
        assert!(root.get("/groups/sig/").await.text().contains("aria-label=\"Unpin: @sig/tools\""));
        assert!(!member.get("/groups/sig/").await.text().contains("aria-label=\"Unpin: @sig/tools\""));

        hub.create(&bob, "own").await;
        set(&hub, &admin, "@sig", json!(["bob/own"])).await.ok();
        hub.call(&bob, "DELETE", "/api_3/project/delete/@sig/tools", &json!({ "verify": true })).await.ok();
        assert_eq!(root.form("/groups/sig/delete/", &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(hub.rows().await["pins"], 0, "a later group of that name has none");
        set(&hub, &admin, "@sig", json!([])).await.error(404);
    }
}
