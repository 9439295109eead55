//! Projects: what can be chosen for them, how they are listed, and how they and their chroots end.

use axum::{
    body::Body,
    http::{Request, header},
};
use copr_api::names::Chroot;
use coprd::{
    admin, clock,
    db::{self, note::Note, project::Project},
    expiry,
};
use serde_json::{Value, json};

use crate::support::{Answer, BINARY, CHROOT, Hub, User};

const OLD: &str = "fedora-43-x86_64";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn add(hub: &Hub, user: &User, body: &Value) -> Answer {
    hub.call(user, "POST", &format!("/api_3/project/add/{}", user.name), body).await
}

async fn edit(hub: &Hub, user: &User, project: &str, body: &Value) -> Answer {
    hub.call(user, "PUT", &format!("/api_3/project/edit/{project}"), body).await
}

async fn names(hub: &Hub, path: &str) -> Vec<String> {
    let page = hub.get(path).await.ok();
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

async fn chroots(hub: &Hub, project: &str) -> Vec<String> {
    let (owner, name) = project.split_once('/').unwrap();
    let shown = hub.get(&format!("/api_3/project?ownername={owner}&projectname={name}")).await.ok();
    shown["chroot_repos"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn every_setting_of_a_project_is_kept_and_shown() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({
            "name": "libs", "chroots": [CHROOT], "homepage": "https://example.org", "contact": "alice@example.org",
            "bootstrap": "on", "isolation": "nspawn", "appstream": true, "fedora_review": true, "multilib": true,
            "follow_fedora_branching": true, "packit_forge_projects_allowed": "github.com/a/b github.com/c/*",
            "module_hotfixes": true, "repo_priority": "7", "unlisted_on_hp": true, "delete_after_days": "30",
        });
        let project = add(&hub, &alice, &body).await.ok();
        for (key, value) in [
            ("bootstrap", json!("on")),
            ("isolation", json!("nspawn")),
            ("appstream", json!(true)),
            ("follow_fedora_branching", json!(true)),
            ("packit_forge_projects_allowed", json!(["github.com/a/b", "github.com/c/*"])),
            ("auto_prune", json!(true)),
            ("persistent", json!(false)),
        ] {
            assert_eq!(project[key], value, "{key}");
        }
        let kept =
            edit(&hub, &alice, "alice/libs", &json!({ "isolation": "unchanged", "appstream": false })).await.ok();
        assert_eq!((&kept["isolation"], &kept["appstream"]), (&json!("nspawn"), &json!(false)));
        let rpmrepo = hub.get("/api_3/rpmrepo/alice/libs/fedora-44/").await.ok();
        assert_eq!(rpmrepo["delete_after_days"], 30);
        edit(&hub, &alice, "alice/libs", &json!({ "delete_after_days": -1 })).await.ok();
        let rpmrepo = hub.get("/api_3/rpmrepo/alice/libs/fedora-44/").await.ok();
        assert_eq!(rpmrepo.get("delete_after_days").filter(|days| !days.is_null()), None);
    }
}

#[tokio::test]
async fn every_wrong_field_of_a_form_is_a_line_of_the_answer() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({
            "name": "a/b", "chroots": ["moon-1-x86_64"], "homepage": "example", "contact": "alice", "bootstrap": "perhaps",
            "isolation": "prison", "repo_priority": -5, "delete_after_days": 721,
        });
        let error = add(&hub, &alice, &body).await.error(400);
        for line in [
            "chroots: 'moon-1-x86_64' is not a valid choice for this field",
            "homepage: Invalid URL.",
            "contact: Contact must be email address or URL",
            "bootstrap: Not a valid choice.",
            "isolation: Not a valid choice.",
            "delete_after_days: Number must be between -1 and 720.",
        ] {
            assert!(error.lines().any(|said| said == line), "{line}: {error}");
        }
        assert!(error.starts_with("name: ") && error.contains("\nrepo_priority: "), "{error}");
        assert_eq!(names(&hub, "/api_3/project/list").await, Vec::<String>::new(), "nothing was made");
    }
}

