//! A source package becomes an installed program.

use copr_tests::{journey::travel, programs::tree, report::Report};

#[test]
fn three_source_packages_become_programs_that_dnf_installs_with_their_whole_chain() {
    let folder = tree().join("target/stories/journey");
    let arrived = travel(&folder, &mut Report::new(false)).unwrap();

    // What the last steps asserted, once more from outside: the page is there and names the project.
    let page = arrived.server.get("/coprs/bob/app/").unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("alice/libs"), "the page does not show the chain:\n{}", page.body);

    // Off again: nothing that was enabled along the way stays behind.
    let removed = arrived.dnf.run(&["copr", "remove", "demo/bob/app"]).unwrap();
    assert_eq!(removed.code, 0, "{}", removed.text());
    assert_eq!(arrived.dnf.repo_files().unwrap(), [], "orphans were left");

    assert_eq!(arrived.server.stop().unwrap(), 0, "SIGTERM must end coprd with 0");
}
