//! What a project needs, asked of a real hub and drawn.

use std::process::Command;

use copr_tests::{
    dnf::remove_tree,
    journey::{CHROOT, copr},
    programs::{Output, minidistro, ours, run, run_ok, tree},
    report::Report,
    server::{Options, Server},
};

fn chain(server: &Server, project: &str, options: &[&str]) -> Output {
    let name = format!("{}/{project}", server.url());
    run(Command::new(ours("copr-repo").unwrap()).arg("chain").args(options).arg(name)).unwrap()
}

#[test]
fn a_chain_of_three_projects_is_shown_and_drawn_and_a_deleted_one_is_named() {
    let folder = tree().join("target/stories/chain");
    run_ok(&mut remove_tree(&folder)).unwrap();
    fs_err::create_dir_all(&folder).unwrap();
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    let server = Server::start(&options).unwrap();
    let report = Report::new(false);
    let alice = folder.join("alice.conf");
    server.add_user("alice", &alice).unwrap();
    let create = |name: &str, needs: &[&str]| {
        let mut words = vec!["create", name, "--chroot", CHROOT];
        needs.iter().for_each(|need| words.extend(["--runtime-repo-dependency", *need]));
        copr(&alice, &words, &report).unwrap();
    };
    create("base", &[]);
    create("fonts", &[]);
    create("libs", &["copr://alice/base", "https://mirror.example/$chroot/"]);
    create("app", &["copr://alice/libs", "copr://alice/fonts"]);

    let host = server.url().replace("http://", "");
    let shown = chain(&server, "alice/app", &["--chroot", CHROOT]);
    assert_eq!(shown.code, 0, "{}", shown.text());
    let expected = "\
H/alice/app
├── H/alice/libs
│   ├── H/alice/base
│   └── https://mirror.example/$chroot/  (not a Copr project)
└── H/alice/fonts
";
    assert_eq!(shown.stdout, expected.replace("H/", &format!("{host}/")));

    copr(&alice, &["delete", "fonts"], &report).unwrap();
    let partly = chain(&server, "alice/app", &[]);
    assert_eq!(partly.code, 2, "{}", partly.text());
    let gone = format!("{host}/alice/fonts, needed by {host}/alice/app, is left out: it does not exist (any more)");
    assert!(partly.stderr.contains(&gone), "{}", partly.stderr);

    let file = folder.join("app.svg");
    chain(&server, "alice/app", &[&format!("--svg={}", file.display())]);
    let parsed = run_ok(Command::new("python3").arg("-c").arg(WELL_FORMED).arg(&file)).unwrap();
    assert_eq!(parsed.stdout.trim(), "alice/app alice/base alice/fonts alice/libs $chroot; 4 connections");

    let missing = chain(&server, "alice/nothing", &[]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("alice/nothing does not exist"), "{}", missing.stderr);
    assert_eq!(server.stop().unwrap(), 0);
}

/// Reads the picture as XML, and says what is in it.
const WELL_FORMED: &str = "
import sys, xml.etree.ElementTree as tree
svg = tree.parse(sys.argv[1]).getroot()
space = '{http://www.w3.org/2000/svg}'
assert svg.find(space + 'title').text and svg.find(space + 'desc').text
names = sorted(text.text for text in svg.iter(space + 'text') if text.get('class') == 'name')
edges = [path for path in svg.iter(space + 'path') if path.get('class', '').startswith('edge')]
names.sort(key=lambda name: '/' not in name)
print(' '.join(names) + f'; {len(edges)} connections')
";
