"""`createrepo_c --update` in both directions: over metadata of ours and of createrepo_c's, by either."""

import os
import re
import shutil
import zlib

import pytest
from programs import Repository, assert_same, rpms, run

ADDED = "least-0-0.src.rpm"


def unchanged(folder):
    return set()


def added(folder):
    shutil.copy2(folder / "a" / ADDED, folder / "b" / ADDED)
    return {f"b/{ADDED}"}


def removed(folder):
    (folder / "a" / ADDED).unlink()
    return set()


def replaced(folder):
    shutil.copy2(folder / "not-sorted.rpm", folder / "a" / ADDED)
    return {f"a/{ADDED}"}


def touched(folder):
    os.utime(folder / "a" / ADDED, (1_700_000_000, 1_700_000_000))
    return {f"a/{ADDED}"}


def several(folder):
    shutil.copy2(folder / "a/format-3.rpm", folder / "0.rpm")
    (folder / "a/format-3.rpm").unlink()
    (folder / "not-sorted.rpm").rename(folder / "z z+~^/renamed & moved.rpm")
    os.utime(folder / "changes-1-1.noarch.rpm", (1_700_000_000, 1_700_000_000))
    return {"0.rpm", "z z+~^/renamed & moved.rpm", "changes-1-1.noarch.rpm"}


@pytest.fixture
def folder(packages, tmp_path):
    """A copy of the packages, to be changed. What is there twice createrepo_c reads again: nothing is."""
    folder = shutil.copytree(packages, tmp_path / "packages", symlinks=True)
    for path in [p for p in rpms(folder) if p.is_symlink()]:
        path.resolve().unlink()
        path.unlink()
    return folder


@pytest.fixture
def programs(ours, theirs):
    return {"ours": ours("createrepo_c"), "theirs": theirs("createrepo_c")}


def hrefs_read(folder, program, *options):
    """Runs a program with --read-pkgs-list; the locations that it lists."""
    listed = folder.parent / "read"
    run(program, "-q", "--read-pkgs-list", listed, *options, folder)
    return {line.removeprefix(f"{folder}/") for line in listed.read_text().splitlines()}


@pytest.mark.parametrize("change", [unchanged, added, removed, replaced, touched, several])
@pytest.mark.parametrize("maker,updater", [("theirs", "ours"), ("ours", "theirs"), ("ours", "ours")])
def test_only_what_changed_is_read_again(maker, updater, change, programs, folder, tmp_path):
    run(programs[maker], "-q", "--general-compress-type", "gz", folder)
    expected = change(folder)
    assert hrefs_read(folder, programs[updater], "--update", "--general-compress-type", "gz") == expected
    (tmp_path / "fresh").mkdir()
    run(programs["theirs"], "-q", "--general-compress-type", "gz", "-o", tmp_path / "fresh", folder)
    assert_same(folder, tmp_path / "fresh")


@pytest.mark.parametrize(
    "options",
    [
        ["--skip-stat"],
        ["--recycle-pkglist"],
        ["--recycle-pkglist", "--skip-stat"],
        ["--recycle-pkglist", "-n", "0.rpm"],
        ["--recycle-pkglist", "--skip-stat", "--pkglist", "{folder}/more"],
        ["--recycle-pkglist", "-x", "*mini/*"],
        ["-s", "sha512"],
        ["--no-pretty"],
        ["--changelog-limit", "1"],
        ["-u", "http://example.org/"],
        ["--location-prefix", "p"],
        ["--cut-dirs", "1"],
        ["-x", "b*"],
        ["-S"],
        ["--simple-md-filenames", "--general-compress-type", "xz"],
    ],
    ids=" ".join,
)
def test_an_update_with_other_options_gives_what_createrepo_c_gives(options, programs, folder, tmp_path):
    run(programs["theirs"], "-q", folder)
    several(folder)
    (folder / "more").write_text("0.rpm\n")
    options = [o.replace("{folder}", str(folder)) for o in options]
    copy = shutil.copytree(folder, tmp_path / "copy/packages", symlinks=True)
    lists = []
    for where, program in ((folder, programs["ours"]), (copy, programs["theirs"])):
        listed = where / "read"
        run(program, "-q", "--update", "--read-pkgs-list", listed, *options, where)
        lists.append({line.removeprefix(f"{where}/") for line in listed.read_text().splitlines()})
    assert lists[0] == lists[1]
    assert_same(folder, copy)


