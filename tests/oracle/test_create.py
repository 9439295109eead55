"""`createrepo_c` as we do it against createrepo_c 1.2.5: the same options, the same folder, the same metadata."""

import shutil
import subprocess

import pytest
from programs import Repository, assert_same, run

REVISION = ("--revision", "1700000000")
FIXED = (*REVISION, "--set-timestamp-to-revision")

# Databases say what the XML says; createrepo_c takes the bytes of texts that are not UTF-8 over as they are.
UTF_8 = ("-x", "latin-1.rpm", "-x", "files-1-1.x86_64.rpm")

# Name -> options; `{packages}` is the folder.
OPTIONS = {
    "none": [],
    "gz": ["--general-compress-type", "gz"],
    "xz": ["--general-compress-type", "xz"],
    "bz2": ["--general-compress-type", "bz2"],
    "zstd": ["--general-compress-type", "zstd"],
    "not pretty": ["--no-pretty"],
    "filelists-ext": ["--filelists-ext"],
    "filelists-ext, not pretty": ["--filelists-ext", "--no-pretty"],
    "sha224": ["-s", "sha224"],
    "sha384": ["-s", "sha384"],
    "sha512": ["--checksum", "sha512"],
    "checksum of repomd": ["--repomd-checksum", "sha512"],
    "both checksums": ["-s", "sha224", "--repomd-checksum", "sha384"],
    "plain names": ["--simple-md-filenames"],
    "no changes": ["--changelog-limit", "0"],
    "three changes": ["--changelog-limit", "3"],
    "all changes": ["--changelog-limit", "-1"],
    "base URL": ["--baseurl", "https://example.org/a b/?x=1&y=2"],
    "base URL with slash": ["-u", "https://example.org/r/"],
    "base path": ["-u", "/srv/packages"],
    "prefix": ["--location-prefix", "some/where"],
    "prefix with slash": ["--location-prefix", "../up/"],
    "cut one folder": ["--cut-dirs", "1"],
    "cut all folders": ["--cut-dirs", "9"],
    "cut and prefix": ["--cut-dirs", "1", "--location-prefix", "p", "-u", "http://example.org"],
    "exclude by name": ["-x", "least*"],
    "exclude a folder": ["--excludes", "b*"],
    "exclude by path": ["-x", "*mini/*", "-x", "a/*.src.rpm", "-x", "?iles-1*"],
    "exclude all": ["-x", "*"],
    "list": ["-i", "{packages}/list"],
    "list without some": ["--pkglist", "{packages}/list", "-x", "a/*"],
    "one package": ["-n", "least-0-0.noarch.rpm", "--includepkg", "b/../a/least-0-0.src.rpm"],
    "without links": ["--skip-symlinks"],
    "tags": [
        "--distro",
        "cpe:/o:x:y:1,The <X> & Y",
        "--distro",
        "plain",
        "--content",
        "c1",
        "--content",
        "c2",
        "--repo",
        "r",
    ],
    "revision": [*REVISION],
    "revision that is a word": ["--revision", "release <1>"],
    "group file": ["-g", "comps.xml"],
    "group file gz": ["-g", "comps.xml.gz"],
    "group file xz": ["--groupfile", "{packages}/comps.xml.xz"],
    "group file plain names": ["-g", "comps.xml", "--simple-md-filenames", "--xz"],
    "group file in gz": ["-g", "comps.xml", "--compress-type", "gz"],
    "group file bz2 and documents gz": ["-g", "comps.xml", "--compress-type", "bz2", "--general-compress-type", "gz"],
    "last of duplicates": ["--duplicated-nevra", "keep-last"],
    "duplicates": ["--duplicated-nevra", "keep"],
    "databases": ["-d", *UTF_8],
    "databases gz": ["-d", "--general-compress-type", "gz", "--workers", "1", *UTF_8],
    "databases xz, filelists-ext": ["--database", "--filelists-ext", "--xz", "--local-sqlite", *UTF_8],
    "databases plain names": ["-d", "--simple-md-filenames", "-s", "sha512", *UTF_8],
    "compatibility": ["--compatibility", "-g", "comps.xml", *UTF_8],
    "compatibility without databases": ["--compatibility", "--no-database"],
    "as Copr": ["--no-database", "--ignore-lock", "--local-sqlite", "--workers", "8", "--general-compress-type=gz"],
    "as koji": [
        "--error-exit-val",
        "-vd",
        *UTF_8,
        "-i",
        "{packages}/list",
        "-g",
        "{packages}/comps.xml",
        "--update",
        "--skip-stat",
    ],
    "much at once": [
        *(
            "--no-pretty",
            "-s",
            "sha512",
            "--repomd-checksum",
            "sha256",
            "--changelog-limit",
            "1",
            "-u",
            "http://e.org/",
        ),
        *("--simple-md-filenames", "--location-prefix", "x/", "--distro", "d", "--general-compress-type", "xz", *FIXED),
        *("--filelists-ext", "-g", "comps.xml", "-S", "-x", "b/*"),
    ],
}


