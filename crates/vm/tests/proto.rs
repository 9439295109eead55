//! The protocol's codec: what is written comes back, everything else is refused without a panic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use copr_vm::proto::*;
use proptest::prelude::*;

fn round(frame: FromGuest) {
    let (kind, payload) = frame.encode();
    let mut wire = Vec::new();
    write_frame(&mut wire, kind, &payload).unwrap();
    let (kind, payload) = read_frame(&mut &wire[..]).unwrap().unwrap();
    assert_eq!(FromGuest::decode(kind, payload).unwrap(), frame);
}

#[test]
fn every_frame_of_the_guest_comes_back() {
    round(FromGuest::Ready { version: VERSION, uptime: 1.0 });
    round(FromGuest::Hello { nonce: "0123abcd".into(), uptime: 1.25 });
    for stage in [Stage::Mounted, Stage::Installed, Stage::Unpacked, Stage::Built, Stage::End] {
        round(FromGuest::Stage { stage, uptime: 10.5 });
    }
    round(FromGuest::Log(LogStream::Root, b"a\xff".to_vec()));
    round(FromGuest::Log(LogStream::Build, Vec::new()));
    round(FromGuest::Heartbeat(Heartbeat { uptime: 5.0, memory_available_kib: 1, disk_free: 2, load: 0.5 }));
    round(FromGuest::Installed("bash-5-1.x86_64\n".into()));
    round(FromGuest::Log(LogStream::Lint, b"fine".to_vec()));
    round(FromGuest::BuildRequires { round: 1, dynamic: false, requires: vec!["gcc".into(), "make >= 4".into()] });
    round(FromGuest::BuildRequires { round: 10, dynamic: true, requires: Vec::new() });
    round(FromGuest::File { size: u64::MAX, name: "a-1-1.noarch.rpm".into() });
    round(FromGuest::Data(vec![7; MAX_FRAME]));
    round(FromGuest::FileEnd { sha256: [9; 32] });
    round(FromGuest::Exit(GuestExit::Exit(137)));
    round(FromGuest::Exit(GuestExit::Error(ErrorKind::Transaction, "rpm said 3: no".into())));
    round(FromGuest::Diagnostic("ü".into()));
}

#[test]
fn every_frame_of_the_host_comes_back() {
    let begin = Begin { seconds: 1_764_000_000, nanoseconds: 999_999_999, seed: [7; 64] };
    for frame in [ToGuest::Begin(begin), ToGuest::Go, ToGuest::Nothing, ToGuest::Cancel, ToGuest::Received] {
        let (kind, payload) = frame.encode();
        assert_eq!(ToGuest::decode(kind, &payload).unwrap(), frame);
    }
    assert!(ToGuest::decode(b'N', b"x").is_err() && ToGuest::decode(b'?', b"").is_err());
}

#[test]
fn a_frame_beyond_the_limit_is_refused_before_memory_is_taken() {
    let mut wire = vec![b'D'];
    wire.extend(u32::MAX.to_le_bytes());
    assert!(matches!(read_frame(&mut &wire[..]), Err(ProtoError::TooLong(_))));
    assert!(matches!(write_frame(&mut Vec::new(), b'D', &vec![0; MAX_FRAME + 1]), Err(ProtoError::TooLong(_))));
}

#[test]
fn a_cut_frame_is_an_error_and_an_end_between_frames_is_none() {
    let mut wire = Vec::new();
    write_frame(&mut wire, b'E', b"hello").unwrap();
    for length in 1..wire.len() {
        assert!(matches!(read_frame(&mut &wire[..length]), Err(ProtoError::Truncated)), "cut at {length}");
    }
    assert!(read_frame(&mut &b""[..]).unwrap().is_none());
}

#[test]
fn a_long_error_text_is_cut_by_its_sender() {
    let (kind, payload) = FromGuest::Exit(GuestExit::Error(ErrorKind::Setup, "ä".repeat(MAX_TEXT))).encode();
    assert!(matches!(FromGuest::decode(kind, payload), Ok(FromGuest::Exit(GuestExit::Error(ErrorKind::Setup, _)))));
}