#[tokio::test]
async fn only_administrators_make_persistent_projects_and_turn_pruning_off() {
    for hub in Hub::on_every_engine().await {
        let (alice, root) = (hub.user("alice").await, hub.user(admin::ADMIN).await);
        let persistent = json!({ "name": "libs", "chroots": [CHROOT], "persistent": true });
        assert_eq!(add(&hub, &alice, &persistent).await.error(403), "Non-admin cannot create persistent project.");
        let kept = json!({ "name": "libs", "chroots": [CHROOT], "auto_prune": false });
        assert_eq!(add(&hub, &alice, &kept).await.error(403), "Non-admin cannot disable auto-prunning.");
        hub.create(&alice, "libs").await;
        let error = edit(&hub, &alice, "alice/libs", &json!({ "auto_prune": false })).await.error(403);
        assert_eq!(error, "Non-admin cannot disable auto-prunning.");
        assert_eq!(edit(&hub, &root, "alice/libs", &json!({ "auto_prune": false })).await.ok()["auto_prune"], false);
        let path = format!("/api_3/project/add/{}", alice.name);
        let body = json!({ "name": "for-ever", "chroots": [CHROOT], "persistent": true });
        assert_eq!(hub.call(&root, "POST", &path, &body).await.ok()["persistent"], true);
        let gone = json!({ "verify": true });
        let error = hub.call(&alice, "DELETE", "/api_3/project/delete/alice/for-ever", &gone).await.error(403);
        assert!(error.contains("persistent"), "{error}");
    }
}

#[tokio::test]
async fn of_two_who_make_a_project_of_one_name_one_is_told_that_it_is_there() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [CHROOT] });
        let (one, other) = tokio::join!(add(&hub, &alice, &body), add(&hub, &alice, &body));
        let refused = if one.status.is_success() { other } else { one };
        assert_eq!(refused.error(400), "name: You already have a project named 'libs'.");
        assert_eq!(names(&hub, "/api_3/project/list").await, ["libs"]);
        let again = hub.call(&alice, "POST", "/api_3/project/add/alice?exist_ok=True", &body).await.ok();
        assert_eq!(again["name"], "libs");
    }
}

#[tokio::test]
async fn lists_are_cut_and_ordered_as_asked() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        for name in ["beta", "alpha", "gamma"] {
            hub.create(&alice, name).await;
        }
        hub.create(&bob, "alpine").await;
        assert_eq!(names(&hub, "/api_3/project/list?ownername=alice").await, ["beta", "alpha", "gamma"]);
        let by_name = "/api_3/project/list?ownername=alice&order=name";
        assert_eq!(names(&hub, by_name).await, ["alpha", "beta", "gamma"]);
        assert_eq!(names(&hub, &format!("{by_name}&order_type=DESC&limit=2")).await, ["gamma", "beta"]);
        assert_eq!(names(&hub, "/api_3/project/search?query=alp").await, ["alpine", "alpha"], "the newest first");
        let page = hub.get("/api_3/project/list?limit=1&offset=2").await.ok();
        assert_eq!(page["meta"], json!({ "limit": 1, "offset": 2, "order": "id", "order_type": "ASC" }));
        assert_eq!(page["items"][0]["name"], "gamma");
        assert_eq!(names(&hub, "/api_3/project/list?limit=1&offset=4").await, Vec::<String>::new());
        hub.get("/api_3/project/list?order=secret").await.error(400);
        hub.get("/api_3/project/list?limit=many").await.error(400);
    }
}

