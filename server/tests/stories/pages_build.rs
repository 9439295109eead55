//! The pages of a build, as people see them: its logs, what can be done with it, what its buildroot had.

use async_compression::tokio::bufread::GzipEncoder;
use axum::http::StatusCode;
use copr_api::builder::Outcome;
use object_store::ObjectStoreExt as _;
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::{
    events::Running,
    packages::Rpm,
    signing_in::{Browser, person},
    support::{Answer, BINARY, CHROOT, Hub, SOURCE, User},
};

/// A text that breaks out wherever it is not escaped.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&{{7*7}}";

async fn hub() -> Hub {
    Hub::on_every_engine().await.swap_remove(0)
}

/// A build that a builder has: who may do what with it, its number, the lease.
async fn begun(hub: &Hub) -> (User, i64, String) {
    let alice = person(hub, "alice").await;
    hub.create(&alice, "p").await;
    let id = hub.submit(&alice, "p").await;
    (alice, id, hub.lease().await.id)
}

fn log_page(id: i64, name: &str) -> String {
    format!("/coprs/build/{id}/log/{CHROOT}/{name}")
}

#[track_caller]
fn assert_safe(page: &Answer) {
    let text = page.text();
    assert_eq!(page.status, StatusCode::OK, "{text}");
    for bad in ["<script>", "<img", "\"'>", " style=", "\u{1b}", "\u{7}", "javascript:"] {
        assert!(!text.contains(bad), "{bad:?} in {text}");
    }
}

#[tokio::test]
async fn a_log_has_colours_numbers_and_a_link_to_the_first_error_and_nothing_of_it_is_markup() {
    for hub in Hub::on_every_engine().await {
        let (_, id, lease) = begun(&hub).await;
        let log = format!(
            "+ make\n\u{1b}[1;31mred\u{1b}[0m plain \u{1b}]0;title\u{7}\u{1b}[2J{HOSTILE}\n\
             a.c:1:2: \u{1b}[01;31m\u{1b}[Kerror: \u{1b}[m\u{1b}[K</span></div>{HOSTILE}\nlast"
        );
        hub.log(&lease, "build.log", 0, &log).await.ok();
        hub.log(&lease, "root.log", 0, "nothing of interest\n").await.ok();
        hub.finish(&lease, Outcome::UserFault { message: HOSTILE.to_owned() }, Vec::new()).await.ok();

        let page = hub.get(&log_page(id, "build.log")).await;
        assert_safe(&page);
        let text = page.text();
        assert!(text.contains(
            "<div id=\"L2\"><a href=\"#L2\">2</a><span><span class=\"t-bold t-1\">red</span> plain &#60;script"
        ));
        assert!(text.contains("<div id=\"L3\" class=\"trouble\">") && text.contains("<div id=\"L4\">"), "{text}");
        assert!(text.contains(&format!("{}?from=1#L3", log_page(id, "build.log"))), "{text}");
        assert!(text.contains("root.log") && text.contains("4 lines"), "{text}");

        let jump = hub.get(&format!("{}?at=error", log_page(id, "build.log"))).await;
        assert_eq!(jump.status, StatusCode::SEE_OTHER);
        assert_eq!(jump.header("location"), format!("{}?from=1#L3", log_page(id, "build.log")));
        let none = hub.get(&format!("{}?at=error", log_page(id, "root.log"))).await.text();
        assert!(none.contains("No line of this log looks like an error"), "{none}");
        let main = hub.get(&format!("/coprs/build/{id}/log/{CHROOT}/?at=error")).await;
        assert_eq!(main.header("location"), format!("{}?at=error", log_page(id, "build.log")));

        let twin = hub.get(&format!("{}.json?from=3", log_page(id, "build.log"))).await.ok();
        assert_eq!((&twin["total"], &twin["trouble"], &twin["lines"][0]["number"]), (&json!(4), &json!(3), &json!(3)));
        assert_eq!(twin["lines"][1]["text"], "last");

        let build = hub.get(&format!("/coprs/build/{id}")).await;
        assert_safe(&build);
        assert!(build.text().contains("?at=error\">Go to the first error</a>"), "{}", build.text());
    }
}

