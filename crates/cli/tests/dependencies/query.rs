use serde_json::json;

use crate::place::Place;

fn place() -> Place {
    Place::new(&[
        (
            "base",
            "lib-1-1.x86_64; provides libx.so.1
             lib-2-1.x86_64; provides libx.so.1; conflicts bad
             lib-2-1.i686
             lib-2-1.src
             tool-1-1.noarch; requires lib; files /usr/bin/tool, /usr/share/tool/data",
        ),
        ("apps", "app-1-1.x86_64; requires libx.so.1, /usr/bin/tool; recommends docs\ntop-1-1.noarch; requires app"),
    ])
}

fn ask(question: &str) -> Vec<String> {
    let place = place();
    let found = place.ask(&format!("query --repo base --repo apps {question}"));
    found.lines().into_iter().map(str::to_owned).collect()
}

#[test]
fn without_a_question_all_packages_are_listed_in_order() {
    let all = [
        "app-1-1.x86_64",
        "lib-1-1.x86_64",
        "lib-2-1.i686",
        "lib-2-1.src",
        "lib-2-1.x86_64",
        "tool-1-1.noarch",
        "top-1-1.noarch",
    ];
    assert_eq!(ask(""), all);
    assert_eq!(ask("LIB --latest-limit 1"), ["lib-2-1.i686", "lib-2-1.src", "lib-2-1.x86_64"]);
    assert_eq!(ask("lib --latest-limit -1"), ["lib-1-1.x86_64"]);
    assert_eq!(ask("'*' --only-arch noarch --from base"), ["tool-1-1.noarch"]);
}

#[test]
fn what_provides_something_is_found_by_capability_and_file() {
    assert_eq!(ask("--whatprovides libx.so.1"), ["lib-1-1.x86_64", "lib-2-1.x86_64"]);
    assert_eq!(ask("--whatprovides 'lib > 1'"), ["lib-2-1.i686", "lib-2-1.x86_64"]);
    for path in ["/usr/bin/tool", "/usr/share/tool/data", "'/usr/share/*/data'"] {
        assert_eq!(ask(&format!("--whatprovides {path}")), ["tool-1-1.noarch"], "{path}");
        assert_eq!(ask(&format!("--file {path}")), ["tool-1-1.noarch"], "{path}");
        assert_eq!(ask(path), ["tool-1-1.noarch"], "{path}");
    }
    assert_eq!(ask("--whatprovides nothing"), [""; 0]);
}

#[test]
fn what_requires_something_is_found_directly_and_recursively() {
    assert_eq!(ask("--whatrequires lib"), ["app-1-1.x86_64", "tool-1-1.noarch"]);
    assert_eq!(ask("--whatrequires lib --exactdeps"), ["tool-1-1.noarch"]);
    assert_eq!(ask("--whatrequires lib --recursive"), ["app-1-1.x86_64", "tool-1-1.noarch", "top-1-1.noarch"]);
    assert_eq!(ask("--whatconflicts bad"), ["lib-2-1.x86_64"]);
    assert_eq!(ask("--whatrecommends docs"), ["app-1-1.x86_64"]);
    assert_eq!(ask("--whatdepends docs"), ["app-1-1.x86_64"]);
}

#[test]
fn what_packages_have_is_listed_and_resolved() {
    assert_eq!(ask("--requires app"), ["/usr/bin/tool", "libx.so.1"]);
    assert_eq!(ask("--requires --resolve app"), ["lib-2-1.x86_64", "tool-1-1.noarch"]);
    assert_eq!(ask("--requires --resolve --recursive top").len(), 4);
    assert_eq!(
        ask("--deplist tool"),
        ["package: tool-1-1.noarch", "  dependency: lib", "   provider: lib-2-1.i686", "   provider: lib-2-1.x86_64",]
    );
    assert_eq!(ask("--source app"), ["app-1-1.src.rpm"]);
    assert_eq!(ask("--srpm lib-2-1.x86_64"), ["lib-2-1.src"]);
    assert_eq!(ask("--location tool"), ["base/tool-1-1.noarch.rpm"]);
}

#[test]
fn answers_are_objects_too() {
    let found = place().ask("query --json --repo base tool").json();
    let tool = json!({
        "nevra": "tool-1-1.noarch",
        "repository": "base",
        "location": "tool-1-1.noarch.rpm",
        "source": "tool-1-1.src.rpm",
        "size": 15,
    });
    assert_eq!(found, json!({ "packages": [tool] }));
    assert_eq!(place().ask("query --json --repo base --requires tool").json(), json!({ "dependencies": ["lib"] }));
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    for question in
        ["--resolve app", "--recursive app", "--requires --provides app", "--recursive --exactdeps --whatrequires a"]
    {
        let refused = place().ask(&format!("query --repo base {question}"));
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{refused:?}");
    }
}
