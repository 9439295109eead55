//! Packages, chroots, forks, and formats.

use serde_json::{Value, json};

use crate::support::{Hub, build, not_found, page, project};

fn package(name: &str) -> Value {
    json!({"id": 3, "name": name, "projectname": "libs", "ownername": "alice", "source_type": "scm",
        "source_dict": {"clone_url": "https://h/x.git"}, "auto_rebuild": false,
        "builds": {"latest": build(7, "failed"), "latest_succeeded": null}})
}

#[test]
fn a_package_is_added_with_copr_clis_defaults_and_edited_without() {
    let hub = Hub::new(|line, _| match line {
        "POST /api_3/package/add/alice/libs/gcc-c++/scm" | "POST /api_3/package/edit/alice/libs/gcc-c++/scm" => {
            (200, package("gcc-c++").to_string())
        }
        _ => not_found(),
    });
    let add =
        ["add-package-scm", "libs", "--name", "gcc-c++", "--clone-url", "https://h/x.git", "--webhook-rebuild", "on"];
    let ended = hub.copr(&add);
    assert_eq!(ended.out, "Create or edit operation was successful.\n", "{}", ended.err);
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    assert_eq!((&sent["scm_type"], &sent["source_build_method"]), (&json!("git"), &json!("rpkg")));
    assert_eq!(sent["webhook_rebuild"], json!(true));
    let ended = hub.copr(&["edit-package-scm", "libs", "--name", "gcc-c++", "--chroot-denylist", "a-*,b-1-x86_64"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    assert_eq!(sent["chroot_denylist"], json!(["a-*", "b-1-x86_64"]));
    assert!(sent["scm_type"].is_null() && sent["clone_url"].is_null(), "{sent}");
}

#[test]
fn packages_are_printed_in_copr_clis_form_and_others() {
    let hub = Hub::new(|line, _| match line {
        line if line.starts_with("GET /api_3/package/list?") && line.ends_with("offset=0") => {
            page(&[package("gcc-c++"), package("hello")])
        }
        line if line.starts_with("GET /api_3/package/list?") => page(&[]),
        line if line.starts_with("GET /api_3/package?") && line.contains("packagename=hello") => {
            (200, package("hello").to_string())
        }
        line if line.starts_with("GET /api_3/build/list?") && line.contains("packagename=hello") => {
            page(&[build(7, "failed"), build(6, "succeeded")])
        }
        _ => not_found(),
    });
    assert_eq!(hub.copr(&["list-package-names", "libs"]).out, "gcc-c++\nhello\n");
    let listed: Vec<Value> =
        serde_json::from_str(&hub.copr(&["list-packages", "libs", "--with-latest-build"]).out).unwrap();
    assert_eq!((listed.len(), &listed[0]["latest_build"]["id"]), (2, &json!(7)));
    assert!(hub.asked().iter().any(|line| line.contains("with_latest_build=True&with_latest_succeeded_build=False")));
    let got: Value =
        serde_json::from_str(&hub.copr(&["get-package", "libs", "--name", "hello", "--with-all-builds"]).out).unwrap();
    assert_eq!((got["builds"].as_array().unwrap().len(), &got["latest_succeeded_build"]), (2, &Value::Null));
    let rows = hub.copr(&["list-packages", "libs", "--output-format", "csv"]).out;
    assert!(rows.starts_with("id,name,ownername,"), "{rows}");
}

#[test]
fn the_monitor_is_json_for_programs_and_a_table_for_people() {
    let hub = Hub::new(|line, _| match line {
        "GET /api_3/monitor?ownername=alice&projectname=libs" => {
            let chroot = |state: &str| json!({"state": state, "status": 1, "build_id": 7, "pkg_version": "1-1"});
            let packages = json!([{"name": "hello", "chroots": {"f-1-x86_64": chroot("succeeded"), "f-2-x86_64": chroot("failed")}}]);
            (200, json!({"output": "ok", "message": "fine", "packages": packages}).to_string())
        }
        _ => not_found(),
    });
    let rows: Vec<Value> = serde_json::from_str(&hub.copr(&["monitor", "libs"]).out).unwrap();
    let first =
        json!({"name": "hello", "chroot": "f-1-x86_64", "build_id": 7, "state": "succeeded", "pkg_version": "1-1"});
    assert_eq!((rows.len(), &rows[0]), (2, &first));
    let fields = ["monitor", "libs", "--fields", "name,state,chroot", "--output-format"];
    let table = hub.copr(&[&fields[..], &["table"]].concat()).out;
    assert_eq!(table, "NAME   STATE      CHROOT\nhello  succeeded  f-1-x86_64\nhello  failed     f-2-x86_64\n");
    let row = hub.copr(&[&fields[..], &["text-row"]].concat()).out;
    assert!(row.starts_with("hello\tsucceeded\tf-1-x86_64\n"), "{row}");
}

#[test]
fn a_chroots_groups_are_uploaded_and_deleted_beside_its_settings() {
    let hub = Hub::new(|line, _| match line {
        "PUT /api_3/project-chroot/edit/alice/libs/f-1-x86_64" => {
            (200, json!({"mock_chroot": "f-1-x86_64"}).to_string())
        }
        _ => not_found(),
    });
    let comps = hub.write("comps.xml", "<comps/>");
    let ended =
        hub.copr(&["edit-chroot", "libs/f-1-x86_64", "--upload-comps", comps.to_str().unwrap(), "--packages", ""]);
    assert_eq!(ended.out, "Edit chroot operation was successful.\n", "{}", ended.err);
    let body = hub.last_body();
    assert!(body.contains("name=\"upload_comps\"; filename=\"comps.xml\"") && body.contains("<comps/>"), "{body}");
    assert!(body.contains("\"additional_packages\":[]"), "nothing is another thing than not said: {body}");
    hub.copr(&["edit-chroot", "libs/f-1-x86_64", "--delete-comps", "--isolation", "simple"]);
    let body = hub.last_body();
    assert!(body.contains("\"delete_comps\":true") && body.contains("\"isolation\":\"simple\""), "{body}");
    let ended = hub.copr(&["edit-chroot", "libs/f-1-x86_64", "--upload-comps", "/nonexistent/comps.xml"]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
}

#[test]
fn a_fork_says_whether_it_is_a_new_one() {
    let hub = Hub::new(|line, _| match line {
        "GET /api_3/project?ownername=alice&projectname=libs" => (200, project().to_string()),
        "POST /api_3/project/fork/bob/app" => (200, project().to_string()),
        _ => not_found(),
    });
    let ended = hub.copr(&["fork", "bob/app", "new"]);
    assert!(ended.out.starts_with("Forking project bob/app for you into alice/libs.\n"), "{}{}", ended.out, ended.err);
    let ended = hub.copr(&["fork", "bob/app", "libs", "--confirm"]);
    assert!(ended.out.starts_with("Updating packages in alice/libs from bob/app.\n"), "{}", ended.out);
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    assert_eq!(sent, json!({"name": "libs", "ownername": "alice", "confirm": true}));
}

#[test]
fn a_batch_and_a_side_directory_are_told_to_the_hub() {
    let hub = Hub::new(|line, _| match line {
        "POST /api_3/package/build" => (200, build(8, "waiting").to_string()),
        "DELETE /api_3/build/delete/list" => (200, json!({"builds": [7, 8]}).to_string()),
        _ => not_found(),
    });
    let line =
        ["build-package", "libs:custom:next", "--name", "hello", "--after-build-id", "7", "--nowait", "--background"];
    let ended = hub.copr(&line);
    assert!(ended.out.ends_with("Created builds: 8\n"), "{}{}", ended.out, ended.err);
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    assert_eq!((&sent["after_build_id"], &sent["background"]), (&json!(7), &json!(true)));
    assert_eq!((&sent["projectname"], &sent["project_dirname"]), (&json!("libs"), &json!("libs:custom:next")));
    assert_eq!(hub.copr(&["delete-build", "7", "8"]).out, "Build(s) 7, 8 were deleted.\n");
}

#[test]
fn what_is_not_supported_says_so_and_asks_nothing() {
    let hub = Hub::new(|_, _| not_found());
    for name in ["buildpypi", "buildgem", "buildcustom", "build-distgit", "add-package-pypi"] {
        let ended = hub.copr(&[name, "libs", "--packagename", "x"]);
        assert_eq!(ended.code, Some(3), "{name}");
        assert!(ended.err.contains("not supported") && ended.err.contains("buildscm"), "{}", ended.err);
    }
    assert!(hub.asked().is_empty() && !hub.copr(&["--help"]).out.contains("buildpypi"));
}

#[test]
fn a_question_that_finds_no_hub_is_asked_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Two connections break before any answer.
    std::thread::spawn(move || {
        for turn in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            if turn == 2 {
                let body = build(7, "succeeded").to_string();
                let mut head = [0; 4096];
                let _ = std::io::Read::read(&mut stream, &mut head).unwrap();
                let answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
                std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
            }
        }
    });
    let hub = Hub::new(|_, _| not_found());
    let config = hub.write("other.conf", format!("[copr-cli]\ncopr_url = http://{address}\nencrypted = no\n"));
    let ended = crate::support::copr(&config, &["status", "7"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "succeeded\n"), "{}", ended.err);
}