#[tokio::test]
async fn a_chroot_that_is_chosen_again_in_time_is_as_it_was_and_later_it_is_gone() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        add(&hub, &alice, &json!({ "name": "libs", "chroots": [OLD, CHROOT] })).await.ok();
        let path = format!("/api_3/project-chroot/edit/alice/libs/{OLD}");
        hub.call(&alice, "PUT", &path, &json!({ "additional_packages": ["gcc"] })).await.ok();
        hub.publish().await;
        let index = format!("alice/libs/{OLD}/repodata/repomd.xml");

        edit(&hub, &alice, "alice/libs", &json!({ "chroots": [CHROOT] })).await.ok();
        assert_eq!(chroots(&hub, "alice/libs").await, [CHROOT]);
        assert!(hub.read(&index).await.is_some(), "it is served for a while");
        edit(&hub, &alice, "alice/libs", &json!({ "chroots": [OLD, CHROOT] })).await.ok();
        let query = format!("ownername=alice&projectname=libs&chrootname={OLD}");
        let shown = hub.get(&format!("/api_3/project-chroot?{query}")).await.ok();
        assert_eq!(shown["additional_packages"], json!(["gcc"]));
        expiry::pass(&hub.state, clock::now_ms() + 15 * DAY_MS).await;
        assert_eq!(chroots(&hub, "alice/libs").await, [OLD, CHROOT], "what was chosen again stays");

        edit(&hub, &alice, "alice/libs", &json!({ "chroots": [CHROOT] })).await.ok();
        expiry::pass(&hub.state, clock::now_ms() + 13 * DAY_MS).await;
        hub.publish().await;
        assert!(hub.read(&index).await.is_some());
        let later = clock::now_ms() + 15 * DAY_MS;
        expiry::pass(&hub.state, later).await;
        expiry::pass(&hub.state, later).await;
        hub.publish().await;
        hub.state.publishing.clean(later + DAY_MS).await.unwrap();
        assert!(hub.read(&index).await.is_none());
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn nothing_is_built_for_a_chroot_out_of_life_and_its_packages_stay_until_its_time_has_come() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.built(&alice, "libs").await;
        let now = clock::now_ms();
        let chroot: Chroot = CHROOT.parse().unwrap();
        let note = Note { eol_ms: Some(now - 1), comment: Some("gone".to_owned()), ..Note::new(chroot) };
        db::note::set(&hub.state.db, &note).await.unwrap();
        expiry::pass(&hub.state, now).await;

        assert_eq!(hub.get("/api_3/mock-chroots/list").await.ok().get(CHROOT), None);
        let error = add(&hub, &alice, &json!({ "name": "more", "chroots": [CHROOT] })).await.error(400);
        assert!(error.contains("is not a valid choice"), "{error}");
        hub.upload(&alice, "libs", "x", &crate::support::SOURCE.bytes(), json!({})).await.error(400);
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await.len(), 1);
        let file = hub.get("/coprs/alice/libs/repo/fedora-44/x.repo?arch=x86_64").await;
        assert!(file.status.is_success(), "{}", file.text());
        let query = format!("ownername=alice&projectname=libs&chrootname={CHROOT}");
        let days = hub.get(&format!("/api_3/project-chroot?{query}")).await.ok()["delete_after_days"].clone();
        assert_eq!(days, 179);

        // Half a year later somebody still needs it.
        let path = format!("/api_3/project-chroot/edit/alice/libs/{CHROOT}");
        let more = hub.call(&alice, "PUT", &path, &json!({ "delete_after_days": 100 })).await.ok();
        assert!(more["delete_after_days"].as_i64().unwrap() <= 100);
        hub.call(&alice, "PUT", &path, &json!({ "delete_after_days": 100_000 })).await.error(400);
        let later = now + 101 * DAY_MS;
        expiry::pass(&hub.state, later).await;
        hub.publish().await;
        hub.state.publishing.clean(later + DAY_MS).await.unwrap();
        assert_eq!(chroots(&hub, "alice/libs").await, Vec::<String>::new());
        assert!(hub.read(&format!("alice/libs/{CHROOT}/repodata/repomd.xml")).await.is_none());
    }
}

#[tokio::test]
async fn a_chroot_that_lives_again_stays() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let note = Note { eol_ms: Some(1), ..Note::new(CHROOT.parse().unwrap()) };
        db::note::set(&hub.state.db, &note).await.unwrap();
        expiry::pass(&hub.state, 2).await;
        db::note::set(&hub.state.db, &Note { eol_ms: None, comment: Some("alive".to_owned()), ..note }).await.unwrap();
        expiry::pass(&hub.state, clock::now_ms()).await;
        assert_eq!(chroots(&hub, "alice/libs").await, [CHROOT]);
        assert_eq!(hub.get("/api_3/mock-chroots/list").await.ok()[CHROOT], "alive");
        hub.submit(&alice, "libs").await;
    }
}

