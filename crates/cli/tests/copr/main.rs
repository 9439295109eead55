//! `copr` as a program: what it prints and how it exits, against a hub made of canned answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod download;
mod events;
mod packages;
mod people;
mod support;

use std::{
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use support::{Hub, build, copr, not_found, page, project, rpm};

#[test]
fn who_one_is_stands_in_the_configuration_and_needs_no_hub() {
    let hub = Hub::new(|_, _| not_found());
    let ended = hub.copr(&["whoami"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "alice\n", ""));
    assert!(hub.asked().is_empty());
}

#[test]
fn a_build_says_what_scripts_read_shows_the_log_and_ends_with_0() {
    let hub = Hub::new(|line, before| match line {
        "POST /api_3/build/check-before-build" => (200, json!({"message": "It should be safe to submit"}).to_string()),
        "POST /api_3/build/create/upload" => (200, build(7, "importing").to_string()),
        "GET /api_3/build/7" => (200, build(7, ["pending", "running", "succeeded"][before.min(2)]).to_string()),
        line if line.starts_with("GET /api_3/build-chroot/list?build_id=7") => {
            let chroot = |state: &str| {
                json!({"name": "f-1-x86_64", "state": state, "started_on": null, "ended_on": null,
                "result_url": if state == "pending" { Value::Null } else { "http://HUB/results/7/".into() }})
            };
            page(&[chroot(["pending", "running", "succeeded"][before.min(2)])])
        }
        _ => not_found(),
    });
    let package = hub.write("hello-1-1.src.rpm", rpm(1));
    let ended = hub.copr(&["build", "libs", package.to_str().unwrap(), "--no-log"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], format!("Uploading package {}", package.display()));
    assert_eq!(lines[1], "Build was added to libs:");
    assert_eq!(lines[2], format!("  {}/coprs/build/7", hub.address));
    assert_eq!(lines[3], "Created builds: 7");
    assert_eq!(lines[4], "Watching build(s): (this may be safely interrupted)");
    let states: Vec<&str> = lines[5..].iter().map(|line| &line[10..]).collect();
    assert_eq!(states, [" Build 7: pending", " Build 7: running", " Build 7: succeeded"]);
    assert_eq!(ended.err, "", "nothing moves where no terminal is");
    assert_eq!(hub.asked()[0], "POST /api_3/build/check-before-build", "the question comes before the upload");
}

#[test]
fn of_a_source_that_cannot_be_made_the_log_is_shown_and_where_it_is() {
    let address = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&address);
    let unmade = |state: &str| {
        let mut build = build(7, state);
        build["source_package"]["name"] = Value::Null;
        build
    };
    let hub = Hub::new(move |line, before| match line {
        "POST /api_3/build/check-before-build" => (200, json!({"message": "fine"}).to_string()),
        "POST /api_3/build/create/url" => page(&[unmade("pending")]),
        "POST /api_3/build/create/scm" => (200, unmade("pending").to_string()),
        "GET /api_3/build/7" => (200, unmade(["running", "failed"][before.min(1)]).to_string()),
        "GET /api_3/build/source-chroot/7" => {
            let url = format!("{}/results/srpm/", own.lock().unwrap());
            (200, json!({"state": (["running", "failed"][before.min(1)]), "result_url": url}).to_string())
        }
        line if line.starts_with("GET /api_3/build-chroot/list?build_id=7") => page(&[]),
        "GET /results/srpm/builder-live.log" => (200, "404 Not Found\n".repeat(before.min(1))),
        _ => not_found(),
    });
    hub.address.clone_into(&mut address.lock().unwrap());
    let ended = hub.copr(&["build", "libs", "https://example.org/hello-1-1.src.rpm"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(4), "Error: Build(s) 7 failed.\n"));
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines.contains(&"Created builds: 7") && lines.contains(&"404 Not Found"), "{}", ended.out);
    let place = format!("  Logs of the source package: {}/results/srpm/", hub.address);
    assert!(lines.contains(&place.as_str()), "{}", ended.out);
    let scm = ["buildscm", "libs", "--clone-url", "https://example.org/hello.git", "--nowait"];
    let ended = hub.copr(&scm);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.ends_with("Created builds: 7\n"), "{}", ended.out);
}

