use serde_json::{Value, json};

use crate::place::Place;

fn place() -> Place {
    Place::new(&[
        (
            "base",
            "app-1-1.x86_64; requires lib >= 1; recommends docs
             app-2-1.x86_64; requires lib >= 1, tool; recommends docs
             lib-1-1.x86_64
             tool-1-1.noarch; files /usr/share/tool
             docs-1-1.noarch
             left-1-1.noarch; conflicts right
             right-1-1.noarch
             broken-1-1.noarch; requires libmissing
             renamed-1-1.noarch; obsoletes former < 2
             former-1-1.noarch",
        ),
        ("extra", "libmissing-1-1.noarch\nlib-2-1.x86_64"),
    ])
}

fn install(json: &Value) -> Vec<String> {
    let line = |one: &Value| {
        let text = |key: &str| one[key].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", text("nevra"), text("why"), text("by"))
    };
    json["install"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn a_transaction_is_shown_as_dnf_shows_it() {
    let solved = place().ask("solve --repo base app");
    let expected = "\u{20}Package  Arch    Version  Repository  Size
Installing:
 app      x86_64  2-1      base        14 B
Installing dependencies:
 lib      x86_64  1-1      base        14 B
 tool     noarch  1-1      base        15 B
Installing weak dependencies:
 docs     noarch  1-1      base        15 B

Install 4 packages; 58 B to download, 4.00 kB installed
";
    assert_eq!((solved.code, solved.out.as_str(), solved.err.as_str()), (Some(0), expected, ""), "{solved:?}");
}

#[test]
fn as_json_each_package_tells_why_it_is_there() {
    let solved = place().ask("solve --json --repo base app");
    let expected = [
        "app-2-1.x86_64 asked -",
        "docs-1-1.noarch recommended app-2-1.x86_64",
        "lib-1-1.x86_64 required app-2-1.x86_64",
        "tool-1-1.noarch required app-2-1.x86_64",
    ];
    assert_eq!(install(&solved.json()), expected);
    let app = &solved.json()["install"][0];
    for (key, value) in [("name", json!("app")), ("epoch", json!(0)), ("version", json!("2")), ("release", json!("1"))]
    {
        assert_eq!(app[key], value, "{app}");
    }
    assert_eq!((&app["arch"], &app["repository"]), (&json!("x86_64"), &json!("base")));
    assert_eq!(solved.json()["erase"], json!([]));
}

#[test]
fn options_choose_between_versions_and_weak_dependencies() {
    let place = place();
    let names = |line: &str| install(&place.ask(line).json()).join(", ");
    let strict = names("solve --json --repo base --no-weak app");
    assert_eq!(
        strict,
        "app-2-1.x86_64 asked -, lib-1-1.x86_64 required app-2-1.x86_64, tool-1-1.noarch required app-2-1.x86_64"
    );
    assert_eq!(names("solve --json --repo base --no-weak --oldest app").matches(',').count(), 1);
    let without = names("solve --json --repo base --no-weak -x tool app");
    assert_eq!(without, "app-1-1.x86_64 asked -, lib-1-1.x86_64 required app-1-1.x86_64");
    let both = names("solve --json --repo base --repo extra --no-weak lib");
    assert_eq!(both, "lib-2-1.x86_64 asked -");
    let preferred = names("solve --json --repo base,priority=1 --repo extra --no-weak lib");
    assert_eq!(preferred, "lib-1-1.x86_64 asked -");
}

#[test]
fn specs_are_read_as_dnf_reads_them() {
    let place = place();
    let first = |spec: &str| {
        let solved = place.ask(&format!("solve --json --no-weak --repo base {spec}"));
        let asked = install(&solved.json()).into_iter().filter(|line| line.contains(" asked "));
        asked.map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(first("app-1"), "app-1-1.x86_64");
    assert_eq!(first("app-1-1.x86_64"), "app-1-1.x86_64");
    assert_eq!(first("'lib >= 1'"), "lib-1-1.x86_64");
    assert_eq!(first("/usr/share/tool"), "tool-1-1.noarch");
    assert_eq!(first("'/usr/share/to*'"), "tool-1-1.noarch");
    assert_eq!(first("'t*' 'd*'"), "docs-1-1.noarch tool-1-1.noarch");
    assert_eq!(first("former"), "renamed-1-1.noarch", "what obsoletes it takes its place");
}

#[test]
fn what_cannot_be_installed_is_told_with_reasons() {
    let place = place();
    let unknown = place.ask("solve --repo base tol nothing-like-it");
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(1), ""));
    let expected = "copr-repo: nothing is called tol, provides it or owns it; there is tool\n\
                    copr-repo: nothing is called nothing-like-it, provides it or owns it\n";
    assert_eq!(unknown.err, expected);

    let missing = place.ask("solve --repo base --hint extra broken");
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.err.contains("nothing provides libmissing needed by broken-1-1.noarch"), "{missing:?}");
    assert!(missing.err.contains("extra"), "the repository that has it is named: {missing:?}");

    let conflict = place.ask("solve --json --repo base left right");
    let problems = conflict.json()["problems"].clone();
    assert_eq!(conflict.code, Some(1));
    assert!(problems.to_string().contains("left-1-1.noarch"), "{problems}");
}

#[test]
fn what_is_installed_stays_or_is_replaced() {
    let place = place();
    place.publish("system", "lib-1-1.x86_64\nformer-1-1.noarch");
    let solved = place.ask("solve --json --no-weak --repo base --installed system app");
    let names: Vec<String> = install(&solved.json());
    assert_eq!(names, ["app-2-1.x86_64 asked -", "tool-1-1.noarch required app-2-1.x86_64"], "{solved:?}");
    let replaced = place.ask("solve --json --no-weak --repo base --installed system renamed");
    assert_eq!(replaced.json()["erase"][0]["nevra"], "former-1-1.noarch", "{replaced:?}");
}