def both(ours, theirs, packages, options, tmp_path, code=0):
    """Runs both programs, which end with the same exit code; the folders of the metadata."""
    folders = tmp_path / "ours", tmp_path / "theirs"
    options = [o.replace("{packages}", str(packages)) for o in options]
    for where, program in zip(folders, (ours, theirs)):
        where.mkdir()
        run(program("createrepo_c"), "-o", where, *options, packages, code=code)
    return folders


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_the_metadata_are_those_of_createrepo_c(options, ours, theirs, packages, tmp_path):
    mine, others = both(ours, theirs, packages, options, tmp_path)
    # Where the header names no algorithm the files' digests are MD5 (rpm before 4.6); createrepo_c calls that unknown.
    named = {"filelists-ext": lambda text: text.replace('<checksum type="unknown"/>', '<checksum type="md5"/>')}
    assert_same(mine, others, with_times="--set-timestamp-to-revision" in options, rewritten=named)


@pytest.mark.parametrize("kind", ["md5", "sha", "sha1"])
def test_old_checksums_are_those_of_an_older_createrepo_c(kind, ours, packages, tmp_path):
    """PyPI's 1.2.5 is built without them. Debian's 0.17.3 does not yet say `pre` for what runs after a
    transaction, and its rpm library lets a package of format 3 provide itself twice."""
    options = [
        "-q",
        "-s",
        kind,
        "--general-compress-type",
        "gz",
        "--no-database",
        *("-x", "dependencies-*", "-x", "not-sorted.rpm"),
        packages,
    ]
    for where, program in (("ours", ours("createrepo_c")), ("theirs", "/usr/bin/createrepo_c")):
        (tmp_path / where).mkdir()
        run(program, "-o", tmp_path / where, *options)
    assert_same(tmp_path / "ours", tmp_path / "theirs")


def test_volumes_of_a_media_set_are_named_as_createrepo_c_names_them(ours, theirs, packages, tmp_path):
    # createrepo_c cuts all locations by the length of the first volume's name: here all are as long.
    for number, name in enumerate(("a", "b", "mini")):
        shutil.copytree(packages / name, tmp_path / f"volume{number}", symlinks=True)
    for where, program in (("ours", ours("createrepo_c")), ("theirs", theirs("createrepo_c"))):
        (tmp_path / where).mkdir()
        run(program, "-q", "--split", "-o", tmp_path / where, *(tmp_path / f"volume{n}" for n in range(3)))
    assert_same(tmp_path / "ours", tmp_path / "theirs")
    assert 'xml:base="media:#3"' in Repository(tmp_path / "ours").text("primary")


def test_a_package_that_is_broken_is_left_out_and_the_exit_code_says_so(ours, theirs, packages, tmp_path):
    folder = tmp_path / "packages"
    shutil.copytree(packages / "a", folder)
    (folder / "broken.rpm").write_bytes(b"\xed\xab\xee\xdb no package")
    (folder / "empty.rpm").write_bytes(b"")
    mine, others = both(ours, theirs, folder, [], tmp_path, code=2)
    assert_same(mine, others)