/// A line of 64 bytes.
const LONG: &[u8; 64] = b"a line of the usual length, of which there is more than is read\n";

/// A text as gzip.
async fn packed(text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzipEncoder::new(text).read_to_end(&mut packed).await.unwrap();
    packed
}

#[tokio::test]
async fn a_compressed_log_is_shown_as_any_other_and_what_is_broken_as_far_as_it_goes() {
    let hub = hub().await;
    let (_, id, lease) = begun(&hub).await;
    hub.log(&lease, "state.log", 0, "begun\n").await.ok();
    hub.finish(&lease, Outcome::UserFault { message: "no".to_owned() }, Vec::new()).await.ok();
    let folder = hub.stored(&format!("results/alice/p/{CHROOT}/{id:08}-hello"));
    let text: String = (1..=9000)
        .map(|n| if n == 4000 { "a.c:1: error: here\n".to_owned() } else { format!("line {n} {HOSTILE}\n") })
        .collect();
    let (begin, end) = text.split_at(text.len() / 2);
    // Two members, as a program makes that goes on with a log.
    let two = [packed(begin.as_bytes()).await, packed(end.as_bytes()).await].concat();
    fs_err::write(folder.join("build.log.gz"), &two).unwrap();
    fs_err::write(folder.join("broken.log.gz"), &two[..two.len() - 20]).unwrap();
    fs_err::write(folder.join("none.log.gz"), "no gzip at all").unwrap();
    fs_err::write(folder.join("bomb.log.gz"), packed(&LONG.repeat(1_300_000)).await).unwrap();

    let path = log_page(id, "build.log.gz");
    let last = hub.get(&path).await;
    assert_safe(&last);
    assert!(last.text().contains("id=\"L9000\"") && last.text().contains("9000 lines"), "{}", last.text());
    assert!(!last.text().contains("id=\"L7000\""));
    let twin = hub.get(&format!("{path}.json?from=2500")).await.ok();
    assert_eq!(
        (&twin["lines"][0]["number"], &twin["trouble"], &twin["cut"]),
        (&json!(2500), &json!(4000), &json!(false))
    );
    assert_eq!(twin["lines"][0]["text"], format!("line 2500 {HOSTILE}"));
    assert_eq!(twin["lines"].as_array().unwrap().len(), 2000);
    let jump = hub.get(&format!("{path}?at=error")).await;
    assert_eq!(jump.header("location"), format!("{path}?from=3970#L4000"));
    let main = hub.get(&format!("/coprs/build/{id}/log/{CHROOT}/")).await;
    assert_eq!(main.header("location"), path);
    assert!(hub.get(&format!("/coprs/build/{id}")).await.text().contains(&format!("href=\"{path}\"")));

    for (name, lines) in [("broken.log.gz", 8000..9000), ("none.log.gz", 0..1), ("bomb.log.gz", 1_048_576..1_048_577)] {
        let page = hub.get(&log_page(id, name)).await;
        assert_safe(&page);
        assert!(page.text().contains("This is the beginning of a compressed log"), "{name}: {}", page.text());
        let total = hub.get(&format!("{}.json", log_page(id, name))).await.ok()["total"].as_u64().unwrap();
        assert!(lines.contains(&total), "{name}: {total}");
    }
}