#[tokio::test]
async fn a_temporary_project_goes_when_its_time_has_come_and_no_other_does() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        add(&hub, &alice, &json!({ "name": "trial", "chroots": [CHROOT], "delete_after_days": 3 })).await.ok();
        hub.built(&alice, "trial").await;
        expiry::pass(&hub.state, clock::now_ms() + 2 * DAY_MS).await;
        assert_eq!(names(&hub, "/api_3/project/list").await, ["libs", "trial"]);
        expiry::pass(&hub.state, clock::now_ms() + 5 * DAY_MS).await;
        assert_eq!(names(&hub, "/api_3/project/list").await, ["libs"]);
        assert_eq!(hub.names("alice").await, ["libs"], "nothing of it is left");
    }
}

#[tokio::test]
async fn projects_that_follow_fedora_get_a_new_release_with_all_that_rawhide_had() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let rawhide: Chroot = "fedora-rawhide-x86_64".parse().unwrap();
        for (name, follows) in [("follows", true), ("stays", false)] {
            let body = json!({ "name": name, "chroots": [OLD], "follow_fedora_branching": follows });
            add(&hub, &alice, &body).await.ok();
        }
        // What was rawhide when these were built.
        hub.built(&alice, "follows").await;
        hub.sql("UPDATE project_chroots SET comps_name = 'mine.xml' WHERE project_id = (SELECT id FROM projects WHERE name = 'follows')")
            .await;
        let moved = format!("alice/follows/{OLD}/{:08}-hello/{}", 1, BINARY.file());
        assert!(hub.read(&moved).await.is_some());
        hub.sql(&format!("UPDATE project_chroots SET chroot = '{rawhide}'")).await;
        hub.sql(&format!("UPDATE build_chroots SET chroot = '{rawhide}'")).await;
        if hub.place.bucket.is_some() {
            continue;
        }
        fs_err::rename(
            hub.stored(&format!("results/alice/follows/{OLD}")),
            hub.stored(&format!("results/alice/follows/{rawhide}")),
        )
        .unwrap();
        fs_err::write(hub.stored(&format!("results/alice/follows/{rawhide}/comps.xml")), COMPS).unwrap();
        expiry::pass(&hub.state, clock::now_ms()).await;
        hub.publish().await;
        let index = hub.read(&format!("alice/follows/{CHROOT}/repodata/repomd.xml")).await.unwrap();
        assert!(String::from_utf8_lossy(&index).contains("type=\"group\""), "its comps came along");
        assert!(chroots(&hub, "alice/follows").await.contains(&CHROOT.to_owned()));
        assert_eq!(hub.repository(&format!("alice/follows/{CHROOT}")).await.len(), 1);
        assert_eq!(chroots(&hub, "alice/stays").await, [rawhide.as_str()]);
        // It is given once: whoever gives it up is not given it again.
        hub.sql(&format!("DELETE FROM project_chroots WHERE chroot = '{CHROOT}'")).await;
        expiry::pass(&hub.state, clock::now_ms()).await;
        assert!(!chroots(&hub, "alice/follows").await.contains(&CHROOT.to_owned()));
    }
}

const COMPS: &str = "<comps><group><id>libs</id><name>Libraries</name></group></comps>";

/// The form of `copr-cli edit-chroot --upload-comps`.
async fn upload_comps(hub: &Hub, user: &User, comps: &str, wishes: &Value) -> Answer {
    let form = format!(
        "--B\r\nContent-Disposition: form-data; name=\"upload_comps\"; filename=\"mine.xml\"\r\n\
         Content-Type: application/text\r\n\r\n{comps}\r\n\
         --B\r\nContent-Disposition: form-data; name=\"json\"; filename=\"json\"\r\n\
         Content-Type: application/json\r\n\r\n{wishes}\r\n--B--\r\n"
    );
    let request = Request::put(format!("/api_3/project-chroot/edit/alice/libs/{CHROOT}"))
        .header(header::AUTHORIZATION, &user.basic)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B");
    hub.send(request.body(Body::from(form)).unwrap()).await
}

