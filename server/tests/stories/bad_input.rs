//! What nobody should send: it is refused in one clear answer, and leaves nothing behind.

use axum::{
    body::Body,
    http::{Request, header},
};
use coprd::http::{
    openapi,
    table::{self, Body as Takes},
};
use serde_json::{Map, Value, json};

use crate::{
    matrix::Stage,
    support::{Answer, CHROOT, Hub, SOURCE, User},
};

/// Names that lead elsewhere, or look like others.
const NAMES: &[&str] = &[
    "..",
    ".",
    "../libs",
    "a/b",
    "a\\b",
    "/etc/passwd",
    "-rf",
    ".hidden",
    "a b",
    "a\0b",
    "a\nb",
    "\u{430}lice", // Cyrillic а
    "ａlice",
    "alice\u{200b}",
    "e\u{301}",
    "%2e%2e",
    "a%2fb",
    "'; DROP TABLE projects; --",
    "<b>",
    "",
    " ",
    "12345",
];

/// Percent-encoded whole, as one part of a path.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"))
}

/// Refuses with an error in our form.
fn refused(answer: &Answer, what: &str) {
    let status = answer.status.as_u16();
    assert!(matches!(status, 400 | 403 | 404 | 405 | 409 | 413), "{what}: {status}: {}", answer.text());
    assert!(!answer.json()["error"].as_str().unwrap_or_default().is_empty(), "{what}: {}", answer.text());
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_named_and_nothing_is_stored() {
    let document = openapi::document();
    for hub in Hub::on_every_engine().await {
        let stage = Stage::set(&hub).await;
        let world = stage.world("alice", 1).await;
        let before = (hub.rows().await, hub.kept().await);
        let mut wrong = Vec::new();
        let mut tried = 0;
        for route in table::API.iter().flat_map(|group| group.iter()) {
            let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
            let schema = match route.body {
                Takes::Json(_) => &operation["requestBody"]["content"]["application/json"]["schema"],
                Takes::Form { .. } => {
                    &operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]["json"]
                }
                Takes::None | Takes::Bytes => continue,
            };
            let call = world.call(route);
            for (field, schema) in properties(&document, schema) {
                let takes = types(&document, &schema);
                if takes.is_empty() {
                    continue;
                }
                for value in others(&takes, &types(&document, &schema["items"])) {
                    let mut bad = call.clone();
                    bad.json[&field] = value.clone();
                    let answer = hub.send(bad.request(route, Some(&stage.admin.basic))).await;
                    tried += 1;
                    let error = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["error"].to_string();
                    if answer.status != 400 || !error.contains(&field) {
                        wrong.push(format!(
                            "{} {} {field}={value} ({takes:?}): {} {error}",
                            route.method, route.path, answer.status
                        ));
                    }
                }
            }
        }
        assert!(tried > 200, "{tried}");
        assert!(wrong.is_empty(), "{}, of {tried}:\n{}", hub.place.engine, wrong.join("\n"));
        assert_eq!((hub.rows().await, hub.kept().await), before);
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let link = schema["$ref"].as_str().and_then(|link| document.pointer(link.strip_prefix('#')?));
    link.map_or(schema, |schema| resolved(document, schema))
}

/// The named fields of an object.
fn properties(document: &Value, schema: &Value) -> Map<String, Value> {
    resolved(document, schema)["properties"].as_object().cloned().unwrap_or_default()
}

/// The types that a value may have.
fn types(document: &Value, schema: &Value) -> Vec<String> {
    let schema = resolved(document, schema);
    if !schema.is_object() {
        return Vec::new();
    }
    let said = match &schema["type"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let mut all = said;
    for key in ["anyOf", "oneOf", "allOf"] {
        for one in schema[key].as_array().into_iter().flatten() {
            all.extend(types(document, one));
        }
    }
    if !schema["enum"].is_null() || !schema["const"].is_null() {
        all.push("enum".to_owned());
    }
    assert!(!all.is_empty(), "what is {schema}?");
    all
}

/// Values of all other types than these, and lists of others than those.
fn others(takes: &[String], items: &[String]) -> Vec<Value> {
    let takes = |name: &str| takes.iter().any(|taken| taken == name);
    let mut values = Vec::new();
    if !takes("string") {
        values.push(json!("nonsense"));
    }
    if takes("string") && (takes("integer") || takes("enum")) {
        values.extend([json!("nonsense"), json!("\u{661}\u{662}"), json!("0x10")]);
    }
    if !takes("integer") {
        values.extend([json!(7), json!(1.5)]);
    } else {
        values.extend([json!(1.5), json!(1e300), json!(u64::MAX)]);
    }
    if !takes("boolean") {
        values.push(json!(true));
    }
    if !takes("object") {
        values.push(json!({ "x": "y" }));
    }
    if takes("array") {
        let other = if items.iter().any(|item| item == "integer") { json!(["x"]) } else { json!([7]) };
        values.extend([other, json!([["x"]]), json!([{ "x": "y" }])]);
    } else {
        values.push(json!(["x"]));
    }
    values
}

#[tokio::test]
async fn names_that_lead_elsewhere_lead_nowhere() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let before = (hub.rows().await, hub.kept().await);
        let long = "x".repeat(300);
        for name in NAMES.iter().copied().chain([long.as_str()]) {
            let add = json!({ "name": name, "chroots": [CHROOT] });
            let error = hub.call(&alice, "POST", "/api_3/project/add/alice", &add).await.error(400);
            assert!(error.starts_with("name: ") && error.len() < 300, "{name:?}: {error}");
            let part = encoded(name);
            for (method, path) in [
                ("POST", format!("/api_3/project/add/{part}")),
                ("PUT", format!("/api_3/project/edit/alice/{part}")),
                ("PUT", format!("/api_3/project/edit/{part}/libs")),
                ("DELETE", format!("/api_3/project/delete/alice/{part}")),
                ("PUT", format!("/api_3/project-chroot/edit/alice/libs/{part}")),
                ("GET", format!("/api_3/project?ownername=alice&projectname={part}")),
                ("GET", format!("/api_3/project?ownername={part}&projectname=libs")),
                ("GET", format!("/api_3/project-chroot?ownername=alice&projectname=libs&chrootname={part}")),
                ("GET", format!("/api_3/rpmrepo/alice/{part}/fedora-44")),
                ("GET", format!("/api_3/build/{part}")),
                ("GET", format!("/api_3/monitor?ownername=alice&projectname={part}")),
                ("GET", format!("/api_3/package?ownername=alice&projectname=libs&packagename={part}")),
                ("POST", format!("/api_3/package/add/alice/{part}/tool/scm")),
                ("POST", format!("/api_3/project/fork/alice/{part}")),
                ("PUT", format!("/api_3/project/permissions/set/alice/{part}")),
                ("GET", format!("/api_3/project/permissions/can_build_in/{part}/alice/{part}")),
            ] {
                let body = if method == "GET" { Value::Null } else { json!({ "name": "new", "chroots": [CHROOT] }) };
                // No build has the number that is one of the names.
                refused(&hub.call(&alice, method, &path, &body).await, &format!("{method} {path} ({name:?})"));
            }
            // The empty text means that nothing was sent.
            if !name.trim().is_empty() {
                for more in
                    [json!({ "project_dirname": name }), json!({ "project_dirname": format!("libs:custom:{name}") })]
                {
                    if more["project_dirname"] == "libs:custom:12345" {
                        continue;
                    }
                    let answer = hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), more.clone()).await;
                    refused(&answer, &more.to_string());
                }
            }
        }
        assert_eq!((hub.rows().await, hub.kept().await), before);
    }
}

