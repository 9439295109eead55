//! Stories of the directory: what people type, and what they find.

use axum::http::StatusCode;
use copr_api::builder::Outcome;
use coprd::{
    clock,
    db::{
        self, Window, dump,
        search::{Search, Words},
    },
};
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    support::{CHROOT, Hub, User},
};

/// What no page may have in it as it stands here.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// `OWNER/NAME` of the projects on the page of a search, in their order.
async fn found(hub: &Hub, query: &str) -> Vec<String> {
    let page = hub.get(&format!("/.json?q={}", percent(query))).await.ok();
    names(&page)
}

fn names(page: &Value) -> Vec<String> {
    let name =
        |project: &Value| format!("{}/{}", project["owner"].as_str().unwrap(), project["name"].as_str().unwrap());
    page["projects"].as_array().unwrap().iter().map(name).collect()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn create(hub: &Hub, user: &User, owner: &str, body: Value) {
    hub.call(user, "POST", &format!("/api_3/project/add/{owner}"), &body).await.ok();
}

/// Builds and publishes a package whose binary package has this name and these paths; the build's number.
async fn built(hub: &Hub, user: &User, project: &str, source: &str, name: &str, paths: &[&str]) -> i64 {
    let srpm = Rpm { name: source, version: "1.0", release: "1", arch: "x86_64", source: None };
    let answer = hub.upload(user, project, &srpm.file(), &srpm.bytes(), json!({})).await.ok();
    let id = answer["id"].as_i64().unwrap();
    let lease = hub.lease().await.id;
    let file = srpm.file();
    let binary = Rpm { name, version: "1.0", release: "1", arch: "x86_64", source: Some(&file) };
    let bytes = binary.bytes_with(paths);
    hub.put(&lease, &binary.file(), &bytes).await.ok();
    hub.finish(&lease, Outcome::Succeeded, vec![binary.claim_of(&bytes)]).await.ok();
    hub.publish().await;
    assert_eq!(hub.state_of(id).await, "succeeded");
    id
}

#[tokio::test]
async fn a_project_is_found_by_name_owner_description_package_and_file_the_name_first() {
    for hub in Hub::on_every_engine().await {
        let (alice, greta) = (hub.user("alice").await, hub.user("greta").await);
        let chroots = json!([CHROOT]);
        create(
            &hub,
            &alice,
            "alice",
            json!({ "name": "described", "chroots": chroots, "description": "It greets whoever comes." }),
        )
        .await;
        create(&hub, &alice, "alice", json!({ "name": "packaged", "chroots": chroots })).await;
        create(&hub, &greta, "greta", json!({ "name": "owned", "chroots": chroots })).await;
        create(&hub, &alice, "alice", json!({ "name": "Greeter-next", "chroots": chroots })).await;
        create(&hub, &alice, "alice", json!({ "name": "gre", "chroots": chroots })).await;
        built(
            &hub,
            &alice,
            "packaged",
            "libgreet",
            "python3-greet",
            &["/usr/bin/say-greet", "/usr/share/greet/x", "/etc/greet.conf"],
        )
        .await;

        let all = ["alice/gre", "alice/Greeter-next", "greta/owned", "alice/packaged", "alice/described"];
        assert_eq!(found(&hub, "gre").await, all, "{}", hub.place.engine);
        assert_eq!(found(&hub, "GRE").await, all);
        let one = |query: &'static str, name: &'static str| (query, name);
        for (query, name) in [
            one("greeter", "alice/Greeter-next"),
            one("next", "alice/Greeter-next"),
            one("alice/Greeter-n", "alice/Greeter-next"),
            one("greta/", "greta/owned"),
            one("python3-gr", "alice/packaged"),
            one("libgreet", "alice/packaged"),
            one("/usr/bin/say", "alice/packaged"),
            one("/usr/bin/", "alice/packaged"),
            one("\"/usr/bin/\"", "alice/packaged"),
            one("/etc/ python3-", "alice/packaged"),
            one("say-greet", "alice/packaged"),
            one("\"/etc/greet.conf\"", "alice/packaged"),
            one("alice say", "alice/packaged"),
            one("whoever comes", "alice/described"),
            one("\"gre\"", "alice/gre"),
        ] {
            assert_eq!(found(&hub, query).await, [name], "{query} on {}", hub.place.engine);
        }
        // Files that primary metadata do not list, words that no project has all of, parts of a quoted word.
        for query in [
            "/usr/share/greet",
            "/usr/share/",
            "/usr/bi/",
            "greta say",
            "\"greete\"",
            "reeter",
            "/usr/bin/say-greet-not",
        ] {
            assert_eq!(found(&hub, query).await, [""; 0], "{query} on {}", hub.place.engine);
        }
        let page = hub.get("/?q=say").await.text();
        assert!(page.contains("<code>/usr/bin/<mark>say</mark>-greet</code>"), "{page}");
    }
}

#[tokio::test]
async fn search_knows_what_was_changed_deleted_and_forked() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let bob = hub.user("bob").await;
        hub.create(&alice, "tools").await;
        let first = built(&hub, &alice, "tools", "one", "one-bin", &["/usr/bin/one"]).await;
        let second = built(&hub, &alice, "tools", "one", "one-renamed", &["/usr/bin/uno"]).await;
        assert_eq!(found(&hub, "/usr/bin/uno").await, ["alice/tools"]);
        assert_eq!(found(&hub, "one-bin").await, [""; 0], "of a package the newest build counts");

        let edit = json!({ "description": "quokka" });
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/tools", &edit).await.ok();
        assert_eq!(found(&hub, "quokka uno").await, ["alice/tools"]);
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/tools", &json!({ "description": "wombat" })).await.ok();
        assert_eq!(found(&hub, "quokka").await, [""; 0]);

        let body = json!({ "name": "mine", "ownername": "bob", "confirm": false });
        hub.call(&bob, "POST", "/api_3/project/fork/alice/tools", &body).await.ok();
        hub.publish().await;
        assert_eq!(found(&hub, "/usr/bin/uno").await, ["bob/mine", "alice/tools"]);

        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{second}"), &Value::Null).await.ok();
        hub.publish().await;
        assert_eq!(found(&hub, "/usr/bin/uno").await, ["bob/mine"]);
        assert_eq!(found(&hub, "/usr/bin/one").await, ["alice/tools"]);
        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{first}"), &Value::Null).await.ok();
        hub.publish().await;
        assert_eq!(found(&hub, "/usr/bin/one").await, [""; 0]);
        assert_eq!(found(&hub, "tools").await, ["alice/tools"]);

        let verify = json!({ "verify": true });
        hub.call(&bob, "DELETE", "/api_3/project/delete/bob/mine", &verify).await.ok();
        for query in ["bob", "mine", "uno"] {
            assert_eq!(found(&hub, query).await, [""; 0], "{query} on {}", hub.place.engine);
        }
    }
}

