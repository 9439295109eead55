//! Lines of copr-cli and ours, understood.

use clap::CommandFactory;

use super::*;

#[test]
fn the_definitions_hold_together() {
    Arguments::command().debug_assert();
}

#[test]
fn a_build_line_of_copr_cli_is_understood() {
    let line = "copr --config c build @g/p:custom:x a.src.rpm b.src.rpm -r f-1-x86_64 --chroot f-2-x86_64 \
                --exclude-chroot f-3-x86_64 --timeout 300 --background --nowait";
    let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
    let Some(Command::Build(build)) = arguments.command else { panic!("{arguments:?}") };
    assert_eq!(build.project.as_deref(), Some("@g/p:custom:x"));
    assert_eq!(build.packages, ["a.src.rpm", "b.src.rpm"]);
    let how = build.how;
    assert_eq!(how.chroots, ["f-1-x86_64", "f-2-x86_64"]);
    assert_eq!((how.exclude_chroots.len(), how.timeout), (1, Some(300)));
    assert!(how.background && how.nowait && !how.logs.no_log);
}

#[test]
fn the_other_lines_of_copr_cli_about_builds_are_understood_too() {
    let line = "copr buildscm libs --clone-url https://h/x.git --commit v1 --subdir rpm --spec x.spec --type git \
                --method make_srpm -r f-1-x86_64 --nowait";
    let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
    let Some(Command::Buildscm(scm)) = arguments.command else { panic!("{arguments:?}") };
    assert_eq!((scm.clone_url.as_str(), scm.method.as_str()), ("https://h/x.git", "make_srpm"));
    assert_eq!((scm.commit.as_deref(), scm.subdir.as_deref()), (Some("v1"), Some("rpm")));
    let line = ["copr", "edit-chroot", "libs/f-1-x86_64", "--packages", "gcc make", "--rpmbuild-with", "docs"];
    let arguments = Arguments::try_parse_from(line).unwrap();
    let Some(Command::EditChroot(edit)) = arguments.command else { panic!("{arguments:?}") };
    assert_eq!((edit.packages.as_deref(), edit.rpmbuild_with.len()), (Some("gcc make"), 1));
    let arguments = Arguments::try_parse_from(["copr", "modify", "libs", "--enable-net", "on"]).unwrap();
    assert!(
        matches!(arguments.command, Some(Command::Modify(modify)) if modify.settings.enable_net == Some(Switch::On))
    );
}

#[test]
fn a_build_here_names_a_source_package_and_a_chroot_and_no_project() {
    let line = "copr build --local a.src.rpm fedora-44-x86_64 --repo https://h/r --out o --timeout 60";
    let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
    let Some(Command::Build(build)) = arguments.command else { panic!("{arguments:?}") };
    assert_eq!(build.here.local.unwrap(), ["a.src.rpm", "fedora-44-x86_64"]);
    assert_eq!((build.project, build.packages.len(), build.how.timeout), (None, 0, Some(60)));
    for line in ["copr build --local a.src.rpm", "copr build p a.src.rpm --out o", "copr build p a --local b c"] {
        assert!(Arguments::try_parse_from(line.split_whitespace()).is_err(), "{line}");
    }
}

#[test]
fn both_names_of_commands_and_options_mean_the_same() {
    let watch = Arguments::try_parse_from(["copr", "watch-build", "1", "2"]).unwrap();
    assert!(matches!(watch.command, Some(Command::Watch(watch)) if watch.builds == [1, 2]));
    let line = "copr create p --chroot a-1-b --runtime-dependency copr://a/b --runtime-repo-dependency copr://c/d";
    let create = Arguments::try_parse_from(line.split_whitespace()).unwrap();
    let Some(Command::Create(create)) = create.command else { panic!("{create:?}") };
    assert_eq!(create.settings.runtime_dependencies, ["copr://a/b", "copr://c/d"]);
}