#[tokio::test]
async fn comps_of_a_chroot_are_in_its_metadata_until_they_are_deleted() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.publish().await;
        let index = format!("alice/libs/{CHROOT}/repodata/repomd.xml");
        let has_group = async || String::from_utf8(hub.read(&index).await.unwrap()).unwrap().contains("type=\"group\"");
        let error = upload_comps(&hub, &alice, "<nothing/>", &json!({})).await.error(400);
        assert!(error.starts_with("upload_comps: "), "{error}");
        hub.publish().await;
        assert!(!has_group().await);
        assert_eq!(upload_comps(&hub, &alice, COMPS, &json!({})).await.ok()["comps_name"], "mine.xml");
        hub.publish().await;
        assert!(has_group().await);
        let path = format!("/api_3/project-chroot/edit/alice/libs/{CHROOT}");
        let gone = hub.call(&alice, "PUT", &path, &json!({ "delete_comps": true })).await.ok();
        assert_eq!(gone["comps_name"], Value::Null);
        hub.publish().await;
        assert!(!has_group().await);
    }
}

#[tokio::test]
async fn what_is_chosen_for_a_chroot_is_shown_to_builders_and_can_be_reset() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        add(&hub, &alice, &json!({ "name": "libs", "chroots": [CHROOT], "isolation": "simple", "devel_mode": true }))
            .await
            .ok();
        let path = format!("/api_3/project-chroot/edit/alice/libs/{CHROOT}");
        let wishes = json!({ "isolation": "nspawn", "additional_modules": "perl:5.30,!ruby:2", "with_opts": ["docs"] });
        let shown = hub.call(&alice, "PUT", &path, &wishes).await.ok();
        assert_eq!(shown["additional_modules"], json!(["perl:5.30", "!ruby:2"]));
        let query = format!("ownername=alice&projectname=libs&chrootname={CHROOT}");
        let config = hub.get(&format!("/api_3/project-chroot/build-config?{query}")).await.ok();
        assert_eq!(
            (&config["isolation"], &config["additional_modules"]),
            (&json!("nspawn"), &json!("perl:5.30,!ruby:2"))
        );
        assert_eq!(
            (&config["macros"]["vendor"], &config["macros"]["copr_projectname"]),
            (&json!("Copr - user alice"), &json!("libs"))
        );
        let ids: Vec<_> = config["repos"].as_array().unwrap().iter().map(|of| of["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["copr_base", "copr_base_devel"]);
        let reset = json!({ "reset_fields": ["isolation", "additional_modules", "with_opts"] });
        let shown = hub.call(&alice, "PUT", &path, &reset).await.ok();
        assert_eq!((&shown["isolation"], &shown["additional_modules"]), (&json!("unchanged"), &json!([])));
        let config = hub.get(&format!("/api_3/project-chroot/build-config?{query}")).await.ok();
        assert_eq!((&config["isolation"], &config["with_opts"]), (&json!("simple"), &json!([])));
    }
}

#[tokio::test]
async fn regenerated_repositories_have_all_that_was_built() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        add(&hub, &alice, &json!({ "name": "libs", "chroots": [CHROOT], "devel_mode": true })).await.ok();
        hub.built(&alice, "libs").await;
        let repository = format!("alice/libs/{CHROOT}");
        assert_eq!(hub.repository(&repository).await, Vec::<String>::new());
        let path = "/api_3/project/regenerate-repos/alice/libs";
        hub.call(&bob, "PUT", path, &Value::Null).await.error(403);
        assert_eq!(hub.call(&alice, "PUT", path, &Value::Null).await.ok()["name"], "libs");
        hub.publish().await;
        assert_eq!(hub.repository(&repository).await.len(), 1);
    }
}

#[tokio::test]
async fn a_project_that_is_changed_while_it_is_deleted_is_not_there() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (owner, name) = ("alice".parse().unwrap(), "libs".parse().unwrap());
        let project: Project = db::project::get(&hub.state.db, &owner, &name).await.unwrap().unwrap();
        assert!(expiry::delete_project(&hub.state, &project, clock::now_ms()).await.unwrap());
        let chroots = [OLD.parse().unwrap()];
        assert!(!db::project::set(&hub.state.db, &project, Some(&chroots), true, 0, 0).await.unwrap());
        assert!(!expiry::delete_project(&hub.state, &project, clock::now_ms()).await.unwrap());
        hub.create(&alice, "libs").await;
        hub.publish().await;
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
    }
}
