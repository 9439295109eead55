//! Architectures that a buildroot of one architecture may take packages of, as koji and `mergerepo_c` have them.

/// Variants of an architecture, whose packages run on it or beside it.
const VARIANTS: &[(&str, &[&str])] = &[
    ("i386", &["i486", "i586", "geode", "i686", "athlon"]),
    ("x86_64", &["ia32e", "amd64"]),
    ("ppc64", &["ppc64pseries", "ppc64iseries"]),
    ("sparc64", &["sparc64v", "sparc64v2"]),
    ("sparc", &["sparcv8", "sparcv9", "sparcv9v", "sparcv9v2"]),
    (
        "alpha",
        &[
            "alphaev4",
            "alphaev45",
            "alphaev5",
            "alphaev56",
            "alphapca56",
            "alphaev6",
            "alphaev67",
            "alphaev68",
            "alphaev7",
        ],
    ),
    ("armhfp", &["armv7hl", "armv7hnl"]),
    // `mergerepo_c` has `rmv5tel` for armv5tel; no package has that architecture, but whoever lists it finds it.
    ("arm", &["armv5tel", "rmv5tel", "armv5tejl", "armv6l", "armv7l"]),
    ("sh4", &["sh4a"]),
];

/// The 32-bit counterpart.
const MULTILIB: &[(&str, &str)] = &[("x86_64", "i386"), ("ppc64", "ppc"), ("s390x", "s390")];

/// The architectures of a list (`,` or `;` between them), and noarch; with `expand` their variants and 32-bit
/// counterparts, too.
pub(super) fn expanded(list: &str, expand: bool) -> Vec<String> {
    let mut arches = Vec::new();
    for arch in list.split([',', ';']).filter(|arch| !arch.is_empty()) {
        add(&mut arches, arch, expand);
        if expand && let Some((_, other)) = MULTILIB.iter().find(|(of, _)| *of == arch) {
            add(&mut arches, other, true);
        }
    }
    arches
}

fn add(arches: &mut Vec<String>, arch: &str, expand: bool) {
    let variants = VARIANTS.iter().find(|(of, _)| expand && *of == arch).map(|(_, variants)| *variants);
    for arch in [arch].iter().chain(variants.unwrap_or_default()).chain(&["noarch"]) {
        if !arches.iter().any(|known| known == arch) {
            arches.push((*arch).to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noarch_always_is_among_them_and_variants_only_when_asked_for() {
        assert_eq!(expanded("x86_64", false), ["x86_64", "noarch"]);
        assert_eq!(expanded("", true), [""; 0]);
        assert_eq!(expanded("noarch;src,,src", true), ["noarch", "src"]);
    }

    #[test]
    fn a_multilib_architecture_brings_its_32_bit_counterpart_with_its_variants() {
        let all = ["x86_64", "ia32e", "amd64", "noarch", "i386", "i486", "i586", "geode", "i686", "athlon"];
        assert_eq!(expanded("x86_64", true), all);
        assert_eq!(expanded("s390x", true), ["s390x", "noarch", "s390"]);
        assert!(expanded("arm", true).contains(&"armv5tel".to_owned()));
    }
}