#[tokio::test]
async fn a_log_of_64_mib_is_shown_in_windows() {
    let hub = hub().await;
    let (_, id, lease) = begun(&hub).await;
    let folder = format!("results/alice/p/{CHROOT}/{id:08}-hello");
    hub.log(&lease, "build.log", 0, "+ make\n").await.ok();
    let mut log = Vec::with_capacity(65 << 20);
    let mut lines = 0;
    while log.len() < 64 << 20 {
        lines += 1;
        let text = if lines == 40_000 {
            "a.c:1: error: here"
        } else {
            "a line of the usual length, which says nothing that matters much"
        };
        log.extend_from_slice(format!("{lines} {text}\n").as_bytes());
    }
    fs_err::write(hub.stored(&folder).join("build.log"), &log).unwrap();
    // And one that is a single line, of escapes and angle brackets.
    fs_err::write(hub.stored(&folder).join("root.log"), "\u{1b}[31m<".repeat(12 << 20)).unwrap();
    hub.finish(&lease, Outcome::UserFault { message: "no".to_owned() }, Vec::new()).await.ok();
    let path = log_page(id, "build.log");
    let page = |query: &str| {
        let (hub, path) = (&hub, format!("{path}{query}"));
        async move {
            let page = hub.get(&path).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.body.len() < 1 << 20, "{path}: {} bytes", page.body.len());
            page.text()
        }
    };
    let last = page("").await;
    assert!(last.contains(&format!("id=\"L{lines}\"")) && last.contains(&format!("id=\"L{}\"", lines - 1999)));
    assert!(!last.contains(&format!("id=\"L{}\"", lines - 2000)));
    assert!(last.contains(&format!("?from={}\"", lines - 3999)), "the lines before");
    let middle = page("?from=300001").await;
    assert!(
        middle.contains("id=\"L300001\"") && middle.contains("id=\"L302000\"") && middle.contains("?from=302001\"")
    );
    let first = page("?from=1").await;
    assert!(first.contains("id=\"L1\"") && !first.contains("Lines before"));
    for wild in ["?from=0", "?from=-1", "?from=99999999999999999999", "?from=x", "?from=18446744073709551615"] {
        page(wild).await;
    }
    let jump = hub.get(&format!("{path}?at=error")).await;
    assert_eq!(jump.header("location"), format!("{path}?from=39970#L40000"));
    assert!(page("?from=39970").await.contains("<div id=\"L40000\" class=\"trouble\">"));
    let one = hub.get(&log_page(id, "root.log")).await;
    assert!(one.body.len() < 64 << 10, "{} bytes", one.body.len());
    assert!(one.text().contains("more in this line"), "{}", one.text());
    // The build's own page shows the end of it.
    assert!(hub.get(&format!("/coprs/build/{id}")).await.body.len() < 256 << 10);
}

#[tokio::test]
async fn only_logs_of_the_build_are_shown_and_no_name_leads_elsewhere() {
    for hub in Hub::on_every_engine().await {
        let (alice, id, lease) = begun(&hub).await;
        hub.log(&lease, "build.log", 0, "mine\n").await.ok();
        let other = hub.submit(&alice, "p").await;
        let of = |rest: &str| format!("/coprs/build/{id}/log/{rest}");
        for bad in [
            of("fedora-43-x86_64/build.log"),
            of("nope/build.log"),
            of("%2e%2e/build.log"),
            of(&format!("{CHROOT}/state.log")),
            of(&format!("{CHROOT}/..%2f{other:08}-hello%2fbuild.log")),
            of(&format!("{CHROOT}/..%2f..%2f..%2f..%2fcoprd.sqlite")),
            of(&format!("{CHROOT}/%2e%2e")),
            of(&format!("{CHROOT}/.lease")),
            of(&format!("{CHROOT}/.hidden.log")),
            of(&format!("{CHROOT}/build.log%00")),
            of(&format!("{CHROOT}/hello-1.0-1.x86_64.rpm")),
            of(&format!("{CHROOT}/{}", "x".repeat(5000))),
            of("srpm-builds/build.log"),
            format!("/coprs/build/999999/log/{CHROOT}/build.log"),
            format!("/coprs/build/x/log/{CHROOT}/build.log"),
            format!("/coprs/build/{id}/buildroot/{CHROOT}"),
            format!("/coprs/build/{id}/buildroot/nope"),
            format!("/coprs/build/{other}/log/{CHROOT}/"),
        ] {
            let answer = hub.get(&bad).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{bad}: {}", answer.text());
        }
        assert!(hub.get(&log_page(id, "build.log")).await.text().contains("mine"));
        let moved = hub.get(&format!("/coprs/alice/p/build/{id}/")).await;
        assert_eq!(moved.header("location"), format!("/coprs/build/{id}"));
        let slash = hub.get(&format!("/coprs/build/{id}/log/{CHROOT}")).await;
        assert_eq!(slash.header("location"), format!("/coprs/build/{id}/log/{CHROOT}/"));
    }
}