#[test]
fn a_failed_build_exits_with_4_after_its_whole_log() {
    let address = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&address);
    let hub = Hub::new(move |line, before| match line {
        "GET /api_3/build/7" => (200, build(7, ["running", "failed"][before.min(1)]).to_string()),
        line if line.starts_with("GET /api_3/build-chroot/list?build_id=7") => page(&[json!({"name": "f-1-x86_64",
            "state": (["running", "failed"][before.min(1)]), "started_on": 1, "ended_on": null,
            "result_url": format!("{}/results/7/", own.lock().unwrap())})]),
        "GET /results/7/builder-live.log" => (200, "one\ntwo \u{1b}[31mred\u{1b}[0m\nthe e".repeat(before) + "nd"),
        _ => not_found(),
    });
    hub.address.clone_into(&mut address.lock().unwrap());
    let ended = hub.copr(&["watch", "7"]);
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    assert_eq!(ended.err, "Error: Build(s) 7 failed.\n");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[1].ends_with("Build 7: running"), "{}", ended.out);
    assert_eq!(lines[2..5], ["nde", "two red", "the end"], "{}", ended.out);
    assert_eq!(lines[5], format!("  Logs of f-1-x86_64: {}/results/7/", hub.address));
    assert!(lines[6].ends_with("Build 7: failed"), "{}", ended.out);
}

#[test]
fn a_cancelled_build_exits_with_4_and_a_finished_one_is_not_told_again() {
    let hub = Hub::new(|line, _| match line {
        "GET /api_3/build/8" => (200, build(8, "canceled").to_string()),
        "GET /api_3/build/9" => (200, build(9, "succeeded").to_string()),
        line if line.starts_with("GET /api_3/build-chroot/list?") => page(&[]),
        _ => not_found(),
    });
    let ended = hub.copr(&["watch-build", "8", "9"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(4), "Error: Build(s) 8 canceled.\n"));
    let ended = hub.copr(&["watch", "9", "--json"]);
    let builds: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, &builds[0]["id"]), (Some(0), &json!(9)));
    assert!(ended.err.contains("Build 9: succeeded"));
}

