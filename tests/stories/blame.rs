//! Packages say whose they are, and do not pass for the distribution's: real machines, and rpm reads what they made.

use std::process::Command;

use copr_tests::{
    journey::{CHROOT, build, build_folder, copr},
    packager::Packager,
    programs::{empty_srpm, fixture_srpm, minidistro, run_ok, tree},
    report::Report,
    server::{Options, Server},
};

#[test]
fn packages_name_their_project_and_those_in_the_way_of_the_distribution_are_told_of_or_refused() {
    let folder = tree().join("target/stories/blame");
    let _ = fs_err::remove_dir_all(&folder);
    let report = Report::new(true);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    let server = Server::start(&options).unwrap();
    let alice = folder.join("alice.conf");
    server.add_user("alice", &alice).unwrap();
    let bugs = "https://bugs.example.org/libs?100%";
    copr(&alice, &["create", "libs", "--chroot", CHROOT, "--bug-url", bugs], &report).unwrap();

    let small = fixture_srpm("small", &folder.join("srpms")).unwrap();
    let id = build(&alice, "libs", &small, &server, &report).unwrap();
    let made = build_folder(&server, "alice", "libs", id).unwrap().join("small-1.0-1.md12.noarch.rpm");
    let mut rpm = Command::new("rpm");
    rpm.args(["-qp", "--nosignature", "--qf", "%{vendor}|%{bugurl}|%{packager}"]).arg(made);
    assert_eq!(run_ok(&mut rpm).unwrap().stdout, format!("Copr - user alice|{bugs}|alice"));
    let asked = |id: i64| server.json(&format!("/api_3/build-chroot?build_id={id}&chrootname={CHROOT}")).unwrap();
    assert!(asked(id)["shadows"].is_null(), "{}", asked(id));

    // A package of the distribution's, higher than it, with the distribution's own vendor.
    let bash = empty_srpm("bash", "99", "Vendor: minidistro\nObsoletes: make < 1000", &folder.join("srpms")).unwrap();
    let id = build(&alice, "libs", &bash, &server, &report).unwrap();
    let told = asked(id)["shadows"].clone();
    let kinds: Vec<_> = told.as_array().unwrap().iter().map(|of| of["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["newer", "vendor", "obsoletes"], "{told}");
    assert!(told[0]["other"].as_str().unwrap().starts_with("bash-5"), "{told}");

    copr(&alice, &["create", "strict", "--chroot", CHROOT, "--shadow-check", "refuse"], &report).unwrap();
    let packager = Packager::ours(&alice).unwrap();
    let bash = bash.display().to_string();
    let refused = packager.run(&["build", "strict", &bash]).unwrap();
    assert_ne!(refused.code, 0, "{}", refused.text());
    let strict = server.options.data.join("store/results/alice/strict").join(CHROOT);
    assert!(copr_repodata::read::load(&strict).unwrap().is_empty(), "nothing is published");
    assert!(refused.text().contains("bash-99-1.noarch is newer than the distribution's bash-5"), "{}", refused.text());
    assert_eq!(server.stop().unwrap(), 0);
}
