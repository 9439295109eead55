//! The answers as dnf5's built-in copr plugin reads them. Its C++ dereferences keys and types without a look: what is missing
//! or of another type is undefined behaviour on every user's machine. It also makes its .repo files itself, so what it makes
//! must be what our own .repo files say.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::Value;

use crate::web::seed::{CHROOT, Town};

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
enum Is {
    Object,
    Array,
    Text,
    /// dnf5 asks for the text of either.
    TextOrNumber,
    Number,
}

impl Is {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::Text => value.is_string(),
            Self::TextOrNumber => value.is_string() || value.is_i64(),
            Self::Number => value.is_i64(),
        }
    }
}

/// JSON pointers that must lead somewhere; `*` is every key or item, of which there may be none.
const MANDATORY: &[(&str, Is)] = &[
    ("/results_url", Is::Text),
    ("/repos", Is::Object),
    ("/repos/*/arch", Is::Object),
    ("/repos/*/arch/*", Is::Object),
    ("/repos/*/arch/*/opts", Is::Object),
    ("/repos/*/arch/*/opts/*", Is::TextOrNumber),
    ("/directories", Is::Object),
    ("/directories/*", Is::Object),
    ("/dependencies", Is::Array),
    ("/dependencies/*/type", Is::Text),
    ("/dependencies/*/opts", Is::Object),
    ("/dependencies/*/opts/id", Is::Text),
    ("/dependencies/*/opts/name", Is::Text),
    ("/dependencies/*/data", Is::Object),
];
/// Those that may be left out as a whole, but not be `null`.
const OPTIONAL: &[(&str, Is)] = &[
    ("/delete_after_days", Is::Number),
    ("/pubkey_url", Is::Text),
    ("/directories/*/delete_after_days", Is::Number),
    ("/repos/*/arch/*/delete_after_days", Is::Number),
    ("/repos/*/arch/*/multilib", Is::Object),
    ("/repos/*/arch/*/multilib/*/opts", Is::Object),
    ("/repos/*/arch/*/multilib/*/opts/*", Is::TextOrNumber),
];

/// Where a pointer with stars leads: each place and what stands there.
fn follow<'a>(root: &'a Value, pointer: &str) -> Vec<(String, Option<&'a Value>)> {
    let mut places = vec![(String::new(), Some(root))];
    for part in pointer.split('/').skip(1) {
        places = places
            .into_iter()
            .flat_map(|(path, value)| match (part, value) {
                ("*", Some(Value::Object(map))) => {
                    map.iter().map(|(key, value)| (format!("{path}/{key}"), Some(value))).collect()
                }
                ("*", Some(Value::Array(list))) => {
                    list.iter().enumerate().map(|(n, value)| (format!("{path}/{n}"), Some(value))).collect()
                }
                ("*", _) => Vec::new(),
                (key, value) => vec![(format!("{path}/{key}"), value.and_then(|value| value.get(key)))],
            })
            .collect();
    }
    places
}

/// Every place where dnf5 would go astray.
fn astray(json: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (pointer, is) in MANDATORY {
        let places = follow(json, pointer).into_iter();
        found.extend(places.filter(|(_, value)| !value.is_some_and(|value| is.fits(value))).map(|(path, _)| path));
    }
    for (pointer, is) in OPTIONAL {
        let places = follow(json, pointer).into_iter();
        found.extend(places.filter(|(_, value)| value.is_some_and(|value| !is.fits(value))).map(|(path, _)| path));
    }
    for (path, dependency) in follow(json, "/dependencies/*") {
        let dependency = dependency.unwrap();
        let keys: &[&str] = match dependency["type"].as_str() {
            Some("copr") => &["owner", "projectname"],
            Some("external_baseurl") => &["pattern"],
            other => {
                found.push(format!("{path}/type {other:?}"));
                continue;
            }
        };
        found.extend(
            keys.iter().filter(|key| !dependency["data"][key].is_string()).map(|key| format!("{path}/data/{key}")),
        );
    }
    found
}

/// Id to base URL and cost of what dnf5 writes for `owner/dirname` on a machine of that release and architecture.
fn sections(
    json: &Value,
    (owner, dirname): (&str, &str),
    (release, arch): (&str, &str),
    chroot: &str,
) -> BTreeMap<String, (String, Option<String>)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cost = |value: &Value| value["opts"].get("cost").map(text);
    let results = json["results_url"].as_str().unwrap();
    let id = format!("copr:copr.example.org:{}:{dirname}", owner.replace('@', "group_"));
    let main = &json["repos"][release]["arch"][arch];
    let mut all = BTreeMap::from([(id.clone(), (format!("{results}/{owner}/{dirname}/{chroot}/"), cost(main)))]);
    for (arch, multilib) in main["multilib"].as_object().into_iter().flatten() {
        let chroot = chroot.replace("$basearch", arch);
        all.insert(format!("{id}:ml"), (format!("{results}/{owner}/{dirname}/{chroot}/"), cost(multilib)));
    }
    for dependency in json["dependencies"].as_array().unwrap() {
        let data = &dependency["data"];
        let url = match dependency["type"].as_str().unwrap() {
            "copr" => format!("{results}/{}/{}/{chroot}/", text(&data["owner"]), text(&data["projectname"])),
            _ => text(&data["pattern"]).replace("$chroot", chroot),
        };
        all.insert(text(&dependency["opts"]["id"]), (url, None));
    }
    all
}