#[test]
fn nonsense_is_refused() {
    for line in [
        "copr build p",
        "copr watch",
        "copr status x",
        "copr create p",
        "copr build p a --timeout 0",
        "copr x",
        "copr buildscm p",
        "copr build p a --rpmlint x",
    ] {
        assert!(Arguments::try_parse_from(line.split_whitespace()).is_err(), "{line}");
    }
}

#[test]
fn the_lines_of_copr_cli_about_packages_people_and_results_are_understood() {
    for line in [
        "copr --debug new-api-token",
        "copr new-webhook-secret p",
        "copr webhook add p https://h/x --topic copr.build.end",
        "copr webhook edit p 3 --all-topics --active off",
        "copr events --follow --since 7 --topic copr.build.end",
        "copr dependents p --name x --chroot a-1-b",
        "copr modify p --rebuild-on-dependency-changes on --webhook-pull-requests off",
        "copr create p --chroot a-1-b --disable_createrepo true --persistent --auto-prune off --delete-after-days 3",
        "copr create p --chroot a-1-b --fedora-review --isolation simple --bootstrap image --storage backend",
        "copr modify p --delete-after-days -1 --fedora-review off --packit-forge-project-allowed github.com/a/*",
        "copr fork a/p q --confirm",
        "copr regenerate-repos p",
        "copr mock-config p a-1-b",
        "copr build p a --after-build-id 5 --isolation nspawn --bootstrap unchanged --memory 4",
        "copr build-package p --name gcc-c++ --timeout 10 -r a-1-b --with-build-id 5 --nowait",
        "copr delete-build 1 2 3",
        "copr list-builds p --output-format json",
        "copr list-packages p --with-latest-build --with-all-builds --output-format text-row",
        "copr list-package-names p",
        "copr get-package p --name x --with-latest-succeeded-build",
        "copr delete-package --name x p",
        "copr reset-package --name x p",
        "copr add-package-scm p --name x --clone-url https://h/x.git --webhook-rebuild on --max-builds 3",
        "copr edit-package-scm p --name x --chroot-denylist fedora-*,epel-*",
        "copr edit-chroot p/a-1-b --upload-comps comps.xml",
        "copr edit-chroot p/a-1-b --delete-comps --modules a:1,!b:2 --bootstrap-image img",
        "copr get-chroot p/a-1-b --output-format text",
        "copr edit-permissions p --admin bob --builder carol=nothing --builder dan",
        "copr list-permissions p",
        "copr request-permissions p --admin --builder nothing",
        "copr monitor p --dirname p:custom:x --fields name,state,url_build --output-format text-row",
        "copr download-build 5 -r a-1-b --dest d --rpms --logs",
    ] {
        if let Err(error) = Arguments::try_parse_from(line.split_whitespace()) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn commands_of_copr_cli_that_are_not_supported_are_known_whatever_follows() {
    for name in UNSUPPORTED.iter().chain(&["buildpypi"]) {
        let arguments = Arguments::try_parse_from(["copr", name, "p", "--packagename", "x", "--help"]).unwrap();
        assert!(matches!(arguments.command, Some(Command::Unsupported { .. })), "{name}");
    }
}

#[test]
fn roles_and_batches_that_make_no_sense_are_refused() {
    for line in [
        "copr edit-permissions p",
        "copr edit-permissions p --admin bob=perhaps",
        "copr edit-permissions p --admin =approved",
        "copr request-permissions p",
        "copr request-permissions p --admin approved",
        "copr build p a --after-build-id 1 --with-build-id 2",
        "copr edit-chroot p/a-1-b --upload-comps c --delete-comps",
        "copr modify p --delete-after-days soon",
        "copr create p --chroot a-1-b --disable_createrepo perhaps",
        "copr monitor p --fields colour",
        "copr watch 1 --log --no-log",
    ] {
        assert!(Arguments::try_parse_from(line.split_whitespace()).is_err(), "{line}");
    }
}
