//! What users' programs see.

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    support::{BASE, BINARY, CHROOT, Hub, SOURCE, User},
};

#[tokio::test]
async fn the_first_calls_answer_with_and_without_a_slash_and_unknown_ones_in_json() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for path in ["/api_3", "/api_3/"] {
            assert_eq!(hub.get(path).await.ok(), json!({ "version": 3 }));
        }
        for path in ["/api_3/auth-check", "/api_3/auth-check/"] {
            assert_eq!(hub.call(&alice, "GET", path, &Value::Null).await.ok()["name"], "alice");
        }
        assert_eq!(hub.get("/api_3/mock-chroots/list").await.ok()[CHROOT], "old");
        assert_eq!(hub.get("/api_3/nonsense/x").await.error(404), "Such API endpoint doesn't exist");
        assert_eq!(hub.get("/builder/v2/lease").await.error(404), "Such API endpoint doesn't exist");
        assert_eq!(hub.get("/api_3/build/abc").await.error(404), "Such API endpoint doesn't exist");
        assert!(!hub.call(&alice, "PUT", "/api_3/project/list", &Value::Null).await.error(405).is_empty());
        assert_eq!(hub.get("/healthz").await.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_before_any_of_the_body_is_read() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        for wrong in ["Basic bm9ib2R5Om5vdGhpbmc=", "Basic ???", "Bearer x", ""] {
            // This body never ends, as that of copr-cli when it tries again.
            let body = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
            let request = Request::post("/api_3/build/create/upload")
                .header(header::AUTHORIZATION, wrong)
                .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B")
                .body(body)
                .unwrap();
            let answer = hub.send(request).await;
            assert_eq!(
                answer.error(401),
                format!("Login invalid/expired. Please visit {BASE}/api to get or renew your API token.")
            );
            assert_eq!(answer.json()["output"], "notok");
        }
    }
}

#[tokio::test]
async fn a_new_project_has_its_empty_repository_at_once_and_is_shown_in_coprs_form() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({
            "name": "libs", "chroots": [CHROOT], "description": "My libraries", "additional_repos": "copr://bob/app https://x.org/",
            "runtime_dependencies": ["copr://bob/app"], "repo_priority": "20", "bootstrap": null, "storage": null,
        });
        let project = hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        assert_eq!(project["full_name"], "alice/libs");
        assert_eq!(project["chroot_repos"][CHROOT], format!("{BASE}/results/alice/libs/{CHROOT}/"));
        assert_eq!(project["additional_repos"], json!(["copr://bob/app", "https://x.org/"]));
        assert_eq!(project["repo_priority"], 20);
        assert_eq!(project["homepage"], Value::Null);
        assert_eq!(project["storage"], "backend");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
        assert_eq!(hub.get("/api_3/project?ownername=alice&projectname=libs").await.ok(), project);
        assert_eq!(hub.get("/api_3/project/list/?ownername=alice").await.ok()["items"], json!([project]));
        let all = coprd::db::project::Filter::default();
        let stored = coprd::db::project::list(&hub.state.db, &all, coprd::db::Window::default()).await.unwrap();
        assert_eq!(stored[0].runtime_dependencies, ["copr://bob/app"]);
    }
}

