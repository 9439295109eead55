//! The description of the API says what there is, and nothing else.

use std::collections::BTreeSet;

use coprd::http::{self, openapi, table};
use serde_json::Value;

use crate::support::Hub;

#[tokio::test]
async fn the_table_has_every_address_of_the_router_and_no_other() {
    let hub = &Hub::on_every_engine().await[0];
    let api = http::api_routes(&hub.state);
    let builders = http::builder::routes();
    let known: BTreeSet<(String, &str)> =
        api.known().iter().chain(builders.known()).map(|(method, path)| (method.to_string(), *path)).collect();
    let table: Vec<(String, &str)> = table::all().map(|route| (route.method.to_owned(), route.path)).collect();
    let rows: BTreeSet<(String, &str)> = table.iter().cloned().collect();
    assert_eq!(table.len(), rows.len(), "an address has two rows");
    let missing: Vec<_> = known.difference(&rows).collect();
    let idle: Vec<_> = rows.difference(&known).collect();
    assert!(missing.is_empty() && idle.is_empty(), "without a row: {missing:#?}; without an address: {idle:#?}");
}

#[test]
fn the_description_is_what_it_was() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&openapi::document()).unwrap());
}

#[tokio::test]
async fn the_description_is_served_as_json_and_points_to_nothing_that_it_has_not() {
    let hub = &Hub::on_every_engine().await[0];
    for path in ["/api_3/openapi.json", "/api_3/openapi.json/"] {
        let answer = hub.get(path).await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.ok(), openapi::document());
    }
    let document = openapi::document();
    let mut links = Vec::new();
    follow(&document, &mut links);
    assert!(links.len() > 50, "{}", links.len());
    for link in links {
        let found = document.pointer(link.strip_prefix('#').unwrap_or("/nowhere"));
        assert!(found.is_some_and(Value::is_object), "{link}");
    }
    let mut names = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(names.insert(id.to_owned()), "{id} is the name of two");
            assert_eq!(operation["security"].is_array(), operation["responses"]["401"].is_object(), "{method} {path}");
        }
    }
}

/// All `$ref` in it.
fn follow(value: &Value, links: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(link)) = object.get("$ref") {
                links.push(link.clone());
            }
            object.values().for_each(|value| follow(value, links));
        }
        Value::Array(list) => list.iter().for_each(|value| follow(value, links)),
        _ => {}
    }
}