#[tokio::test]
async fn json_without_end_or_sense_is_refused_before_anyone_looks_at_it() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let before = (hub.rows().await, hub.kept().await);
        let nested = |depth: usize| format!("{{\"name\":\"p\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let bodies: Vec<Vec<u8>> = vec![
            nested(100_000).into_bytes(),
            nested(1000).into_bytes(),
            b"{\"name\":\"\xff\xfe\",\"chroots\":[]}".to_vec(),
            b"\xef\xbb\xbf{\"name\":\"p\"}".to_vec(),
            b"{\"name\":\"\\ud800\"}".to_vec(),
            b"{\"name\":\"p\",\"repo_priority\":1e999}".to_vec(),
            b"{\"name\":\"p\",\"repo_priority\":99999999999999999999999999}".to_vec(),
            b"{\"name\":\"p\",\"repo_priority\":NaN}".to_vec(),
            b"{\"name\":\"p\"".to_vec(),
            b"{\"name\":\"p\"}{}".to_vec(),
            b"{\"name\":\"p\",\"description\":\"a\\u0000b\"}".to_vec(),
            b"{\"name\":\"p\",\"chroots\":[\"a\\u0000b\"]}".to_vec(),
            b"{\"name\":\"p\",\"a\\u0000b\":1}".to_vec(),
            b"name=p&chroots=fedora-44-x86_64".to_vec(),
        ];
        for body in bodies {
            let shown = String::from_utf8_lossy(&body).chars().take(60).collect::<String>();
            for (method, path) in [("POST", "/api_3/project/add/alice"), ("PUT", "/api_3/project/edit/alice/libs")] {
                let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, &alice.basic);
                let answer = hub.send(request.body(Body::from(body.clone())).unwrap()).await;
                assert_eq!(answer.status.as_u16(), 400, "{shown}: {}", answer.text());
                refused(&answer, &shown);
            }
        }
        assert_eq!((hub.rows().await, hub.kept().await), before);
        // Of a key that is there twice the last one counts, as in Python.
        let twice = format!("{{\"name\":\"a\",\"name\":\"b\",\"chroots\":[\"{CHROOT}\"]}}");
        let request = Request::post("/api_3/project/add/alice").header(header::AUTHORIZATION, &alice.basic);
        assert_eq!(hub.send(request.body(Body::from(twice)).unwrap()).await.ok()["name"], "b");
    }
}

