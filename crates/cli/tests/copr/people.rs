//! Tokens, secrets and roles.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Hub, copr, not_found, page};

#[test]
fn a_new_token_takes_the_old_ones_place_in_the_configuration_and_only_there() {
    let hub = Hub::new(|line, _| match line {
        "POST /api_3/api-token" => {
            (200, json!({"api_login": "login2", "api_token": "t0ken2", "expiration": "2031-02-03"}).to_string())
        }
        _ => not_found(),
    });
    let path = hub.folder.path().join("copr.conf");
    let ended = hub.copr(&["new-api-token"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out, format!("New API token was updated in {}.\n", path.display()));
    let text = fs_err::read_to_string(&path).unwrap();
    assert!(text.contains("login = login2\nusername = alice\ntoken = t0ken2\n"), "{text}");
    assert!(text.ends_with("encrypted = False\n# expiration date: 2031-02-03\n"), "{text}");
    assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{}{}", ended.out, ended.err).contains("t0ken2"));
}

#[test]
fn without_a_token_to_replace_the_hub_is_not_asked_for_one() {
    let hub = Hub::new(|_, _| not_found());
    let bare = hub.write("bare.conf", format!("[copr-cli]\ncopr_url = {}\nencrypted = no\n", hub.address));
    let ended = copr(&bare, &["new-api-token"]);
    assert_eq!(ended.code, Some(6), "{}", ended.err);
    assert!(ended.err.contains("doesn't specify login/token"), "{}", ended.err);
    assert!(hub.asked().is_empty());
}

#[test]
fn what_is_stored_is_told_in_bytes_and_in_words() {
    let hub = Hub::new(|line, _| match line {
        "GET /api_3/quota?ownername=alice" => {
            (200, json!({"ownername": "alice", "used": 1_610_612_735_i64, "limit": 2_147_483_648_i64}).to_string())
        }
        "GET /api_3/quota?ownername=%40sig" => {
            (200, json!({"ownername": "@sig", "used": 0, "limit": null}).to_string())
        }
        _ => not_found(),
    });
    let ended = hub.copr(&["quota"]);
    let text = "alice: 1.4 GiB of 2.0 GiB are used (1610612735 of 2147483648 bytes).\n";
    assert_eq!(ended.out, text, "{}", ended.err);
    assert_eq!(hub.copr(&["quota", "@sig"]).out, "@sig: 0 B are used (0 bytes), without a limit.\n");
    let all: Value = serde_json::from_str(&hub.copr(&["--json", "quota", "@sig"]).out).unwrap();
    assert_eq!(all["limit"], Value::Null);
}

#[test]
fn a_prune_tells_what_goes_and_who_needs_the_rest() {
    let build = |id: i64, version: &str| {
        json!({"id": id, "package": "hello", "version": version, "project_dirname": "libs",
            "chroots": ["fedora-44-x86_64"], "size": 2048})
    };
    let hub = Hub::new(move |line, before| match line {
        "POST /api_3/project/prune/alice/libs" => {
            let mut kept = build(7, "1.0-1");
            kept["needed_by"] =
                json!([{"package": "app-3-1.x86_64", "repository": "bob/app/f", "requirement": "hello = 1.0-1"}]);
            let dry = before == 0;
            let report = json!({"dry_run": dry, "prune_id": if dry { Value::Null } else { json!(4) },
                "builds": [build(8, "1.1-1")], "needed": [kept], "freed": 2048});
            (200, report.to_string())
        }
        "PUT /api_3/project/undelete/alice/libs" => (200, json!({"builds": [8]}).to_string()),
        _ => not_found(),
    });
    let ended = hub.copr(&["prune", "libs", "--keep", "1", "--older-than", "3", "--dry-run"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        ended.out,
        "8\thello\t1.1-1\tfedora-44-x86_64\n7\thello\t1.0-1\tfedora-44-x86_64 stays:\n    app-3-1.x86_64 of bob/app/f \
         requires hello = 1.0-1\n1 build would go, with packages of 2.0 KiB. Nothing was changed.\n"
    );
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    assert_eq!(sent, json!({"keep": 1, "older_than_days": 3, "dry_run": true}));
    let ended = hub.copr(&["prune", "libs"]);
    assert!(ended.out.ends_with("`copr undelete alice/libs 4` brings them back.\n"), "{}", ended.out);
    let ended = hub.copr(&["undelete", "libs", "4"]);
    assert_eq!(ended.out, "Builds 8 are back and will be published again.\n", "{}", ended.err);
    assert_eq!(hub.copr(&["undelete", "libs", "--build", "8"]).code, Some(2));
}

#[test]
fn a_webhooks_secret_is_printed_once() {
    let hub = Hub::new(|line, _| match line {
        "POST /api_3/webhook/generate/alice/libs" => {
            let made = json!({"id": 1, "name": "libs", "ownername": "alice", "full_name": "alice/libs",
                "webhook_secret": "1b4e28ba-2fa1-11d2-883f-0016d3cca427"});
            (200, made.to_string())
        }
        _ => not_found(),
    });
    let ended = hub.copr(&["new-webhook-secret", "libs"]);
    assert_eq!(ended.out, "Generated new token: 1b4e28ba-2fa1-11d2-883f-0016d3cca427\n", "{}", ended.err);
}

#[test]
fn roles_are_given_asked_for_and_listed() {
    let hub = Hub::new(|line, _| match line {
        "PUT /api_3/project/permissions/set/alice/libs" => (200, json!({"updated": ["bob", "carol"]}).to_string()),
        "PUT /api_3/project/permissions/request/dan/app" => (200, json!({"updated": true}).to_string()),
        "GET /api_3/project/permissions/get/alice/libs" => {
            (200, json!({"permissions": {"bob": {"admin": "approved", "builder": "request"}}}).to_string())
        }
        _ => not_found(),
    });
    let ended = hub.copr(&[
        "edit-permissions",
        "libs",
        "--admin",
        "bob",
        "--builder",
        "bob=request",
        "--builder",
        "carol=nothing",
    ]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "success\n"), "{}", ended.err);
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    assert_eq!(sent, json!({"bob": {"admin": "approved", "builder": "request"}, "carol": {"builder": "nothing"}}));
    let ended = hub.copr(&["request-permissions", "dan/app", "--builder", "--admin", "nothing"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "success\n"), "{}", ended.err);
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    assert_eq!(sent, json!({"builder": true, "admin": false}));
    assert_eq!(hub.copr(&["list-permissions", "libs"]).out, "bob:\n  admin: approved\n  builder: request\n");
    let ended = hub.copr(&["edit-permissions", "libs", "--admin", "bob", "--admin", "bob=nothing"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
}

#[test]
fn tokens_are_listed_made_and_revoked() {
    let hub = Hub::new(|line, _| match line {
        "GET /api_3/api-token/list" => {
            page(&[json!({"api_login": "abc", "label": "lap\u{1b}[31mtop", "project": null,
            "created_on": 1, "used_on": null, "expiration": "2031-02-03", "expired": false})])
        }
        "POST /api_3/api-token/new" => {
            (200, json!({"api_login": "login2", "api_token": "t0ken2", "expiration": "2031-02-03"}).to_string())
        }
        "DELETE /api_3/api-token/revoke/abc" => (
            200,
            json!({"api_login": "abc", "label": "", "project": null,
            "created_on": 1, "used_on": 2, "expiration": "2031-02-03", "expired": false})
            .to_string(),
        ),
        _ => not_found(),
    });
    let ended = hub.copr(&["token", "list", "--output-format", "text-row"]);
    assert_eq!(ended.out, "abc\tlaptop\t-\t1\t-\t2031-02-03\tfalse\n", "{}", ended.err);
    let ended = hub.copr(&["token", "new", "--label", "ci", "--project", "libs", "--days", "30"]);
    let expected = format!(
        "[copr-cli]\nlogin = login2\nusername = alice\ntoken = t0ken2\ncopr_url = {}\nencrypted = False\n# expiration date: \
         2031-02-03\n",
        hub.address
    );
    assert_eq!(ended.out, expected, "{}", ended.err);
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    assert_eq!(sent, json!({"label": "ci", "project": "alice/libs", "days": 30}));
    let made: Value = serde_json::from_str(&hub.copr(&["--json", "token", "new"]).out).unwrap();
    assert_eq!(made["api_token"], "t0ken2");
    assert_eq!(hub.copr(&["token", "revoke", "abc"]).out, "Token abc is of no use any more.\n");
    let ended = hub.copr(&["token", "revoke", "../../project/delete/alice/libs"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert_eq!(hub.asked().last().unwrap(), "DELETE /api_3/api-token/revoke/..%2F..%2Fproject%2Fdelete%2Falice%2Flibs");
}

#[test]
fn groups_are_listed_shown_made_and_changed() {
    let group = || {
        let of = |admin| json!({"admin": admin, "claimed": false, "since": 1});
        json!({"id": 1, "name": "@sig", "claim": null, "created_on": 1, "projects": 2,
            "members": {"gina": of(false), "greta": of(true)}})
    };
    let hub = Hub::new(move |line, _| match line {
        "GET /api_3/group/list?limit=1000&offset=0" => (
            200,
            json!({"items": [{"name": "@sig", "members": 2, "projects": 2}],
                "meta": {"limit": null, "offset": 0, "order": "id", "order_type": "ASC"}})
            .to_string(),
        ),
        "GET /api_3/group?groupname=%40sig" | "POST /api_3/group/add/sig" | "PUT /api_3/group/members/sig" => {
            (200, group().to_string())
        }
        "DELETE /api_3/group/delete/sig" => (409, json!({"error": "@sig owns projects"}).to_string()),
        _ => not_found(),
    });
    assert_eq!(hub.copr(&["group", "list", "--output-format", "text-row"]).out, "@sig\t2\t2\n");
    assert_eq!(hub.copr(&["group", "show", "sig"]).out, "@sig: 2 projects\n  gina\n  greta, administrator\n");
    assert_eq!(hub.copr(&["group", "add", "@sig"]).out, "Group @sig was added.\n");
    let ended = hub.copr(&[
        "group",
        "members",
        "sig",
        "--add",
        "gina",
        "--admin",
        "greta",
        "--remove",
        "dan",
        "--no-admin",
        "eve",
    ]);
    assert_eq!(ended.out, "Group @sig has 2 members.\n", "{}", ended.err);
    let sent: Value = serde_json::from_str(&hub.last_body()).unwrap();
    let expected = json!({"gina": {"member": true}, "greta": {"member": true, "admin": true}, "dan": {"member": false},
        "eve": {"admin": false}});
    assert_eq!(sent, expected);
    let asked = hub.asked().len();
    for wrong in [
        &["group", "members", "sig"][..],
        &["group", "members", "sig", "--add", "gina", "--remove", "gina"],
        &["group", "show", "s\u{456}g"],
    ] {
        assert_eq!(hub.copr(wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(hub.asked().len(), asked);
    assert_eq!(hub.copr(&["group", "delete", "sig"]).code, Some(1));
}
