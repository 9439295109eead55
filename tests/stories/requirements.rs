//! What a package needs to be built, when only the package itself can tell.

use copr_tests::{
    journey::{CHROOT, build, build_folder, copr},
    programs::{fixture_srpm, minidistro, tree},
    report::Report,
    server::{Options, Server},
};

/// The macros of the chroot name the generator, the generator the backend, and the backend the words.
#[test]
fn requirements_that_come_to_light_step_by_step_are_all_installed() {
    let folder = tree().join("target/stories/requirements");
    let _ = fs_err::remove_dir_all(&folder);
    let report = Report::new(true);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    let server = Server::start(&options).unwrap();
    let alice = folder.join("alice.conf");
    server.add_user("alice", &alice).unwrap();
    copr(&alice, &["create", "python", "--chroot", CHROOT], &report).unwrap();
    let backend = fixture_srpm("greet-backend", &folder.join("srpms")).unwrap();
    build(&alice, "python", &backend, &server, &report).unwrap();

    let package = fixture_srpm("greet-python", &folder.join("srpms")).unwrap();
    let source = copr_rpm::Package::open(&package).unwrap();
    let requires = source.dependencies(copr_rpm::DependencyKind::Requires).unwrap();
    let named: Vec<_> = requires.iter().filter(|one| !one.name.starts_with("rpmlib(")).collect();
    assert!(named.is_empty(), "the source package itself tells nothing: {named:?}");
    let id = build(&alice, "python", &package, &server, &report).unwrap();

    let kept = build_folder(&server, "alice", "python", id).unwrap();
    let installed = fs_err::read_to_string(kept.join("installed_pkgs.log")).unwrap();
    for name in ["greet-build-macros-1.0-1", "python3-greetbackend-1.0-1", "python3-greetwords-1.0-1"] {
        assert!(installed.contains(name), "no {name} in installed_pkgs.log:\n{installed}");
    }
    let log = fs_err::read_to_string(kept.join("build.log")).unwrap();
    assert!(log.contains("built greet-1.0-py3-none-any.whl"), "{log}");
    assert!(log.contains("Good evening, packager"), "what was built says what its %check prints:\n{log}");
    assert!(kept.join("greet-python-1.0-1.md12.noarch.rpm").is_file());
}
