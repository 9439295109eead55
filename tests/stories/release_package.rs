//! Release packages: one `dnf install URL`, and a machine is subscribed to a project and to all that it needs.

use std::{path::PathBuf, time::Duration};

use copr_tests::{
    PATIENCE,
    dnf::{Dnf, remove_tree},
    journey::CHROOT,
    packager::Packager,
    programs::{Output, empty_srpm, minidistro, privileged, run, run_ok, tree},
    script::{Script, rebuilt},
    server::{Options, Server},
    stock::Stock,
};

/// A server whose builder is played, with `alice/app` over `alice/libs` over `alice/base`; each has a package of its name, and that
/// of `app` requires that of `libs`, which requires that of `base`.
struct World {
    folder: PathBuf,
    server: Server,
    alice: Packager,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = tree().join("target/stories/release-package").join(name);
        run_ok(&mut remove_tree(&folder)).unwrap();
        let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
        fs_err::create_dir_all(&options.data).unwrap();
        fs_err::write(options.data.join("coprd.toml"), "[builder]\nenabled = false\n").unwrap();
        let server = Server::start(&options).unwrap();
        let config = folder.join("alice.conf");
        server.add_user("alice", &config).unwrap();
        let world = Self { folder, server, alice: Packager::ours(&config).unwrap() };
        for (project, needs) in [("base", None), ("libs", Some("base")), ("app", Some("libs"))] {
            let need = needs.map(|need| format!("copr://alice/{need}"));
            let mut create = vec!["create", project, "--chroot", CHROOT];
            create.extend(need.iter().flat_map(|need| ["--runtime-repo-dependency", need]));
            world.alice.done(&create).unwrap();
            world.publish(project, needs);
        }
        world
    }

    /// Builds the package of a project.
    fn publish(&self, project: &str, requires: Option<&str>) {
        let preamble = requires.map_or_else(String::new, |name| format!("Requires: the-{name}"));
        let srpm = empty_srpm(&format!("the-{project}"), "1", &preamble, &self.folder.join("srpms")).unwrap();
        let id = self.alice.submitted(&["build", project, &srpm.display().to_string()]).unwrap()[0];
        let script = Script::of(&self.server).unwrap();
        let made = rebuilt(&srpm, &self.folder.join("made").join(project)).unwrap();
        let made: Vec<_> = made.iter().map(PathBuf::as_path).chain([srpm.as_path()]).collect();
        script.made(&script.lease().unwrap(), &made).unwrap();
        self.server.wait_for_state(id, &["succeeded"], PATIENCE).unwrap();
    }

    /// A machine with nothing on it.
    fn machine(&self, name: &str) -> Dnf {
        Dnf::new(&self.folder.join(name), &self.server.options.minidistro, &self.server.url()).unwrap()
    }

    /// The address of the release package of `alice/app`, as our client tells it.
    fn url(&self) -> String {
        let told = self.alice.done(&["release-package", "app", "--chroot", CHROOT]).unwrap();
        let url = told.stdout.trim().to_owned();
        assert_eq!(url, format!("{}/results/alice/app/{CHROOT}/alice-app-release.noarch.rpm", self.server.url()));
        url
    }
}

fn ok(dnf: &Dnf, args: &[&str]) -> Output {
    let output = dnf.run(args).unwrap();
    assert_eq!(output.code, 0, "dnf -y {}: {}", args.join(" "), output.text());
    output
}

/// `rpm ARGS` on a machine.
fn rpm(dnf: &Dnf, args: &[&str]) -> Output {
    run(privileged("rpm").arg("--root").arg(dnf.root()).args(["--dbpath", "/var/lib/rpm"]).args(args)).unwrap()
}

/// Names of the .repo files besides the distribution's.
fn files(dnf: &Dnf) -> Vec<String> {
    dnf.repo_files().unwrap().into_iter().map(|(name, _)| name).collect()
}

const FILE: &str = "_copr:127.0.0.1:alice:app.repo";

