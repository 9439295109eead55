use serde_json::json;

use crate::place::Place;

fn place() -> Place {
    Place::new(&[
        ("base", "lib-1-1.x86_64; provides libx.so.1\nodd-1-1.x86_64; requires nowhere"),
        (
            "apps",
            "app-1-1.x86_64; requires libx.so.1, lib >= 2, /usr/share/data
             app-2-1.noarch; requires (lib if odd), app
             src-1-1.src; requires compiler",
        ),
        ("extra", "lib-2-1.x86_64\ndata-1-1.noarch; files /usr/share/data, /usr/share/other"),
    ])
}

#[test]
fn a_closed_set_of_repositories_is_told_in_a_line() {
    let closed = place().ask("closure --repo extra");
    assert_eq!(closed.lines(), ["2 packages: every requirement is satisfied"]);
}

#[test]
fn what_is_unsatisfied_is_grouped_by_repository_and_package_with_what_would_help() {
    let found = place().ask("closure --repo base --repo apps --hint extra --hint more=extra");
    let expected = "\
base (1 package)
  odd-1-1.x86_64
    nowhere
apps (2 packages)
  app-1-1.x86_64
    lib >= 2
      lib-1-1.x86_64 of base provides lib = 1-1
      extra has it: lib-2-1.x86_64
      more has it: lib-2-1.x86_64
    /usr/share/data
      extra has it: data-1-1.noarch
      more has it: data-1-1.noarch
  src-1-1.src
    compiler
";
    assert_eq!((found.code, found.out.as_str()), (Some(1), expected), "{found:?}");
    assert_eq!(found.err, "copr-repo: 4 unsatisfied requirements of 3 packages; 5 packages checked\n");
}

#[test]
fn files_that_only_filelists_know_satisfy_requirements() {
    let found = place().ask("closure --repo base --repo apps --repo extra --check apps --json");
    assert_eq!(found.code, Some(1));
    let packages = found.json()["packages"].clone();
    assert_eq!(packages.as_array().unwrap().len(), 1, "{packages}");
    assert_eq!(packages[0]["nevra"], "src-1-1.src");
    assert_eq!(packages[0]["repository"], "apps");
    assert_eq!(packages[0]["unsatisfied"], json!(["compiler"]));
}

#[test]
fn what_is_checked_can_be_narrowed() {
    let place = place();
    let checked = |options: &str| {
        let found = place.ask(&format!("closure --json --repo base --repo apps {options}")).json();
        let packages = found["packages"].as_array().unwrap();
        let names: Vec<String> = packages.iter().map(|one| one["nevra"].as_str().unwrap().to_owned()).collect();
        names.join(" ")
    };
    assert_eq!(checked("--check base"), "odd-1-1.x86_64");
    assert_eq!(checked("--check apps --only-arch x86_64"), "app-1-1.x86_64");
    assert_eq!(checked("--pkg src"), "src-1-1.src");
    assert_eq!(checked("--pkg src -x src"), "");
    let found = place.ask("closure --repo base --check typo");
    assert_eq!(found.err, "copr-repo: repository typo: there is no such repository; there is base\n");
    let none = place.ask("closure --repo base --pkg typo");
    assert_eq!((none.code, none.err.as_str()), (Some(1), "copr-repo: no package matches `typo`\n"));
}

#[test]
fn the_newest_and_the_best_leave_older_versions_out() {
    let place = Place::new(&[
        ("old", "lib-1-1.noarch; provides old.so\napp-1-1.noarch; requires old.so\napp-0-1.noarch; requires lost"),
        ("new", "lib-2-1.noarch"),
    ]);
    assert_eq!(place.ask("closure --repo old --newest").code, Some(0));
    assert_eq!(place.ask("closure --repo old --repo new --newest").code, Some(0), "per repository");
    let best = place.ask("closure --repo old --repo new --newest --best");
    assert!(best.out.contains("old.so\n      lib-1-1.noarch of old had it\n"), "{best:?}");
}
