//! The pages, asked in this process.

use axum::http::StatusCode;
use copr_api::names::{OwnerName, ProjectName};

use super::{
    assets,
    seed::{Answer, CHROOT, HOSTILE, Town},
};
use crate::db::project::Project;

async fn project(town: &Town, owner: &str, name: &str) -> Project {
    let (owner, name): (OwnerName, ProjectName) = (owner.parse().unwrap(), name.parse().unwrap());
    crate::db::project::get(&town.state.db, &owner, &name).await.unwrap().unwrap()
}

pub(super) fn assert_page(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(
        answer.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'; script-src 'self'")
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let text = answer.text();
    // What the policy forbids must not be needed either.
    for inline in [" style=", "<style", " onclick=", " onload=", "javascript:"] {
        assert!(!text.contains(inline), "{inline} in {text}");
    }
    assert_eq!(text.matches("<script").count(), text.matches("<script src=\"/static/live-").count(), "{text}");
    assert_eq!(text.matches("<h1").count(), 1);
    assert!(text.contains("<main id=\"content\"") && text.contains("<title>") && text.contains("lang=\"en\""));
}

#[tokio::test]
async fn the_first_page_lists_projects_with_their_newest_build_and_hides_unlisted_ones() {
    let town = Town::with_a_chain().await;
    town.project("carol/secret", &[CHROOT], |project| project.unlisted = true).await;
    let libs = project(&town, "alice", "libs").await;
    town.build(&libs, "libgreet", "libs").await;
    let page = town.get("/").await;
    assert_page(&page, StatusCode::OK);
    let text = page.text();
    assert!(text.contains("href=\"/coprs/alice/libs/\"") && text.contains("href=\"/coprs/bob/app/\""), "{text}");
    assert!(text.contains("libgreet 1.0-1") && text.contains("pending") && text.contains("No builds yet"), "{text}");
    assert!(
        text.contains("Small libraries that other projects build upon.") && !text.contains("More about them"),
        "{text}"
    );
    assert!(!text.contains("carol"), "{text}");
}

#[tokio::test]
async fn the_search_box_finds_by_name_owner_and_description_and_says_when_nothing_does() {
    let town = Town::with_a_chain().await;
    for (query, found) in [("app", "bob/app"), ("ALICE", "alice/libs"), ("greets", "bob/app")] {
        let text = town.get(&format!("/?q={query}")).await.text();
        assert!(text.contains(&format!("<a href=\"/coprs/{found}/\">")), "{query}: {text}");
        assert_eq!(text.matches("<li class=\"project\">").count(), 1, "{query}: {text}");
    }
    let nothing = town.get("/?q=%3Cscript%3Ealert(1)%3C/script%3E%25&from=x").await;
    assert_page(&nothing, StatusCode::OK);
    assert!(nothing.text().contains("Nothing matches"));
    assert!(Town::empty().await.get("/").await.text().contains("No project yet"));
}

#[tokio::test]
async fn a_long_list_is_paged() {
    let town = Town::empty().await;
    for number in 0..31 {
        town.project(&format!("alice/p{number}"), &[CHROOT], |_| {}).await;
    }
    let first = town.get("/").await.text();
    assert_eq!(first.matches("<li class=\"project\">").count(), 30);
    assert!(first.contains("<a href=\"/?page=2\" rel=\"next\">"), "{first}");
    let second = town.get("/?page=2").await.text();
    assert_eq!(second.matches("<li class=\"project\">").count(), 1);
    assert!(!second.contains("rel=\"next\"") && second.contains("<a href=\"/\" rel=\"prev\">"), "{second}");
}

#[tokio::test]
async fn a_project_page_tells_how_to_enable_it_and_shows_its_chain() {
    let town = Town::with_a_chain().await;
    let app = project(&town, "bob", "app").await;
    let build = town.build(&app, "app", "app").await;
    let page = town.get("/coprs/bob/app/").await;
    assert_page(&page, StatusCode::OK);
    let text = page.text();
    assert!(text.contains("dnf copr enable copr.example.org/bob/app"), "{text}");
    assert!(text.contains("hostname = copr.example.org\nprotocol = http\nport = 8210"), "{text}");
    assert!(text.contains(&format!("/results/bob/app/{CHROOT}/")), "{text}");
    assert!(text.contains("/coprs/bob/app/repo/minidistro-12/bob-app-minidistro-12.repo?arch=x86_64"), "{text}");
    assert_eq!(text.matches("<a href=\"/coprs/alice/libs/\">alice/libs</a>").count(), 2, "{text}");
    assert!(text.contains("<svg class=\"picture\"") && !text.contains("Dashed lines"), "{text}");
    assert!(text.contains("https://example.org/$chroot/x/"), "{text}");
    assert!(text.contains(&format!("<a href=\"/coprs/build/{build}\">{build}</a>")), "{text}");
}

#[tokio::test]
async fn the_links_of_a_project_page_lead_somewhere() {
    let town = Town::with_a_chain().await;
    let text = town.get("/coprs/bob/app/").await.text();
    let main = text.split("<main").nth(1).unwrap();
    for link in main.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        if link.starts_with('/') && !link.starts_with("/results/") {
            let status = town.get(&link.replace("&#38;", "&")).await.status;
            assert!(status.is_success() || status.is_redirection(), "{link}: {status}");
        }
    }
}

