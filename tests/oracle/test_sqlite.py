"""Our databases for old clients, judged by createrepo_c and by the questions that yum asks.

Environment: as in test_repodata.py.
"""

import gzip
import re
import shutil
import sqlite3
import sys
from pathlib import Path

import createrepo_c as cr
import pytest
from programs import from_environment
from test_repodata import CORNER_CASES, run, samples

KINDS = ("primary", "filelists", "other")
DEPENDENCIES = "requires provides conflicts obsoletes suggests enhances recommends supplements".split()


def their_program(name):
    return Path(sys.executable).with_name(name)


def unpacked(repository, output):
    """kind -> the database that repomd.xml names, decompressed."""
    output.mkdir()
    records = {record.type: record for record in cr.Repomd(str(repository / "repodata/repomd.xml")).records}
    for kind in KINDS:
        packed = (repository / records[f"{kind}_db"].location_href).read_bytes()
        (output / f"{kind}.sqlite").write_bytes(gzip.decompress(packed))
    return {kind: output / f"{kind}.sqlite" for kind in KINDS}


def without_databases(repository):
    """Takes the databases out of a repository."""
    path = repository / "repodata/repomd.xml"
    path.write_text(re.sub(r' *<data type="\w+_db">.*?</data>\n', "", path.read_text(), flags=re.DOTALL))
    for database in path.parent.glob("*.sqlite*"):
        database.unlink()


class Made:
    """A folder of RPMs with metadata by createrepo_c, and databases of these metadata by three programs."""

    def __init__(self, folder, output):
        packages = Path(run(folder / "make").splitlines()[-1]) if folder == CORNER_CASES else folder
        self.folder, self.repository = folder, output / "repository"
        self.repository.mkdir()
        command = [their_program("createrepo_c"), "-q", "-d", "--compress-type", "gz", "-o", self.repository, packages]
        # createrepo_c leaves out packages with control characters, and ends with 2.
        run(*(["sh", "-c", '"$@" || [ $? = 2 ]', "sh"] if folder == CORNER_CASES else []), *command)
        self.createrepo = unpacked(self.repository, output / "createrepo")
        without_databases(self.repository)
        self.ours = self.by_us(output / "ours")
        self.sqliterepo = self.converted(output / "sqliterepo", their_program("sqliterepo_c"))

    def by_us(self, output):
        return self.converted(output, from_environment("COPR_REPO_BIN"), "sqlite")

    def converted(self, output, *program):
        """kind -> the database that a program adds to a copy of the repository."""
        copy = shutil.copytree(self.repository, output.with_suffix(".repository"))
        run(*program, "-q", "--compress-type", "gz", copy)
        return unpacked(copy, output)


@pytest.fixture(scope="session", params=samples(), ids=lambda f: f.name)
def made(request, tmp_path_factory):
    return Made(request.param, tmp_path_factory.mktemp("databases"))


def asked(path, query, *parameters):
    with sqlite3.connect(path) as connection:
        return connection.execute(query, parameters).fetchall()


def schema(path):
    rows = asked(path, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid")
    return [(*row, re.sub(r"\s+", " ", sql).replace("( ", "(").replace(" )", ")")) for *row, sql in rows]


def tables(path):
    """table -> its rows, in order. What is known to differ from createrepo_c is made equal here, and only that:

    - It writes the folders of a package in the order of a hash table, we in that of their names.
    - It takes a dependency's epoch over as text (`007`), we write the number.
    """
    names = [name for (name,) in asked(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {name: asked(path, f"SELECT * FROM {name} ORDER BY rowid") for name in names}
    if "filelist" in rows:
        rows["filelist"].sort(key=lambda row: row[:2])
    for name in DEPENDENCIES:
        if name in rows:
            rows[name] = [(*row[:2], row[2] and str(int(row[2])), *row[3:]) for row in rows[name]]
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_tables_indexes_and_triggers_are_those_of_createrepo_c(made, kind):
    assert schema(made.ours[kind]) == schema(made.createrepo[kind])
    for setting in ("page_size", "encoding", "user_version", "application_id", "auto_vacuum", "journal_mode"):
        query = f"PRAGMA {setting}"
        assert asked(made.ours[kind], query) == asked(made.createrepo[kind], query), setting


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_that_of_sqliterepo_c(made, kind):
    assert tables(made.ours[kind]) == tables(made.sqliterepo[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_that_of_createrepo_c(made, kind):
    if made.folder == CORNER_CASES:
        # There createrepo_c disagrees with its own XML: it tells versions without a comparison, and reads names that
        # are not UTF-8 in another way. We write what the XML says, as sqliterepo_c does.
        assert tables(made.ours[kind])["packages"] == tables(made.createrepo[kind])["packages"]
    else:
        assert tables(made.ours[kind]) == tables(made.createrepo[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_databases_are_whole_and_the_same_each_time(made, kind, tmp_path):
    assert asked(made.ours[kind], "PRAGMA integrity_check") == [("ok",)]
    again = made.by_us(tmp_path / "again")
    assert again[kind].read_bytes() == made.ours[kind].read_bytes()


def test_yum_finds_who_provides_something_and_who_has_a_file(made):
    packages = list(cr.PackageIterator(*(located(made.repository, kind) for kind in KINDS)))
    with sqlite3.connect(made.ours["primary"]) as primary:
        primary.execute("ATTACH ? AS f", (str(made.ours["filelists"]),))
        for package in packages:
            for provided in {name for name, *_ in package.provides}:
                found = primary.execute(
                    "SELECT DISTINCT packages.pkgId FROM provides, packages"
                    " WHERE provides.pkgKey = packages.pkgKey AND provides.name = ?",
                    (provided,),
                ).fetchall()
                assert (package.pkgId,) in found, provided
            # As yum's searchFiles: the folder's rows by their index, the name by a pattern, then split and compared.
            for kind, directory, name in (entry[:3] for entry in package.files[:40]):
                rows = primary.execute(
                    "SELECT packages.pkgId, filenames, filetypes FROM f.filelist"
                    " JOIN packages ON filelist.pkgKey = packages.pkgKey WHERE dirname = ? AND instr(filenames, ?)",
                    (directory.rstrip("/") or ("/" if directory else "."), name),
                ).fetchall()
                owners = {(pkgid, names.split("/").index(name)) for pkgid, names, _ in rows if name in names.split("/")}
                assert package.pkgId in {pkgid for pkgid, _ in owners}, directory + name
                types = {pkgid: types for pkgid, _, types in rows}[package.pkgId]
                place = dict(owners)[package.pkgId]
                assert types[place] == {"": "f", "dir": "d", "ghost": "g"}[kind or ""], directory + name
    assert len(packages) == len(tables(made.ours["primary"])["packages"]) > 0


def located(repository, kind):
    (record,) = [r for r in cr.Repomd(str(repository / "repodata/repomd.xml")).records if r.type == kind]
    return str(repository / record.location_href)
