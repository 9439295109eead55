//! What signed-in people do in a browser: projects, builds, tokens, groups, and the site itself.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use coprd::{admin, clock, config::people::GroupMakers, db, http};
use serde_json::{Value, json};

use crate::{
    signing_in::{Browser, person},
    support::{Answer, BASE, CHROOT, Hub, POWERFUL, SOURCE},
};

const HOSTILE: &str = "\"><script>alert(1)</script>";

/// What browsers always send of the form of a project: a choice is never empty.
const SHOWN: (&str, &str) = ("rpmlint", "off");

/// Every form of these pages: its address, and fields that would be taken.
const FORMS: [(&str, &[(&str, &str)]); 19] = [
    ("/coprs/add/", &[("name", "evil"), ("chroots", CHROOT)]),
    ("/coprs/admin/libs/add_build/url/", &[("pkgs", "https://x.org/a-1-1.src.rpm")]),
    ("/coprs/admin/libs/add_build/git/", &[("clone_url", "https://x.org/a.git")]),
    ("/api/new/", &[("label", "evil")]),
    ("/api/revoke/", &[("login", "x")]),
    ("/user/sessions/end/", &[]),
    ("/user/mail/", &[("mail", "evil@x.org")]),
    ("/pins/", &[("owner", "@sig"), ("project", "admin/libs"), ("as", "pin"), ("next", "/")]),
    ("/groups/", &[("name", "evil")]),
    ("/groups/sig/members/", &[("user", "bob"), ("as", "admin")]),
    ("/groups/sig/delete/", &[]),
    ("/admin/users/", &[("user", "bob"), ("to", "admin")]),
    ("/admin/chroots/", &[("chroot", CHROOT), ("comment", "evil")]),
    ("/admin/reports/", &[("report", "1"), ("note", "evil"), ("to", "takedown")]),
    ("/admin/reports/restore/", &[("takedown", "1"), ("note", "evil")]),
    ("/licences/decide/", &[("build", "1"), ("to", "approve")]),
    ("/licences/forget/", &[("id", "1")]),
    ("/terms/", &[("version", "x")]),
    ("/report/", &[("project", "admin/libs"), ("reason", "evil")]),
];

impl Browser<'_> {
    /// Sends a form as its page does.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    /// Sends the form of an upload: parts in this order, a file where there is a name.
    async fn multipart(&self, path: &str, parts: &[(&str, Option<&str>, &[u8])], origin: &str) -> Answer {
        let mut body = Vec::new();
        for (name, file, value) in parts {
            let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
            let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend_from_slice(&[head.as_bytes(), value, b"\r\n"].concat());
        }
        body.extend_from_slice(b"--B--\r\n");
        let request = Request::post(path)
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B");
        self.send(request.body(Body::from(body)).unwrap()).await
    }
}

pub(crate) fn assert_there(answer: &Answer, to: &str) {
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, to), "{}", answer.text());
}