#[test]
fn installing_a_release_package_subscribes_to_the_whole_chain_and_removing_it_unsubscribes() {
    let world = World::new("chain");
    let url = world.url();
    let machine = world.machine("machine");
    ok(&machine, &["install", &url]);
    assert_eq!(files(&machine), [FILE]);
    let verified = rpm(&machine, &["-V", "alice-app-release"]);
    assert_eq!((verified.code, verified.text().trim()), (0, ""), "{}", verified.text());
    let said = rpm(&machine, &["-q", "--qf", "%{nevra} %{vendor} %{bugurl}", "alice-app-release"]);
    let page = format!("{}/coprs/alice/app/", world.server.url());
    assert_eq!(said.stdout, format!("alice-app-release-1-1.noarch Copr - user alice {page}"));

    // What the program needs comes from two repositories below its own.
    ok(&machine, &["install", "the-app"]);
    assert_eq!(rpm(&machine, &["-q", "the-app", "the-libs", "the-base"]).code, 0);

    // When the chain changes, the next one comes as any update does.
    world.alice.done(&["modify", "app", "--repo-priority", "7"]).unwrap();
    let repository = world.server.options.data.join("store/results/alice/app").join(CHROOT);
    let newest = |records: Vec<copr_repodata::Record>| {
        let mut found = records.into_iter().filter(|record| record.nevra.name == "alice-app-release");
        found.any(|record| record.nevra.release == "2")
    };
    let began = std::time::Instant::now();
    while !newest(copr_repodata::read::load(&repository).unwrap()) {
        assert!(began.elapsed() < PATIENCE, "the next release package is not published");
        std::thread::sleep(Duration::from_millis(100));
    }
    ok(&machine, &["--refresh", "upgrade"]);
    assert_eq!(rpm(&machine, &["-q", "alice-app-release"]).stdout.trim(), "alice-app-release-1-2.noarch");
    assert!(machine.repo_files().unwrap()[0].1.contains("\npriority=7\n"));

    ok(&machine, &["remove", "alice-app-release"]);
    assert_eq!(files(&machine), Vec::<String>::new(), "nothing stays behind");
    let other = world.machine("other");
    assert_ne!(other.run(&["install", "the-base"]).unwrap().code, 0, "without it nobody has that package");

    // A project of the chain has one of its own, which can be installed beside the other.
    ok(&other, &["install", &url, &url.replace("/app/", "/libs/").replace("alice-app", "alice-libs")]);
    assert_eq!(files(&other).len(), 2);
    ok(&other, &["install", "the-app"]);
    world.server.stop().unwrap();
}

#[test]
fn dnf_copr_works_on_what_a_release_package_has_written() {
    let world = World::new("plugin");
    let url = world.url();
    let machine = world.machine("machine");
    ok(&machine, &["install", &url]);
    let listed = ok(&machine, &["copr", "list"]);
    assert!(listed.stdout.contains("alice/app"), "{}", listed.text());
    ok(&machine, &["copr", "disable", "demo/alice/app"]);
    assert_ne!(machine.run(&["install", "the-app"]).unwrap().code, 0, "it is disabled");
    // The user's word counts more than the next package's.
    let changed = rpm(&machine, &["-V", "alice-app-release"]);
    assert!(changed.stdout.contains(&format!("c /etc/yum.repos.d/{FILE}")), "{}", changed.text());
    ok(&machine, &["copr", "enable", "demo/alice/app"]);
    ok(&machine, &["install", "the-app"]);
    ok(&machine, &["remove", "alice-app-release"]);

    // The distribution's own plugin takes the file for one of its own.
    let other = world.machine("other");
    ok(&other, &["install", &url]);
    let stock = Stock::new(&world.folder.join("stock"), &world.server.url()).unwrap();
    let written = world.folder.join("stock/etc/yum.repos.d").join(FILE);
    fs_err::copy(other.root().join("etc/yum.repos.d").join(FILE), &written).unwrap();
    let listed = stock.copr(&["list", "--enabled"], "").unwrap();
    assert!(listed.code == 0 && listed.stdout.contains("alice/app"), "{}", listed.text());
    let disabled = stock.copr(&["disable", "demo/alice/app"], "").unwrap();
    assert_eq!(disabled.code, 0, "{}", disabled.text());
    assert!(fs_err::read_to_string(&written).unwrap().contains("enabled=0"));
    world.server.stop().unwrap();
}