#[tokio::test]
async fn a_project_that_cannot_be_is_refused_with_a_line_for_every_fault() {
    for hub in Hub::on_every_engine().await {
        let (alice, _bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let add = async |owner: &str, body: Value| {
            hub.call(&alice, "POST", &format!("/api_3/project/add/{owner}"), &body).await
        };
        let again = json!({ "name": "libs", "chroots": [CHROOT] });
        assert_eq!(add("alice", again.clone()).await.error(400), "name: You already have a project named 'libs'.");
        let existing = hub.call(&alice, "POST", "/api_3/project/add/alice?exist_ok=True", &again).await.ok();
        assert_eq!(existing["name"], "libs");
        let error =
            add("alice", json!({ "name": "../x", "chroots": ["fedora-99-x86_64"], "additional_repos": ["nonsense"] }))
                .await;
        let error = error.error(400);
        let lines: Vec<&str> = error.lines().collect();
        assert!(lines[0].starts_with("name: "), "{error}");
        assert_eq!(lines[1], "chroots: 'fedora-99-x86_64' is not a valid choice for this field");
        assert!(lines[2].starts_with("additional_repos: nonsense"), "{error}");
        assert_eq!(add("alice", json!({ "name": "x" })).await.error(400), "None: At least one chroot must be selected");
        assert!(add("bob", json!({ "name": "x", "chroots": [CHROOT] })).await.error(403).contains("permission"));
        let broken = Request::post("/api_3/project/add/alice").header(header::AUTHORIZATION, &alice.basic);
        assert!(hub.send(broken.body(Body::from("{")).unwrap()).await.error(400).contains("not JSON"));
        assert_eq!(
            hub.get("/api_3/project?ownername=bob&projectname=x").await.error(404),
            "Project bob/x does not exist."
        );
        assert_eq!(
            hub.get("/api_3/project?ownername=..&projectname=x").await.error(404),
            "Project ../x does not exist."
        );
    }
}

#[tokio::test]
async fn lists_are_cut_and_echo_the_cut_and_search_finds_text_as_it_stands() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for name in ["one", "two_x", "three"] {
            hub.create(&alice, name).await;
        }
        let page = hub.get("/api_3/project/list?limit=2&offset=1").await.ok();
        assert_eq!(page["meta"], json!({ "limit": 2, "offset": 1, "order": "id", "order_type": "ASC" }));
        let names = |page: &Value| -> Vec<String> {
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&page), ["two_x", "three"]);
        assert_eq!(hub.get("/api_3/project/list").await.ok()["meta"]["limit"], Value::Null);
        assert!(hub.get("/api_3/project/list?limit=x").await.error(400).contains("limit"));
        assert_eq!(names(&hub.get("/api_3/project/search?query=ALICE/T").await.ok()), ["three", "two_x"]);
        assert_eq!(names(&hub.get("/api_3/project/search?query=_").await.ok()), ["two_x"]);
        assert_eq!(names(&hub.get("/api_3/project/search?query=%25").await.ok()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_upload_becomes_a_build_in_coprs_form() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let checked =
            json!({ "ownername": "alice", "projectname": "libs", "project_dirname": "libs", "chroots": ["fedora-*"] });
        hub.call(&alice, "POST", "/api_3/build/check-before-build", &checked).await.ok();
        let build =
            hub.upload(&alice, "libs", "renamed.src.rpm", &SOURCE.bytes(), json!({ "timeout": "300" })).await.ok();
        let id = build["id"].as_i64().unwrap();
        assert_eq!(build["state"], "pending");
        assert_eq!(build["chroots"], json!([CHROOT]));
        assert_eq!(build["source_package"]["name"], "hello");
        assert_eq!(build["source_package"]["version"], "1.0-1");
        assert_eq!(build["submitter"], "alice");
        assert_eq!(build["repo_url"], format!("{BASE}/results/alice/libs"));
        assert_eq!((&build["started_on"], &build["ended_on"]), (&Value::Null, &Value::Null));
        let source = hub.read(&format!("alice/libs/srpm-builds/{id:08}/hello-1.0-1.src.rpm")).await;
        assert_eq!(source, Some(SOURCE.bytes()));
        assert_eq!(hub.build(id).await, build);
        let list = hub.get("/api_3/build/list?ownername=alice&projectname=libs&limit=1000").await.ok();
        assert_eq!(list["items"], json!([build]));
        let chroot = hub.get(&format!("/api_3/build-chroot?build_id={id}&chrootname={CHROOT}")).await.ok();
        assert_eq!(
            chroot,
            json!({
                "name": CHROOT, "state": "pending", "started_on": null, "ended_on": null, "result_url": null,
                "queue_position": 0,
            })
        );
        let packages =
            hub.get("/api_3/package/list?ownername=alice&projectname=libs&with_latest_build=True").await.ok();
        assert_eq!(packages["items"][0]["name"], "hello");
        assert_eq!(packages["items"][0]["builds"]["latest"]["id"], id);
    }
}