#[tokio::test]
async fn numbers_at_the_ends_of_what_there_is_overflow_nowhere() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        for number in
            ["-1", "0", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1e3", "", "+1"]
        {
            for path in [
                format!("/api_3/build/{}", if number.is_empty() { "x" } else { number }),
                format!("/api_3/build/built-packages/{number}"),
                format!("/api_3/build-chroot?build_id={number}&chrootname={CHROOT}"),
                format!("/api_3/project/list?limit={number}"),
                format!("/api_3/project/list?offset={number}&limit={number}"),
                format!("/api_3/build/list?ownername=alice&projectname=libs&offset={number}&limit={number}"),
                format!(
                    "/api_3/build/list?ownername=alice&projectname=libs&status=pending&offset={number}&limit={number}"
                ),
                format!("/api_3/build-chroot/list?build_id={id}&offset={number}&limit={number}"),
                format!("/api_3/package/list?ownername=alice&projectname=libs&offset={number}&limit={number}"),
            ] {
                let status = hub.get(&path).await.status.as_u16();
                assert!(status < 500, "{path}: {status}");
            }
            for field in ["repo_priority", "delete_after_days"] {
                let body = json!({ field: number });
                let answer = hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &body).await;
                assert!(answer.status.as_u16() < 500, "{field}={number}: {}", answer.text());
            }
            for field in ["timeout", "after_build_id", "with_build_id", "memory_mib", "cpus"] {
                let answer =
                    hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), json!({ field: number })).await;
                assert!(answer.status.as_u16() < 500, "{field}={number}: {}", answer.text());
            }
        }
    }
}

/// A form with one file, of which only this many bytes come.
async fn cut(hub: &Hub, user: &User, boundary: &str, bytes: Vec<u8>) -> Answer {
    let request = Request::post("/api_3/build/create/upload")
        .header(header::AUTHORIZATION, &user.basic)
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"));
    hub.send(request.body(Body::from(bytes)).unwrap()).await
}

#[tokio::test]
async fn an_upload_that_ends_anywhere_before_its_end_is_no_build() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let before = (hub.rows().await, hub.kept().await);
        let options = json!({ "ownername": "alice", "projectname": "libs" });
        let head = |part: &str| {
            format!("--B\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"hello.src.rpm\"\r\n\r\n")
                .into_bytes()
        };
        let whole = [
            &head("pkgs"),
            SOURCE.bytes().as_slice(),
            b"\r\n",
            &head("json"),
            options.to_string().as_bytes(),
            b"\r\n--B--\r\n",
        ]
        .concat();
        let ends = (0..whole.len() - 20).step_by(whole.len() / 40).chain(whole.len() - 30..whole.len() - 8);
        for end in ends {
            refused(&cut(&hub, &alice, "B", whole[..end].to_vec()).await, &format!("{end} of {}", whole.len()));
        }
        refused(&cut(&hub, &alice, "C", whole.clone()).await, "another boundary");
        refused(&cut(&hub, &alice, &"B".repeat(5000), whole.clone()).await, "a boundary without end");
        assert_eq!((hub.rows().await, hub.kept().await), before);
        assert_eq!(fs_err::read_dir(hub.stored("spool")).unwrap().count(), 0);
        cut(&hub, &alice, "B", whole).await.ok();
    }
}

#[tokio::test]
async fn methods_that_an_address_does_not_take_are_named_and_other_sites_are_let_in_nowhere() {
    for hub in Hub::on_every_engine().await {
        for (method, path) in [
            ("PUT", "/api_3/project/list"),
            ("PATCH", "/api_3/project/edit/alice/libs"),
            ("DELETE", "/api_3/build/create/url"),
            ("OPTIONS", "/api_3/project"),
            ("TRACE", "/api_3"),
        ] {
            let request = Request::builder().method(method).uri(path).header(header::ORIGIN, "https://evil.example");
            let answer = hub.send(request.body(Body::empty()).unwrap()).await;
            assert!(!answer.error(405).is_empty());
            assert!(!answer.header("allow").is_empty(), "{method} {path}: {:?}", answer.headers);
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
        let answer = hub.get_with("/api_3", &[("origin", "https://evil.example")]).await;
        assert_eq!((answer.ok(), answer.header("access-control-allow-origin")), (json!({ "version": 3 }), ""));
        let head = Request::head("/api_3/mock-chroots/list").body(Body::empty()).unwrap();
        let head = hub.send(head).await;
        assert_eq!((head.status.as_u16(), head.header("content-type")), (200, "application/json"));
        assert!(head.body.is_empty());
        let head = hub.send(Request::head("/api_3/nothing").body(Body::empty()).unwrap()).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (404, 0));
    }
}
