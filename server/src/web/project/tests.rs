//! The pages of a project, asked in this process.

use axum::http::StatusCode;
use copr_api::{names::DirName, v3::Permission};

use crate::{
    db::{self, project::Project},
    web::{
        seed::{Answer, Browser, CHROOT, HOSTILE, Town},
        tests::assert_page,
    },
};

/// `alice/p` with some builds, and alice's browser.
async fn alices() -> (Town, Project, Browser) {
    let town = Town::empty().await;
    let alice = town.sign_in("alice", false).await;
    let project = town.project("alice/p", &[CHROOT, "fedora-44-x86_64"], |_| {}).await;
    (town, project, alice)
}

async fn again(town: &Town, project: &Project) -> Project {
    db::project::by_id(&town.state.db, project.id).await.unwrap().unwrap()
}

fn assert_led_to(answer: &Answer, path: &str) {
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, path), "{}", answer.text());
}

/// All pages of a project that can be looked at.
const PAGES: [&str; 15] = [
    "",
    "packages/",
    "builds/",
    "monitor/",
    "promotions/",
    "permissions/",
    "edit/",
    "edit_chroot/minidistro-12-x86_64/",
    "fork/",
    "delete/",
    "integrations/",
    "prune/",
    "rebuilds/",
    "packages/add/",
    "package/libgreet/edit/",
];

#[tokio::test]
async fn every_page_of_a_project_shows_for_its_owner_by_both_addresses_and_as_json() {
    let (town, project, alice) = alices().await;
    let group = town.project("@sig/p", &[CHROOT], |_| {}).await;
    let admin = town.sign_in("root", true).await;
    town.build(&project, "libgreet", "p").await;
    town.build(&group, "libgreet", "p").await;
    for page in PAGES.into_iter().chain(["package/libgreet/"]) {
        for (browser, base) in [(&alice, "/coprs/alice/p/"), (&admin, "/coprs/g/sig/p/"), (&admin, "/coprs/@sig/p/")] {
            assert_page(&town.look(browser, &format!("{base}{page}")).await, StatusCode::OK);
            let json = town.look(browser, &format!("{base}{page}.json")).await;
            assert_eq!((json.status, json.header("content-type")), (StatusCode::OK, "application/json"), "{page}");
            let json: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
            assert_eq!(json["name"], "p", "{json}");
            assert!(!json.to_string().contains("csrf"), "{json}");
        }
    }
    let moved = town.look(&alice, "/coprs/alice/p/edit?x=1").await;
    assert_eq!(moved.header("location"), "/coprs/alice/p/edit/?x=1");
}