#[tokio::test]
async fn what_a_page_shows_of_a_log_and_what_it_hears_afterwards_are_the_whole_log() {
    for hub in Hub::on_every_engine().await {
        let (_, id, lease) = begun(&hub).await;
        let live = "builder-live.log";
        hub.log(&lease, live, 0, "one\ntwo\nthr").await.ok();
        let page = hub.get(&log_page(id, live)).await.text();
        assert!(page.contains("<span>thr</span>") && page.contains("data-open=\"true\""), "{page}");
        let (_, rest) = page.split_once("data-follow=\"").unwrap_or_else(|| panic!("no events in {page}"));
        let url = rest.split('"').next().unwrap().replace("&#38;", "&");
        let path = url.strip_prefix("/coprs/build/").unwrap();
        let mut stream = Running::of(&hub).follow(path).await;
        hub.log(&lease, live, 11, "ee\nfour\n").await.ok();
        assert_eq!(stream.log(8).await, "ee\nfour\n");

        // Not the end of it: nothing is heard there.
        let build = hub.get(&format!("/coprs/build/{id}")).await.text();
        assert!(
            build.contains(&format!("data-log-offset=\"19\" data-log-name=\"{live}\" data-log-job=\"{CHROOT}\"")),
            "{build}"
        );
        hub.hand_in(&lease, &[BINARY, SOURCE]).await.ok();
        hub.publish().await;
        let page = hub.get(&log_page(id, live)).await.text();
        assert!(!page.contains("data-follow") && !page.contains("http-equiv") && page.contains("id=\"L4\""), "{page}");
    }
}

#[tokio::test]
async fn only_who_may_build_there_cancels_repeats_and_deletes_and_only_from_a_page_of_ours() {
    for hub in Hub::on_every_engine().await {
        let (alice, id, lease) = begun(&hub).await;
        person(&hub, "mallory").await;
        let path = format!("/coprs/build/{id}");
        let (nobody, mallory) = (Browser::new(&hub), Browser::signed_in(&hub, "mallory").await);
        let owner = Browser::signed_in(&hub, "alice").await;
        let buttons = |page: &Answer| page.text().matches(&format!("action=\"{path}/")).count();
        assert_eq!([buttons(&nobody.get(&path).await), buttons(&mallory.get(&path).await)], [0, 0]);
        assert_eq!(buttons(&owner.get(&path).await), 1, "it can be cancelled while it goes on");
        let (token, strange) = (owner.csrf().await, mallory.csrf().await);
        for what in ["cancel", "repeat", "delete"] {
            let to = format!("{path}/{what}");
            let fields = [("csrf", token.as_str()), ("chroots", CHROOT)];
            let answer = nobody.post(&to, &fields).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what}");
            assert!(answer.header("location").starts_with("/login"), "{what}");
            let answer = mallory.post(&to, &[("csrf", strange.as_str()), ("chroots", CHROOT)]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.text());
            for token in ["", strange.as_str(), "x"] {
                let answer = owner.post(&to, &[("csrf", token), ("chroots", CHROOT)]).await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
            }
            let foreign = owner.post_with(&to, &fields, &[("origin", "https://evil.example")]).await;
            assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{what}");
            assert_eq!(owner.get(&to).await.status, StatusCode::METHOD_NOT_ALLOWED, "{what}");
        }
        assert_eq!(hub.state_of(id).await, "starting", "nothing was done");

        let csrf = [("csrf", token.as_str())];
        let early = owner.post(&format!("{path}/delete"), &csrf).await;
        assert_eq!(early.status, StatusCode::CONFLICT, "{}", early.text());
        let done = owner.post(&format!("{path}/cancel"), &csrf).await;
        assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, path.as_str()));
        assert_eq!(hub.state_of(id).await, "canceled");
        hub.beat(&lease, "building").await;
        hub.finish(&lease, Outcome::UserFault { message: "stopped".to_owned() }, Vec::new()).await;
        assert_eq!(owner.post(&format!("{path}/cancel"), &csrf).await.status, StatusCode::CONFLICT);

        let page = owner.get(&path).await;
        assert_eq!(buttons(&page), 2, "{}", page.text());
        let none = owner.post(&format!("{path}/repeat"), &csrf).await;
        assert_eq!(none.status, StatusCode::BAD_REQUEST);
        let strange = owner.post(&format!("{path}/repeat"), &[csrf[0], ("chroots", "epel-9-x86_64")]).await;
        assert_eq!(strange.status, StatusCode::BAD_REQUEST, "{}", strange.text());
        let again = owner.post(&format!("{path}/repeat"), &[csrf[0], ("chroots", CHROOT)]).await;
        assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.text());
        let new: i64 = again.header("location").strip_prefix("/coprs/build/").unwrap().parse().unwrap();
        assert!(new > id);
        let (old, repeated) = (hub.build(id).await, hub.build(new).await);
        assert_eq!(repeated["source_package"]["version"], old["source_package"]["version"]);
        assert_eq!((&repeated["submitter"], &repeated["state"]), (&json!("alice"), &json!("pending")));

        // Deleted while somebody has its page open; the new one keeps the source.
        let gone = owner.post(&format!("{path}/delete"), &csrf).await;
        assert_eq!((gone.status, gone.header("location")), (StatusCode::SEE_OTHER, "/coprs/alice/p/"));
        for what in ["cancel", "repeat", "delete"] {
            let late = owner.post(&format!("{path}/{what}"), &[csrf[0], ("chroots", CHROOT)]).await;
            assert_eq!(late.status, StatusCode::NOT_FOUND, "{what}");
        }
        for rest in ["", "/state", &format!("/log/{CHROOT}/build.log"), &format!("/buildroot/{CHROOT}")] {
            assert_eq!(owner.get(&format!("{path}{rest}")).await.status, StatusCode::NOT_FOUND, "{rest}");
        }
        let lease = hub.lease().await;
        assert_eq!(lease.build_id, new);
        let source = hub.builder_call("GET", &format!("lease/{}/source", lease.id), "", &[]).await;
        assert_eq!(source.body, SOURCE.bytes());
        drop(alice);
    }
}

