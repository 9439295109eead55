"""`modifyrepo_c` and `sqliterepo_c` as we do them against createrepo_c 1.2.5: the same changes of one repository."""

import shutil

import pytest
from conftest import COMPS
from programs import Repository, assert_same, run

BATCH = """[updateinfo.xml]
path={files}/updateinfo.xml
type=updateinfo
compress=true
compress-type=xz

[other_db]
type=productid
remove=true

[{files}/group.xml]
compress=false
unique-md-filenames=false
new-name=comps-of-batch.xml
"""
CASES = {
    "added": [["{files}/updateinfo.xml"]],
    "type named": [["--mdtype", "my-type", "{files}/updateinfo.xml"]],
    "uncompressed": [["--no-compress", "{files}/productid"]],
    "gz": [["--compress-type", "gz", "{files}/group.xml"]],
    "bz2": [["--compress-type", "bz2", "{files}/group.xml"]],
    "xz with plain name": [["--compress-type", "xz", "--simple-md-filenames", "{files}/modules.yaml"]],
    "other checksum": [["-s", "sha512", "{files}/updateinfo.xml"]],
    "new name": [["--new-name", "renamed.xml", "{files}/updateinfo.xml"]],
    "compressed before": [["{files}/updateinfo.xml.gz"]],
    "compressed before, otherwise": [["--compress-type", "xz", "{files}/updateinfo.xml.gz"]],
    "compressed before, left so": [["--no-compress", "{files}/updateinfo.xml.gz"]],
    "replaced": [["{files}/updateinfo.xml"], ["--mdtype", "updateinfo", "{files}/group.xml"]],
    "replaced by the same": [["{files}/updateinfo.xml"], ["{files}/updateinfo.xml"]],
    "removed": [["{files}/updateinfo.xml"], ["{files}/group.xml"], ["--remove", "updateinfo"]],
    "nothing to remove": [["--remove", "nonexistent"]],
    "batch": [["--no-compress", "{files}/productid"], ["-f", "{files}/batch"]],
}


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "updateinfo.xml").write_text("<updates/>\n")
    (folder / "group.xml").write_text(COMPS)
    (folder / "productid").write_bytes(b"\x00a certificate\xff")
    (folder / "modules.yaml").write_text("---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: m}\n...\n")
    (folder / "batch").write_text(BATCH.format(files=folder))
    run("gzip", "-k", folder / "updateinfo.xml")
    return folder


@pytest.fixture(scope="session")
def plain(theirs, packages, tmp_path_factory):
    """A repository of createrepo_c's."""
    folder = tmp_path_factory.mktemp("plain")
    run(theirs("createrepo_c"), "-q", "--distro", "cpe:/o:x:y:1,X", "--content", "c", "-o", folder, packages)
    return folder


@pytest.mark.parametrize("commands", CASES.values(), ids=CASES.keys())
def test_the_changed_repository_is_that_of_modifyrepo_c(commands, ours, theirs, files, plain, tmp_path):
    for where, program in (("ours", ours), ("theirs", theirs)):
        shutil.copytree(plain, tmp_path / where)
        for words in commands:
            words = [w.replace("{files}", str(files)) for w in words]
            run(program("modifyrepo_c"), *words, tmp_path / where / "repodata")
    assert_same(tmp_path / "ours", tmp_path / "theirs")


@pytest.mark.parametrize(
    "words",
    [["{files}/nonexistent"], ["-f", "{files}/nonexistent"], ["--mdtype", "x"], ["-s", "crc", "{files}/group.xml"]],
    ids=" ".join,
)  # fmt: skip
def test_what_modifyrepo_c_refuses_is_refused(words, ours, theirs, files, plain, tmp_path):
    before = (plain / "repodata/repomd.xml").read_text()
    words = [w.replace("{files}", str(files)) for w in words]
    for program in (ours, theirs):
        run(program("modifyrepo_c"), *words, plain / "repodata", code=1)
    assert (plain / "repodata/repomd.xml").read_text() == before


@pytest.mark.parametrize("options", [[], ["--xz"], ["--compress-type", "gz"], ["--checksum", "sha512"]], ids=" ".join)
def test_databases_made_of_the_metadata_are_those_of_sqliterepo_c(options, ours, theirs, plain, tmp_path):
    for where, program in (("ours", ours), ("theirs", theirs)):
        shutil.copytree(plain, tmp_path / where)
        run(program("sqliterepo_c"), *options, tmp_path / where)
        # There already, which is an error but with --force.
        run(program("sqliterepo_c"), *options, tmp_path / where, code=1)
    mine, other = (Repository(tmp_path / where) for where in ("ours", "theirs"))
    assert list(mine.records) == list(other.records)
    for kind in ("primary_db", "filelists_db", "other_db"):
        assert mine.database(kind) == other.database(kind), kind
        assert mine.path(kind).suffix == other.path(kind).suffix
        assert mine.records[kind].checksum[0] == other.records[kind].checksum[0]