/// The same of a .repo file.
fn sections_of_file(text: &str) -> BTreeMap<String, (String, Option<String>)> {
    let mut all = BTreeMap::new();
    for section in text.split("\n\n") {
        let value =
            |key: &str| section.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned);
        let id = section.lines().next().unwrap().trim_matches(['[', ']']).to_owned();
        all.insert(id, (value("baseurl").unwrap(), value("cost")));
    }
    all
}

/// A group's project with all that a project can have, and a small one.
async fn town() -> Town {
    let town = Town::with_a_chain().await;
    let chroots = [CHROOT, "fedora-44-x86_64", "fedora-44-i386", "fedora-44-aarch64", "fedora-eln-x86_64"];
    let tools = town.project("@sig/tools", &chroots, |project| {
        project.repo_priority = Some(5);
        project.module_hotfixes = true;
        project.multilib = true;
        project.runtime_dependencies =
            ["copr://bob/app", "https://mirror.example/$chroot/", "copr://dave/gone"].map(str::to_owned).to_vec();
    });
    let tools = tools.await;
    for side in ["tools:custom:x", "tools:pr:12"] {
        town.file(&format!("@sig/{side}/{CHROOT}/repodata/repomd.xml"), "<repomd/>");
        town.directory(&tools, side).await;
    }
    town.project("alice/small", &[CHROOT], |_| ()).await;
    town
}

#[tokio::test]
async fn dnf5_finds_every_key_that_it_dereferences_in_the_type_that_it_takes() {
    let town = town().await;
    for project in ["@sig/tools", "@sig/tools:custom:x", "@sig/tools:pr:12", "bob/app", "alice/libs", "alice/small"] {
        // The release is whatever the machine calls itself.
        for release in ["fedora-44", "fedora-eln", "nothing-7.1", "centos-stream+epel-next-9"] {
            let answer = town.get(&format!("/api_3/rpmrepo/{project}/{release}/")).await;
            assert_eq!(answer.status, StatusCode::OK, "{project}: {}", answer.text());
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("cache-control"), "public, max-age=60");
            let json: Value = serde_json::from_slice(&answer.bytes).unwrap();
            assert_eq!(astray(&json), Vec::<String>::new(), "{project}: {json:#}");
            let dirname = project.split_once('/').unwrap().1;
            assert!(json["directories"].get(dirname).is_some(), "{project} is not among its directories: {json:#}");
        }
    }
}

#[tokio::test]
async fn the_reader_of_this_test_sees_what_would_lead_dnf5_astray() {
    let town = town().await;
    let whole: Value = serde_json::from_slice(&town.get("/api_3/rpmrepo/@sig/tools/fedora-44/").await.bytes).unwrap();
    for (pointer, value) in [
        ("/results_url", Value::Null),
        ("/repos", serde_json::json!([])),
        ("/repos/fedora-44/arch/x86_64/opts", Value::Null),
        ("/repos/fedora-44/arch/x86_64/multilib/i386/opts", Value::Null),
        ("/dependencies/0/data/owner", 7.into()),
        ("/dependencies/0/type", "unheard-of".into()),
        ("/directories", Value::Null),
    ] {
        let mut broken = whole.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert!(!astray(&broken).is_empty(), "{pointer}");
    }
}

#[tokio::test]
async fn what_dnf5_makes_of_it_is_what_dnf4_is_given() {
    let town = town().await;
    for (project, release, arch, chroot) in [
        ("@sig/tools", "fedora-44", "x86_64", "fedora-$releasever-$basearch"),
        ("@sig/tools", "minidistro-12", "x86_64", "minidistro-12-$basearch"),
        ("@sig/tools:custom:x", "fedora-44", "x86_64", "fedora-$releasever-$basearch"),
        ("bob/app", "fedora-44", "x86_64", "fedora-$releasever-$basearch"),
        ("alice/small", "minidistro-12", "x86_64", "minidistro-12-$basearch"),
    ] {
        let json = town.get(&format!("/api_3/rpmrepo/{project}/{release}/")).await;
        let json: Value = serde_json::from_slice(&json.bytes).unwrap();
        let file = town.get(&format!("/coprs/{project}/repo/{release}/dnf.repo?arch={arch}")).await.text();
        let made = sections(&json, project.split_once('/').unwrap(), (release, arch), chroot);
        assert_eq!(made, sections_of_file(&file), "{project} on {release}-{arch}:\n{file}");
    }
}