#[tokio::test]
async fn a_file_that_is_no_source_package_is_refused_by_name_and_leaves_nothing() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let whole = SOURCE.bytes();
        let climbing = Rpm { name: "..", ..SOURCE };
        let cases: [(&str, Vec<u8>, u16, &str); 7] = [
            ("notes.src.rpm", b"these are notes, not a package\n".repeat(20), 400, "not an RPM"),
            ("empty.src.rpm", Vec::new(), 400, "truncated"),
            ("lead.src.rpm", whole[..50].to_vec(), 400, "truncated"),
            ("cut.src.rpm", whole[..whole.len() - 1].to_vec(), 400, "truncated"),
            ("binary.rpm", BINARY.bytes(), 400, "binary package"),
            ("climbing.src.rpm", climbing.bytes(), 400, "the package name"),
            ("large.src.rpm", vec![0; (1 << 20) + 1], 413, "larger than"),
        ];
        for (file, bytes, status, word) in cases {
            let error = hub.upload(&alice, "libs", file, &bytes, json!({})).await.error(status);
            assert!(error.contains(word), "{file}: {error}");
            assert!(status != 400 || error.starts_with(&format!("{file}: ")), "{error}");
        }
        assert_eq!(hub.get("/api_3/build/list?ownername=alice&projectname=libs").await.ok()["items"], json!([]));
        assert_eq!(fs_err::read_dir(hub.stored("spool")).unwrap().count(), 0);
        assert!(hub.names("alice/libs/srpm-builds").await.is_empty());
    }
}

#[tokio::test]
async fn a_build_goes_only_where_its_submitter_may_and_the_project_can() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob, admin) = (hub.user("alice").await, hub.user("bob").await, hub.user("admin").await);
        hub.create(&alice, "libs").await;
        let upload = async |user: &User, project: &str, more: Value| {
            hub.upload(user, project, &SOURCE.file(), &SOURCE.bytes(), more).await
        };
        assert!(upload(&bob, "alice/libs", json!({})).await.error(403).contains("You don't have required permission"));
        assert_eq!(upload(&bob, "none", json!({})).await.error(404), "Project bob/none does not exist.");
        assert_eq!(
            upload(&alice, "libs", json!({ "chroots": ["fedora-99-x86_64"] })).await.error(400),
            "Bad request parameters: {'chroots': [\"'fedora-99-x86_64' is not a valid choice for this field.\"]}"
        );
        let dirname = upload(&alice, "libs", json!({ "project_dirname": "libs:example" })).await.error(400);
        assert_eq!(dirname, "Please use directory format libs:custom:<SUFFIX_OF_CHOICE> or libs:pr:<ID>");
        assert!(
            upload(&alice, "libs", json!({ "project_dirname": "other:custom:x" }))
                .await
                .error(400)
                .contains("other:custom:x")
        );
        assert!(upload(&alice, "libs", json!({ "timeout": 10_000_000 })).await.error(400).contains("timeout"));
        upload(&admin, "alice/libs", json!({ "project_dirname": "libs:custom:x" })).await.ok();
        assert_eq!(hub.repository(&format!("alice/libs:custom:x/{CHROOT}")).await, Vec::<String>::new());
        let checked = json!({ "ownername": "alice", "projectname": "libs" });
        assert!(!hub.call(&bob, "POST", "/api_3/build/check-before-build", &checked).await.error(403).is_empty());
        let nothing = Request::post("/api_3/build/create/upload").header(header::AUTHORIZATION, &alice.basic);
        assert!(hub.send(nothing.body(Body::empty()).unwrap()).await.error(400).contains("multipart"));
    }
}

#[tokio::test]
async fn a_project_is_deleted_with_its_results_but_not_while_it_is_built() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        let path = "/api_3/project/delete/alice/libs";
        assert!(!hub.call(&bob, "DELETE", path, &json!({ "verify": true })).await.error(403).is_empty());
        assert!(!hub.call(&alice, "DELETE", path, &json!({})).await.error(400).is_empty());
        assert!(!hub.call(&alice, "DELETE", path, &json!({ "verify": true })).await.error(409).is_empty());
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        hub.publish().await;
        assert_eq!(hub.call(&alice, "POST", path, &json!({ "verify": true })).await.ok()["name"], "libs");
        assert!(hub.names("alice/libs").await.is_empty());
        hub.publish().await;
        assert!(hub.names("alice/libs").await.is_empty());
        assert!(!hub.get("/api_3/project?ownername=alice&projectname=libs").await.error(404).is_empty());
    }
}
