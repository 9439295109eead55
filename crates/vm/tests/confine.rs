//! The confined child: what it may, and what kills it. The child is this program again, see `the_child`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::{
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use copr_vm::confine::{Bounds, ConfineError, Confined, enter};

/// What the other tests confine: it enters with the folder of the first line of its input, and does the second.
#[test]
#[ignore = "the other tests start it"]
fn the_child() {
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order).unwrap();
    let (folder, deed) = order.split_once('\n').unwrap();
    let folder = Path::new(folder);
    println!("{}", enter(&[folder]).unwrap());
    match deed {
        "read" => println!("it says {}", fs_err::read_to_string(folder.join("file")).unwrap()),
        "list" => println!("{} files", std::fs::read_dir(folder).unwrap().count()),
        "read elsewhere" => println!("passwd: {:?}", fs_err::read("/etc/passwd").map(|text| text.len())),
        "write" => println!("{:?}", fs_err::write(folder.join("file"), "changed")),
        "run" => println!("{:?}", std::process::Command::new("/bin/true").status()),
        "connect" => println!("{:?}", std::net::TcpStream::connect("127.0.0.1:9")),
        "flood" => loop {
            std::io::stdout().write_all(&[b'x'; 4096]).unwrap();
        },
        "hang" => std::thread::sleep(Duration::from_secs(1000)),
        "grow" => println!("{}", vec![1u8; 1 << 30].len()),
        "spin" => loop {
            std::hint::black_box(0);
        },
        "fail" => {
            eprintln!("it is no package");
            std::process::exit(3);
        }
        other => panic!("no such deed: {other}"),
    }
    // The harness behind us has threads, and things of its own to do.
    std::process::exit(0);
}

fn confined(deed: &str, bounds: Bounds) -> Result<String, ConfineError> {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("file"), "hello").unwrap();
    let args = ["--exact", "the_child", "--ignored", "--nocapture"].map(Into::into).to_vec();
    let child = Confined { program: std::env::current_exe().unwrap(), args, bounds };
    let output = child.run(format!("{}\n{deed}", folder.path().display()).as_bytes());
    assert_eq!(fs_err::read_to_string(folder.path().join("file")).unwrap(), "hello");
    Ok(String::from_utf8(output?).unwrap())
}

#[test]
fn a_confined_process_reads_what_it_was_given_and_answers() {
    let said = confined("read", Bounds::default()).unwrap();
    assert!(said.contains("it says hello") && said.contains("confined: system calls by seccomp"), "{said}");
    assert!(confined("list", Bounds::default()).unwrap().contains("1 files"));
}

#[test]
fn what_it_may_not_do_kills_it_or_fails() {
    for deed in ["write", "run", "connect"] {
        let error = confined(deed, Bounds::default()).unwrap_err().to_string();
        assert!(error.contains("a system call that it may not make"), "{deed}: {error}");
    }
    let said = confined("read elsewhere", Bounds::default()).unwrap();
    // An old kernel without Landlock says so; then the file can be read.
    assert!(said.contains("PermissionDenied") || said.contains("no Landlock"), "{said}");
}

#[test]
fn each_bound_ends_it_with_its_own_words() {
    let bounds = Bounds { output: 100_000, ..Bounds::default() };
    assert!(matches!(confined("flood", bounds), Err(ConfineError::TooMuch(100_000))));
    let bounds = Bounds { wall: Duration::from_millis(300), ..Bounds::default() };
    assert!(matches!(confined("hang", bounds), Err(ConfineError::TooLong(_))));
    let bounds = Bounds { memory: 512 << 20, ..Bounds::default() };
    assert!(matches!(confined("grow", bounds), Err(ConfineError::Failed { .. })));
    let bounds = Bounds { cpu_seconds: 1, ..Bounds::default() };
    let error = confined("spin", bounds).unwrap_err().to_string();
    assert!(error.contains("it passed a limit"), "{error}");
    let Err(ConfineError::Failed { how, said }) = confined("fail", Bounds::default()) else {
        panic!("it did not fail")
    };
    assert!(how.contains('3') && said.contains("it is no package"), "{how}: {said}");
}