@pytest.mark.parametrize(
    "options",
    [["-s", "crc32"], ["-i", "nonexistent"], ["-g", "nonexistent.xml"], ["--no-such-option"],
     ["--general-compress-type", "rar"], ["--duplicated-nevra", "some"], ["--cut-dirs", "x"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_options_are_refused_where_createrepo_c_refuses_them(options, ours, theirs, packages, tmp_path):
    both(ours, theirs, packages, options, tmp_path, code=1)


@pytest.fixture(scope="session")
def odd_folder(packages, tmp_path_factory):
    """A folder with names that are hard to tell from packages, and lists of packages in all spellings."""
    folder = tmp_path_factory.mktemp("odd") / "packages"
    package = packages / "a/least-0-0.src.rpm"
    for place in ("x.rpm", "X.RPM", ".hidden.rpm", ".rpm", ".folder/a.rpm", "repodata/b.rpm", ".repodata-not/c.rpm",
                  "dir.rpm/d.rpm", "y.rpm.part", "drpms/e.drpm", "é ü/f&<g>'\".rpm", "%41%2F+.rpm", "back\\slash.rpm",
                  "deep/er/and/deep/er/h.rpm", "#hash?query.rpm"):  # fmt: skip
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(package, folder / place)
    (folder / "dangling.rpm").symlink_to("nowhere")
    (folder / "linked").symlink_to("deep")
    (folder / "outside.rpm").symlink_to(packages / "not-sorted.rpm")
    lines = ["x.rpm", "", "./deep/er/and/deep/er/h.rpm", "deep//er/and/../and/deep/er/h.rpm", "X.RPM", " y ",
             "/linked/er/and/deep/er/h.rpm", "nonexistent.rpm", "dir.rpm", "drpms/e.drpm", "outside.rpm"]  # fmt: skip
    (folder / "list").write_text("\n".join(lines))
    (folder / "list-empty").write_text("\n\n")
    return folder


ODD = {
    "walk": [],
    "walk without links": ["-S"],
    "list": ["-i", "list"],
    "list without links": ["-S", "-i", "list"],
    "empty list": ["-i", "list-empty"],
    "excluded by name": ["-x", "x.*"],
    "excluded folder": ["-x", "deep"],
    "excluded by question marks": ["-x", "?.rpm"],
    "excluded by path": ["-x", "deep/*", "-x", "dir.rpm/d.rpm"],
    "excluded from a list": ["-x", "deep*", "-i", "list"],
    "one named": ["-n", "x.rpm", "-n", "./dir.rpm/d.rpm"],
    "prefix": ["--location-prefix", "a b/é&", "-u", "ftp://x/é &"],
    "cut": ["--cut-dirs", "2"],
}


@pytest.mark.parametrize("options", ODD.values(), ids=ODD.keys())
def test_odd_names_are_packages_where_they_are_for_createrepo_c(options, ours, theirs, odd_folder, tmp_path):
    options = [str(odd_folder / o) if o.startswith("list") else o for o in options]
    results = []
    for where, program in (("ours", ours("createrepo_c")), ("theirs", theirs("createrepo_c"))):
        (tmp_path / where).mkdir()
        done = subprocess.run([program, "-q", "-o", tmp_path / where, *options, odd_folder], capture_output=True)
        results.append((done.returncode, Repository(tmp_path / where).packages()))
    assert results[0] == results[1]
    assert_same(tmp_path / "ours", tmp_path / "theirs")


@pytest.mark.parametrize(
    "words",
    [["."], ["./"], ["../packages//"], ["-o", "../out", "."],
     ["-g", "x", "."], ["-o", "nonexistent", "."],
     ["nonexistent"], [], ["list"], ["x", "."], ["-g", "{folder}/list", "-i", "list", "."]],
    ids=" ".join,
)  # fmt: skip
def test_folders_are_found_where_createrepo_c_finds_them(words, ours, theirs, odd_folder, tmp_path):
    results = []
    for where, program in (("ours", ours("createrepo_c")), ("theirs", theirs("createrepo_c"))):
        (tmp_path / where / "out").mkdir(parents=True)
        folder = shutil.copytree(odd_folder, tmp_path / where / "packages", symlinks=True)
        done = subprocess.run(
            [program, "-q", *(w.format(folder=folder) for w in words)],
            capture_output=True,
            cwd=folder,
        )
        found = sorted(p.relative_to(tmp_path / where).as_posix() for p in (tmp_path / where).rglob("repomd.xml"))
        results.append((done.returncode, found))
    assert results[0] == results[1]
    for found in results[0][1]:
        assert_same((tmp_path / "ours" / found).parents[1], (tmp_path / "theirs" / found).parents[1])


def test_a_link_back_upwards_is_not_followed_again_and_again(ours, packages, tmp_path):
    """createrepo_c follows it forty times."""
    folder = tmp_path / "packages/inside"
    folder.mkdir(parents=True)
    (folder / "up").symlink_to("..")
    shutil.copy2(packages / "a/least-0-0.src.rpm", folder)
    run(ours("createrepo_c"), "-q", tmp_path / "packages")
    assert Repository(tmp_path / "packages").hrefs() == ["inside/least-0-0.src.rpm"]


def test_a_list_may_name_a_package_twice_and_have_the_line_ends_of_windows(ours, packages, tmp_path):
    """createrepo_c puts the package into the metadata twice, and takes the carriage return for part of the name."""
    (tmp_path / "list").write_text("a/least-0-0.src.rpm\r\na/least-0-0.src.rpm\r\n")
    run(ours("createrepo_c"), "-q", "-i", tmp_path / "list", "-o", tmp_path, packages)
    assert Repository(tmp_path).hrefs() == ["a/least-0-0.src.rpm"]


def test_a_relative_folder_is_found_under_the_base_folder(ours, packages, tmp_path):
    """createrepo_c 1.2.5 looks for a folder without the last letter, and finds no packages."""
    run(ours("createrepo_c"), "-q", "--basedir", packages, "-o", tmp_path, "a")
    assert len(Repository(tmp_path).packages()) == len(list((packages / "a").glob("*.rpm")))