#[tokio::test]
async fn a_chain_with_a_cycle_and_a_gone_project_ends() {
    let town = Town::empty().await;
    town.project("a/one", &[CHROOT], |project| project.runtime_dependencies = vec!["copr://a/two".to_owned()]).await;
    town.project("a/two", &[CHROOT], |project| {
        project.runtime_dependencies = vec!["copr://a/one".to_owned(), "copr://gone/project".to_owned()];
    })
    .await;
    let text = town.get("/coprs/a/one/").await.text();
    assert!(text.contains("shown above") && text.contains("does not exist any more"), "{text}");
}

#[tokio::test]
async fn groups_have_two_addresses_and_a_missing_slash_is_added() {
    let town = Town::empty().await;
    town.project("@sig/tools", &[CHROOT], |_| {}).await;
    for path in ["/coprs/g/sig/tools/", "/coprs/@sig/tools/"] {
        assert!(town.get(path).await.text().contains("dnf copr enable copr.example.org/@sig/tools"), "{path}");
    }
    let moved = town.get("/coprs/g/sig/tools?from=0").await;
    assert_eq!(
        (moved.status, moved.header("location")),
        (StatusCode::PERMANENT_REDIRECT, "/coprs/g/sig/tools/?from=0")
    );
}

#[tokio::test]
async fn what_owners_write_can_not_become_markup() {
    let town = Town::empty().await;
    let hostile = town
        .project("eve/p", &[CHROOT], |project| {
            project.description = Some(HOSTILE.to_owned());
            project.instructions = Some(HOSTILE.to_owned());
            project.contact = Some(HOSTILE.to_owned());
            project.homepage = Some("javascript:alert(3)".to_owned());
            project.runtime_dependencies = vec!["https://x/\"><script>alert(4)</script>".to_owned()];
            project.additional_repos = vec!["<svg/onload=alert(5)>".to_owned()];
        })
        .await;
    let id = town.build(&hostile, "p", "p").await;
    town.lease("l").await;
    town.file(
        &format!("eve/p/{CHROOT}/{id:08}-p/builder-live.log"),
        format!("{HOSTILE}</pre><script>alert(6)</script>"),
    );
    town.file(&format!("eve/p/{CHROOT}/{id:08}-p/<img src=x>.log"), "x");
    town.fail("l", HOSTILE).await;
    for path in ["/".to_owned(), "/coprs/eve/p/".to_owned(), format!("/coprs/build/{id}")] {
        let page = town.get(&path).await;
        assert_page(&page, StatusCode::OK);
        let text = page.text();
        for bad in ["<script>", "<img", "<svg/", "\"'>"] {
            assert!(!text.contains(bad), "{bad} in {path}: {text}");
        }
        assert!(text.contains("&#60;script&#62;alert(1)"), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_build_page_follows_a_build_from_the_queue_to_its_packages() {
    let town = Town::with_a_chain().await;
    let libs = project(&town, "alice", "libs").await;
    let id = town.build(&libs, "libgreet", "libs").await;
    let path = format!("/coprs/build/{id}");
    let state = || async { town.get(&format!("{path}/state")).await.text() };

    let waiting = town.get(&path).await;
    assert_page(&waiting, StatusCode::OK);
    assert!(waiting.text().contains("It waits for a builder."), "{}", waiting.text());
    let before = state().await;
    assert!(waiting.text().contains(&format!("data-fingerprint=\"{before}\"")), "{}", waiting.text());

    town.lease("l").await;
    assert_ne!(before, state().await);
    let folder = format!("alice/libs/{CHROOT}/{id:08}-libgreet");
    town.file(&format!("{folder}/builder-live.log"), "+ make\n\x1b[31mgcc\x1b[0m -c a.c\n");
    let running = town.get(&path).await.text();
    assert!(running.contains("running: building") && running.contains("+ make\ngcc -c a.c\n"), "{running}");
    assert!(
        running.contains(&format!("data-log-url=\"/results/{folder}/builder-live.log\" data-log-offset=\"27\"")),
        "{running}"
    );
    assert!(running.contains("<noscript><meta http-equiv=\"refresh\""), "{running}");

    town.file(&format!("{folder}/libgreet-1.0-1.x86_64.rpm"), "rpm");
    town.succeed("l", &["libgreet-1.0-1.x86_64.rpm"]).await;
    let done = town.get(&path).await.text();
    assert!(done.contains(&format!("href=\"/results/{folder}/libgreet-1.0-1.x86_64.rpm\"")), "{done}");
    assert!(done.contains("succeeded") && done.contains("24.1 KiB") && done.contains("End of the log"), "{done}");
    assert!(!done.contains("data-watch") && !done.contains("http-equiv") && !done.contains("data-log-url"), "{done}");
}

#[tokio::test]
async fn a_failed_build_shows_why_and_the_end_of_its_log() {
    let town = Town::with_a_chain().await;
    let libs = project(&town, "alice", "libs").await;
    let id = town.build(&libs, "libgreet", "libs").await;
    town.lease("l").await;
    let log = format!("{}the last line\n", "a line like any other\n".repeat(10_000));
    town.file(&format!("alice/libs/{CHROOT}/{id:08}-libgreet/builder-live.log"), log);
    town.fail("l", "rpmbuild ended with status 1").await;
    let page = town.get(&format!("/coprs/build/{id}")).await;
    let text = page.text();
    assert!(text.contains("rpmbuild ended with status 1") && text.contains("the last line"), "{text}");
    assert!(text.contains("<details class=\"logbox\" open>") && text.contains("the whole log"), "{text}");
    assert!(page.bytes.len() < 60_000, "{} bytes", page.bytes.len());
}

#[tokio::test]
async fn addresses_where_nothing_is_get_a_page_that_says_so() {
    let town = Town::with_a_chain().await;
    for path in [
        "/nope",
        "/coprs/bob/nope/",
        "/coprs/..%2f..%2fetc/passwd/",
        "/coprs/%3Cscript%3E/x/",
        "/coprs/build/999",
        "/coprs/build/x",
        "/coprs/build/99999999999999999999",
        "/coprs/build/1/state",
        "/static/style.css",
        "/results/",
        "/results/bob/nope/",
    ] {
        assert_page(&town.get(path).await, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn every_page_has_a_twin_in_json() {
    let town = Town::with_a_chain().await;
    let libs = project(&town, "alice", "libs").await;
    let id = town.build(&libs, "libgreet", "libs").await;
    let json = |answer: &Answer| -> serde_json::Value {
        assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text());
        serde_json::from_slice(&answer.bytes).unwrap()
    };
    let page = json(&town.get(&format!("/coprs/build/{id}.json")).await);
    assert_eq!((&page["package"], &page["state"]), (&"libgreet".into(), &"pending".into()), "{page}");
    assert_eq!(page["frame"], serde_json::Value::Null);
    let page = json(&town.ask("/coprs/alice/libs/", &[("accept", "application/json")]).await);
    assert_eq!((&page["owner"], &page["name"]), (&"alice".into(), &"libs".into()), "{page}");
    assert_eq!(page["chroots"][0]["name"], "fedora-44-x86_64", "{page}");
    let page = json(&town.get("/.json?q=app").await);
    assert_eq!((&page["projects"][0]["name"], &page["paging"]["page"]), (&"app".into(), &1.into()), "{page}");
    let moved = town.get("/coprs/alice/libs.json").await;
    assert_eq!((moved.status, moved.header("location")), (StatusCode::PERMANENT_REDIRECT, "/coprs/alice/libs/.json"));
    for (path, accept) in [("/coprs/a/b/.json", ""), ("/coprs/build/77.json", ""), ("/nope", "application/json")] {
        let answer = town.ask(path, &[("accept", accept)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(json(&answer)["error"].as_str().unwrap().starts_with("There is no"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again() {
    let town = Town::with_a_chain().await;
    for path in ["/coprs/alice/libs/", "/coprs/alice/libs/.json", assets::STYLE.url()] {
        let first = town.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let again = town.ask(path, &[("if-none-match", &format!("\"x\", {tag}"))]).await;
        assert_eq!((again.status, again.bytes.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
        assert_eq!((again.header("etag"), again.header("vary")), (tag.as_str(), first.header("vary")));
        assert_eq!(town.ask(path, &[("if-none-match", "\"x\"")]).await.status, StatusCode::OK);
    }
    assert_eq!(town.ask("/nope", &[("if-none-match", "*")]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_are_compressed_for_whoever_takes_it_and_results_never_are() {
    let town = Town::with_a_chain().await;
    town.file("alice/libs/x.txt", "a line\n".repeat(1000));
    for (accepted, coding) in [("gzip, br", "gzip"), ("gzip, zstd", "zstd"), ("br", ""), ("", "")] {
        let page = town.ask("/", &[("accept-encoding", accepted)]).await;
        assert_eq!(page.header("content-encoding"), coding, "{accepted}");
        assert!(page.headers.get_all("vary").iter().any(|value| value.to_str().unwrap().contains("accept-encoding")));
        let file = town.ask("/results/alice/libs/x.txt", &[("accept-encoding", accepted)]).await;
        assert_eq!((file.header("content-encoding"), file.bytes.len()), ("", 7000), "{accepted}");
    }
    let whole = town.get("/").await.bytes.len();
    let packed = town.ask("/", &[("accept-encoding", "zstd")]).await.bytes.len();
    assert!(packed * 2 < whole, "{packed} of {whole}");
}

#[tokio::test]
async fn the_first_visit_takes_less_than_60_kb_over_the_wire() {
    let town = Town::empty().await;
    for number in 0..50 {
        town.project(&format!("alice/p{number}"), &[CHROOT], |project| {
            project.description = Some(format!("What project {number} is for, in a sentence of the usual length."));
        })
        .await;
    }
    let mut bytes = 0;
    for path in ["/", assets::STYLE.url(), assets::SCRIPT.url(), assets::ICON.url()] {
        bytes += town.ask(path, &[("accept-encoding", "gzip")]).await.bytes.len();
    }
    assert!(bytes < 60_000, "{bytes} bytes");
}

#[tokio::test]
async fn what_a_project_says_of_itself_is_markdown() {
    let town = Town::empty().await;
    town.project("a/p", &[CHROOT], |project| {
        project.description = Some("# Tools\n\n* [one](https://example.org/)".to_owned());
        project.instructions = Some("Run `tool`.".to_owned());
    })
    .await;
    let text = town.get("/coprs/a/p/").await.text();
    for html in
        ["<h3>Tools</h3>", "<a href=\"https://example.org/\" rel=\"nofollow noopener\">one</a>", "<code>tool</code>"]
    {
        assert!(text.contains(html), "{html} in {text}");
    }
}

#[tokio::test]
async fn assets_have_their_type_and_may_be_kept_for_ever() {
    let town = Town::empty().await;
    for asset in [&assets::STYLE, &assets::SCRIPT, &assets::ICON] {
        let answer = town.get(asset.url()).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, asset.content_type));
        assert!(answer.header("cache-control").contains("immutable"));
    }
}
