//! Which architectures a machine runs, and which of them it likes better.

/// Rank of packages that cannot be installed.
pub(crate) const UNFIT: u8 = u8::MAX;

/// The architectures that a machine runs, its own first, as libsolv's `poolarch.c` lists them.
fn runs(machine: &str) -> Vec<&str> {
    const X86_32: [&str; 4] = ["i686", "i586", "i486", "i386"];
    const ARM_OLD: [&str; 8] = ["armv6l", "armv5tejl", "armv5tel", "armv5tl", "armv5l", "armv4tl", "armv4l", "armv3l"];
    const SPARC: [&str; 6] = ["sparc64v", "sparc64", "sparcv9v", "sparcv9", "sparcv8", "sparc"];
    let from = |list: &'static [&'static str]| list.iter().skip_while(|arch| **arch != machine).copied();
    let others: Vec<&str> = match machine {
        "x86_64_v4" => ["x86_64_v3", "x86_64_v2", "x86_64"].into_iter().chain(X86_32).collect(),
        "x86_64_v3" => ["x86_64_v2", "x86_64"].into_iter().chain(X86_32).collect(),
        "x86_64_v2" | "amd64" | "ia32e" => ["x86_64"].into_iter().chain(X86_32).collect(),
        "x86_64" => ["amd64"].into_iter().chain(X86_32).collect(),
        "athlon" | "ia64" => X86_32.to_vec(),
        "i686" | "i586" | "i486" => from(&X86_32).collect(),
        "s390x" => vec!["s390"],
        "ppc64" => vec!["ppc"],
        "ppc64p7" => vec!["ppc64", "ppc"],
        "armv8hcnl" => vec!["armv8hnl", "armv8hl", "armv7hnl", "armv7hl", "armv6hl"],
        "armv8hnl" => vec!["armv8hl", "armv7hnl", "armv7hl", "armv6hl"],
        "armv8hl" | "armv7hnl" => vec!["armv7hl", "armv6hl"],
        "armv7hl" => vec!["armv6hl"],
        "armv8l" => ["armv7l"].into_iter().chain(ARM_OLD).collect(),
        "armv7l" => ARM_OLD.to_vec(),
        "sparc64v" => SPARC.to_vec(),
        "sparc64" => vec!["sparcv9", "sparcv8", "sparc"],
        _ => from(&ARM_OLD).chain(from(&SPARC)).collect(),
    };
    let mut all = vec![machine];
    all.extend(others.into_iter().filter(|arch| *arch != machine));
    all
}

/// How well packages of an architecture fit a machine.
#[derive(Debug, Clone)]
pub(crate) struct Arches {
    /// Best first.
    ranked: Vec<Box<str>>,
}

impl Arches {
    pub(crate) fn of(machine: &str) -> Self {
        Self { ranked: runs(machine).into_iter().map(Into::into).collect() }
    }

    /// The machine's own.
    pub(crate) fn machine(&self) -> &str {
        self.ranked.first().map_or("", |arch| arch)
    }

    /// 0 for `noarch`, 1 for the machine's own, then what it also runs, best first; [`UNFIT`] for the rest.
    pub(crate) fn rank(&self, package: &str) -> u8 {
        if package == "noarch" {
            return 0;
        }
        let place = self.ranked.iter().position(|arch| **arch == *package);
        place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(UNFIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_runs_its_own_architecture_and_lesser_ones() {
        let ranks = |machine: &str, arches: &[&str]| -> Vec<u8> {
            let ranked = Arches::of(machine);
            arches.iter().map(|arch| ranked.rank(arch)).collect()
        };
        assert_eq!(ranks("x86_64", &["noarch", "x86_64", "i686", "aarch64", "src"]), [0, 1, 3, UNFIT, UNFIT]);
        assert_eq!(ranks("i586", &["i686", "i586", "i386", "x86_64"]), [UNFIT, 1, 3, UNFIT]);
        assert_eq!(ranks("aarch64", &["aarch64", "armv7hl"]), [1, UNFIT]);
        assert_eq!(ranks("armv5tel", &["armv5tejl", "armv5tel", "armv3l"]), [UNFIT, 1, 6]);
        assert_eq!(ranks("sparcv9", &["sparcv9", "sparc", "sparc64"]), [1, 3, UNFIT]);
        assert_eq!(ranks("riscv64", &["riscv64"]), [1]);
    }
}