#[tokio::test]
async fn what_search_knows_can_be_made_anew_and_is_made_where_it_is_missing() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "tools").await;
        hub.create(&alice, "others").await;
        built(&hub, &alice, "tools", "one", "one-bin", &["/usr/bin/one"]).await;
        let week = "/.json?built=7";
        let before = hub.get(week).await.ok();
        assert_eq!(names(&before), ["alice/tools"]);
        assert_eq!(db::search::rebuild(&hub.state.db).await.unwrap(), 2);
        assert_eq!(hub.get(week).await.ok(), before);
        // As an older program left it.
        hub.sql("DELETE FROM search_packages").await;
        hub.sql("DELETE FROM search").await;
        assert_eq!(found(&hub, "one").await, [""; 0]);
        assert_eq!(db::search::catch_up(&hub.state.db).await.unwrap(), 2);
        assert_eq!(db::search::catch_up(&hub.state.db).await.unwrap(), 0);
        assert_eq!(found(&hub, "/usr/bin/one").await, ["alice/tools"]);
        assert_eq!(hub.get(week).await.ok(), before);
    }
}

#[tokio::test]
async fn a_backup_that_is_put_back_on_either_engine_can_be_searched_at_once() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "tools").await;
        built(&hub, &alice, "tools", "one", "one-bin", &["/usr/bin/one"]).await;
        let mut lines = Vec::new();
        dump::read(&hub.state.db, |line| {
            lines.push(line);
            Ok(())
        })
        .await
        .unwrap();
        for other in Hub::on_every_engine().await {
            // What stands there goes, and what search knows of it.
            let bob = other.user("bob").await;
            other.create(&bob, "gone").await;
            let mut next = lines.clone().into_iter();
            dump::write(&other.state.db, true, || Ok(next.next())).await.unwrap();
            let between = format!("from {} to {}", hub.place.engine, other.place.engine);
            assert_eq!(found(&other, "/usr/bin/one tools").await, ["alice/tools"], "{between}");
            assert_eq!(found(&other, "gone").await, [""; 0], "{between}");
            assert_eq!(names(&other.get("/.json?built=7").await.ok()), ["alice/tools"], "{between}");
            assert_eq!(db::search::catch_up(&other.state.db).await.unwrap(), 0, "{between}");
        }
    }
}