pub(crate) async fn group(hub: &Hub, browser: &Browser<'_>) {
    assert_there(&browser.form("/groups/", &[("name", "sig")]).await, "/groups/sig/");
    assert!(db::group::by_name(&hub.state.db, &"@sig".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_project_is_made_in_the_browser_and_what_was_wrong_stands_beside_its_field() {
    for hub in Hub::on_every_engine().await {
        person(&hub, "alice").await;
        let alice = Browser::signed_in(&hub, "alice").await;
        let page = alice.get("/coprs/add/").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        assert!(page.text().contains(&format!("name=\"chroots\" value=\"{CHROOT}\"")), "{}", page.text());

        let wrong = [("name", "a b"), ("description", HOSTILE), ("homepage", HOSTILE), ("repo_priority", "x")];
        let page = alice.form("/coprs/add/", &wrong).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.text().contains("id=\"repo_priority-wrong\""), "{}", page.text());
        let wrong = [("name", "a b"), ("description", HOSTILE), ("homepage", HOSTILE), ("auto_prune", "true"), SHOWN];
        let text = alice.form("/coprs/add/", &wrong).await.text();
        for part in ["id=\"name-wrong\"", "id=\"homepage-wrong\"", "value=\"a b\"", "At least one chroot", "alert(1)"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("<script>alert"), "{text}");
        let wrong = [("name", "libs"), ("chroots", CHROOT), ("auto_prune", "true"), ("rpmlint", "perhaps")];
        let page = alice.form("/coprs/add/", &wrong).await;
        assert!(
            page.status == StatusCode::BAD_REQUEST && page.text().contains("id=\"rpmlint-wrong\""),
            "{}",
            page.text()
        );
        let kept = [("name", "libs"), ("chroots", CHROOT), ("description", "kept"), SHOWN];
        let page = alice.form("/coprs/add/", &kept).await;
        assert!(page.text().contains("id=\"auto_prune-wrong\"") && page.text().contains("kept"), "{}", page.text());

        let right = [
            ("name", "libs"),
            ("chroots", CHROOT),
            ("description", "Small\r\nlibraries"),
            ("auto_prune", "true"),
            ("enable_net", "true"),
            ("repo_priority", "7"),
            SHOWN,
        ];
        assert_there(&alice.form("/coprs/add/", &right).await, "/coprs/alice/libs/");
        let made = hub.get("/api_3/project?ownername=alice&projectname=libs").await.ok();
        assert_eq!((&made["description"], &made["repo_priority"]), (&json!("Small\nlibraries"), &json!(7)));
        assert_eq!(made["enable_net"], true);
        let bare = [("name", "bare"), ("chroots", CHROOT), ("auto_prune", "true"), ("delete_after_days", "")];
        assert_there(&alice.form("/coprs/add/", &bare).await, "/coprs/alice/bare/");
        let again = alice.form("/coprs/add/", &right).await;
        assert_eq!(again.status, StatusCode::BAD_REQUEST);
        assert!(again.text().contains("already have a project named"), "{}", again.text());
        let twin = alice.get("/coprs/add/.json").await.ok();
        assert_eq!((&twin["owner"], &twin["chroots"]["fedora"][1]), (&json!("alice"), &json!(POWERFUL)));
    }
}

#[tokio::test]
async fn of_two_projects_of_one_name_that_are_made_at_once_one_is_made() {
    for hub in Hub::on_every_engine().await {
        person(&hub, "alice").await;
        let (one, other) = (Browser::signed_in(&hub, "alice").await, Browser::signed_in(&hub, "alice").await);
        let fields =
            [("name", "libs"), ("chroots", CHROOT), ("auto_prune", "true"), ("homepage", "https://x.org/"), SHOWN];
        let (one, other) = tokio::join!(one.form("/coprs/add/", &fields), other.form("/coprs/add/", &fields));
        let mut both = [one.status.as_u16(), other.status.as_u16()];
        both.sort_unstable();
        assert_eq!(both, [303, 400]);
        let refused = if one.status == StatusCode::BAD_REQUEST { one } else { other };
        assert!(refused.text().contains("id=\"name-wrong\"") && refused.text().contains("https://x.org/"));
        assert_eq!(hub.rows().await["projects"], 1);
    }
}

#[tokio::test]
async fn a_source_package_is_uploaded_with_what_was_chosen_for_it() {
    for hub in Hub::on_every_engine().await {
        let user = person(&hub, "alice").await;
        hub.create(&user, "libs").await;
        let alice = Browser::signed_in(&hub, "alice").await;
        let (csrf, path) = (alice.csrf().await, "/coprs/alice/libs/add_build/upload/");
        let (file, bytes) = (SOURCE.file(), SOURCE.bytes());
        let csrf = ("csrf", None, csrf.as_bytes());
        let package = ("pkgs", Some(file.as_str()), bytes.as_slice());
        assert!(alice.get("/coprs/alice/libs/add_build/").await.text().contains("enctype=\"multipart/form-data\""));

        // Nothing is taken before it is known whose page it comes from.
        let before = hub.rows().await["builds"];
        let stale: (&str, Option<&str>, &[u8]) = ("csrf", None, b"x");
        for parts in [&[package, csrf][..], &[package], &[stale, package], &[]] {
            assert_eq!(alice.multipart(path, parts, BASE).await.status, StatusCode::FORBIDDEN);
        }
        assert_eq!(alice.multipart(path, &[csrf, package], "https://evil.example").await.status, StatusCode::FORBIDDEN);
        assert_eq!(hub.rows().await["builds"], before);

        let wrong: [(_, _, &[u8]); 4] = [
            csrf,
            ("timeout", None, b"999999999"),
            ("with_opts", None, b"kept"),
            ("pkgs", Some("x.src.rpm"), b"no rpm"),
        ];
        let page = alice.multipart(path, &wrong, BASE).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.text());
        assert!(page.text().contains("id=\"timeout-wrong\"") && page.text().contains("kept"), "{}", page.text());
        let page = alice.multipart(path, &[csrf, wrong[2], ("pkgs", Some(HOSTILE), b"no rpm")], BASE).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(!page.text().contains("<script>alert") && page.text().contains("kept"), "{}", page.text());
        let page = alice.multipart(path, &[csrf, wrong[2], ("pkgs", Some(""), b"")], BASE).await;
        assert!(page.text().contains("No package was uploaded"), "{}", page.text());
        let large = vec![0; 2 << 20];
        let page = alice.multipart(path, &[csrf, wrong[2], ("pkgs", Some("a.src.rpm"), &large)], BASE).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.text().contains("kept"), "{}", page.text());

        let right: [(_, _, &[u8]); 6] = [
            csrf,
            ("chroots", None, CHROOT.as_bytes()),
            ("timeout", None, b"600"),
            ("background", None, b"true"),
            ("enable_net", None, b"true"),
            package,
        ];
        let answer = alice.multipart(path, &right, BASE).await;
        let id = answer.header("location").rsplit('/').next().unwrap().to_owned();
        assert_there(&answer, &format!("/coprs/build/{id}"));
        let build = db::build::get(&hub.state.db, id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((build.title().as_str(), build.submitter.as_str()), ("hello", "alice"));
        let lease = hub.lease().await;
        assert_eq!(lease.build_id.to_string(), id);
    }
}

#[tokio::test]
async fn builds_are_made_of_packages_on_the_web_and_of_git() {
    for hub in Hub::on_every_engine().await {
        let user = person(&hub, "alice").await;
        hub.create(&user, "libs").await;
        let alice = Browser::signed_in(&hub, "alice").await;
        let url = "/coprs/alice/libs/add_build/url/";
        let page = alice.form(url, &[("pkgs", "file:///etc/passwd")]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.text().contains("id=\"pkgs-wrong\"") && page.text().contains("file:///etc/passwd"));
        let one = alice.form(url, &[("pkgs", "https://x.org/a-1-1.src.rpm")]).await;
        assert!(one.header("location").starts_with("/coprs/build/"), "{}", one.text());
        let two = [("pkgs", "https://x.org/a-1-1.src.rpm\r\nhttps://x.org/b-1-1.src.rpm")];
        assert_there(&alice.form(url, &two).await, "/coprs/alice/libs/builds/");

        let git = "/coprs/alice/libs/add_build/git/";
        let page = alice.form(git, &[("clone_url", "https://x.org/a.git"), ("committish", "--exec=id")]).await;
        assert!(page.text().contains("id=\"committish-wrong\""), "{}", page.text());
        let made = alice.form(git, &[("clone_url", "https://x.org/a.git"), ("source_build_method", "rpkg")]).await;
        assert!(made.header("location").starts_with("/coprs/build/"), "{}", made.text());
        assert_eq!(hub.rows().await["builds"], 4);
        assert_eq!(alice.get("/coprs/alice/libs/add_build/git/.json").await.ok()["way"], "git");
    }
}

#[tokio::test]
async fn forms_of_other_sites_do_nothing() {
    for hub in Hub::on_every_engine().await {
        let user = person(&hub, admin::ADMIN).await;
        hub.user("bob").await;
        hub.create(&user, "libs").await;
        let browser = Browser::signed_in(&hub, admin::ADMIN).await;
        group(&hub, &browser).await;
        let (csrf, before) = (browser.csrf().await, hub.rows().await);
        for (path, fields) in FORMS.iter().copied().chain([("/admin/tasks/retry/", &[][..])]) {
            assert_eq!(browser.post(path, fields).await.status, StatusCode::FORBIDDEN, "{path}");
            let stale = [fields, &[("csrf", "x")]].concat();
            assert_eq!(browser.post(path, &stale).await.status, StatusCode::FORBIDDEN, "{path}");
            let right = [fields, &[("csrf", csrf.as_str())]].concat();
            for origin in ["https://evil.example", "null"] {
                let answer = browser.post_with(path, &right, &[("origin", origin)]).await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {origin}");
            }
            let nobody = Browser::new(&hub).post(path, &right).await;
            assert!(nobody.header("location").starts_with("/login/"), "{path}: {}", nobody.status);
        }
        assert_eq!(hub.rows().await, before);
    }
}

#[tokio::test]
async fn who_may_not_is_told_so_and_nothing_happens() {
    for hub in Hub::on_every_engine().await {
        let user = person(&hub, admin::ADMIN).await;
        hub.create(&user, "libs").await;
        person(&hub, "bob").await;
        let (root, bob) = (Browser::signed_in(&hub, admin::ADMIN).await, Browser::signed_in(&hub, "bob").await);
        group(&hub, &root).await;
        let before = hub.rows().await;
        let refused = [
            "/coprs/admin/libs/add_build/url/",
            "/coprs/admin/libs/add_build/git/",
            "/groups/",
            "/groups/sig/members/",
            "/groups/sig/delete/",
            "/pins/",
            "/admin/users/",
            "/admin/chroots/",
            "/admin/reports/",
            "/admin/reports/restore/",
            "/licences/decide/",
            "/licences/forget/",
        ];
        for (path, fields) in FORMS.iter().filter(|(path, _)| refused.contains(path)) {
            assert_eq!(bob.form(path, fields).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(bob.form("/admin/tasks/retry/", &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(bob.form("/coprs/g/sig/add/", &[("name", "x"), ("chroots", CHROOT)]).await.status.as_u16(), 403);
        for path in ["/admin/", "/admin/chroots/", "/admin/tasks/", "/admin/.json", "/coprs/admin/libs/add_build/"] {
            assert_eq!(bob.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        for path in ["/user/", "/groups/sig/", "/admin/", "/coprs/add/", "/coprs/admin/libs/add_build/"] {
            assert!(hub.get(path).await.header("location").starts_with("/login/"), "{path}");
        }
        assert_eq!(hub.rows().await, before);
        for path in ["/groups/nothing/", "/coprs/g/nothing/add/", "/groups/a%00b/"] {
            assert_eq!(root.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn tokens_are_listed_made_for_a_purpose_and_revoked() {
    for hub in Hub::on_every_engine().await {
        let user = person(&hub, "alice").await;
        hub.create(&user, "libs").await;
        let alice = Browser::signed_in(&hub, "alice").await;
        let wrong = [("label", HOSTILE), ("project", "nobody/nothing"), ("days", "7")];
        let page = alice.form("/api/new/", &wrong).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.text().contains("id=\"project-wrong\""));
        assert!(!page.text().contains("<script>alert"), "{}", page.text());
        let page = alice.form("/api/new/", &[("days", "1000")]).await;
        assert!(page.text().contains("id=\"days-wrong\"") && page.text().contains("value=\"1000\""));

        let made = alice.form("/api/new/", &[("label", HOSTILE), ("project", "alice/libs"), ("days", "7")]).await;
        assert_eq!((made.status, made.header("cache-control")), (StatusCode::OK, "no-store"));
        let text = made.text();
        let value = |key: &str| text.split_once(&format!("\n{key} = ")).unwrap().1.lines().next().unwrap().to_owned();
        let (login, secret) = (value("login"), value("token"));
        let page = alice.get("/api/").await.text();
        assert!(page.contains(&login) && page.contains("alice/libs") && !page.contains(&secret), "{page}");
        assert!(!page.contains("<script>alert"), "{page}");
        let twin = alice.get("/api/.json").await.ok();
        assert_eq!((&twin["tokens"][0]["login"], &twin["tokens"][0]["label"]), (&json!(login), &json!(HOSTILE)));

        person(&hub, "bob").await;
        let bob = Browser::signed_in(&hub, "bob").await;
        assert_eq!(bob.form("/api/revoke/", &[("login", &login)]).await.status, StatusCode::FORBIDDEN);
        assert_there(&alice.form("/api/revoke/", &[("login", &login)]).await, "/api/?done=1");
        assert!(!alice.get("/api/").await.text().contains(&login));
        assert_eq!(alice.form("/api/revoke/", &[("login", &login)]).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_account_page_ends_other_sessions_and_shows_who_asks_for_a_role() {
    for hub in Hub::on_every_engine().await {
        let user = person(&hub, "alice").await;
        let bob = person(&hub, "bob").await;
        hub.create(&user, "libs").await;
        let (here, there) = (Browser::signed_in(&hub, "alice").await, Browser::signed_in(&hub, "alice").await);
        assert!(here.get("/user/").await.text().contains("with 2 browsers"));
        let path = "/api_3/project/permissions/request/alice/libs";
        hub.call(&bob, "PUT", path, &json!({ "builder": true })).await.ok();
        let twin = here.get("/user/.json").await.ok();
        let request = json!({ "project": "alice/libs", "url": "/coprs/alice/libs/permissions/", "user": "bob",
                              "roles": ["builder"] });
        assert_eq!(twin["requests"], json!([request]));
        let other = Browser::signed_in(&hub, "bob").await;
        assert_eq!(other.get("/user/.json").await.ok()["requests"], json!([]));

        let wrong = here.form("/user/mail/", &[("mail", HOSTILE)]).await;
        assert!(wrong.status == StatusCode::BAD_REQUEST && wrong.text().contains("id=\"mail-wrong\""));
        assert!(!wrong.text().contains("<script>alert"), "{}", wrong.text());
        assert_there(&here.form("/user/mail/", &[("mail", " alice@x.org ")]).await, "/user/?done=1");
        assert_eq!(here.get("/user/.json").await.ok()["mail"], "alice@x.org");
        for path in ["/coprs/alice/", "/coprs/alice/.json", "/api_3/project/list?ownername=alice"] {
            assert!(!other.get(path).await.text().contains("alice@x.org"), "{path}");
        }
        assert_there(&here.form("/user/mail/", &[("mail", "")]).await, "/user/?done=1");
        assert_eq!(here.get("/user/.json").await.ok()["mail"], "");

        assert_there(&here.form("/user/sessions/end/", &[]).await, "/user/?done=1");
        assert!(there.get("/user/").await.header("location").starts_with("/login/"));
        assert_eq!(here.get("/user/.json").await.ok()["sessions"], 1);
        assert_eq!(other.get("/user/").await.status, StatusCode::OK, "another's stay");
    }
}

#[tokio::test]
async fn a_group_is_made_filled_and_deleted_in_the_browser() {
    for mut hub in Hub::on_every_engine().await {
        for name in ["alice", "bob"] {
            person(&hub, name).await;
        }
        let mut config = (*hub.state.config).clone();
        config.people.groups = GroupMakers::Users;
        hub.state.config = Arc::new(config);
        hub.router = http::router(hub.state.clone());
        let (alice, bob) = (Browser::signed_in(&hub, "alice").await, Browser::signed_in(&hub, "bob").await);
        let page = alice.form("/groups/", &[("name", HOSTILE)]).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.text().contains("id=\"name-wrong\""), "{}", page.text());
        assert!(!page.text().contains("<script>alert"), "{}", page.text());
        group(&hub, &alice).await;
        assert_eq!(bob.form("/groups/", &[("name", "sig")]).await.status, StatusCode::BAD_REQUEST, "it is taken");

        let members = "/groups/sig/members/";
        let page = alice.form(members, &[("user", HOSTILE), ("as", "member")]).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.text().contains("id=\"user-wrong\""), "{}", page.text());
        assert!(!page.text().contains("<script>alert"), "{}", page.text());
        let page = alice.form(members, &[("user", "alice"), ("as", "nobody")]).await;
        assert!(page.text().contains("Nobody would be left"), "{}", page.text());
        assert_there(&alice.form(members, &[("user", "bob"), ("as", "member")]).await, "/groups/sig/");
        let project = [("name", "tools"), ("chroots", CHROOT), ("auto_prune", "true"), SHOWN];
        assert_there(&bob.form("/coprs/g/sig/add/", &project).await, "/coprs/g/sig/tools/");
        assert_eq!(bob.get("/groups/sig/.json").await.ok()["members"][1]["name"], "bob");
        let page = alice.get("/coprs/g/sig/tools/permissions/.json").await.ok();
        let member = |user: &str, admin: bool| json!({ "user": user, "admin": admin });
        assert_eq!(page["members"], json!([member("alice", true), member("bob", false)]));
        assert!(alice.get("/coprs/g/sig/tools/permissions/").await.text().contains("href=\"/groups/sig/\""));
        assert_eq!(hub.get("/coprs/g/sig/tools/permissions/.json").await.ok()["members"], json!([]), "for users only");
        assert_eq!(alice.form("/groups/sig/delete/", &[]).await.status, StatusCode::CONFLICT);
        assert_there(&alice.form(members, &[("user", "bob"), ("as", "nobody")]).await, "/groups/sig/");
        assert_eq!(bob.form("/coprs/g/sig/add/", &project).await.status, StatusCode::FORBIDDEN);

        assert_there(&alice.form("/groups/", &[("name", "other")]).await, "/groups/other/");
        assert_there(&alice.form("/groups/other/delete/", &[]).await, "/groups/");
        assert_eq!(hub.get("/groups/.json").await.ok()["groups"][0]["name"], "@sig");
    }
}

#[tokio::test]
async fn administrators_let_users_in_and_say_how_long_chroots_live() {
    for hub in Hub::on_every_engine().await {
        person(&hub, admin::ADMIN).await;
        let user = person(&hub, "bob").await;
        let root = Browser::signed_in(&hub, admin::ADMIN).await;
        let bob = Browser::signed_in(&hub, "bob").await;
        assert!(root.get("/admin/").await.text().contains("bob"));
        assert_eq!(root.get("/admin/.json?user=BO").await.ok()["users"].as_array().unwrap().len(), 1);
        for odd in ["%25", "_", "%00", "x%27"] {
            let found = root.get(&format!("/admin/.json?user={odd}")).await;
            assert!(found.status == StatusCode::OK, "{odd}: {}", found.text());
        }
        assert_eq!(root.get("/admin/.json?user=%25").await.ok()["users"], json!([]));

        let set = async |user: &str, to: &str| root.form("/admin/users/", &[("user", user), ("to", to)]).await;
        assert_there(&set("bob", "disabled").await, "/admin/?user=bob");
        assert_eq!(hub.call(&user, "GET", "/api_3/auth-check", &Value::Null).await.status, StatusCode::UNAUTHORIZED);
        assert!(bob.get("/user/").await.header("location").starts_with("/login/"));
        set("bob", "enabled").await;
        set("bob", "admin").await;
        let bob = Browser::signed_in(&hub, "bob").await;
        assert_eq!(bob.get("/admin/").await.status, StatusCode::OK);
        set("bob", "plain").await;
        assert_eq!(bob.get("/admin/").await.status, StatusCode::FORBIDDEN, "with the next call");
        for to in ["disabled", "plain"] {
            assert_eq!(set("admin", to).await.status, StatusCode::BAD_REQUEST, "nobody shuts himself out");
        }
        assert_eq!(set("nobody", "disabled").await.status, StatusCode::NOT_FOUND);

        let chroots = "/admin/chroots/";
        let wrong = [("chroot", CHROOT), ("comment", HOSTILE), ("eol", "soon"), ("active", "true")];
        let page = root.form(chroots, &wrong).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.text().contains("value=\"soon\""), "{}", page.text());
        assert!(!page.text().contains("<script>alert"), "{}", page.text());
        assert_eq!(hub.rows().await["chroot_notes"], 0, "all of it or nothing");
        let right = [("chroot", CHROOT), ("comment", HOSTILE), ("eol", "2999-12-31"), ("active", "true")];
        assert_there(&root.form(chroots, &right).await, "/admin/chroots/?done=1");
        assert_eq!(hub.get("/api_3/mock-chroots/list").await.ok()[CHROOT], HOSTILE);
        assert!(!root.get(chroots).await.text().contains("<script>alert"));
        root.form(chroots, &[("chroot", CHROOT), ("comment", ""), ("eol", "")]).await;
        assert!(hub.get("/api_3/mock-chroots/list").await.ok().get(CHROOT).is_none(), "it is not offered any more");
        assert_eq!(root.form(chroots, &[("chroot", "fedora-1-x86_64")]).await.status.as_u16(), 404);

        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": ["fedora-43-x86_64"] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        let repository = db::task::RepositoryKey {
            owner: "alice".parse().unwrap(),
            dirname: "libs".parse().unwrap(),
            chroot: "fedora-43-x86_64".parse().unwrap(),
        };
        db::task::enqueue(&hub.state.db, &repository, clock::now_ms()).await.unwrap();
        let tasks = root.get("/admin/tasks/.json").await.ok();
        assert_eq!(tasks["tasks"][0]["repository"], "alice/libs/fedora-43-x86_64");
        assert_there(&root.form("/admin/tasks/retry/", &[]).await, "/admin/tasks/?done=1");
    }
}