#[tokio::test]
async fn nothing_that_anybody_wrote_becomes_markup_on_any_page() {
    let (town, project, alice) = alices().await;
    let long = format!("{HOSTILE}{HOSTILE}");
    let hostile = Project {
        description: Some(HOSTILE.to_owned()),
        instructions: Some(long.clone()),
        homepage: Some(HOSTILE.to_owned()),
        contact: Some(HOSTILE.to_owned()),
        additional_repos: vec!["<svg/onload=alert(5)>".to_owned(), "https://x/\"><script>alert(4)</script>".to_owned()],
        runtime_dependencies: vec![format!("https://x/{}", HOSTILE.replace(' ', "_"))],
        packit_forge_projects_allowed: vec!["\"><script>alert(8)</script>".to_owned()],
        bootstrap: "\"><script>".to_owned(),
        ..project.clone()
    };
    db::project::set(&town.state.db, &hostile, None, false, 0, 0).await.unwrap();
    town.build(&project, "libgreet", "p").await;
    let mut package = db::package::get(&town.state.db, project.id, "libgreet").await.unwrap().unwrap();
    package.source_type = HOSTILE.to_owned();
    package.source_dict = serde_json::json!({ "clone_url": HOSTILE, "spec": HOSTILE, "url": HOSTILE });
    package.chroot_denylist = vec!["<script>alert(7)</script>".to_owned()];
    db::package::set(&town.state.db, &package).await.unwrap();
    town.lease("l").await;
    town.fail("l", HOSTILE).await;
    let query = "?q=%3Cscript%3E%22&package=%22%3E%3Cscript%3E&state=%22%3E%3Cscript%3E&page=%22%3E&dirname=";
    for page in PAGES.into_iter().chain(["package/libgreet/"]) {
        let page = town.look(&alice, &format!("/coprs/alice/p/{page}{query}")).await;
        assert_page(&page, StatusCode::OK);
        let text = page.text();
        for bad in ["<script>", "<img src=x", "<svg/", "\"'>", "\"><"] {
            let ours = if bad == "\"><" { 0 } else { text.matches(bad).count() };
            assert_eq!(ours, 0, "{bad} in {text}");
        }
    }
    for (path, fields) in [
        ("edit/", vec![("homepage", HOSTILE), ("contact", HOSTILE), ("repo_priority", HOSTILE), ("chroots", HOSTILE)]),
        ("edit_chroot/minidistro-12-x86_64/", vec![("additional_packages", HOSTILE), ("cpus", HOSTILE)]),
        ("fork/", vec![("name", HOSTILE), ("ownername", HOSTILE)]),
        ("delete/", vec![("confirm", HOSTILE)]),
        ("prune/", vec![("keep", HOSTILE), ("older_than_days", HOSTILE)]),
        ("promotions/", vec![("source", HOSTILE), ("what", HOSTILE), ("chroots", HOSTILE)]),
        ("promotions/gates/", vec![("votes", HOSTILE), ("days", HOSTILE)]),
        ("permissions/", vec![("user", HOSTILE), ("builder", "approved")]),
        ("packages/add/", vec![("package_name", HOSTILE), ("source_type", HOSTILE), ("clone_url", HOSTILE)]),
    ] {
        let page = town.send(&alice, &format!("/coprs/alice/p/{path}"), &fields).await;
        assert_page(&page, StatusCode::BAD_REQUEST);
        let text = page.text();
        for bad in ["<script>", "<img src=x", "\"'>"] {
            assert!(!text.contains(bad), "{bad} in {path}: {text}");
        }
    }
}

#[tokio::test]
async fn settings_are_changed_by_the_form_and_what_was_not_touched_stays() {
    let (town, project, alice) = alices().await;
    let mut with_end = again(&town, &project).await;
    with_end.delete_at_ms = Some(crate::clock::now_ms() + 20 * 86_400_000);
    db::project::set(&town.state.db, &with_end, None, false, 0, 0).await.unwrap();
    let days = "19";
    let shown = town.look(&alice, "/coprs/alice/p/edit/").await.text();
    assert!(shown.contains(&format!("name=\"delete_after_days\" value=\"{days}\"")), "{shown}");
    let done = town
        .send(
            &alice,
            "/coprs/alice/p/edit/",
            &[
                ("description", "One\r\ntwo"),
                ("homepage", "https://example.org/"),
                ("chroots", CHROOT),
                ("additional_repos", "https://example.org/a/\r\ncopr://alice/p2"),
                ("multilib", "true"),
                ("rpmlint", "enforce"),
                ("bootstrap", "off"),
                ("isolation", "simple"),
                ("auto_prune", "true"),
                ("delete_after_days", days),
            ],
        )
        .await;
    assert_led_to(&done, "/coprs/alice/p/edit/?done=1");
    let now = again(&town, &project).await;
    assert_eq!(now.description.as_deref(), Some("One\ntwo"));
    assert_eq!(now.homepage.as_deref(), Some("https://example.org/"));
    assert_eq!(now.additional_repos, ["https://example.org/a/", "copr://alice/p2"]);
    assert!(now.multilib && !now.enable_net && now.auto_prune);
    assert_eq!((now.rpmlint.as_str(), now.bootstrap.as_str()), ("enforce", "off"));
    assert_eq!(now.delete_at_ms, with_end.delete_at_ms, "a saving does not put the end off");
    let chroots = db::chroot::of_project(&town.state.db, project.id).await.unwrap();
    assert_eq!(chroots.len(), 1);
    assert!(town.look(&alice, "/coprs/alice/p/edit/?done=1").await.text().contains("The settings are saved."));
}