#[tokio::test]
async fn unlisted_projects_are_on_no_list_and_their_owner_alone_has_them_on_his_page() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        create(&hub, &alice, "alice", json!({ "name": "hidden", "chroots": [CHROOT], "unlisted_on_hp": true })).await;
        hub.create(&alice, "shown").await;
        built(&hub, &alice, "hidden", "secret", "secret-bin", &["/usr/bin/secret"]).await;
        for path in
            ["/", "/?q=hidden", "/?q=secret", "/?q=/usr/bin/secret", "/coprs/alice/", "/coprs/builds/", "/?built=7"]
        {
            let text = hub.get(path).await.text();
            assert!(!text.contains("/hidden") && !text.contains("secret-bin"), "{path}: {text}");
        }
        assert_eq!(names(&hub.get("/coprs/alice/.json").await.ok()), ["alice/shown"]);
        // Whoever signed in as the owner, and nobody else, not even the administrator.
        for (name, all) in [("alice", vec!["alice/hidden", "alice/shown"]), ("admin", vec!["alice/shown"])] {
            if name == "admin" {
                hub.user(name).await;
            }
            let user = db::user::by_name(&hub.state.db, name).await.unwrap().unwrap();
            let session = db::session::begin(&hub.state.db, user.id, clock::now_ms()).await.unwrap();
            let cookie = format!("copr={}", session.expose());
            let page = hub.get_with("/coprs/alice/.json", &[("cookie", &cookie)]).await.ok();
            assert_eq!(names(&page), all, "{name} on {}", hub.place.engine);
            let builds = page["builds"].as_array().unwrap();
            assert_eq!(builds.len(), all.len() - 1, "{name} on {}: {page}", hub.place.engine);
            assert_eq!(names(&hub.get_with("/.json", &[("cookie", &cookie)]).await.ok()), ["alice/shown"]);
        }
        let edit = json!({ "unlisted_on_hp": false });
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/hidden", &edit).await.ok();
        assert_eq!(found(&hub, "secret").await, ["alice/hidden"]);
    }
}

#[tokio::test]
async fn lists_are_narrowed_by_chroot_distribution_and_time() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        create(&hub, &alice, "alice", json!({ "name": "new", "chroots": [CHROOT] })).await;
        create(&hub, &alice, "alice", json!({ "name": "old", "chroots": ["fedora-43-x86_64"] })).await;
        create(&hub, &alice, "alice", json!({ "name": "both", "chroots": [CHROOT, "fedora-43-x86_64"] })).await;
        for (query, all) in [
            ("chroot=fedora-44-x86_64", vec!["alice/both", "alice/new"]),
            ("chroot=fedora-43", vec!["alice/both", "alice/old"]),
            ("chroot=fedora", vec!["alice/both", "alice/old", "alice/new"]),
            ("chroot=fedora-4", vec![]),
            ("chroot=fedora-4%25", vec![]),
            ("chroot=fedora-43&q=ol", vec!["alice/old"]),
            ("built=7", vec![]),
            ("built=x&chroot=", vec!["alice/both", "alice/old", "alice/new"]),
        ] {
            assert_eq!(names(&hub.get(&format!("/.json?{query}")).await.ok()), all, "{query} on {}", hub.place.engine);
        }
        let nothing = hub.get("/?built=7&q=new").await.text();
        assert!(nothing.contains("href=\"/?q=new\">search without these limits"), "{nothing}");
        let page = hub.get("/?chroot=fedora-43").await.text();
        assert!(page.contains("<option value=\"fedora-43\" selected>fedora-43, any architecture"), "{page}");
        built(&hub, &alice, "new", "one", "one-bin", &[]).await;
        for (days, all) in [(8, vec![]), (7, vec![]), (6, vec!["alice/new"])] {
            let ago = clock::now_ms() - days * 24 * 60 * 60 * 1000;
            hub.sql(&format!("UPDATE search SET built_ms = {ago} WHERE name = 'new'")).await;
            assert_eq!(names(&hub.get("/.json?built=7").await.ok()), all, "{days} days");
            assert_eq!(names(&hub.get("/.json?built=30").await.ok()), ["alice/new"]);
        }
    }
}

