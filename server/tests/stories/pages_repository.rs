//! Pages about what was published, and the feeds.

use serde_json::json;

use crate::{
    packages::Rpm,
    support::{BASE, BINARY, CHROOT, Hub, SOURCE},
};

const NEXT: Rpm<'static> =
    Rpm { name: "hello", version: "2.0", release: "1", arch: "x86_64", source: Some("hello-2.0-1.src.rpm") };
const DOCS: Rpm<'static> =
    Rpm { name: "hello-docs", version: "2.0", release: "1", arch: "noarch", source: Some("hello-2.0-1.src.rpm") };

/// Every address of this site that a page links to, but for the results' and those of other rooms.
fn links(html: &str, root: &str) -> Vec<String> {
    let all = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&"));
    all.filter(|link| link.starts_with(root)).collect()
}

#[tokio::test]
async fn a_published_repository_is_browsed_from_its_first_page_to_the_build_of_a_package() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let first = hub.submit(&alice, "libs").await;
        hub.hand_in(&hub.lease().await.id, &[BINARY, SOURCE]).await.ok();
        hub.publish().await;
        let second = hub.submit(&alice, "libs").await;
        hub.hand_in(&hub.lease().await.id, &[NEXT, DOCS]).await.ok();
        hub.publish().await;

        let root = format!("/coprs/alice/libs/repo-view/{CHROOT}/");
        let (mut todo, mut seen) = (vec![root.clone()], std::collections::BTreeSet::from([root.clone()]));
        while let Some(path) = todo.pop() {
            let page = hub.get(&path).await;
            assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.text());
            for link in links(&page.text(), &root) {
                if seen.insert(link.clone()) {
                    todo.push(link);
                }
            }
        }
        for path in ["", "all/", "latest/", "letter/h/", "package/hello/", "package/hello-docs/", "feed.atom"] {
            assert!(seen.contains(&format!("{root}{path}")), "{path} in {seen:?}");
        }
        let head = hub.get(&format!("{root}package/hello/")).await.text();
        for part in [
            "2.0-1",
            &format!("<a href=\"/coprs/build/{second}\">build {second}</a>"),
            &format!("href=\"/results/alice/libs/{CHROOT}/{second:08}-hello/hello-2.0-1.x86_64.rpm\""),
            "<dt>Signature</dt><dd>none</dd>",
            "A package of the tests",
            &format!("href=\"{root}package/hello/1.0-1.x86_64/\""),
            &format!("href=\"{root}package/hello/1.0-1.src/\""),
            &format!("href=\"{root}package/hello-docs/\""),
        ] {
            assert!(head.contains(part), "{part} is not in {head}");
        }
        let old = hub.get(&format!("{root}package/hello/1.0-1.x86_64/")).await.text();
        assert!(old.contains(&format!("build {first}</a>")), "{old}");

        let twin = hub.get(&format!("{root}package/hello/.json")).await.ok();
        assert_eq!((&twin["chroot"], &twin["page"]["version"]), (&json!(CHROOT), &json!("2.0-1")));
        assert_eq!(twin["page"]["build"]["id"], second);
    }
}

#[tokio::test]
async fn pages_follow_what_is_published_and_say_what_is_not_there() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let root = format!("/coprs/alice/libs/repo-view/{CHROOT}/");
        let empty = hub.get(&root).await;
        assert_eq!(empty.status.as_u16(), 200, "{}", empty.text());
        hub.publish().await;
        assert!(hub.get(&root).await.text().contains("no packages in this repository yet"));

        hub.built(&alice, "libs").await;
        assert!(hub.get(&root).await.text().contains("hello-1.0-1"));
        hub.submit(&alice, "libs").await;
        hub.hand_in(&hub.lease().await.id, &[NEXT]).await.ok();
        hub.publish().await;
        let page = hub.get(&root).await;
        assert!(page.text().contains("hello-2.0-1"), "{}", page.text());
        let tag = page.header("etag").to_owned();
        assert_eq!(hub.get_with(&root, &[("if-none-match", &tag)]).await.status.as_u16(), 304);

        for path in [
            "package/absent/",
            "package/hello/9-9.x86_64/",
            "package/%2E%2E%2F/",
            "letter/q/",
            "letter/xx/",
            "group/none/",
            "all/?page=0",
            "all/?page=2",
        ] {
            let answer = hub.get(&format!("{root}{path}")).await;
            assert_eq!(answer.status.as_u16(), 404, "{path}: {}", answer.text());
        }
        for path in [
            "/coprs/alice/libs/repo-view/fedora-99-x86_64/",
            "/coprs/alice/libs/repo-view/x/",
            "/coprs/bob/libs/repo-view/x/",
        ] {
            assert_eq!(hub.get(path).await.status.as_u16(), 404, "{path}");
        }
        let bare = hub.get(root.trim_end_matches('/')).await;
        assert_eq!((bare.status.as_u16(), bare.header("location")), (308, root.as_str()));
    }
}