#[tokio::test]
async fn a_number_that_is_emptied_is_none_any_more() {
    let (town, project, alice) = alices().await;
    let path = "/coprs/alice/p/edit/";
    let with = [("repo_priority", "5"), ("delete_after_days", "9"), ("chroots", CHROOT), ("auto_prune", "true")];
    assert_led_to(&town.send(&alice, path, &with).await, "/coprs/alice/p/edit/?done=1");
    let now = again(&town, &project).await;
    assert!(now.repo_priority == Some(5) && now.delete_at_ms.is_some(), "{now:?}");
    let without = [("repo_priority", ""), ("delete_after_days", " "), ("chroots", CHROOT), ("auto_prune", "true")];
    assert_led_to(&town.send(&alice, path, &without).await, "/coprs/alice/p/edit/?done=1");
    let now = again(&town, &project).await;
    assert_eq!((now.repo_priority, now.delete_at_ms), (None, None));
    let page = town.look(&alice, path).await.text();
    assert!(page.contains("id=\"delete_after_days-hint\">Empty: never."), "{page}");
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_what_was_typed_is_still_there() {
    let (town, project, alice) = alices().await;
    let fields = [
        ("description", "kept while it is wrong"),
        ("homepage", "nonsense"),
        ("repo_priority", "many"),
        ("chroots", CHROOT),
        ("auto_prune", "true"),
    ];
    let page = town.send(&alice, "/coprs/alice/p/edit/", &fields).await;
    assert_page(&page, StatusCode::BAD_REQUEST);
    let text = page.text();
    assert!(text.contains("id=\"repo_priority-wrong\">This is no number."), "{text}");
    assert!(text.contains("kept while it is wrong") && text.contains("value=\"nonsense\""), "{text}");
    let fields = [("homepage", "nonsense"), ("repo_priority", "100"), ("chroots", CHROOT), ("auto_prune", "true")];
    let text = town.send(&alice, "/coprs/alice/p/edit/", &fields).await.text();
    assert!(text.contains("id=\"homepage-wrong\">Invalid URL."), "{text}");
    assert!(text.contains("id=\"repo_priority-wrong\">Number must be between 1 and 99."), "{text}");
    let homepage = text.split("id=\"f-homepage\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(homepage.contains("aria-invalid=\"true\"") && homepage.contains("homepage-wrong"), "{homepage}");
    assert_eq!(again(&town, &project).await.description, None);
}

