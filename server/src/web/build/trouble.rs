//! Which lines of a log tell why a build failed.

/// Where a text stands in a line that tells of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At its begin.
    Begin,
    /// At its begin or after a blank, a colon or a bracket.
    Word,
    /// Anywhere.
    Anywhere,
}

/// What compilers, build systems, test suites and rpm say when something fails.
const SIGNS: &[(At, &str)] = &[
    // Compilers and linkers.
    (At::Word, "error: "),
    (At::Word, "error["),
    (At::Word, "fatal error:"),
    (At::Word, "Error: "),
    (At::Word, "ERROR: "),
    (At::Begin, "ERROR "),
    (At::Begin, "[ERROR]"),
    (At::Anywhere, "undefined reference to"),
    (At::Anywhere, "internal compiler error"),
    (At::Anywhere, "ld returned 1 exit status"),
    // Build systems.
    (At::Begin, "CMake Error"),
    (At::Anywhere, ": *** "),
    (At::Begin, "FAILED: "),
    (At::Begin, "FAILED ("),
    (At::Begin, "FAILURE: "),
    (At::Anywhere, "BUILD FAILURE"),
    (At::Anywhere, "ninja: build stopped"),
    // Tests.
    (At::Begin, "FAIL: "),
    (At::Begin, "FAILED "),
    (At::Begin, "--- FAIL"),
    (At::Begin, "not ok "),
    (At::Anywhere, "***Failed"),
    (At::Anywhere, "test result: FAILED"),
    (At::Anywhere, "tests failed out of"),
    // Languages.
    (At::Begin, "Traceback (most recent call last)"),
    (At::Anywhere, "ModuleNotFoundError"),
    (At::Anywhere, "' panicked at "),
    (At::Anywhere, "Can't locate "),
    (At::Anywhere, "Segmentation fault"),
    (At::Anywhere, "core dumped"),
    (At::Anywhere, ": command not found"),
    (At::Anywhere, "No space left on device"),
    (At::Anywhere, "Out of memory: "),
    // rpm and the buildroot.
    (At::Begin, "RPM build errors"),
    (At::Anywhere, "Bad exit status from"),
    (At::Begin, "No matching package"),
    (At::Begin, "No match for argument"),
    (At::Anywhere, "nothing provides "),
    (At::Anywhere, "Failed build dependencies"),
    (At::Anywhere, "Installed (but unpackaged) file(s) found"),
    (At::Anywhere, "hunk FAILED"),
];

/// In lines that begin so, a sign means nothing: what the shell is about to do, and what configure tries.
const HARMLESS: &[&str] = &["+ ", "++ ", "checking "];

/// Whether a first byte is one of a sign's.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    while at < SIGNS.len() {
        first[SIGNS[at].1.as_bytes()[0] as usize] = true;
        at += 1;
    }
    first
};

/// Whether a line, or its begin, tells of something that went wrong.
pub(super) fn is_in(line: &[u8]) -> bool {
    if line.contains(&0x1b) {
        return tells(super::ansi::plain(&String::from_utf8_lossy(line)).as_bytes());
    }
    tells(line)
}

fn tells(line: &[u8]) -> bool {
    let begins = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let line = line.get(begins..).unwrap_or_default();
    let mut before = None;
    let found = line.iter().enumerate().any(|(at, byte)| {
        let previous = before.replace(*byte);
        FIRST[usize::from(*byte)] && SIGNS.iter().any(|(place, sign)| stands(line, at, previous, *place, sign))
    });
    found && !HARMLESS.iter().any(|text| line.starts_with(text.as_bytes()))
}

fn stands(line: &[u8], at: usize, previous: Option<u8>, place: At, sign: &str) -> bool {
    let placed = match place {
        At::Begin => at == 0,
        At::Word => previous.is_none_or(|byte| b" \t:([".contains(&byte)),
        At::Anywhere => true,
    };
    placed && line.get(at..).is_some_and(|rest| rest.starts_with(sign.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_tell_why_a_build_failed_are_found() {
        for line in [
            "a.c:3:5: error: expected ';' before 'return'",
            "a.c:1:10: fatal error: zlib.h: No such file or directory",
            "a.c:3:5: \u{1b}[01;31m\u{1b}[Kerror: \u{1b}[m\u{1b}[Kexpected",
            "error[E0425]: cannot find value `x` in this scope",
            "error: Bad exit status from /var/tmp/rpm-tmp.abc (%build)",
            "/usr/bin/ld: a.o: undefined reference to `foo'",
            "collect2: error: ld returned 1 exit status",
            "make[2]: *** [Makefile:12: all] Error 1",
            "make: *** No rule to make target 'x'.  Stop.",
            "CMake Error at CMakeLists.txt:3 (find_package):",
            "configure: error: C compiler cannot create executables",
            "FAILED: src/a.o",
            "FAIL: test-hello",
            "FAILED tests/test_a.py::test_b - AssertionError",
            " 3/10 Test  #3: b ...............***Failed    0.01 sec",
            "test result: FAILED. 3 passed; 1 failed;",
            "--- FAIL: TestX (0.00s)",
            "Traceback (most recent call last):",
            "thread 'main' panicked at src/main.rs:2:5:",
            "/var/tmp/rpm-tmp.x: line 33: cmake: command not found",
            "RPM build errors:",
            "No matching package to install: 'nosuch-devel'",
            "   nothing provides libfoo.so.1 needed by bar-1-1.x86_64",
            "error: Failed build dependencies:",
            "1 out of 1 hunk FAILED -- saving rejects to file a.rej",
            "    Installed (but unpackaged) file(s) found:",
            "[ERROR] Failed to execute goal",
        ] {
            assert!(is_in(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn lines_that_only_sound_like_it_are_passed_over() {
        for line in [
            "gcc -Werror=format-security -c error.c",
            "checking for error: no",
            "+ echo 'error: never'",
            "a.c:3:5: warning: unused variable 'error' [-Wunused]",
            "test result: ok. 12 passed; 0 failed",
            "Installing terror: 1.0",
            "",
            "   ",
            "Compiling thiserror v1.0",
            "0 errors, 3 warnings",
        ] {
            assert!(!is_in(line.as_bytes()), "{line}");
        }
        assert!(!is_in(b"\xff\xfe\x00"));
    }
}
