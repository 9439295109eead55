use serde_json::json;

use crate::place::Place;

fn place() -> Place {
    Place::new(&[
        ("base", "lib-1-1.x86_64; provides libx.so.1"),
        ("apps", "app-1-1.x86_64; requires libx.so.1\nother-1-1.x86_64; requires wanted"),
        ("update", "lib-2-1.x86_64; provides libx.so.2, wanted"),
        ("kind", "lib-2-1.x86_64; provides libx.so.1"),
        ("sick", "sick-1-1.x86_64; requires nowhere"),
    ])
}

#[test]
fn what_a_publish_breaks_and_repairs_is_told() {
    let found = place().ask("impact --repo base --repo apps --with update");
    let expected = "\
Takes the place of 1 package:
  lib-1-1.x86_64 of base, by lib-2-1.x86_64
Breaks 1 package:
  app-1-1.x86_64 of apps
    libx.so.1
      lib-1-1.x86_64 of base has it, and goes
Repairs 1 package:
  other-1-1.x86_64 of apps
";
    assert_eq!((found.code, found.out.as_str(), found.err.as_str()), (Some(1), expected, ""), "{found:?}");
}

#[test]
fn the_same_as_json() {
    let found = place().ask("impact --json --repo base --repo apps --with update").json();
    assert_eq!(found["harmless"], false);
    let broken = json!([{
        "nevra": "app-1-1.x86_64",
        "repository": "apps",
        "unsatisfied": [{
            "requirement": "libx.so.1",
            "was": [{ "nevra": "lib-1-1.x86_64", "repository": "base" }],
        }],
    }]);
    assert_eq!(found["broken"], broken);
    assert_eq!(found["superseded"][0]["new"]["nevra"], "lib-2-1.x86_64");
    assert_eq!(found["repaired"][0]["satisfied"], json!(["wanted"]));
}

#[test]
fn a_publish_that_breaks_nothing_succeeds() {
    let place = place();
    let kind = place.ask("impact -q --repo base --repo apps --with kind");
    assert_eq!((kind.code, kind.out.as_str(), kind.err.as_str()), (Some(0), "", ""), "{kind:?}");
    assert_eq!(place.ask("impact --repo base --repo apps --with update --keep-old").code, Some(0));
    assert_eq!(place.ask("impact --repo base --repo apps --with update --check base").code, Some(0));
    assert_eq!(place.ask("impact --repo base --repo apps --with update,priority=200").code, Some(0));
}

#[test]
fn what_is_published_may_lack_something_itself() {
    let sick = place().ask("impact --repo base --with sick");
    assert_eq!(sick.code, Some(1));
    assert!(
        sick.out.contains("What is published lacks:\nsick (1 package)\n  sick-1-1.x86_64\n    nowhere\n"),
        "{sick:?}"
    );
}

#[test]
fn packages_can_be_withdrawn() {
    let gone = place().ask("impact --repo base --repo apps --without lib");
    assert!(gone.code == Some(1) && gone.out.contains("Breaks 1 package:\n  app-1-1.x86_64 of apps"), "{gone:?}");
    let none = place().ask("impact --repo base --without typo");
    assert_eq!((none.code, none.err.as_str()), (Some(1), "copr-repo: no package matches `typo`\n"));
}

#[test]
fn what_can_no_longer_be_installed_is_told_unless_nobody_asks() {
    let place = Place::new(&[
        ("base", "app-1-1.x86_64; requires lib, tool\nlib-1-1.x86_64\ntool-1-1.x86_64"),
        ("new", "lib-2-1.x86_64; conflicts tool"),
    ]);
    let found = place.ask("impact --repo base --with new");
    let title = "Leaves 1 package without a way to be installed:\n  app-1-1.x86_64 of base\n    ";
    assert!(found.code == Some(1) && found.out.contains(title), "{found:?}");
    assert_eq!(place.ask("impact --repo base --with new --no-solve").code, Some(0));
}
