use crate::place::Place;

fn place() -> Place {
    Place::new(&[(
        "base",
        "gcc-1-1.x86_64; requires libc\nlibc-1-1.x86_64\nmake-1-1.x86_64
         hello-1-1.src; requires gcc, make >= 1
         hello-2-1.src; requires gcc, rpmlib(x) <= 1
         sad-1-1.src; requires gcc, none, neither > 2",
    )])
}

#[test]
fn a_source_package_of_a_repository_is_named_by_its_name() {
    let solved = place().ask("builddep --json --repo base hello").json();
    let names: Vec<&str> =
        solved["install"].as_array().unwrap().iter().map(|one| one["nevra"].as_str().unwrap()).collect();
    assert_eq!(names, ["gcc-1-1.x86_64", "libc-1-1.x86_64"], "the newest one; rpmlib is rpm's own");
    assert_eq!(place().ask("builddep --json --repo base hello-1").json()["install"].as_array().unwrap().len(), 3);
}

#[test]
fn all_that_is_missing_is_named_at_once() {
    let sad = place().ask("builddep --repo base sad");
    assert_eq!(sad.code, Some(1));
    assert!(
        sad.err.contains("nothing provides none\n") && sad.err.contains("nothing provides neither > 2\n"),
        "{sad:?}"
    );
}

#[test]
fn of_a_spec_plain_lines_count_and_others_are_named() {
    let place = place();
    fs_err::write(
        place.path("hello.spec"),
        "Name: hello\nBuildRequires: make, gcc\n%if 0%{?fedora}\nBuildRequires: fedora-only\n%endif\n",
    )
    .unwrap();
    let solved = place.ask("builddep --json --repo base hello.spec");
    assert_eq!(solved.json()["install"].as_array().unwrap().len(), 3, "{solved:?}");
    assert!(solved.err.contains("hello.spec, line 4 is left out, because it stands under a condition"), "{solved:?}");
}

#[test]
fn what_is_no_source_is_told() {
    let place = place();
    let none = place.ask("builddep --repo base gcc");
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("gcc: neither a .src.rpm or .spec file, nor a source package"), "{none:?}");
    fs_err::write(place.path("bad.src.rpm"), "no package").unwrap();
    let bad = place.ask("builddep --repo base bad.src.rpm");
    assert_eq!((bad.code, bad.err.lines().count()), (Some(1), 1), "{bad:?}");
    assert!(bad.err.contains("bad.src.rpm"), "{bad:?}");
}