#[tokio::test]
async fn no_query_is_an_error_and_no_text_becomes_markup() {
    for hub in Hub::on_every_engine().await {
        let eve = hub.user("eve").await;
        let body = json!({ "name": "trap", "chroots": [CHROOT], "description": format!("{HOSTILE} innocent words") });
        create(&hub, &eve, "eve", body).await;
        built(
            &hub,
            &eve,
            "trap",
            "one",
            "one-bin",
            &["/usr/bin/<b>bold</b>", "/etc/\"'*:)", "/usr/bin/ok\n/usr/bin/no"],
        )
        .await;
        for query in [
            "\"",
            "\"\"\"",
            "*",
            "a*b",
            "NEAR(a b)",
            "strong:trap",
            "-trap",
            "trap OR",
            "AND",
            "NOT",
            "(",
            ")",
            "^trap",
            "{strong}:x",
            "'",
            "''",
            "\\",
            "a\\",
            "':*",
            "'a':* & !'b'",
            "a & b | !c",
            "<->",
            "a <-> b",
            ";",
            "; DROP TABLE search; --",
            "%",
            "_",
            "!",
            "\u{1}",
            "\u{feff}",
            "𝕏 ﷽ \u{202e}",
            "é",
            "İ",
            "ß",
            HOSTILE,
            "/",
            "//",
            "@",
            "@@",
            ".",
            "..",
            "../../etc/passwd",
            "trap\ttrap\ntrap",
            "a:b:c",
            "::::",
            "~~~",
            "--------",
        ] {
            let page = hub.get(&format!("/?q={}", percent(query))).await;
            assert_eq!(page.status, StatusCode::OK, "{query:?} on {}: {}", hub.place.engine, page.text());
            for bad in ["<script>", "<img", "<b>", "\"'>"] {
                assert!(!page.text().contains(bad), "{bad} after {query:?}: {}", page.text());
            }
        }
        for long in ["x".repeat(5000), "x ".repeat(2500), "\"".repeat(5000), "a-".repeat(2500)] {
            assert_eq!(hub.get(&format!("/?q={}", percent(&long))).await.status, StatusCode::OK);
        }
        for odd in [
            "/?q=%00",
            "/?q=%ff%fe",
            "/?q=a&q=b",
            "/?page=-1&q=trap",
            "/?page=18446744073709551616",
            "/?chroot=%27%25_!",
        ] {
            assert_eq!(hub.get(odd).await.status, StatusCode::OK, "{odd}");
        }
        let page = hub.get("/?q=bold").await.text();
        assert!(page.contains("<code>/usr/bin/&#60;b&#62;<mark>bold</mark>&#60;/b&#62;</code>"), "{page}");
        assert_eq!(found(&hub, "innocent").await, ["eve/trap"]);
        assert_eq!(found(&hub, "/usr/bin/no").await, [""; 0], "a path with a line break is not kept");
    }
}

