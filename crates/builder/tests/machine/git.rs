//! Source packages of a git repository, fetched through the machine's network. The server is this test's: all that a machine
//! connects to ends there.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
};

use copr_vm::{Exit, Job, JobKind, Network, net::Outside};

use crate::distribution::{DBPATH, Seen, command, machine, run_machine};

/// The repository's address as the machine sees it; of a network for documentation, which is nowhere.
const URL: &str = "http://192.0.2.7/story.git";

/// Takes every connection to a server of ours.
#[derive(Debug)]
struct Here(SocketAddr);

impl Outside for Here {
    fn connect(&self, _to: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.0)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }
    fn name_servers(&self) -> Vec<SocketAddr> {
        Vec::new()
    }
}

/// Serves the files of a folder, one request a connection, until the test ends.
fn serve(folder: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever goes away in the middle has himself to blame.
            let _ = answer(&stream, &folder);
        }
    });
    address
}

fn answer(mut stream: &TcpStream, folder: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(stream.take(64 << 10)).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    let (status, body) = match fs_err::read(folder.join(path.trim_start_matches('/'))) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

/// A repository with a spec in a folder, one of its sources beside it and one on the server, and a branch.
fn repository(home: &Path) -> PathBuf {
    let (tree, public) = (home.join("tree"), home.join("public"));
    fs_err::create_dir_all(tree.join(".copr")).unwrap();
    fs_err::create_dir_all(tree.join("packaging")).unwrap();
    fs_err::create_dir_all(&public).unwrap();
    let spec = "Name: story\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\nSource0: near.txt\n\
        Source1: http://192.0.2.7/far.txt\n%description\nx\n%files\n";
    fs_err::write(tree.join("packaging/story.spec"), spec).unwrap();
    fs_err::write(tree.join("packaging/near.txt"), "near").unwrap();
    fs_err::write(public.join("far.txt"), "far").unwrap();
    let makefile = "srpm:\n\tid -u\n\tgit log --oneline\n\ttouch $(dir $(spec))far.txt\n\
        \trpmbuild -bs --define \"_sourcedir $(dir $(spec))\" --define \"_srcrpmdir $(outdir)\" $(spec)\n";
    fs_err::write(tree.join(".copr/Makefile"), makefile).unwrap();
    let git = |args: &[&str]| {
        let who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"];
        command("git", &[&who[..], &["-C", tree.to_str().unwrap()], args].concat());
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "the first words"]);
    git(&["checkout", "-q", "-b", "newer"]);
    fs_err::write(tree.join("packaging/story.spec"), spec.replace("Version: 1", "Version: 2")).unwrap();
    git(&["commit", "-q", "-a", "-m", "the second words"]);
    git(&["checkout", "-q", "main"]);
    let bare = public.join("story.git");
    command("git", &["clone", "-q", "--bare", tree.to_str().unwrap(), bare.to_str().unwrap()]);
    command("git", &["-C", bare.to_str().unwrap(), "update-server-info"]);
    public
}

#[test]
fn a_git_repository_becomes_a_source_package_by_its_spec_or_by_its_makefile() {
    let home = tempfile::tempdir().unwrap();
    let outside = Arc::new(Here(serve(repository(home.path()))));
    let go = |committish: Option<&str>, subdirectory: &str, make: bool| {
        let kind = JobKind::Git {
            clone_url: URL.to_owned(),
            committish: committish.map(str::to_owned),
            subdirectory: subdirectory.to_owned(),
            spec: make.then(|| "story.spec".to_owned()),
            make,
        };
        let network = Network { allow: vec![(IpAddr::from([192, 0, 2, 0]), 24)], outside: outside.clone() };
        let mut seen = Seen::default();
        let job = Job::new(kind, DBPATH, "x86_64");
        let place = home.path().join(committish.unwrap_or("head"));
        let mut spec = machine(&place, job, Vec::new());
        (spec.job.network, spec.network) = (true, Some(network));
        let report = run_machine(&mut seen, &spec);
        (report, seen.build_log)
    };
    let (report, log) = go(Some("newer"), "packaging", false);
    assert_eq!(report.exit, Exit::Built(0), "{log}\n{}", report.console_tail);
    let [source] = &report.results[..] else { panic!("{:?}", report.results) };
    assert_eq!(source.name, "story-2-1.src.rpm");
    let files = "[%{filenames} %{filesizes}\\n]";
    let files = command("rpm", &["-qp", "--nosignature", "--qf", files, source.path.to_str().unwrap()]);
    assert!(files.starts_with("far.txt 3\nnear.txt 4\nstory.spec "), "{files}");

    let (report, log) = go(None, "packaging", true);
    assert_eq!(report.exit, Exit::Built(0), "{log}");
    assert_eq!(report.results[0].name, "story-1-1.src.rpm");
    assert!(log.contains("id -u\n0\n") && log.contains("the first words"), "{log}");

    let (report, log) = go(Some("nowhere"), "", false);
    let Exit::Refused(why) = &report.exit else { panic!("{:?} {log}", report.exit) };
    assert_eq!(why, &format!("{URL} has no branch, tag or commit \"nowhere\""));
}
