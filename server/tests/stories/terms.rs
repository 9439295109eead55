//! Terms that users accept before they bring anything.

use serde_json::{Value, json};

use crate::{
    signing_in::{Browser, person},
    support::{CHROOT, Hub, SOURCE},
};

#[tokio::test]
async fn nobody_brings_anything_before_he_has_accepted_the_terms_and_new_ones_are_accepted_anew() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), "Only free software, please.\n").unwrap();
    let config = format!("[terms]\nfile = {:?}\n", file.path());
    for hub in Hub::on_every_engine_with(&config).await {
        let alice = hub.user("alice").await;
        let add = json!({ "name": "libs", "chroots": [CHROOT] });
        let error = hub.call(&alice, "POST", "/api_3/project/add/alice", &add).await.error(403);
        assert!(error.contains("/terms/") && error.contains("copr terms accept"), "{error}");
        let terms = hub.call(&alice, "GET", "/api_3/terms", &Value::Null).await.ok();
        assert_eq!((&terms["text"], &terms["accepted_on"]), (&json!("Only free software, please."), &Value::Null));
        let wrong = hub.call(&alice, "POST", "/api_3/terms/accept", &json!({ "version": "other" })).await;
        assert!(wrong.error(400).contains("version"));
        let version = json!({ "version": terms["version"] });
        let accepted = hub.call(&alice, "POST", "/api_3/terms/accept", &version).await.ok();
        assert!(accepted["accepted_on"].as_i64().unwrap() > 0);
        hub.call(&alice, "POST", "/api_3/terms/accept", &version).await.ok();
        hub.create(&alice, "libs").await;
        hub.submit(&alice, "libs").await;

        // Others get in by a permission and have to accept as well.
        let carol = hub.user("carol").await;
        hub.beside(
            "INSERT INTO permissions (project_id, user_id, builder) SELECT p.id, u.id, 'approved' FROM projects p, users u \
             WHERE u.name = 'carol'",
        )
        .await;
        let refused = hub.upload(&carol, "alice/libs", &SOURCE.file(), &SOURCE.bytes(), json!({})).await;
        assert!(refused.error(403).contains("has not accepted the terms"));

        fs_err::write(file.path(), "Only free software, and no spam.\n").unwrap();
        let hub = hub.restart().await;
        let refused = hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), json!({})).await;
        assert!(refused.error(403).contains("has not accepted the terms"));
        fs_err::write(file.path(), "Only free software, please.\n").unwrap();
    }
}

#[tokio::test]
async fn without_terms_nobody_is_asked() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let terms = hub.call(&alice, "GET", "/api_3/terms", &Value::Null).await.ok();
        assert_eq!(terms, json!({ "text": null, "version": null, "accepted_on": null }));
        hub.create(&alice, "libs").await;
        assert_eq!(hub.get("/terms/").await.status.as_u16(), 404);
    }
}

#[tokio::test]
async fn who_signs_in_is_led_to_the_terms_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), "# Please\n\nOnly *free* software. <script>alert(1)</script>\n").unwrap();
    for hub in Hub::on_every_engine_with(&format!("[terms]\nfile = {:?}\n", file.path())).await {
        person(&hub, "alice").await;
        let alice = Browser::new(&hub);
        let sign_in = async || {
            let fields = [("name", "alice"), ("password", crate::signing_in::PASSWORD), ("next", "/coprs/add/")];
            alice.post("/login", &fields).await.header("location").to_owned()
        };
        assert_eq!(sign_in().await, "/terms/?next=%2Fcoprs%2Fadd%2F");
        let page = alice.get("/terms/?next=%2Fcoprs%2Fadd%2F").await.text();
        assert!(page.contains("<em>free</em>") && !page.contains("<script>alert"), "{page}");
        let version = alice.get("/terms/.json").await.ok()["version"].as_str().unwrap().to_owned();
        let done = alice.form("/terms/", &[("version", &version), ("next", "/coprs/add/")]).await;
        assert_eq!(done.header("location"), "/coprs/add/");
        assert_eq!(sign_in().await, "/coprs/add/");
        assert!(alice.get("/").await.text().contains("href=\"/terms/\""));
    }
}