#[tokio::test]
async fn an_owner_has_a_page_with_projects_and_newest_builds() {
    for hub in Hub::on_every_engine().await {
        let (alice, admin) = (hub.user("alice").await, hub.user("admin").await);
        hub.user("idle").await;
        hub.create(&alice, "tools").await;
        hub.create(&alice, "libs").await;
        hub.sql("INSERT INTO user_groups (name, created_ms) VALUES ('sig', 1)").await;
        create(&hub, &admin, "@sig", json!({ "name": "stack", "chroots": [CHROOT] })).await;
        let id = built(&hub, &alice, "tools", "one", "one-bin", &[]).await;
        let page = hub.get("/coprs/alice/.json").await.ok();
        assert_eq!(names(&page), ["alice/tools", "alice/libs"], "{page}");
        assert_eq!((&page["builds"][0]["id"], &page["builds"][0]["project"]), (&json!(id), &json!("tools")), "{page}");
        assert_eq!(names(&hub.get("/coprs/alice/.json?q=lib").await.ok()), ["alice/libs"]);
        assert_eq!(names(&hub.get("/coprs/g/sig/.json").await.ok()), ["@sig/stack"]);
        assert_eq!(names(&hub.get("/coprs/@sig/.json").await.ok()), ["@sig/stack"]);
        assert!(hub.get("/coprs/idle/").await.text().contains("No project yet"));
        assert!(hub.get("/coprs/alice/?q=nothing").await.text().contains("Show all projects of alice"));
        for missing in
            ["/coprs/nobody/", "/coprs/g/nobody/", "/coprs/%3Cb%3E/", "/coprs/g/%3Cb%3E/", "/coprs/alice%2F../"]
        {
            assert_eq!(hub.get(missing).await.status, StatusCode::NOT_FOUND, "{missing}");
        }
        let builds = hub.get("/coprs/builds/.json").await.ok();
        assert_eq!(
            (&builds["builds"][0]["id"], builds["builds"].as_array().unwrap().len()),
            (&json!(id), 1),
            "{builds}"
        );
        let moved = hub.get("/builds/").await;
        assert_eq!((moved.status, moved.header("location")), (StatusCode::PERMANENT_REDIRECT, "/coprs/builds/"));
        assert_eq!(hub.get("/coprs/builds/?page=9").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn two_thousand_projects_are_found_one_by_one_and_page_by_page() {
    for hub in Hub::on_every_engine().await {
        // As an older program left them.
        let mut rows = Vec::new();
        for number in 0..2000 {
            let description = format!("Number {number} of many; its word is w{}x.", number * 7919 % 2000);
            rows.push(format!(
                "('owner{}', 'project{number}', '{description}', {}, {number})",
                number % 50,
                i64::from(number % 100 == 7)
            ));
        }
        for some in rows.chunks(500) {
            hub.sql(&format!(
                "INSERT INTO projects (owner, name, description, unlisted, created_ms) VALUES {}",
                some.join(", ")
            ))
            .await;
        }
        hub.sql(&format!("INSERT INTO project_chroots (project_id, chroot) SELECT id, '{CHROOT}' FROM projects")).await;
        assert_eq!(db::search::catch_up(&hub.state.db).await.unwrap(), 2000);
        for number in [0, 1, 8, 99, 1000, 1999] {
            let name = format!("owner{}/project{number}", number % 50);
            assert_eq!(found(&hub, &format!("w{}x", number * 7919 % 2000)).await, [name.as_str()]);
            assert_eq!(found(&hub, &name).await.first(), Some(&name));
            assert_eq!(found(&hub, &format!("\"project{number}\"")).await, [name.as_str()]);
            assert_eq!(found(&hub, &format!("project{number}")).await.first(), Some(&name), "the exact name is first");
        }
        assert_eq!(found(&hub, "\"project107\"").await, [""; 0], "unlisted");
        assert_eq!(found(&hub, "\"owner7\" project").await.len(), 20);
        // All pages together have all that are listed, each once.
        for base in ["/.json?page=", "/.json?q=many&page=", "/.json?chroot=fedora-44&page="] {
            let mut all = Vec::new();
            for page in 1.. {
                let answer = hub.get(&format!("{base}{page}")).await.ok();
                all.extend(names(&answer));
                if answer["paging"]["more"] == false {
                    break;
                }
            }
            assert_eq!(all.len(), 1980, "{base} on {}", hub.place.engine);
            assert_eq!(all[0], "owner49/project1999", "the newest is first");
            all.sort();
            all.dedup();
            assert_eq!(all.len(), 1980, "{base} on {}", hub.place.engine);
        }
        assert_eq!(names(&hub.get("/.json?page=67").await.ok()), [""; 0]);
        assert!(hub.get("/?page=400").await.text().contains("The list is not that long"));
        // Whatever is asked for, the words are all there is to it.
        let words = Search { words: Some(Words::read("many w3x")), ..Search::default() };
        assert_eq!(db::search::find(&hub.state.db, &words, Window::default()).await.unwrap().len(), 1);
    }
}