#[tokio::test]
async fn a_build_from_git_or_a_spec_is_made_again_and_one_whose_source_is_gone_says_so() {
    for hub in Hub::on_every_engine().await {
        let alice = person(&hub, "alice").await;
        hub.create(&alice, "p").await;
        let body = json!({
            "ownername": "alice", "projectname": "p", "chroots": null, "clone_url": "https://git.example.org/hello.git",
            "committish": "v1", "subdirectory": "rpm", "scm_type": "git", "source_build_method": "rpkg",
        });
        let git = hub.call(&alice, "POST", "/api_3/build/create/scm", &body).await.ok()["id"].as_i64().unwrap();
        let files: [(&str, &[u8]); 2] = [("hello.spec", b"Name: hello\n"), ("hello.tar.gz", b"bytes")];
        let spec = hub.upload_files(&alice, "p", &files, json!({})).await.ok()["id"].as_i64().unwrap();
        let upload = hub.submit(&alice, "p").await;
        let owner = Browser::signed_in(&hub, "alice").await;
        let token = owner.csrf().await;
        let page = owner.get(&format!("/coprs/build/{git}")).await.text();
        assert!(page.contains("href=\"https://git.example.org/hello.git\" rel=\"nofollow noopener\">"), "{page}");
        assert!(page.contains(", at v1, folder rpm"), "{page}");
        let mut again = Vec::new();
        for id in [git, spec] {
            let fields = [("csrf", token.as_str()), ("chroots", CHROOT)];
            let answer = owner.post(&format!("/coprs/build/{id}/repeat"), &fields).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
            let new = answer.header("location").strip_prefix("/coprs/build/").unwrap().to_owned();
            let config = async |id: &str| hub.get(&format!("/api_3/build/source-build-config/{id}")).await.ok();
            assert_eq!(config(&new).await["source_dict"], config(&id.to_string()).await["source_dict"]);
            again.push(new);
        }
        assert_eq!(again.len(), 2);
        let source = format!("results/alice/p/srpm-builds/{upload:08}/{}", SOURCE.file());
        hub.objects.delete(&hub.key(&source)).await.unwrap();
        let fields = [("csrf", token.as_str()), ("chroots", CHROOT)];
        let answer = owner.post(&format!("/coprs/build/{upload}/repeat"), &fields).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(answer.text().contains("is not there any more"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_build_that_waits_tells_its_place_in_the_queue() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let ids = [hub.submit(&alice, "p").await, hub.submit(&alice, "p").await, hub.submit(&alice, "p").await];
        for (id, text) in ids.iter().zip(["It is the next one.", "1 job is before it.", "2 jobs are before it."]) {
            let page = hub.get(&format!("/coprs/build/{id}")).await.text();
            assert!(page.contains(text), "{text}: {page}");
        }
        let twin = hub.get(&format!("/coprs/build/{}.json", ids[2])).await.ok();
        assert_eq!((&twin["chroots"][0]["position"], &twin["source"]["kind"]), (&json!(2), &json!("upload")));
    }
}

#[tokio::test]
async fn what_changed_in_the_buildroot_and_what_rpmlint_says_is_told() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let first = hub.submit(&alice, "p").await;
        let lease = hub.lease().await.id;
        let old = "bash-5.2-1.fc44.x86_64 1 1 installed\nzlib-1.3-1.fc44.x86_64 1 1 installed\n";
        hub.log(&lease, "installed_pkgs.log", 0, old).await.ok();
        hub.hand_in(&lease, &[BINARY, SOURCE]).await.ok();
        hub.publish().await;
        let alone = hub.get(&format!("/coprs/build/{first}/buildroot/{CHROOT}")).await;
        assert!(alone.text().contains("Nothing to compare with"), "{}", alone.text());

        let second = hub.submit(&alice, "p").await;
        let lease = hub.lease().await.id;
        let new = "bash-5.3-1.fc44.x86_64 1 1 installed\n<script>alert(1)</script>-1-1.noarch 1 1 installed\n";
        hub.log(&lease, "installed_pkgs.log", 0, new).await.ok();
        let lint = format!("hello.x86_64: W: no-documentation\nhello.x86_64: E: bad {HOSTILE}\n");
        hub.log(&lease, "rpmlint.log", 0, &lint).await.ok();
        hub.finish(&lease, Outcome::UserFault { message: "rpmlint finds errors".to_owned() }, Vec::new()).await.ok();
        let page = hub.get(&format!("/coprs/build/{second}/buildroot/{CHROOT}")).await;
        assert_safe(&page);
        let text = page.text();
        for part in [
            "1 added",
            "1 removed",
            "1 in another version",
            "5.2-1.fc44",
            "5.3-1.fc44",
            "&#60;script&#62;alert(1)&#60;/script&#62;",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains(&format!("<a href=\"/coprs/build/{first}\">build {first}</a>")), "{text}");
        let twin = hub.get(&format!("/coprs/build/{second}/buildroot/{CHROOT}.json")).await.ok();
        assert_eq!((&twin["before"]["id"], &twin["changes"][1]["what"]), (&json!(first), &json!("updated")), "{twin}");

        let build = hub.get(&format!("/coprs/build/{second}")).await;
        assert_safe(&build);
        assert!(
            build.text().contains("1 error</span>") && build.text().contains("1 warning</span>"),
            "{}",
            build.text()
        );
        let twin = hub.get(&format!("/coprs/build/{second}.json")).await.ok();
        assert_eq!(
            (&twin["chroots"][0]["lint"]["errors"], &twin["chroots"][0]["lint"]["warnings"]),
            (&json!(1), &json!(1))
        );
    }
}

#[tokio::test]
async fn names_that_packages_and_builders_have_are_text() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let odd = Rpm { name: "a+b&c", version: "1.0", release: "1", arch: "x86_64", source: None };
        let answer = hub.upload(&alice, "p", &odd.file(), &odd.bytes(), json!({})).await;
        if answer.status == StatusCode::OK {
            let id = answer.json()["id"].as_i64().unwrap();
            assert_safe(&hub.get(&format!("/coprs/build/{id}")).await);
        }
        let id = hub.submit(&alice, "p").await;
        while let Some(lease) = hub.lease_as(HOSTILE).await {
            hub.log(&lease.id, "build.log", 0, "x\n").await.ok();
        }
        let page = hub.get(&format!("/coprs/build/{id}")).await;
        assert_safe(&page);
        assert!(page.text().contains("on &#60;script&#62;alert(1)"), "{}", page.text());
    }
}
