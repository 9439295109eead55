"""Packages and repodata are read as rpm and createrepo_c read them, lazily, and without holding up other threads."""

import gc
import gzip
import os
import subprocess
import sys
import textwrap

import pytest
import repositories
import rpms
from copr_repo import (
    ChecksumError,
    Error,
    Header,
    MetadataError,
    PackageError,
    Record,
    Records,
    Repomd,
    RepomdRecord,
)
from copr_repo.records import Changelog, Checksum, Dependency, File


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rpms")
    return {name: rpms.build(folder, name) for name in ("alpha", "beta")}


@pytest.fixture
def repository(tmp_path, built):
    """A repository of both packages, made by createrepo_c."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for binary, _ in built.values():
        os.link(binary, folder / binary.name)
    subprocess.run(["createrepo_c", "--quiet", str(folder)], check=True)
    return folder


def record(name="bash", **fields):
    identity = {"version": "1", "release": "2", "arch": "noarch", "location_href": f"{name}-1-2.noarch.rpm"}
    return Record(**{"name": name, "checksum": ("sha256", name.encode().hex().ljust(64, "0")), **identity, **fields})


def test_a_package_is_read_with_everything_in_it(built):
    alpha = Record.from_rpm(built["alpha"][0], location="a/alpha.rpm", file_digests=True)
    assert (alpha.nevra, alpha.evr, alpha.epoch) == ("alpha-2:1.5-3.noarch", "2:1.5-3", 2)
    assert (alpha.summary, alpha.license, alpha.packager) == (
        "The one line of alpha", "MIT & <others>", "Päckager <p@example.org>",
    )
    assert (alpha.location_href, alpha.location_base, alpha.sourcerpm) == ("a/alpha.rpm", None, "alpha-1.5-3.src.rpm")
    assert Dependency("virtual(alpha)", "EQ", "4", "2", "1") in alpha.provides
    assert Dependency("bash", "GE", "0", "3.2") in alpha.requires
    assert [dependency.name for dependency in alpha.requires if dependency.pre] == ["/bin/sh", "coreutils"]
    assert alpha.recommends == [("nice", None, None, None, None, False)]
    assert [(file.path, file.kind) for file in alpha.files] == [
        ("/etc/alpha", "dir"), ("/etc/alpha/conf", "file"), ("/usr/bin/alpha", "file"), ("/var/log/alpha.log", "ghost"),
    ]
    assert alpha.file_digest == "sha256" and len(alpha.files[1].digest) == 64
    assert [change.text for change in alpha.changelogs] == ["- older", "- newer"]


@pytest.mark.parametrize("source", [False, True])
def test_a_package_becomes_the_metadata_that_createrepo_c_makes(built, source):
    createrepo_c = pytest.importorskip("createrepo_c")
    path = str(built["alpha"][source])
    theirs = createrepo_c.package_from_rpm(path, location_href="a.rpm", changelog_limit=10)
    ours = Record.from_rpm(path, location="a.rpm").render()
    assert ours[0] == createrepo_c.xml_dump_primary(theirs)
    assert (ours[1], ours[3]) == (createrepo_c.xml_dump_filelists(theirs), createrepo_c.xml_dump_other(theirs))


@pytest.mark.parametrize("source", [False, True])
def test_a_header_says_of_every_tag_what_rpm_says(built, source):
    rpm = pytest.importorskip("rpm")
    path = str(built["beta"][source])
    with open(path, "rb") as file:
        theirs = rpm.TransactionSet("", rpm._RPMVSF_NOSIGNATURES).hdrFromFdno(file.fileno())
    ours = Header.read(path)
    # Regions are not values, and of the classes of files rpm gives the texts instead of the numbers that are there.
    regions = {63, 61, 100, 62, 1141}
    keys = [key for key in ours.keys() if key not in regions and key in theirs]
    assert len(keys) > 40
    assert {key: ours[key] for key in keys} == {key: theirs[key] for key in keys}
    assert ours["name"] == ours["RPMTAG_NAME"] == ours[1000] == "beta"
    assert (ours.nevra, ours.is_source) == (f"beta-2:1.5-3.{'src' if source else 'noarch'}", source)


def test_a_header_is_asked_as_a_dict_is(built):
    header = Header.read(built["alpha"][0])
    assert "summary" in header and 1004 in header and "modularitylabel" not in header and "nonsense" not in header
    assert header.get("modularitylabel") is None and header.get("nonsense", "?") == "?"
    assert len(header) == len(header.keys())
    for absent in ("modularitylabel", "nonsense", 424242):
        with pytest.raises(KeyError):
            header[absent]
    assert header.tags()["name"] == 1000


def test_a_header_has_the_lists_unfiltered(built):
    header = Header.read(built["alpha"][0])
    assert any(dependency.name.startswith("rpmlib(") for dependency in header.requires)
    files = {file.path: file for file in header.files}
    assert files["/usr/bin/alpha"].mode == 0o100755 and files["/usr/bin/alpha"].user == "root"
    assert files["/var/log/alpha.log"].flags & 64
    assert header.changelogs[0].text == "- newer"
    assert 0 < header.header_start < header.header_end < built["alpha"][0].stat().st_size


def test_a_repository_is_read_as_its_packages_are(repository, built):
    read = list(Records.of_repository(repository))
    assert read == [Record.from_rpm(repository / path.name) for path, _ in built.values()]


def test_what_is_not_wanted_is_not_read(repository):
    for found in Records.of_repository(repository, filelists=False, other=False):
        assert [file.path for file in found.files] == [f"/etc/{found.name}", f"/etc/{found.name}/conf", f"/usr/bin/{found.name}"]
        assert found.changelogs == []


def documents(records):
    """The three documents of some records, as bytes."""
    kinds = {"primary": ("metadata", "common"), "filelists": ("filelists",) * 2, "other": ("otherdata", "other")}
    for place, (kind, (root, namespace)) in zip((0, 1, 3), kinds.items()):
        head = f'<{root} xmlns="http://linux.duke.edu/metadata/{namespace}" xmlns:rpm="http://linux.duke.edu/metadata/rpm">\n'
        yield kind, (head + "".join(one.render()[place] for one in records) + f"</{root}>").encode()


def test_documents_in_another_order_are_joined_all_the_same():
    records = [record(n, files=[(f"/usr/share/{n}", "file", None)], changelogs=[(n, 1, "- x")]) for n in "abcdef"]
    primary = dict(documents(records))["primary"]
    others = dict(documents([records[i] for i in (3, 5, 1, 0, 4, 2)]))
    assert list(Records(primary, filelists=others["filelists"], other=others["other"])) == records


def test_the_same_package_at_two_places_has_its_files_at_both():
    twice = [record("a", files=[("/usr/share/a", "file", None)], location_href=href) for href in ("x/a.rpm", "y/a.rpm")]
    primary, filelists = dict(documents(twice))["primary"], dict(documents(twice[:1]))["filelists"]
    assert list(Records(primary, filelists=filelists)) == twice


def test_documents_are_read_alone_from_files_in_any_compression(tmp_path):
    made = record("a", files=[("/usr/share/a", "file", None)], changelogs=[("A", 5, "- x")])
    for kind, text in documents([made]):
        (tmp_path / f"{kind}.xml.gz").write_bytes(gzip.compress(text))
    (files,) = Records(filelists=tmp_path / "filelists.xml.gz")
    (changes,) = Records(other=str(tmp_path / "other.xml.gz"))
    assert (files.nevra, files.checksum.hex, files.files) == (made.nevra, made.checksum.hex, made.files)
    assert changes.changelogs == [Changelog("A", 5, "- x")]


def test_records_make_no_lists_that_nobody_asks_for():
    text = dict(documents([record(f"p{n}", provides=[("p", "EQ", "0", "1", None, False)] * 20) for n in range(500)]))["primary"]
    read = list(Records(text))
    gc.collect()
    made = [thing for thing in gc.get_objects() if type(thing) in (Dependency, File, Changelog, Checksum)]
    assert len(read) == 500 and made == []
    assert len(read[499].provides) == 20


def test_a_record_is_made_and_changed_by_its_fields():
    one = record(requires=[Dependency("a", "GE", None, "1")], files=[File("/d", "dir")], time_build=7)
    other = one.replace(location_base="https://example.org/", requires=[], epoch=3)
    assert one.requires == [("a", "GE", "0", "1", None, False)] and one.location_base is None
    assert (other.requires, other.location_base, other.nevra) == ([], "https://example.org/", "bash-3:1-2.noarch")
    assert other.files == [("/d", "dir", None)] and other.time_build == 7
    assert one != other and one == other.replace(location_base=None, requires=one.requires, epoch=0)


@pytest.mark.parametrize(
    ("fields", "error", "named"),
    [
        ({"requires": [("a", "~", None, "1", None, False)]}, ValueError, "requires"),
        ({"requires": [("a", "EQ", None, None, None, False)]}, ValueError, "requires"),
        ({"files": [("/a", "socket", None)]}, ValueError, "files"),
        ({"checksum": ("sha256", "abc")}, ValueError, "checksum"),
        ({"size_package": -1}, ValueError, "size_package"),
        ({"epoch": 1 << 40}, ValueError, "epoch"),
        ({"summary": 5}, TypeError, "summary"),
        ({"colour": "red"}, TypeError, "colour"),
        ({"name": ""}, TypeError, "name"),
    ],
)
def test_a_field_that_cannot_be_is_named(fields, error, named):
    with pytest.raises(error, match=f"^{named}: "):
        record(**fields)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    missing = tmp_path / "missing"
    for read in (Record.from_rpm, Header.read, Records, Repomd.read):
        with pytest.raises(FileNotFoundError) as raised:
            read(missing)
        assert (raised.value.filename, raised.value.strerror) == (str(missing), "No such file or directory")


def test_what_is_no_package_is_named(tmp_path, built):
    (tmp_path / "text").write_text("no package")
    (tmp_path / "cut").write_bytes(built["alpha"][0].read_bytes()[:-1])
    for name in ("text", "cut"):
        with pytest.raises(PackageError) as raised:
            Record.from_rpm(tmp_path / name)
        assert raised.value.path == str(tmp_path / name) and str(raised.value).startswith(raised.value.path)
    assert issubclass(PackageError, Error) and issubclass(ChecksumError, MetadataError)


def test_what_was_read_before_an_error_comes_before_it(tmp_path):
    text = dict(documents([record("a"), record("b")]))["primary"]
    (tmp_path / "primary.xml").write_bytes(text[:-30])
    read = Records(tmp_path / "primary.xml")
    assert next(read).name == "a"
    with pytest.raises(MetadataError) as raised:
        list(read)
    assert raised.value.path == str(tmp_path / "primary.xml")
    assert list(read) == []


def test_a_damaged_archive_is_an_error_of_the_metadata(tmp_path):
    damaged = tmp_path / "primary.xml.gz"
    damaged.write_bytes(gzip.compress(b"<metadata>" * 1000)[:40])
    with pytest.raises(MetadataError):
        list(Records(damaged))


def test_a_file_with_another_checksum_is_refused(tmp_path):
    folder = repositories.folder(tmp_path, "a-1-1.noarch")
    with open(folder / "repodata" / "primary.xml", "r+b") as file:
        file.write(b"<?xmL")
    with pytest.raises(ChecksumError, match="primary.xml"):
        Records.of_repository(folder)


def test_paths_in_repomd_do_not_lead_out_of_the_repository(tmp_path):
    folder = repositories.folder(tmp_path, "a-1-1.noarch")
    index = folder / "repodata" / "repomd.xml"
    index.write_text(index.read_text().replace('href="repodata/', 'href="../repodata/'))
    with pytest.raises(MetadataError, match="unsafe path"):
        Records.of_repository(folder, verify=False)


def test_an_index_is_read_and_written_again(repository):
    path = repository / "repodata" / "repomd.xml"
    index = Repomd.read(path)
    assert [entry.kind for entry in index.records][:3] == ["primary", "filelists", "other"]
    primary = index.record("primary")
    assert primary.checksum.kind == "sha256" and primary.size == (repository / primary.location_href).stat().st_size
    assert Repomd.read(index.render().encode()) == index == Repomd.read(path.read_bytes())
    assert index.render() == path.read_text()


def test_an_index_is_made_of_its_parts():
    entry = RepomdRecord("group", "repodata/comps.xml", ("sha256", "ab" * 32), size=5, open_checksum=("sha1", "cd" * 20))
    index = Repomd(revision="7", records=[entry], content_tags=["binary"], distro_tags=[("cpe:/o", "Linux"), (None, "x")])
    again = Repomd.read(index.render(pretty=False).encode())
    assert again == index and again.record("group").open_checksum == ("sha1", "cd" * 20) and again.record("other") is None
    with pytest.raises(MetadataError):
        Repomd.read(b"<html>")


def test_other_threads_run_while_records_are_read(tmp_path):
    """A thread writes what is being read: would reading keep it from running, neither came to an end."""
    text = dict(documents([record(f"p{n}") for n in range(300)]))["primary"]
    (tmp_path / "text").write_bytes(text)
    os.mkfifo(tmp_path / "pipe")
    program = """
        import shutil, threading
        from copr_repo import Records

        def write():
            with open("text", "rb") as text, open("pipe", "wb") as pipe:
                shutil.copyfileobj(text, pipe, 100)

        writer = threading.Thread(target=write)
        writer.start()
        print(sum(1 for _ in Records("pipe")))
        writer.join()
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("300\n", "")


def test_threads_may_share_a_reader():
    """Each record comes to exactly one of them."""
    import threading

    text = dict(documents([record(f"p{n:04}") for n in range(2000)]))["primary"]
    reader, found = Records(text), [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda names=names: names.extend(r.name for r in reader)) for names in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sum(found, [])) == [f"p{n:04}" for n in range(2000)]
