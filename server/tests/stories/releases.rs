//! Release packages, and what listings say of a project.

use copr_rpm::{Package, Payload, tag};
use serde_json::{Value, json};

use crate::support::{BASE, BINARY, CHROOT, Hub, SOURCE, User};

const STABLE: &str = "alice-app-release.noarch.rpm";

/// `alice/app`, which needs `alice/libs`.
async fn chained(hub: &Hub) -> User {
    let alice = hub.user("alice").await;
    hub.create(&alice, "libs").await;
    let needs = json!(["copr://alice/libs", "https://example.org/$chroot/"]);
    let app =
        json!({ "name": "app", "chroots": [CHROOT], "runtime_dependencies": needs, "description": "It *greets*." });
    hub.call(&alice, "POST", "/api_3/project/add/alice", &app).await.ok();
    hub.publish().await;
    alice
}

/// The packages of a repository.
async fn packages(hub: &Hub, repository: &str) -> Vec<String> {
    let all = hub.repository(repository).await;
    all.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// The release package of `alice/app`, as everybody gets it: `NAME-VERSION-RELEASE.ARCH`, and the bytes.
async fn release(hub: &Hub) -> (String, Vec<u8>) {
    let bytes = hub.read(&format!("alice/app/{CHROOT}/{STABLE}")).await.unwrap();
    let package = Package::read(bytes.as_slice()).unwrap();
    (package.nevra().unwrap().to_string(), bytes)
}

#[tokio::test]
async fn a_release_package_has_the_repo_file_of_the_whole_chain_and_is_in_the_repository() {
    for hub in Hub::on_every_engine().await {
        chained(&hub).await;
        let repository = format!("alice/app/{CHROOT}");
        assert_eq!(packages(&hub, &repository).await, Vec::<String>::new(), "nobody has asked for it yet");
        let (nevra, bytes) = release(&hub).await;
        assert_eq!(nevra, "alice-app-release-1-1.noarch");
        let package = Package::read(bytes.as_slice()).unwrap();
        let text = |tag| package.header.str(tag).unwrap_or_default().into_owned();
        assert_eq!(text(tag::VENDOR), "Copr - user alice");
        assert_eq!(text(tag::URL), format!("{BASE}/coprs/alice/app/"));
        let files: Vec<String> = package.files().unwrap().iter().map(|file| file.path.clone()).collect();
        assert_eq!(files, ["/etc/yum.repos.d/_copr:copr.test:alice:app.repo"]);
        let written = hub.get("/coprs/alice/app/repo/fedora-44/dnf.repo?arch=x86_64").await.text();
        assert!(
            written.contains("[coprdep:copr.test:alice:libs]") && written.contains("https_example_org"),
            "{written}"
        );
        assert_eq!(payload(&bytes), written.into_bytes());

        // It is a package of the repository from now on.
        assert_eq!(hub.publish().await, 1);
        assert_eq!(packages(&hub, &repository).await, ["alice-app-release-1-1.noarch"]);
        let api = format!("/api_3/project-chroot/release-package?ownername=alice&projectname=app&chrootname={CHROOT}");
        let told = hub.get(&api).await.ok();
        assert_eq!(
            told,
            json!({
                "name": "alice-app-release", "version": "1", "release": "1", "file": "alice-app-release-1-1.noarch.rpm",
                "url": format!("{BASE}/results/{repository}/{STABLE}"),
                "repositories": ["copr:copr.test:alice:app", "coprdep:copr.test:alice:libs", "coprdep:https_example_org_chroot"],
            })
        );
        assert_eq!(release(&hub).await.1, bytes, "the same bytes for the same contents");
        assert_eq!(hub.publish().await, 0);
        let page = hub.get("/coprs/alice/app/").await.text();
        assert!(page.contains(&format!("sudo dnf install {BASE}/results/{repository}/{STABLE}")), "{page}");
        let head = hub.get_with(&format!("/results/{repository}/{STABLE}"), &[("range", "bytes=0-3")]).await;
        assert_eq!((head.status.as_u16(), head.body.as_slice()), (206, &[0xed, 0xab, 0xee, 0xdb][..]));
    }
}

/// The one file of a package.
fn payload(bytes: &[u8]) -> Vec<u8> {
    let mut reader = std::io::Cursor::new(bytes.to_vec());
    let package = Package::read(&mut reader).unwrap();
    let mut payload = Payload::new(&package, reader).unwrap();
    let mut contents = Vec::new();
    while payload.next_entry().unwrap().is_some() {
        std::io::Read::read_to_end(&mut payload, &mut contents).unwrap();
    }
    contents
}

#[tokio::test]
async fn a_release_package_grows_with_its_chain_and_whoever_builds_finds_the_newest() {
    for hub in Hub::on_every_engine().await {
        let alice = chained(&hub).await;
        let repository = format!("alice/app/{CHROOT}");
        release(&hub).await;
        hub.publish().await;
        // What its owner changes is in the repository with the next publish, without being asked for.
        let edit = "/api_3/project/edit/alice/app";
        hub.call(&alice, "PUT", edit, &json!({ "repo_priority": 5 })).await.ok();
        hub.publish().await;
        assert_eq!(packages(&hub, &repository).await, ["alice-app-release-1-2.noarch"]);
        // What does not concern it makes no new one.
        hub.call(&alice, "PUT", edit, &json!({ "instructions": "Read them." })).await.ok();
        assert_eq!(hub.publish().await, 0);
        // What is changed below it in the chain is found when somebody asks.
        hub.call(
            &alice,
            "PUT",
            "/api_3/project/edit/alice/libs",
            &json!({ "runtime_dependencies": ["https://x.org/"] }),
        )
        .await
        .ok();
        assert_eq!(release(&hub).await.0, "alice-app-release-1-3.noarch");
        // It goes with what is built, and is still there when everything is made anew.
        hub.submit(&alice, "app").await;
        let lease = hub.lease().await;
        hub.hand_in(&lease.id, &[SOURCE, BINARY]).await.ok();
        hub.publish().await;
        let all = ["alice-app-release-1-3.noarch", "hello-1.0-1.src", "hello-1.0-1.x86_64"];
        assert_eq!(packages(&hub, &repository).await, all);
        hub.call(&alice, "PUT", "/api_3/project/regenerate-repos/alice/app", &Value::Null).await.ok();
        hub.publish().await;
        assert_eq!(packages(&hub, &repository).await, all);

        // A project that is made again under this name goes on counting: who has the old one gets the new one.
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/app", &json!({ "verify": true })).await.ok();
        assert_eq!(hub.read(&format!("{repository}/{STABLE}")).await, None);
        hub.create(&alice, "app").await;
        assert_eq!(release(&hub).await.0, "alice-app-release-1-4.noarch");
    }
}

#[tokio::test]
async fn only_a_projects_own_chroots_have_release_packages() {
    for hub in Hub::on_every_engine().await {
        chained(&hub).await;
        for nothing in [
            format!("alice/app/{CHROOT}/alice-libs-release.noarch.rpm"),
            format!("alice/app/{CHROOT}/@alice-app-release.noarch.rpm"),
            "alice/app/fedora-43-x86_64/alice-app-release.noarch.rpm".to_owned(),
            format!("alice/nothing/{CHROOT}/alice-nothing-release.noarch.rpm"),
            format!("alice/app/{CHROOT}/x/{STABLE}"),
            format!("alice/app:custom:x/{CHROOT}/{STABLE}"),
        ] {
            assert_eq!(hub.read(&nothing).await, None, "{nothing}");
        }
        let asked = "/api_3/project-chroot/release-package?ownername=alice&projectname=app&chrootname=";
        for chroot in ["fedora-43-x86_64", "../..", ""] {
            let error = hub.get(&format!("{asked}{chroot}")).await;
            assert!(matches!(error.status.as_u16(), 400 | 404), "{chroot}: {}", error.text());
        }
    }
}

#[tokio::test]
async fn listings_say_what_a_project_is() {
    for hub in Hub::on_every_engine().await {
        let alice = chained(&hub).await;
        let text = "Programs that **greet**.\n\n[More](https://example.org/x) <script>alert(1)</script>\u{7}";
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/app", &json!({ "description": text })).await.ok();
        for folder in ["alice/app/".to_owned(), format!("alice/app/{CHROOT}/"), format!("alice/app/{CHROOT}/repodata/")]
        {
            let page = hub.get(&format!("/results/{folder}")).await.text();
            assert!(page.contains("<p>Programs that greet.</p>") && !page.contains("<script>"), "{page}");
            assert!(!page.contains("href=\"https://example.org/x\""), "programs follow the links of listings: {page}");
            let file = hub.get(&format!("/results/{folder}.description")).await;
            assert_eq!((file.status.as_u16(), file.header("content-type")), (200, "text/plain; charset=utf-8"));
            assert_eq!(file.text(), format!("{}\n", text.trim_end_matches('\u{7}')));
        }
        let listed = hub.get("/results/alice/app/").await.text();
        assert!(!listed.contains(".description"), "what programs mirror is the results");
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/app", &json!({ "description": " " })).await.ok();
        for none in ["alice/app/.description", "alice/nothing/.description", "alice/.description", "x/../.description"]
        {
            assert_eq!(hub.get(&format!("/results/{none}")).await.status.as_u16(), 404, "{none}");
        }
        assert!(!hub.get("/results/alice/app/").await.text().contains("prose"));
    }
}