#[test]
fn a_hub_that_restarts_meanwhile_is_waited_for() {
    let hub = Hub::new(|line, before| match line {
        "GET /api_3/build/7" if before == 0 => (502, "<html>Bad Gateway</html>".to_owned()),
        "GET /api_3/build/7" => (200, build(7, "succeeded").to_string()),
        _ => page(&[]),
    });
    let ended = hub.copr(&["watch", "7"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("trying again\n") && ended.err.ends_with("The server is back.\n"), "{}", ended.err);
}

#[test]
fn what_is_no_source_package_is_refused_before_anything_is_sent() {
    let hub = Hub::new(|_, _| not_found());
    let notes = hub.write("notes.src.rpm", "these are notes, not a package\n");
    let binary = hub.write("hello.rpm", rpm(0));
    let cut = hub.write("cut.src.rpm", &rpm(1)[..150]);
    for (path, code, words) in [
        (hub.folder.path().join("none.src.rpm"), 3, "none.src.rpm not found"),
        (hub.folder.path().to_owned(), 3, "is not a file"),
        (notes, 1, "notes.src.rpm is not an RPM package"),
        (binary, 1, "hello.rpm is a binary package"),
        (cut, 1, "cut.src.rpm"),
    ] {
        let ended = hub.copr(&["build", "libs", path.to_str().unwrap()]);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(ended.err.starts_with("Error: ") && ended.err.contains(words), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
    assert!(hub.asked().is_empty());
}

#[test]
fn the_hubs_refusals_have_copr_clis_exit_codes() {
    for (status, body, code, words) in [
        (
            400,
            json!({"error": "name: taken\nchroots: unknown"}).to_string(),
            1,
            "Error: \n- name: taken\n- chroots: unknown\n",
        ),
        (
            401,
            json!({"output": "notok", "error": "Login invalid/expired."}).to_string(),
            1,
            "Error: Login invalid/expired.\nThe login and token of the configuration are not known to the server, or not any more. \
             Get new ones from it, and renew them with `copr new-api-token` before they expire.\n",
        ),
        (
            403,
            json!({"error": "You don't have required permission"}).to_string(),
            7,
            "Error: You don't have required permission\n",
        ),
        (504, json!({"error": "too slow"}).to_string(), 3, "Error: too slow\n"),
    ] {
        let hub = Hub::new(move |_, _| (status, body.clone()));
        let ended = hub.copr(&["create", "libs", "--chroot", "f-1-x86_64"]);
        assert_eq!((ended.code, ended.err.as_str()), (Some(code), words));
    }
}

#[test]
fn configuration_arguments_and_missing_credentials_have_codes_of_their_own() {
    let hub = Hub::new(|_, _| not_found());
    let plain = hub.write("plain.conf", format!("[copr-cli]\ncopr_url = {}\n", hub.address));
    let ended = copr(&plain, &["list", "alice"]);
    assert_eq!(ended.code, Some(6));
    assert!(ended.err.contains("The `copr_url` should not be http"), "{}", ended.err);
    assert_eq!(copr(Path::new("/nonexistent/copr.conf"), &["list"]).code, Some(6));

    let anonymous = hub.write("anonymous.conf", format!("[copr-cli]\ncopr_url = {}\nencrypted = no\n", hub.address));
    assert_eq!(copr(&anonymous, &["cancel", "7"]).code, Some(7));
    assert_eq!(copr(&anonymous, &["whoami"]).code, Some(7));
    assert_eq!(hub.copr(&["build"]).code, Some(2));
    assert_eq!(hub.copr(&["status", "seven"]).code, Some(2));
    assert_eq!(hub.copr(&["get", "../etc"]).code, Some(1));
    assert!(hub.asked().is_empty());
}

#[test]
fn projects_are_listed_as_copr_cli_lists_them() {
    let hub = Hub::new(|line, _| match line {
        line if line.starts_with("GET /api_3/project/list?ownername=alice") => page(&[project()]),
        line if line.starts_with("GET /api_3/project/list") => page(&[]),
        "GET /api_3/project?ownername=alice&projectname=libs" => (200, project().to_string()),
        "GET /api_3/mock-chroots/list" => (200, json!({"f-1-x86_64": "the first", "f-2-x86_64": null}).to_string()),
        _ => not_found(),
    });
    let ended = hub.copr(&["list"]);
    assert_eq!(
        ended.out,
        "Name: libs\n  Description: Libraries that greet\n  Repo(s):\n    f-1-x86_64: http://h/results/alice/libs/f-1-x86_64/\n  \
         Additional repo: copr://bob/app\n\n"
    );
    let ended = hub.copr(&["list", "@nobody"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), "No copr retrieved for user: '@nobody'\n"));
    let got: Value = serde_json::from_str(&hub.copr(&["get", "alice/libs"]).out).unwrap();
    assert_eq!(got["full_name"], "alice/libs");
    assert_eq!(hub.copr(&["list-chroots"]).out, "f-1-x86_64\n    the first\nf-2-x86_64\n");
}

#[test]
fn a_new_project_is_announced_with_its_page() {
    let hub = Hub::new(|line, _| match line {
        "POST /api_3/project/add/alice?ownername=alice&exist_ok=False" => (200, project().to_string()),
        "DELETE /api_3/project/delete/alice/libs" => (200, project().to_string()),
        _ => not_found(),
    });
    let ended = hub.copr(&["create", "libs", "--chroot", "f-1-x86_64"]);
    assert_eq!(ended.out, format!("New project was successfully created: {}/coprs/alice/libs/\n", hub.address));
    assert_eq!(hub.copr(&["delete", "libs"]).out, "Project libs has been deleted.\n");
}

#[test]
fn without_a_command_help_is_printed_and_the_secret_never_is() {
    let hub = Hub::new(|_, _| (500, "s3cret is not what a hub says".to_owned()));
    let ended = hub.copr(&[]);
    assert!(ended.code == Some(0) && ended.out.contains("list-chroots") && !ended.out.contains("completions"));
    let ended = hub.copr(&["cancel", "7"]);
    assert!(ended.code == Some(1) && !ended.err.contains("s3cret"), "{}", ended.err);
}

#[test]
fn manual_pages_and_completions_come_from_the_same_definition() {
    let hub = Hub::new(|_, _| not_found());
    let page = hub.copr(&["man"]).out;
    assert!(page.contains(".TH copr 1") && page.contains("list\\-chroots"), "{page}");
    let folder = hub.folder.path().to_str().unwrap();
    assert_eq!(hub.copr(&["man", folder]).code, Some(0));
    let page = fs_err::read_to_string(hub.folder.path().join("copr-build.1")).unwrap();
    assert!(page.contains("exclude\\-chroot"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let script = hub.copr(&["completions", shell]).out;
        assert!(script.contains("list-chroots") && script.contains("exclude-chroot"), "{shell}");
    }
    let bash = hub.write("copr.bash", hub.copr(&["completions", "bash"]).out);
    if let Ok(status) = Command::new("bash").arg("-n").arg(bash).status() {
        assert!(status.success(), "bash cannot read its completions");
    }
}