@pytest.mark.parametrize(
    "options", [["-s", "sha512", "--skip-stat"], ["--filelists-ext"], ["--duplicated-nevra", "keep-last"]]
)
def test_an_update_gives_what_a_fresh_run_gives_where_createrepo_cs_does_not(options, programs, folder, tmp_path):
    """createrepo_c mixes kinds of checksums, loses the digests of files that it takes over, and calls packages read
    that it leaves out."""
    run(programs["theirs"], "-q", folder)
    added(folder)
    (tmp_path / "fresh").mkdir()
    run(programs["theirs"], "-q", *options, "-o", tmp_path / "fresh", folder)
    run(programs["ours"], "-q", "--update", *options, folder)
    named = {"filelists-ext": lambda text: text.replace('<checksum type="unknown"/>', '<checksum type="md5"/>')}
    assert_same(folder, tmp_path / "fresh", rewritten=named)


def test_more_metadata_may_be_taken_over(programs, folder, tmp_path):
    """--update-md-path: the packages are known from two other places, one beside and one made with another base."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    run(programs["theirs"], "-q", "-x", "b/*", "-o", tmp_path / "one", folder)
    run(programs["theirs"], "-q", "-x", "a/*", "-u", "http://example.org", "-o", tmp_path / "two", folder)
    several(folder)
    read = []
    for who, program in programs.items():
        (tmp_path / who).mkdir()
        more = ["--update-md-path", tmp_path / "one", "--update-md-path", f"file://{tmp_path}/two"]
        read.append(hrefs_read(folder, program, "--update", *more, "-o", tmp_path / who))
    assert read[0] == read[1]
    assert_same(tmp_path / "ours", tmp_path / "theirs")


@pytest.mark.parametrize(
    "options", [[], ["--discard-additional-metadata"], ["--compress-type", "gz"], ["-g", "comps.xml"]], ids=" ".join
)
def test_other_metadata_are_kept_or_dropped_as_createrepo_c_does(options, programs, theirs, folder, tmp_path):
    run(programs["theirs"], "-q", "-g", "comps.xml", folder)
    (tmp_path / "updateinfo.xml").write_text("<updates/>")
    (tmp_path / "productid").write_text("a certificate")
    modify = theirs("modifyrepo_c")
    run(modify, tmp_path / "updateinfo.xml", folder / "repodata")
    run(modify, "--no-compress", "--mdtype", "productid", tmp_path / "productid", folder / "repodata")
    copy = shutil.copytree(folder, tmp_path / "copy/packages", symlinks=True)
    for where, program in ((folder, programs["ours"]), (copy, programs["theirs"])):
        several(where)
        run(program, "-q", "--update", *options, where)
    kept = {"updateinfo", "productid"}
    assert kept.isdisjoint(Repository(folder).records) == ("--discard-additional-metadata" in options)
    assert_same(folder, copy)


def streams(gzipped):
    """How many gzip streams follow each other in a file."""
    count = 0
    while gzipped:
        stream = zlib.decompressobj(wbits=31)
        stream.decompress(gzipped)
        gzipped, count = stream.unused_data, count + 1
    return count


# Debian's 0.17.3, /usr/bin/createrepo_c, knows no zstd.
@pytest.mark.parametrize("kind,older", [*((k, o) for k in ("gz", "bz2", "xz") for o in (False, True)), ("zstd", False)])
def test_createrepo_c_takes_over_documents_that_we_compressed_in_blocks(kind, older, programs, corner_cases, tmp_path):
    run(programs["ours"], "-q", "--general-compress-type", kind, "-o", tmp_path, corner_cases)
    if kind == "gz":
        assert streams(Repository(tmp_path).path("filelists").read_bytes()) > 1
    before = Repository(tmp_path).packages()
    read = tmp_path / "read"
    # Packages that createrepo_c cannot write itself it cannot take over, either.
    options = ("--general-compress-type", kind, "--no-database", "-x", "control-characters*", "--read-pkgs-list", read)
    updater = "/usr/bin/createrepo_c" if older else programs["theirs"]
    run(updater, "-q", "--update", *options, "-o", tmp_path, corner_cases)
    assert read.read_text() == ""
    assert Repository(tmp_path).packages() == [p for p in before if not p[0].startswith("control-characters")]


@pytest.mark.parametrize(
    "options",
    [
        ["--retain-old-md", "0"],
        ["--retain-old-md", "5"],
        ["--compatibility", "--retain-old-md", "1"],
        ["--compatibility", "--no-database", "--retain-old-md", "0"],
        ["--retain-old-md-by-age", "1d"],
    ],
    ids=" ".join,
)
def test_old_files_stay_as_long_as_with_createrepo_c(options, programs, folder, tmp_path):
    """Three publishes, the first of them three hours ago, and a file that no publish knows."""
    copy = shutil.copytree(folder, tmp_path / "copy/packages", symlinks=True)
    left = []
    for where, program in ((folder, programs["ours"]), (copy, programs["theirs"])):
        run(programs["theirs"], "-q", *(o for o in options if o in ("--compatibility", "--no-database")), where)
        (where / "repodata/unknown").write_text("unknown")
        for path in (where / "repodata").iterdir():
            time = path.stat().st_mtime - 3 * 3600
            os.utime(path, (time, time))
        for change in (added, several):
            change(where)
            run(program, "-q", "--update", *options, where)
        files = {path.name for path in (where / "repodata").iterdir()} - {".copr-repo.lock"}
        left.append(sorted(re.sub(r"^[0-9a-f]{64}-", "", name) for name in files))
    assert left[0] == left[1]


def test_the_age_of_old_files_counts_from_when_they_were_superseded_unlike_createrepo_cs(programs, folder):
    """A client may have read repomd.xml the moment before. A file that no publish knows is as old as it is."""
    run(programs["theirs"], "-q", folder)
    before = [folder / record.href for record in Repository(folder).records.values()]
    (folder / "repodata/unknown").write_text("unknown")
    for path in (folder / "repodata").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    added(folder)
    run(programs["ours"], "-q", "--update", "--retain-old-md-by-age", "30m", folder)
    assert all(path.is_file() for path in before)
    assert not (folder / "repodata/unknown").exists()


def test_checksums_are_kept_in_createrepo_cs_cache_and_taken_from_it(programs, packages, tmp_path):
    for who, program in programs.items():
        (tmp_path / who).mkdir()
        run(program, "-q", "-c", tmp_path / f"{who}-cache", "-o", tmp_path / who, packages)
    caches = [{p.name: p.read_text() for p in (tmp_path / f"{who}-cache").iterdir()} for who in programs]
    assert caches[0] == caches[1] and caches[0]
    # A checksum that is in the cache is believed.
    (cached,) = (tmp_path / "theirs-cache").glob("least-0-0.src*")
    cached.write_text("0" * 64)
    run(programs["ours"], "-q", "-c", tmp_path / "theirs-cache", "-o", tmp_path / "ours", packages)
    run(programs["theirs"], "-q", "-c", tmp_path / "theirs-cache", "-o", tmp_path / "theirs", packages)
    assert "0" * 64 in Repository(tmp_path / "ours").text("primary")
    assert_same(tmp_path / "ours", tmp_path / "theirs")


def test_a_run_that_another_createrepo_c_has_locked_out_fails_unless_told_to_go_on(programs, packages, tmp_path):
    (tmp_path / ".repodata").mkdir()
    for program in programs.values():
        run(program, "-q", "-o", tmp_path, packages, code=1)
    run(programs["ours"], "-q", "--ignore-lock", "-o", tmp_path, packages)
    assert Repository(tmp_path).packages() and not (tmp_path / ".repodata").exists()