#[tokio::test]
async fn a_chroot_has_its_own_settings() {
    let (town, project, alice) = alices().await;
    let path = format!("/coprs/alice/p/edit_chroot/{CHROOT}/");
    let fields = [
        ("additional_packages", "gcc-c++\r\nmake"),
        ("with_opts", "tests"),
        ("memory_mib", "4096"),
        ("cpus", ""),
        ("bootstrap", "unchanged"),
        ("isolation", "nspawn"),
    ];
    assert_led_to(&town.send(&alice, &path, &fields).await, &format!("{path}?done=1"));
    let of = db::chroot::get(&town.state.db, project.id, &CHROOT.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(of.additional_packages, ["gcc-c++", "make"]);
    assert_eq!((of.with_opts, of.memory_mib, of.cpus), (vec!["tests".to_owned()], Some(4096), None));
    let wrong = town.send(&alice, &path, &[("with_opts", "--x"), ("cpus", "x")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("id=\"cpus-wrong\""), "{}", wrong.text());
    assert_page(&town.look(&alice, "/coprs/alice/p/edit_chroot/fedora-1-x86_64/").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_comps_file_comes_and_goes_only_with_the_sessions_own_token() {
    let (town, project, alice) = alices().await;
    let path = format!("/coprs/alice/p/edit_chroot/{CHROOT}/comps/");
    let upload = async |csrf: &str, xml: &str| {
        let body = format!(
            "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--x\r\nContent-Disposition: form-data; \
             name=\"comps\"; filename=\"c.xml\"\r\n\r\n{xml}\r\n--x--\r\n"
        );
        let kind = "multipart/form-data; boundary=x";
        let base = &*town.state.base_url;
        town.call("POST", &path, &[("cookie", &alice.cookie), ("origin", base), ("content-type", kind)], body).await
    };
    let name = async || {
        let chroot = CHROOT.parse().unwrap();
        db::chroot::get(&town.state.db, project.id, &chroot).await.unwrap().unwrap().comps_name
    };
    assert_page(&upload("wrong", "<comps/>").await, StatusCode::FORBIDDEN);
    assert_eq!(name().await, None);
    let bad = upload(&alice.csrf, "<nonsense").await;
    assert_page(&bad, StatusCode::BAD_REQUEST);
    assert!(bad.text().contains("This is no comps.xml"), "{}", bad.text());
    let chroot = format!("/coprs/alice/p/edit_chroot/{CHROOT}/?done=1");
    assert_led_to(&upload(&alice.csrf, "<comps><group><id>g</id><name>G</name></group></comps>").await, &chroot);
    assert_eq!(name().await.as_deref(), Some("c.xml"));
    assert_led_to(&town.send(&alice, &format!("{path}delete/"), &[]).await, &chroot);
    assert_eq!(name().await, None);
}

/// Every address that changes something.
const FORMS: [&str; 14] = [
    "edit/",
    "edit_chroot/minidistro-12-x86_64/",
    "edit_chroot/minidistro-12-x86_64/comps/delete/",
    "fork/",
    "delete/",
    "regenerate_repos/",
    "integrations/",
    "integrations/add/",
    "integrations/1/",
    "permissions/",
    "permissions/request/",
    "packages/add/",
    "package/libgreet/edit/",
    "package/libgreet/delete/",
];

#[tokio::test]
async fn no_form_is_taken_from_another_site_without_the_token_or_from_nobody() {
    let (town, project, alice) = alices().await;
    town.build(&project, "libgreet", "p").await;
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let base = town.state.base_url.to_string();
    for form in FORMS {
        let path = format!("/coprs/alice/p/{form}");
        let cookie = ("cookie", alice.cookie.as_str());
        let good = format!("csrf={}&confirm=alice/p&user=bob&builder=approved", alice.csrf);
        let foreign = [cookie, kind, ("origin", "https://evil.example")];
        assert_page(&town.call("POST", &path, &foreign, good.clone()).await, StatusCode::FORBIDDEN);
        let none = [cookie, kind];
        assert_page(&town.call("POST", &path, &none, good.clone()).await, StatusCode::FORBIDDEN);
        let own = [cookie, kind, ("origin", base.as_str())];
        let stale = "csrf=0000&confirm=alice/p".to_owned();
        assert_page(&town.call("POST", &path, &own, stale).await, StatusCode::FORBIDDEN);
        let nobody = town.call("POST", &path, &[kind, ("origin", base.as_str())], good).await;
        assert_eq!(nobody.status, StatusCode::SEE_OTHER, "{path}");
        assert!(nobody.header("location").starts_with("/login"), "{path}");
    }
    assert_eq!(again(&town, &project).await, project);
}

#[tokio::test]
async fn who_may_not_is_told_so_and_nothing_happens() {
    let (town, project, _) = alices().await;
    town.build(&project, "libgreet", "p").await;
    let bob = town.sign_in("bob", false).await;
    for page in ["edit/", "edit_chroot/minidistro-12-x86_64/", "delete/", "integrations/", "packages/add/"] {
        let path = format!("/coprs/alice/p/{page}");
        let answer = town.look(&bob, &path).await;
        assert_page(&answer, StatusCode::FORBIDDEN);
        assert!(answer.text().contains("bob may not"), "{}", answer.text());
        let nobody = town.get(&path).await;
        assert_eq!(nobody.status, StatusCode::SEE_OTHER, "{path}");
        assert!(nobody.header("location").contains("%2Fcoprs%2Falice%2Fp%2F"), "{}", nobody.header("location"));
        assert_eq!(town.get(&format!("{path}.json")).await.status, StatusCode::UNAUTHORIZED);
    }
    for form in FORMS.into_iter().filter(|form| !matches!(*form, "fork/" | "permissions/request/")) {
        let fields = [("confirm", "alice/p"), ("user", "bob"), ("builder", "approved"), ("package_name", "x")];
        let answer = town.send(&bob, &format!("/coprs/alice/p/{form}"), &fields).await;
        assert_page(&answer, StatusCode::FORBIDDEN);
    }
    assert_eq!(again(&town, &project).await, project);
    let text = town.look(&bob, "/coprs/alice/p/").await.text();
    assert!(!text.contains("/coprs/alice/p/edit/"), "{text}");
}

#[tokio::test]
async fn somebody_asks_for_a_role_and_the_owner_gives_it() {
    let (town, project, alice) = alices().await;
    let bob = town.sign_in("bob", false).await;
    let path = "/coprs/alice/p/permissions/";
    let roles = async || {
        let all = db::permission::of_project(&town.state.db, project.id).await.unwrap();
        all.first().map(|(_, roles)| (roles.builder, roles.admin))
    };
    assert!(town.look(&bob, path).await.text().contains("Ask to build here"));
    assert_led_to(&town.send(&bob, &format!("{path}request/"), &[("builder", "true")]).await, path);
    assert_eq!(roles().await, Some((Permission::Request, Permission::Nothing)));
    assert!(town.look(&bob, path).await.text().contains("You have asked to build here."));
    assert!(!town.get(path).await.text().contains("bob"), "what somebody asks for is not everybody's business");
    let asked = town.look(&alice, path).await.text();
    assert!(asked.contains("bob") && asked.contains("Approve") && asked.contains("Deny"), "{asked}");
    assert_led_to(&town.send(&alice, path, &[("user", "bob"), ("builder", "approved")]).await, path);
    assert_eq!(roles().await, Some((Permission::Approved, Permission::Nothing)));
    assert!(town.get(path).await.text().contains("bob"));
    assert!(town.look(&bob, "/coprs/alice/p/builds/").await.text().contains("New build"));
    let unknown = town.send(&alice, path, &[("user", "carol"), ("admin", "approved")]).await;
    assert_page(&unknown, StatusCode::BAD_REQUEST);
    assert!(unknown.text().contains("id=\"user-wrong\">User carol does not exist."), "{}", unknown.text());
    assert_led_to(&town.send(&alice, path, &[("user", "bob"), ("builder", "nothing")]).await, path);
    assert_eq!(roles().await, None);
}

#[tokio::test]
async fn a_project_is_deleted_only_when_its_name_is_typed_and_open_pages_say_that_it_is_gone() {
    let (town, project, alice) = alices().await;
    let path = "/coprs/alice/p/delete/";
    let wrong = town.send(&alice, path, &[("confirm", "p")]).await;
    assert_page(&wrong, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("id=\"confirm-wrong\""), "{}", wrong.text());
    town.build(&project, "libgreet", "p").await;
    town.lease("l").await;
    let busy = town.send(&alice, path, &[("confirm", "alice/p")]).await;
    assert_page(&busy, StatusCode::CONFLICT);
    assert!(busy.text().contains("still in progress"), "{}", busy.text());
    town.fail("l", "no").await;
    assert_led_to(&town.send(&alice, path, &[("confirm", "alice/p")]).await, "/coprs/alice/");
    for page in PAGES {
        assert_page(&town.look(&alice, &format!("/coprs/alice/p/{page}")).await, StatusCode::NOT_FOUND);
    }
    for form in FORMS {
        assert_page(&town.send(&alice, &format!("/coprs/alice/p/{form}"), &[]).await, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_package_is_added_changed_and_deleted() {
    let (town, project, alice) = alices().await;
    let base = "/coprs/alice/p/";
    let fields = [
        ("package_name", "greet"),
        ("source_type", "scm"),
        ("clone_url", "https://example.org/greet.git"),
        ("source_build_method", "rpkg"),
        ("webhook_rebuild", "true"),
        ("max_builds", "3"),
        ("chroot_denylist", "epel-*"),
    ];
    let package = format!("{base}package/greet/");
    assert_led_to(&town.send(&alice, &format!("{base}packages/add/"), &fields).await, &package);
    let twice = town.send(&alice, &format!("{base}packages/add/"), &fields).await;
    assert!(twice.text().contains("id=\"package_name-wrong\">Package greet already exists"), "{}", twice.text());
    let text = town.look(&alice, &package).await.text();
    for said in ["https://example.org/greet.git", "epel-*", "Build it now", "last_build.svg"] {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert!(!town.get(&package).await.text().contains("Build it now"));
    let change = [("source_type", "link"), ("pkgs", "https://example.org/greet-1-1.src.rpm"), ("timeout", "60")];
    assert_led_to(&town.send(&alice, &format!("{package}edit/"), &change).await, &package);
    let found = db::package::get(&town.state.db, project.id, "greet").await.unwrap().unwrap();
    assert_eq!((found.source_type.as_str(), found.timeout, found.max_builds), ("link", Some(60), Some(3)));
    assert!(!found.webhook_rebuild);
    let built = town.send(&alice, &format!("{package}rebuild/"), &[]).await;
    assert!(built.header("location").starts_with("/coprs/build/"), "{}", built.text());
    assert_led_to(&town.send(&alice, &format!("{package}reset/"), &[]).await, &package);
    assert_page(&town.send(&alice, &format!("{package}rebuild/"), &[]).await, StatusCode::BAD_REQUEST);
    let busy = town.send(&alice, &format!("{package}delete/"), &[]).await;
    assert_page(&busy, StatusCode::CONFLICT);
    assert!(busy.text().contains("are not finished"), "{}", busy.text());
    town.lease("l").await;
    town.fail("l", "no").await;
    assert_led_to(&town.send(&alice, &format!("{package}delete/"), &[]).await, &format!("{base}packages/"));
    assert_page(&town.look(&alice, &package).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_fork_has_the_name_that_was_asked_for_and_a_secret_is_shown_once() {
    let (town, project, alice) = alices().await;
    let fork = "/coprs/alice/p/fork/";
    assert_led_to(&town.send(&alice, fork, &[("ownername", "alice"), ("name", "q")]).await, "/coprs/alice/q/");
    let twice = town.send(&alice, fork, &[("ownername", "alice"), ("name", "q")]).await;
    assert_page(&twice, StatusCode::BAD_REQUEST);
    let foreign = town.send(&alice, fork, &[("ownername", "@sig"), ("name", "q")]).await;
    assert_page(&foreign, StatusCode::BAD_REQUEST);
    assert!(foreign.text().contains("id=\"ownername-wrong\""), "{}", foreign.text());
    let shown = town.send(&alice, "/coprs/alice/p/integrations/", &[]).await;
    assert_page(&shown, StatusCode::OK);
    assert_eq!(shown.header("cache-control"), "no-store");
    assert!(shown.text().contains("<code>"), "{}", shown.text());
    assert!(!town.look(&alice, "/coprs/alice/p/integrations/").await.text().contains("<code>"));
    assert_eq!(again(&town, &project).await.name, project.name);
}

#[tokio::test]
async fn badges_say_how_the_newest_build_went_by_coprs_own_address() {
    let (town, project, _) = alices().await;
    let badge = |package: &str| format!("/coprs/alice/p/package/{package}/status_image/last_build.png");
    let unknown = town.get(&badge("nope")).await;
    assert_eq!((unknown.status, unknown.header("content-type")), (StatusCode::OK, "image/svg+xml"));
    assert!(unknown.text().contains(">unknown<"), "{}", unknown.text());
    town.build(&project, "libgreet", "p").await;
    town.lease("l").await;
    town.fail("l", "no").await;
    assert!(town.get(&badge("libgreet")).await.text().contains(">failed<"));
    assert!(town.get(&badge("%00%3Cscript%3E")).await.text().contains(">unknown<"));
    assert_eq!(town.get("/coprs/alice/nope/package/x/status_image/last_build.svg").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_monitor_shows_the_newest_build_of_each_package_in_each_chroot_a_page_at_a_time() {
    let (town, project, _) = alices().await;
    for number in 0..60 {
        town.build(&project, &format!("pkg{number:02}"), "p").await;
    }
    town.build(&project, "side", "p:custom:x").await;
    let page = town.get("/coprs/alice/p/monitor/").await;
    assert_page(&page, StatusCode::OK);
    let text = page.text();
    assert_eq!(text.matches("<tr><th scope=\"row\">").count(), 50);
    assert!(text.contains("not built") && text.contains("rel=\"next\"") && text.contains("p:custom:x"), "{text}");
    let second = town.get("/coprs/alice/p/monitor/?page=2").await.text();
    assert!(second.contains("pkg59") && !second.contains("pkg00"), "{second}");
    let some = town.get("/coprs/alice/p/monitor/.json?q=KG3").await;
    let some: serde_json::Value = serde_json::from_slice(&some.bytes).unwrap();
    assert_eq!(some["packages"].as_array().unwrap().len(), 10, "{some}");
    assert_eq!(some["packages"][0]["cells"][1]["state"], "pending", "{some}");
    assert_eq!(town.get("/coprs/alice/p/monitor/?dirname=p:custom:y").await.status, StatusCode::NOT_FOUND);
    let side = town.get("/coprs/alice/p/monitor/?dirname=p:custom:x&q=side").await.text();
    assert!(side.contains(">pending<"), "{side}");
    assert!(town.get("/coprs/alice/p/packages/?q=%25").await.text().contains("No such package"));
}

#[tokio::test]
async fn builds_are_found_by_package_and_state() {
    let (town, project, _) = alices().await;
    for package in ["one", "two", "two"] {
        town.build(&project, package, "p").await;
    }
    town.lease("l").await;
    town.fail("l", "no").await;
    let count = async |query: &str| {
        let answer = town.get(&format!("/coprs/alice/p/builds/.json{query}")).await;
        let json: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap();
        json["builds"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 3);
    assert_eq!(count("?package=two").await, 2);
    assert_eq!(count("?state=failed").await, 1);
    assert_eq!(count("?package=two&state=failed").await, 0);
    assert_eq!(count("?state=nonsense&page=x").await, 3);
    assert_eq!(count("?page=2").await, 0);
}

#[tokio::test]
async fn the_chain_shows_who_needs_a_project_as_well() {
    let town = Town::with_a_chain().await;
    // Names that only begin alike are others.
    town.project("carol/x", &[CHROOT], |project| project.runtime_dependencies = vec!["copr://alice/libs2".to_owned()])
        .await;
    town.project("carol/y", &[CHROOT], |project| {
        project.additional_repos = vec!["copr://alice/libs?priority=5".to_owned()];
    })
    .await;
    let page = town.get("/coprs/alice/libs/.json").await;
    let json: serde_json::Value = serde_json::from_slice(&page.bytes).unwrap();
    let labels: Vec<&str> =
        json["needed_by"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["bob/app", "carol/y"]);
    let text = town.get("/coprs/alice/libs/").await.text();
    assert!(text.contains("<svg class=\"picture\"") && text.contains("href=\"/coprs/bob/app/\""), "{text}");
}

#[tokio::test]
async fn directories_of_a_project_are_no_projects() {
    let (town, _, _) = alices().await;
    assert!("p:custom:x".parse::<DirName>().is_ok());
    assert_page(&town.get("/coprs/alice/p:custom:x/").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_would_be_pruned_is_shown_before_it_goes_and_can_be_brought_back() {
    let (town, project, alice) = alices().await;
    let mut builds = Vec::new();
    for lease in ["a", "b"] {
        builds.push(town.build(&project, "libgreet", "p").await);
        town.lease(lease).await;
        town.succeed(lease, &["libgreet-1.0-1.x86_64.rpm"]).await;
    }
    let address = "/coprs/alice/p/prune/";
    let wish = [("keep", "1"), ("older_than_days", "0")];
    let shown = town.send(&alice, address, &wish).await;
    assert_page(&shown, StatusCode::OK);
    let text = shown.text();
    assert!(text.contains("Delete 1 build<") && text.contains(&format!("/coprs/build/{}\"", builds[0])), "{text}");
    assert!(db::build::get(&town.state.db, builds[0]).await.unwrap().is_some(), "it was only shown");
    let wrong = town.send(&alice, address, &[("keep", "0"), ("older_than_days", "soon")]).await;
    assert_page(&wrong, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("id=\"older_than_days-wrong\">It must be a number."), "{}", wrong.text());
    let sure = [("keep", "1"), ("older_than_days", "0"), ("sure", "true")];
    assert_led_to(&town.send(&alice, address, &sure).await, &format!("{address}?done=1"));
    assert!(db::build::get(&town.state.db, builds[0]).await.unwrap().is_none());
    let page = town.look(&alice, &format!("{address}?done=1")).await.text();
    assert!(page.contains("Bring back") && page.contains(&format!("{} libgreet 1.0-1", builds[0])), "{page}");
    let prune = db::prune::of_project(&town.state.db, project.id, 0).await.unwrap()[0].id.to_string();
    let undo = format!("{address}undo/");
    assert_led_to(&town.send(&alice, &undo, &[("prune_id", &prune)]).await, &format!("{address}?done=1"));
    assert!(db::build::get(&town.state.db, builds[0]).await.unwrap().is_some());
    assert_page(&town.send(&alice, &undo, &[("prune_id", &prune)]).await, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_an_owner_stores_is_a_bar_for_those_who_may_build_and_on_the_owners_page() {
    let (town, project, alice) = alices().await;
    town.build(&project, "libgreet", "p").await;
    town.lease("a").await;
    town.succeed("a", &["libgreet-1.0-1.x86_64.rpm"]).await;
    db::quota::set(&town.state.db, &project.owner, Some(49_362)).await.unwrap();
    for path in ["/coprs/alice/p/", "/coprs/alice/", "/user/"] {
        let text = town.look(&alice, path).await.text();
        assert!(text.contains("Storage</span>: 24.1 KiB of 48.2 KiB used"), "{path}: {text}");
        assert!(text.contains("value=\"50\" title=\"50 % of the quota\""), "{path}: {text}");
        let json = town.look(&alice, &format!("{path}.json")).await;
        let json: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
        assert_eq!(json["quota"], serde_json::json!({ "used": 24_681, "limit": 49_362 }), "{path}");
    }
    assert!(!town.get("/coprs/alice/p/").await.text().contains("Storage</span>"), "visitors build nothing");
    // The form says what is the matter beside the field.
    db::quota::set(&town.state.db, &project.owner, Some(1)).await.unwrap();
    let form = [("pkgs", "https://src.example.org/a-1-1.src.rpm"), ("chroots", CHROOT)];
    let page = town.send(&alice, "/coprs/alice/p/add_build/url/", &form).await;
    assert_page(&page, StatusCode::BAD_REQUEST);
    assert!(
        page.text().contains("id=\"pkgs-wrong\">The quota is exceeded: 24.1 KiB of 1 B are used"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn builds_are_promoted_voted_on_and_refused_on_pages() {
    let (town, source, alice) = alices().await;
    let bob = town.sign_in("bob", false).await;
    town.project("alice/q", &[CHROOT], |_| {}).await;
    town.build(&source, "libgreet", "p").await;
    town.lease("l").await;
    town.succeed("l", &["libgreet-1.0-1.x86_64.rpm"]).await;
    let page = "/coprs/alice/q/promotions/";
    let refused = town.send(&alice, &format!("{page}gates/"), &[("votes", "many"), ("days", "0")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("Not a valid integer value."), "{}", refused.text());
    assert_led_to(
        &town.send(&alice, &format!("{page}gates/"), &[("votes", "2"), ("by_hand", "true")]).await,
        "/coprs/alice/q/promotions/?done=1",
    );
    let shown = town.look(&bob, page).await.text();
    assert!(shown.contains("Votes that sum up to 2.") && !shown.contains("Promote into this project"), "{shown}");
    let wrong = town.send(&alice, page, &[("source", "alice/nothing")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("Project alice/nothing does not exist."), "{}", wrong.text());
    let one = format!("{page}1/");
    assert_led_to(&town.send(&alice, page, &[("source", "alice/p"), ("what", "libgreet")]).await, &one);
    crate::promotion::pass(&town.state, crate::clock::now_ms()).await;
    assert_led_to(&town.send(&bob, &one, &[("do", "vote"), ("vote", "1"), ("comment", HOSTILE)]).await, &one);
    assert_led_to(&town.send(&alice, &one, &[("do", "approve")]).await, &one);
    for address in [one.as_str(), "/coprs/alice/p/promotions/1/"] {
        for browser in [&alice, &bob] {
            let shown = town.look(browser, address).await;
            assert_page(&shown, StatusCode::OK);
            let text = shown.text();
            assert!(text.contains("libgreet") && text.contains("votes +1") && text.contains("alice has approved it."));
            assert!(!text.contains("<img src=x"), "{text}");
        }
    }
    let json = town.look(&bob, &format!("{one}.json")).await;
    let json: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
    assert_eq!((&json["promotion"]["state"], &json["name"]), (&"waiting".into(), &"q".into()), "{json}");
    let own = town.send(&alice, &one, &[("do", "vote"), ("vote", "1")]).await;
    assert_eq!(own.status, StatusCode::BAD_REQUEST);
    assert_eq!(town.send(&bob, &one, &[("do", "cancel"), ("why", "no")]).await.status, StatusCode::FORBIDDEN);
    assert_led_to(&town.send(&alice, &one, &[("do", "cancel"), ("why", "not now")]).await, &one);
    let shown = town.get(&one).await.text();
    assert!(shown.contains("alice has called it off. not now"), "{shown}");
    assert_eq!(town.get("/coprs/alice/q/promotions/2/").await.status, StatusCode::NOT_FOUND);
}