#[test]
fn malformed_payloads_are_refused() {
    let bad: [(u8, &[u8]); 16] = [
        (b'S', b"hello nonce"),
        (b'S', b"ready x 1.0"),
        (b'S', b"installed -1"),
        (b'S', b"installed NaN"),
        (b'S', b"installed 1 2"),
        (b'S', b"nowhere 1"),
        (b'L', b""),
        (b'L', b"\x03text"),
        (b'H', b"nothing"),
        (b'F', b"1234567"),
        (b'F', b"12345678\xff"),
        (b'Z', b"short"),
        (b'X', b"exit 256"),
        (b'X', b"error nobody knows"),
        (b'I', b"\xff"),
        (b'?', b""),
    ];
    for (kind, payload) in bad {
        assert!(FromGuest::decode(kind, payload.to_vec()).is_err(), "{} {payload:?}", char::from(kind));
    }
}

#[test]
fn only_flat_plain_names_are_results() {
    for name in ["a-1-1.x86_64.rpm", "libstdc++-13.2~rc1^git-1.fc40.x86_64.rpm", "0ad.spec", "a.rpm"] {
        assert!(valid_result_name(name), "{name}");
    }
    let long = format!("{}.rpm", "a".repeat(MAX_NAME));
    for name in ["", ".rpm", "../x.rpm", "a/b.rpm", "-a.rpm", "a.txt", "a b.rpm", "a\0.rpm", "ä.rpm", ".spec", &long] {
        assert!(!valid_result_name(name), "{name:?}");
    }
}

#[test]
fn a_job_that_could_reach_a_path_or_a_command_line_is_refused() {
    let build = |source: &str| JobKind::Build { source: source.into() };
    let good = Job::new(build("a-1-1.src.rpm"), "/usr/lib/sysimage/rpm", "x86_64");
    good.check().unwrap();
    let changes: [fn(&mut Job); 10] = [
        |job| job.kind = JobKind::Build { source: "a-1-1.rpm".into() },
        |job| job.kind = JobKind::Build { source: "../a.src.rpm".into() },
        |job| job.dbpath = "var/lib/rpm".into(),
        |job| job.dbpath = "/var/../etc".into(),
        |job| job.dbpath = "/var/lib rpm".into(),
        |job| job.arch = "--eval".into(),
        |job| job.user = "root:x".into(),
        |job| job.uid = 0,
        |job| job.macros.push(("a b".into(), "x".into())),
        |job| job.macros.push(("dist".into(), "x\ny".into())),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut job = good.clone();
        change(&mut job);
        assert!(job.check().is_err(), "change {n} was accepted");
    }
}

#[test]
fn a_package_is_skipped_where_its_spec_excludes_it() {
    let list = |words: &str| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let why = |exclusive, exclude, build| excluded("x86_64", &list(exclusive), &list(exclude), &list(build));
    for (exclusive, exclude, build) in [
        ("", "", ""),
        ("aarch64 X86_64", "", ""),
        ("aarch64 noarch", "", "noarch"),
        ("", "aarch64", ""),
        ("", "noarch", "noarch"),
        ("", "", "noarch"),
    ] {
        assert_eq!(why(exclusive, exclude, build), None, "{exclusive:?} {exclude:?} {build:?}");
    }
    assert_eq!(why("aarch64 s390x", "", "").unwrap(), "its spec says ExclusiveArch: aarch64 s390x, and this is x86_64");
    assert_eq!(why("", "x86_64", "noarch").unwrap(), "its spec says ExcludeArch: x86_64");
    assert_eq!(why("", "", "i686").unwrap(), "its spec says BuildArch: i686, and this is x86_64");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut rest = &bytes[..];
        while let Ok(Some((kind, payload))) = read_frame(&mut rest) {
            let _ = FromGuest::decode(kind, payload.clone());
            let _ = ToGuest::decode(kind, &payload);
        }
    }

    #[test]
    fn random_payloads_of_known_kinds_never_panic(
        kind in proptest::sample::select(b"SLHIBFDZXETGNCR".to_vec()),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = FromGuest::decode(kind, payload.clone());
        let _ = ToGuest::decode(kind, &payload);
    }

    #[test]
    fn random_bytes_of_unknown_kinds_are_refused(kind: u8, payload in proptest::collection::vec(any::<u8>(), 0..50)) {
        prop_assume!(!b"SLHIBFDZXE".contains(&kind));
        prop_assert!(FromGuest::decode(kind, payload).is_err());
    }
}
