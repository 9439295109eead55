"""Repodata that the package writes, merges and publishes, judged by createrepo_c and by reading it again."""

import os
import subprocess
import sys
import textwrap

import pytest
import rpms
from copr_repo import (
    LockedError,
    MetadataError,
    Output,
    Published,
    Publisher,
    Record,
    Records,
    Repomd,
    Writer,
    create,
    merge,
    modify,
    subset,
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rpms")
    return {name: rpms.build(folder, name)[0] for name in ("alpha", "beta")}


@pytest.fixture
def packages(tmp_path, built):
    """A folder with both packages."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for path in built.values():
        os.link(path, folder / path.name)
    return folder


def record(name, version="1", **fields):
    href = f"{name}-{version}-1.noarch.rpm"
    checksum = ("sha256", href.encode().hex()[:64].ljust(64, "0"))
    return Record(
        name=name, version=version, release="1", arch="noarch", checksum=checksum, location_href=href, **fields
    )


def names(folder):
    return [one.name for one in Records.of_repository(folder)]


def test_a_folder_of_packages_gets_metadata_that_createrepo_c_reads(packages):
    createrepo_c = pytest.importorskip("createrepo_c")
    (packages / "broken.rpm").write_text("no package")
    made = create(packages, output=Output(compression="zstd", revision="5"))
    assert (made.published.packages, made.published.revision, made.published.changed) == (2, "5", True)
    assert made.read == ["alpha-1.5-3.noarch.rpm", "beta-1.5-3.noarch.rpm"]
    assert [path for path, _ in made.skipped] == [str(packages / "broken.rpm")]
    metadata = createrepo_c.Metadata()
    metadata.locate_and_load_xml(str(packages))
    assert sorted(metadata.get(key).name for key in metadata.keys()) == ["alpha", "beta"]


def test_a_second_time_only_what_changed_is_read(packages):
    create(packages)
    again = create(packages)
    assert (again.read, again.published.changed) == ([], False)
    (packages / "alpha-1.5-3.noarch.rpm").unlink()
    assert create(packages, exclude=["alp*"]).published.packages == 1
    assert create(packages, update=False).read == ["beta-1.5-3.noarch.rpm"]


def test_records_are_written_as_they_are(tmp_path):
    records = [record(name, files=[(f"/usr/share/{name}", "file", None)], changelogs=[("A", 1, "- x")]) for name in "cab"]
    with Writer(tmp_path / "out", output=Output(compression="xz", unique_names=False, checksum="sha512")) as writer:
        for one in records:
            writer.add(one)
        assert len(writer) == 3
    assert sorted(Records.of_repository(tmp_path / "out"), key=lambda one: one.name) == sorted(records, key=lambda r: r.name)
    primary = Repomd.read(tmp_path / "out" / "repodata" / "repomd.xml").record("primary")
    assert (primary.location_href, primary.checksum.kind) == ("repodata/primary.xml.xz", "sha512")
    with pytest.raises(ValueError, match="finished"):
        writer.finish()


def test_a_writer_whose_block_fails_writes_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), Writer(tmp_path / "out") as writer:
        writer.add(record("a"))
        raise KeyboardInterrupt
    assert not (tmp_path / "out").exists()


def test_packages_come_and_go(packages):
    publisher = Publisher(packages)
    first = publisher.publish(add=packages.glob("*.rpm"))
    assert (first.added, first.packages) == (2, 2) and names(packages) == ["alpha", "beta"]
    second = publisher.publish([record("gamma")], (href for href in ["alpha-1.5-3.noarch.rpm", "never-there.rpm"]))
    assert (second.added, second.removed, second.packages) == (1, 1, 2)
    assert names(packages) == ["beta", "gamma"]
    third = publisher.publish(add=[record("gamma", summary="new")])
    assert (third.replaced, third.added, third.changed) == (1, 0, True)
    assert not publisher.publish().changed
    assert isinstance(publisher.replace([record("delta")]), Published) and names(packages) == ["delta"]


def test_a_package_outside_of_the_repository_needs_a_location(tmp_path, built):
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="location="):
        Publisher(tmp_path / "out").publish(add=[built["alpha"]])
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("wrong", [{"add": "a.rpm"}, {"add": [5]}, {"remove": "a.rpm"}, {"remove": [5]}])
def test_what_is_no_list_of_packages_is_refused(tmp_path, wrong):
    with pytest.raises(TypeError):
        Publisher(tmp_path).publish(**wrong)


def test_one_broken_package_leaves_the_repository_as_it_was(packages):
    Publisher(packages).publish(add=[record("a")])
    before = (packages / "repodata" / "repomd.xml").read_bytes()
    (packages / "broken.rpm").write_text("no package")
    with pytest.raises(Exception, match="broken.rpm"):
        Publisher(packages).publish(add=packages.glob("*.rpm"))
    assert (packages / "repodata" / "repomd.xml").read_bytes() == before


def test_the_lock_of_createrepo_c_is_respected(tmp_path):
    Publisher(tmp_path).publish(add=[record("a")])
    (tmp_path / ".repodata").mkdir()
    with pytest.raises(LockedError) as raised:
        Publisher(tmp_path).publish(add=[record("b")])
    assert raised.value.path == str(tmp_path / ".repodata")
    assert names(tmp_path) == ["a"]


def test_who_waits_for_the_lock_does_not_hold_up_other_threads(tmp_path):
    """The lock is given back by another thread, and only once the kernel says that the publisher waits for it."""
    Publisher(tmp_path / "out").publish(add=[])
    program = """
        import fcntl, os, threading, time
        from copr_repo import Publisher, Record

        record = Record(name="a", version="1", release="1", arch="noarch", checksum=("md5", "ab" * 16), location_href="a.rpm")
        lock = open("out/repodata/.copr-repo.lock", "r+")
        fcntl.flock(lock, fcntl.LOCK_EX)
        inode = os.fstat(lock.fileno()).st_ino
        publishing = threading.Thread(target=lambda: print(Publisher("out").publish(add=[record]).added))
        publishing.start()
        while not any("->" in line and f":{inode} " in line for line in open("/proc/locks")):
            time.sleep(0.01)
        fcntl.flock(lock, fcntl.LOCK_UN)
        publishing.join()
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_repositories_are_merged_by_a_rule(tmp_path):
    for folder, versions in (("one", "12"), ("two", "3")):
        Publisher(tmp_path / folder).publish(add=[record("a", version) for version in versions])
    inputs = [tmp_path / "one", (tmp_path / "two", "https://example.org/two/")]

    def merged(**options):
        made = merge(inputs, tmp_path / "out", **options)
        return made.inputs, sorted((one.version, one.location_base) for one in Records.of_repository(tmp_path / "out"))

    one, two = f"file://{tmp_path / 'one'}", "https://example.org/two"
    assert merged(method="version") == ([(2, 1), (1, 0)], [("3", two)])
    assert merged(method="all", omit_base=True)[1] == [("1", None), ("2", None), ("3", None)]
    assert merged(method="all")[1] == [("1", one), ("2", one), ("3", two)]
    assert merged(arches=["x86_64"])[1] == []
    with pytest.raises(ValueError, match="no method is called"):
        merged(method="none")


def test_a_part_of_a_repository_is_taken(tmp_path):
    Publisher(tmp_path / "all").publish(add=[record("a"), record("a", "2"), record("b")])
    made = subset(tmp_path / "all", tmp_path / "part", packages=["a*", "zz"], newest_only=True, location_base="http://h/")
    assert (made.of, made.published.packages, made.unmatched) == (3, 1, ["zz"])
    assert [(one.evr, one.location_base) for one in Records.of_repository(tmp_path / "part")] == [("2-1", "http://h/")]
    with pytest.raises(MetadataError, match="another folder"):
        subset(tmp_path / "all", tmp_path / "all")


def test_other_metadata_come_and_go_and_stay_when_packages_change(tmp_path):
    Publisher(tmp_path).publish(add=[record("a")])
    (tmp_path / "updateinfo.xml").write_text("<updates/>")

    def kinds():
        return {entry.kind for entry in Repomd.read(tmp_path / "repodata" / "repomd.xml").records}

    modify(tmp_path, add=[("updateinfo", tmp_path / "updateinfo.xml")])
    Publisher(tmp_path).publish(add=[record("b")])
    assert kinds() == {"primary", "filelists", "other", "updateinfo"}
    modify(tmp_path, remove=["updateinfo"])
    assert kinds() == {"primary", "filelists", "other"}


def test_ways_of_writing_that_there_are_not_are_refused():
    for wrong in ({"compression": "rar"}, {"checksum": "crc"}, {"retain": -1.0}, {"databases": "?"}):
        with pytest.raises(ValueError):
            Output(**wrong)
