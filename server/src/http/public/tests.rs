//! Results and repository files, asked in this process.

use axum::http::StatusCode;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use copr_api::v3::RpmRepo;

use crate::web::seed::{CHROOT, Town};

#[tokio::test]
async fn a_repo_file_has_the_project_first_and_then_what_it_needs() {
    let town = Town::with_a_chain().await;
    let answer = town.get("/coprs/bob/app/repo/fedora-44/dnf.repo?arch=x86_64").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/plain; charset=utf-8"));
    assert!(!answer.bytes.contains(&b'\r'));
    insta::assert_snapshot!(answer.text(), @r"
    [copr:copr.example.org:bob:app]
    name=Copr repo for app owned by bob
    baseurl=http://copr.example.org:8210/results/bob/app/fedora-$releasever-$basearch/
    type=rpm-md
    skip_if_unavailable=True
    gpgcheck=0
    repo_gpgcheck=0
    enabled=1
    enabled_metadata=1

    [coprdep:copr.example.org:alice:libs]
    name=Copr copr.example.org/bob/app runtime dependency #1 - alice/libs
    baseurl=http://copr.example.org:8210/results/alice/libs/fedora-$releasever-$basearch/
    type=rpm-md
    skip_if_unavailable=True
    gpgcheck=0
    repo_gpgcheck=0
    enabled=1
    enabled_metadata=1

    [coprdep:https_example_org_chroot_x]
    name=Copr copr.example.org/bob/app external runtime dependency #2 - https_example_org_chroot_x
    baseurl=https://example.org/fedora-$releasever-$basearch/x/
    type=rpm-md
    skip_if_unavailable=True
    gpgcheck=0
    repo_gpgcheck=0
    enabled=1
    enabled_metadata=1
    ");
}

#[tokio::test]
async fn a_repo_file_is_the_same_at_all_its_addresses() {
    let town = Town::with_a_chain().await;
    let text = town.get("/coprs/bob/app/repo/minidistro-12/dnf.repo").await.text();
    assert!(text.starts_with("[copr:copr.example.org:bob:app]\n"), "{text}");
    assert!(
        text.contains("\nbaseurl=http://copr.example.org:8210/results/bob/app/minidistro-12-$basearch/\n"),
        "{text}"
    );
    for path in ["bob-app-minidistro-12.repo", "bob-app-minidistro-12.repo?arch=x86_64", ""] {
        assert_eq!(town.get(&format!("/coprs/bob/app/repo/minidistro-12/{path}")).await.text(), text, "{path}");
    }
    assert_eq!(town.get("/coprs/bob/app/repo/minidistro-12/x.txt").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn groups_side_directories_and_settings_come_through() {
    let town = Town::empty().await;
    let tools = town.project("@sig/tools", &[CHROOT], |project| {
        project.repo_priority = Some(5);
        project.module_hotfixes = true;
    });
    town.directory(&tools.await, "tools:custom:x").await;
    town.file(&format!("@sig/tools:custom:x/{CHROOT}/repodata/repomd.xml"), "<repomd/>");
    for path in ["/coprs/@sig/tools:custom:x", "/coprs/g/sig/tools:custom:x", "/coprs/@sig/tools%3Acustom%3Ax"] {
        let text = town.get(&format!("{path}/repo/minidistro-12/dnf.repo?arch=x86_64")).await.text();
        assert!(
            text.starts_with(
                "[copr:copr.example.org:group_sig:tools:custom:x]\nname=Copr repo for tools:custom:x owned by @sig\n"
            ),
            "{text}"
        );
        assert!(text.contains("/results/@sig/tools:custom:x/minidistro-12-$basearch/"), "{text}");
        assert!(text.ends_with("module_hotfixes=1\npriority=5\n"), "{text}");
    }
    assert_eq!(town.get("/coprs/@sig/tools:custom:y/repo/minidistro-12/dnf.repo").await.status, StatusCode::NOT_FOUND);
    let json: RpmRepo = serde_json::from_str(&town.get("/api_3/rpmrepo/@sig/tools:custom:x/x").await.text()).unwrap();
    assert_eq!(json.directories.keys().collect::<Vec<_>>(), ["tools", "tools:custom:x"]);
}

#[tokio::test]
async fn a_project_for_two_architectures_of_one_machine_has_a_second_repository_for_those_who_tell_theirs() {
    let town = Town::empty().await;
    let chroots = ["fedora-44-x86_64", "fedora-44-i386", "fedora-43-x86_64", "epel-9-i386", "epel-9-x86_64"];
    for (name, multilib) in [("wide", true), ("plain", false)] {
        town.project(&format!("bob/{name}"), &chroots, |project| project.multilib = multilib).await;
    }
    let text = town.get("/coprs/bob/wide/repo/fedora-44/dnf.repo?arch=x86_64").await.text();
    insta::assert_snapshot!(text, @r"
    [copr:copr.example.org:bob:wide]
    name=Copr repo for wide owned by bob
    baseurl=http://copr.example.org:8210/results/bob/wide/fedora-$releasever-$basearch/
    type=rpm-md
    skip_if_unavailable=True
    gpgcheck=0
    repo_gpgcheck=0
    enabled=1
    enabled_metadata=1

    [copr:copr.example.org:bob:wide:ml]
    name=Copr repo for wide owned by bob (i386)
    baseurl=http://copr.example.org:8210/results/bob/wide/fedora-$releasever-i386/
    type=rpm-md
    skip_if_unavailable=True
    gpgcheck=0
    repo_gpgcheck=0
    cost=1100
    enabled=1
    enabled_metadata=1
    ");
    assert!(town.get("/coprs/bob/wide/repo/epel-9/?arch=x86_64").await.text().contains("/epel-9-i386/\n"));
    for other in [
        "wide/repo/fedora-44/dnf.repo",
        "wide/repo/fedora-44/dnf.repo?arch=i386",
        "wide/repo/fedora-43/dnf.repo?arch=x86_64",
        "plain/repo/fedora-44/dnf.repo?arch=x86_64",
    ] {
        let answer = town.get(&format!("/coprs/bob/{other}")).await;
        assert_eq!((answer.status, answer.text().matches('[').count()), (StatusCode::OK, 1), "{other}");
    }
}

#[tokio::test]
async fn a_dependency_that_is_gone_is_told_beside_those_that_clients_enable() {
    let town = Town::with_a_chain().await;
    town.project("eve/p", &[CHROOT], |project| {
        project.runtime_dependencies = vec!["copr://dave/gone".to_owned(), "copr://alice/libs".to_owned()];
    })
    .await;
    let json: RpmRepo = serde_json::from_str(&town.get("/api_3/rpmrepo/eve/p/x").await.text()).unwrap();
    assert_eq!((json.missing, json.dependencies.len()), (vec!["dave/gone".to_owned()], 1));
}

#[tokio::test]
async fn a_dependency_that_can_not_be_written_becomes_a_comment() {
    let town = Town::with_a_chain().await;
    town.project("eve/p", &["fedora-rawhide-x86_64"], |project| {
        project.runtime_dependencies =
            vec!["file:///etc/".to_owned(), "copr://alice/libs".to_owned(), "https://x/\u{1b}]".to_owned()];
    })
    .await;
    let text = town.get("/coprs/eve/p/repo/fedora-rawhide/dnf.repo?arch=x86_64").await.text();
    assert_eq!(text.matches('[').count(), 1, "{text}");
    assert_eq!(text.matches("\n# Runtime dependency #").count(), 3, "{text}");
}

#[tokio::test]
async fn a_missing_chroot_tells_the_stock_plugin_which_there_are() {
    let town = Town::with_a_chain().await;
    for query in ["fedora-43/dnf.repo?arch=x86_64", "fedora-44/dnf.repo?arch=s390x", "%0d%0aX:%20y/dnf.repo"] {
        let answer = town.get(&format!("/coprs/bob/app/repo/{query}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        let data = BASE64_STANDARD.decode(answer.header("copr-error-data")).unwrap();
        let data: serde_json::Value = serde_json::from_slice(&data).unwrap();
        assert_eq!(data["available chroots"], serde_json::json!(["fedora-44-aarch64", "fedora-44-x86_64", CHROOT]));
    }
    let gone = town.get("/coprs/bob/nope/repo/fedora-44/dnf.repo?arch=x86_64").await;
    assert_eq!((gone.status, gone.header("copr-error-data")), (StatusCode::NOT_FOUND, ""));
}

#[tokio::test]
async fn the_plugins_json_has_all_that_dnf5_dereferences() {
    let town = Town::with_a_chain().await;
    for slash in ["", "/"] {
        let answer = town.get(&format!("/api_3/rpmrepo/bob/app/fedora-44{slash}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let json: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap();
        if slash.is_empty() {
            insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
            {
              "dependencies": [
                {
                  "data": {
                    "owner": "alice",
                    "projectname": "libs"
                  },
                  "opts": {
                    "id": "coprdep:copr.example.org:alice:libs",
                    "name": "Copr copr.example.org/bob/app runtime dependency #1 - alice/libs"
                  },
                  "type": "copr"
                },
                {
                  "data": {
                    "pattern": "https://example.org/$chroot/x/"
                  },
                  "opts": {
                    "id": "coprdep:https_example_org_chroot_x",
                    "name": "Copr copr.example.org/bob/app external runtime dependency #2 - https_example_org_chroot_x"
                  },
                  "type": "external_baseurl"
                }
              ],
              "directories": {
                "app": {}
              },
              "gpgcheck": false,
              "repos": {
                "fedora-44": {
                  "arch": {
                    "aarch64": {
                      "opts": {}
                    },
                    "x86_64": {
                      "opts": {}
                    }
                  }
                },
                "minidistro-12": {
                  "arch": {
                    "x86_64": {
                      "opts": {}
                    }
                  }
                }
              },
              "results_url": "http://copr.example.org:8210/results"
            }
            "#);
        }
    }
    let missing = town.get("/api_3/rpmrepo/bob/nope/fedora-44/").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.text(), r#"{"error":"Project bob/nope does not exist."}"#);
}

#[tokio::test]
async fn files_come_with_their_type_and_in_parts() {
    let town = Town::empty().await;
    town.file("bob/app/c-1-y/00000001-app/build.log", "0123456789");
    town.file("bob/app/c-1-y/00000001-app/app-1-1.noarch.rpm", b"\xed\xab\xee\xdb");
    let path = "/results/bob/app/c-1-y/00000001-app/build.log";
    let whole = town.get(path).await;
    assert_eq!((whole.status, whole.text().as_str()), (StatusCode::OK, "0123456789"));
    assert_eq!(whole.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!((whole.header("content-length"), whole.header("accept-ranges")), ("10", "bytes"));
    assert_eq!(whole.header("content-security-policy"), "default-src 'none'; sandbox");

    let part = town.ask(path, &[("range", "bytes=7-")]).await;
    assert_eq!((part.status, part.text().as_str()), (StatusCode::PARTIAL_CONTENT, "789"));
    assert_eq!((part.header("content-range"), part.header("content-length")), ("bytes 7-9/10", "3"));
    let outside = town.ask(path, &[("range", "bytes=10-")]).await;
    assert_eq!((outside.status, outside.header("content-range")), (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */10"));
    let stale = town.ask(path, &[("range", "bytes=7-"), ("if-range", "\"another\"")]).await;
    assert_eq!((stale.status, stale.bytes.len()), (StatusCode::OK, 10));
    let known = town.ask(path, &[("if-none-match", whole.header("etag"))]).await;
    assert_eq!((known.status, known.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
    let since = town.ask(path, &[("if-modified-since", whole.header("last-modified"))]).await;
    assert_eq!(since.status, StatusCode::NOT_MODIFIED);
    let rpm = town.get("/results/bob/app/c-1-y/00000001-app/app-1-1.noarch.rpm").await;
    assert_eq!((rpm.header("content-type"), rpm.bytes.len()), ("application/x-rpm", 4));
}

#[tokio::test]
async fn a_compressed_log_answers_to_both_names() {
    let town = Town::empty().await;
    town.file("bob/app/c-1-y/b/build.log.gz", "(gzip)");
    town.file("bob/app/c-1-y/b/live.log", "text");
    let asked = town.ask("/results/bob/app/c-1-y/b/build.log", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!((asked.status, asked.header("content-encoding")), (StatusCode::OK, "gzip"));
    assert_eq!(asked.header("content-type"), "text/plain; charset=utf-8");
    let plain = town.get("/results/bob/app/c-1-y/b/build.log").await;
    assert_eq!((plain.status, plain.header("location")), (StatusCode::FOUND, "build.log.gz"));
    let direct = town.get("/results/bob/app/c-1-y/b/build.log.gz").await;
    assert_eq!((direct.header("content-encoding"), direct.text().as_str()), ("gzip", "(gzip)"));
    let not_yet = town.get("/results/bob/app/c-1-y/b/live.log.gz").await;
    assert_eq!((not_yet.status, not_yet.header("location")), (StatusCode::FOUND, "live.log"));
}

#[tokio::test]
async fn a_folder_is_a_list_of_relative_links_that_names_can_not_break() {
    let town = Town::empty().await;
    town.file("bob/app/c-1-y/b/<img src=x onerror=alert(1)>\".rpm", "x");
    town.file("bob/app/c-1-y/b/javascript:alert(1)", "x");
    town.file("bob/app/c-1-y/b/gcc-c++-1:2.rpm", "x");
    town.file("bob/app/c-1-y/b/.hidden", "x");
    town.file("bob/app/c-1-y/b/sub/x", "x");
    let page = town.get("/results/bob/app/c-1-y/b/").await;
    let text = page.text();
    let links: Vec<&str> = text.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(
        links,
        [
            "../",
            "sub/",
            "%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%22.rpm",
            "gcc-c%2B%2B-1%3A2.rpm",
            "javascript%3Aalert%281%29"
        ]
    );
    assert!(!text.contains("<img") && !text.contains("hidden"), "{text}");
    for link in &links[1..] {
        let status = town.get(&format!("/results/bob/app/c-1-y/b/{link}")).await.status;
        assert_eq!(status, StatusCode::OK, "{link}");
    }
    let bare = town.get("/results/bob/app/c-1-y/b").await;
    assert_eq!((bare.status, bare.header("location")), (StatusCode::FOUND, "b/"));
}

#[tokio::test]
async fn no_path_leads_out_of_the_results() {
    let town = Town::empty().await;
    let file = town.file("bob/app/c-1-y/b/file", "inside");
    let results = file.ancestors().nth(5).unwrap();
    fs_err::write(results.parent().unwrap().join("secret"), "outside").unwrap();
    fs_err::os::unix::fs::symlink("/etc/passwd", file.with_file_name("link")).unwrap();
    fs_err::os::unix::fs::symlink("/etc", file.with_file_name("folder")).unwrap();
    assert_eq!(town.get("/results/bob/app/c-1-y/b/file").await.text(), "inside");
    for path in [
        "../secret",
        "..%2fsecret",
        "..%2Fsecret",
        "%2e%2e/secret",
        "bob/../../secret",
        "bob/..%2f..%2fsecret",
        "bob/app/c-1-y/b/..%2f..%2f..%2f..%2f..%2fsecret",
        "bob/app/c-1-y/b/..%5c..%5csecret",
        "bob/app/c-1-y/b/link",
        "bob/app/c-1-y/b/folder/",
        "bob/app/c-1-y/b/folder/passwd",
        "bob/app/c-1-y/b/file%00",
        "bob/app/c-1-y/b/file/",
        "bob/app/c-1-y/b/%ff",
        "%2fetc/passwd",
        "/etc/passwd",
        "bob//app/c-1-y/b/file",
    ] {
        let answer = town.get(&format!("/results/{path}")).await;
        assert!(answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("outside") && !answer.text().contains("root:"), "{path}");
    }
}