#[tokio::test]
async fn feeds_tell_what_was_built_of_a_project_an_owner_the_site_and_a_repository() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.create(&bob, "tools").await;
        let built = hub.built(&alice, "libs").await;
        let other = hub.built(&bob, "tools").await;
        let failing = hub.submit(&alice, "libs").await;
        hub.publish().await;

        let of = async |path: &str| {
            let answer = hub.get(path).await;
            assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text());
            assert!(answer.header("content-type").starts_with("application/atom+xml"), "{path}");
            answer.text()
        };
        let id = |build: i64| format!("<id>{BASE}/coprs/build/{build}</id>");
        let (site, owner, project) = (
            of("/feeds/builds.atom").await,
            of("/feeds/alice/builds.atom").await,
            of("/feeds/alice/libs/builds.atom").await,
        );
        for (feed, address) in
            [(&site, "builds.atom"), (&owner, "alice/builds.atom"), (&project, "alice/libs/builds.atom")]
        {
            assert!(feed.contains(&id(built)) && !feed.contains(&id(failing)), "{feed}");
            assert!(feed.contains(&format!("<id>{BASE}/feeds/{address}</id>")), "{feed}");
        }
        assert!(site.contains(&id(other)) && !owner.contains(&id(other)) && !project.contains(&id(other)));
        assert!(project.contains("<title>hello 1.0-1 in alice/libs</title>"), "{project}");

        let repository = of(&format!("/coprs/alice/libs/repo-view/{CHROOT}/feed.atom")).await;
        let page = format!("href=\"{BASE}/coprs/alice/libs/repo-view/{CHROOT}/package/hello/\"");
        assert!(repository.contains("<title>hello-1.0-1</title>") && repository.contains(&page), "{repository}");
        let none = of(&format!("/coprs/bob/tools/repo-view/{CHROOT}/feed.atom")).await;
        assert!(none.starts_with("<?xml"), "{none}");

        for path in ["/feeds/nobody/builds.atom", "/feeds/alice/none/builds.atom", "/feeds/%3Cscript%3E/builds.atom"] {
            assert_eq!(hub.get(path).await.status.as_u16(), 404, "{path}");
        }
        assert!(hub.get("/feeds/").await.text().contains(&format!("{BASE}/feeds/OWNER/builds.atom")));
    }
}

#[tokio::test]
async fn many_who_look_at_once_read_a_repository_once() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.built(&alice, "libs").await;
        let path = format!("/coprs/alice/libs/repo-view/{CHROOT}/package/hello/");
        let calls = (0..20).map(|_| hub.calls(None, "GET", &path, &json!(null))).collect();
        for answer in crate::support::at_once(calls).await {
            assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        }
        // What was read is kept: the metadata may go, as they do a while after the next publish.
        assert!(hub.get(&path).await.text().contains("hello"));
    }
}

#[tokio::test]
async fn side_directories_and_what_builds_alone_see_have_pages_of_their_own() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [CHROOT], "devel_mode": true });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        let side = json!({ "project_dirname": "libs:custom:try" });
        hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), side).await.ok();
        hub.hand_in(&hub.lease().await.id, &[NEXT]).await.ok();
        hub.publish().await;
        let build = hub.built(&alice, "libs").await;

        let root = format!("/coprs/alice/libs/repo-view/{CHROOT}/");
        let other = format!("/coprs/alice/libs%3Acustom%3Atry/repo-view/{CHROOT}/");
        assert!(hub.get(&root).await.text().contains("no packages in this repository yet"));
        let devel = hub.get(&format!("{root}devel/package/hello/")).await.text();
        assert!(devel.contains(&format!("build {build}</a>")) && devel.contains("1.0-1"), "{devel}");
        assert!(
            devel.contains(&format!("href=\"{root}devel/package/hello/")) || devel.contains(&format!("{root}devel/"))
        );
        for page in ["", "all/", "latest/", "letter/h/", "feed.atom"] {
            let path = format!("{root}devel/{page}");
            assert_eq!(hub.get(&path).await.status.as_u16(), 200, "{path}");
        }
        let twin = hub.get(&format!("{other}devel/package/hello/.json")).await.ok();
        assert_eq!((&twin["directory"], &twin["devel"]), (&json!("libs:custom:try"), &json!(true)), "{twin}");
        assert_eq!(twin["page"]["version"], "2.0-1");
        assert_eq!(hub.get(&other).await.status.as_u16(), 200);
        let bare = hub.get(&other.replace("%3A", ":")).await;
        assert_eq!(bare.status.as_u16(), 200, "{}", bare.text());
        for missing in [
            format!("/coprs/alice/libs:custom:no/repo-view/{CHROOT}/"),
            format!("/coprs/alice/libs:x/repo-view/{CHROOT}/"),
            format!("/coprs/alice/other:custom:try/repo-view/{CHROOT}/"),
            format!("{root}devel/package/absent/"),
        ] {
            assert_eq!(hub.get(&missing).await.status.as_u16(), 404, "{missing}");
        }
        let page = hub.get("/coprs/alice/libs/").await.text();
        for link in [format!("{root}devel/"), other] {
            assert!(page.contains(&format!("href=\"{link}\"")), "{link} is not in {page}");
        }
    }
}
