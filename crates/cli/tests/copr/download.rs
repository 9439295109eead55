//! `copr download-build`: which files, where to, and what is not fetched twice.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Hub, build, not_found, page};

/// A hub with one build in two chroots; the second has no results.
fn hub() -> Hub {
    let address = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&address);
    let hub = Hub::new(move |line, _| match line {
        "GET /api_3/build/7" => (200, build(7, "succeeded").to_string()),
        line if line.starts_with("GET /api_3/build-chroot/list?build_id=7") => {
            let chroot = |name: &str, url: Value| json!({"name": name, "state": "succeeded", "started_on": 1, "ended_on": 2, "result_url": url});
            let url = format!("{}/results/a/p/f-1-x86_64/00000007-hello/", own.lock().unwrap());
            page(&[chroot("f-1-x86_64", url.into()), chroot("f-2-x86_64", Value::Null)])
        }
        "GET /results/a/p/f-1-x86_64/00000007-hello/" => (
            200,
            "<a href=\"../\">..</a><a href=\"hello-1~rc1-1.x86_64.rpm\">x</a><a href=\"hello.spec\">x</a>\
             <a href=\"build.log.gz\">x</a><a href=\"fedora-review/\">x</a>\
             <a href=\"/etc/passwd\">x</a><a href=\"..%2Fevil\">x</a>"
                .to_owned(),
        ),
        "GET /results/a/p/f-1-x86_64/00000007-hello/fedora-review/" => (200, "<a href='review.txt'>x</a>".to_owned()),
        line if line.starts_with("GET /results/") => (200, format!("content of {line}")),
        _ => not_found(),
    });
    hub.address.clone_into(&mut address.lock().unwrap());
    hub
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn all_that_a_build_made_lands_in_a_folder_for_its_chroot_and_nothing_elsewhere() {
    let hub = hub();
    let to = hub.folder.path().join("to");
    let ended = hub.copr(&["download-build", "7", "--dest", to.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("No data for build id: 7 and chroot: f-2-x86_64."), "{}", ended.err);
    assert_eq!(names(&to), ["f-1-x86_64"]);
    let folder = to.join("f-1-x86_64");
    assert_eq!(names(&folder), ["build.log.gz", "fedora-review", "hello-1~rc1-1.x86_64.rpm", "hello.spec"]);
    assert_eq!(names(&folder.join("fedora-review")), ["review.txt"]);
    assert!(fs_err::read_to_string(folder.join("hello.spec")).unwrap().ends_with("00000007-hello/hello.spec"));

    fs_err::remove_file(folder.join("hello.spec")).unwrap();
    let again = hub.copr(&["download-build", "7", "--dest", to.to_str().unwrap(), "--json"]);
    let files: Vec<Value> = serde_json::from_str(&again.out).unwrap();
    let fetched: Vec<&Value> = files.iter().filter(|file| file["present"] == json!(false)).collect();
    assert_eq!((files.len(), fetched.len()), (4, 1), "{}", again.out);
    assert!(fetched[0]["file"].as_str().unwrap().ends_with("hello.spec"));
}

#[test]
fn kinds_of_files_and_chroots_can_be_chosen() {
    let hub = hub();
    for (option, expected) in [
        ("--rpms", vec!["hello-1~rc1-1.x86_64.rpm"]),
        ("--spec", vec!["hello.spec"]),
        ("--logs", vec!["build.log.gz"]),
        ("--review", vec!["fedora-review"]),
    ] {
        let to = hub.folder.path().join(option);
        let ended = hub.copr(&["download-build", "7", "-r", "f-1-*", "-d", to.to_str().unwrap(), option]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(names(&to.join("f-1-x86_64")), expected, "{option}");
    }
    let ended = hub.copr(&["download-build", "7", "-r", "f-9-x86_64"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
}
