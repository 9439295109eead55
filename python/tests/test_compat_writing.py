"""createrepo_c and `copr_repo.compat` write the same: one script, two modules, the same bytes."""

import datetime
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from compat_stories import ATTRIBUTES, DEPENDENCIES, MAIN, attributes, both, copied, make_repository, ours, paths_of, theirs, tree

CORNER_CASES = Path(__file__).resolve().parents[2] / "tests/fixtures/rpm-corner-cases/make"
CORPUS = Path(__file__).resolve().parents[3] / "shared/corpus"
# createrepo_c leaves out what XML cannot hold, and reads these by an rpm library that is older than they are.
FORBIDDEN = "control-characters"
SMALL = 200_000


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def minidistro():
    if not os.environ.get("COPR_MINIDISTRO"):
        pytest.skip("COPR_MINIDISTRO is not set")
    return Path(os.environ["COPR_MINIDISTRO"])


@pytest.fixture(scope="module")
def packages(minidistro):
    """Some small packages."""
    small = sorted(path for path in minidistro.glob("*.rpm") if path.stat().st_size < SMALL)
    assert len(small) > 5
    return small[:8]


@pytest.fixture(scope="module", params=["minidistro", "corner cases", "corpus"])
def package_files(request):
    """Folders of package files: a distribution's, the hard ones, and of other distributions, if there are any."""
    if request.param == "corner cases":
        if not shutil.which("rpmbuild") or not shutil.which("cargo"):
            pytest.skip("the corner cases need rpmbuild and cargo")
        made = subprocess.run([CORNER_CASES], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        folder = Path(made.stdout.splitlines()[-1])
    elif request.param == "corpus":
        if not CORPUS.is_dir():
            pytest.skip("there is no ../shared/corpus")
        folder = CORPUS
    else:
        folder = request.getfixturevalue("minidistro")
    return sorted(path for path in folder.rglob("*.rpm") if not path.name.startswith(FORBIDDEN))


def facts_of(package):
    """All that can be read of a package, or nothing: createrepo_c cannot show texts that are no UTF-8."""
    try:
        facts = attributes(package)
    except UnicodeDecodeError:
        return None
    return None if "\ufffd" in str(facts) else facts


def is_format_6(path):
    """These keep the archive's size where createrepo_c's rpm library does not look: it says 0."""
    return path.read_bytes()[4] == 4


def differences(theirs_found, ours_found):
    return {name: (theirs_found[name], ours_found[name]) for name in theirs_found if theirs_found[name] != ours_found[name]}


def test_every_attribute_of_package_files_is_the_same(package_files):
    compared = 0
    for path in package_files:
        for flags in ("HDRR_NONE", "HDRR_NOFILEDIGESTS"):
            expected, found = (
                facts_of(cr.package_from_rpm(str(path), location_href="x/y.rpm", header_reading_flags=getattr(cr, flags)))
                for cr in (theirs, ours)
            )
            if expected is not None:
                assert differences(settled(path, expected, found), found) == {}, path.name
                compared += 1
    assert compared > len(package_files)


def settled(path, expected, found):
    """What createrepo_c finds, but for what docs/createrepo_c-python.md names."""
    expected = dict(expected)
    # A header that names no kind of digest has MD5, or no files at all.
    if expected["files_checksum_type"] == "unknown":
        expected["files_checksum_type"] = found["files_checksum_type"]
    if is_format_6(path) and expected["size_archive"] == 0:
        expected["size_archive"] = found["size_archive"]
    for kind in DEPENDENCIES:
        expected[kind] = [as_written(kind, entry) for entry in expected[kind]]
    return expected


def as_written(kind, entry):
    """A dependency with what metadata can say: no version without a comparison, epochs as numbers, `pre` of requires."""
    name, flags, epoch, version, release, pre = entry
    if not flags:
        return name, None, None, None, None, pre and kind == "requires"
    return name, flags, epoch and str(int(epoch)), version, release, pre and kind == "requires"


def test_the_xml_of_package_files_is_the_same(package_files):
    for path in package_files:
        expected, found = (
            cr.xml_from_rpm(str(path), location_href="x/y.rpm", location_base="http://cdn/") for cr in (theirs, ours)
        )
        # An epoch of 007 is written as the number that it is.
        if not is_format_6(path) and path.name != "versions-of-dependencies.rpm":
            assert found == expected, path.name


def test_other_checksums_and_limits_are_taken_alike(packages):
    def story(cr):
        made = [
            cr.package_from_rpm(str(packages[0]), checksum_type=kind, changelog_limit=limit, location_base="/folder")
            for kind, limit in ((cr.SHA512, 0), (cr.SHA224, 1), (cr.SHA384, -1))
        ]
        return [(attributes(package), cr.xml_dump(package)) for package in made]

    assert story(ours) == story(theirs)


def rewritten(cr, folder):
    """Each package of a repository as XML again."""
    paths = paths_of(cr, folder)
    return [
        (*cr.xml_dump(package), cr.xml_dump_primary(package), cr.xml_dump_filelists(package), cr.xml_dump_other(package))
        for package in cr.PackageIterator(*(paths[kind] for kind in MAIN))
    ]


def test_packages_that_were_read_are_written_alike(tmp_path, example, request):
    for folder in (example, request.getfixturevalue("minidistro")):
        expected, found = both(rewritten, tmp_path, folder)
        assert found == expected


def changed(cr, folder):
    """A mirror that rewrites where packages are."""
    paths = paths_of(cr, folder)
    found = []
    for package in cr.PackageIterator(*(paths[kind] for kind in MAIN)):
        package.location_href = f"Packages/{package.name[0]}/{package.location_href}"
        package.location_base = ""
        package.time_file = 1.9
        package.rpm_vendor = b"Somebody"
        package.summary = None
        found.append((cr.xml_dump(package), attributes(package)))
    return found


def test_packages_that_were_changed_are_written_alike(tmp_path, example):
    expected, found = both(changed, tmp_path, example)
    assert found == expected


def from_nothing(cr, values):
    """A package made of values that a database kept."""
    package = cr.Package()
    for name, value in values.items():
        setattr(package, name, value)
    return cr.xml_dump(package), package.nevra(), package.nvra()


def test_packages_that_were_made_of_values_are_written_alike(tmp_path, example):
    read = next(ours.RepositoryReader.from_path(example).iter_packages())
    values = {name: getattr(read, name) for name in ATTRIBUTES}
    # createrepo_c turns a list around that is set; ours keeps it.
    turned = {name: value[::-1] if isinstance(value, list) else value for name, value in values.items()}
    assert from_nothing(ours, values) == from_nothing(theirs, turned)


def test_a_list_that_was_set_is_read_in_the_same_order():
    package = ours.Package()
    package.files = [(None, "/usr/bin/", "a"), ("dir", "/", "b"), (b"ghost", b"/", b"c", "digest")]
    assert package.files == [(None, "/usr/bin/", "a"), ("dir", "/", "b"), ("ghost", "/", "c", "digest")]
    package.requires = [("a", "GE", "0", "1", None, 1), ("b", None, None, None, None, 0)]
    assert package.requires == [("a", "GE", "0", "1", None, True), ("b", None, None, None, None, False)]


def test_a_copy_is_independent(example):
    package = next(ours.RepositoryReader.from_path(example).iter_packages())
    package.name = "first"
    other = package.copy()
    other.name, other.files = "other", []
    assert (package.name, len(package.files)) == ("first", 4)
    assert other.requires == package.requires and other.files == []


def create(cr, folder, suffix, compression):
    """createrepo_c's example of making a repository file by file."""
    repodata = Path(folder, "repodata")
    repodata.mkdir()
    paths = {kind: str(repodata / f"{kind}.xml{suffix}") for kind in MAIN}
    files = (
        cr.PrimaryXmlFile(paths["primary"], compression), cr.FilelistsXmlFile(paths["filelists"], compression),
        cr.OtherXmlFile(paths["other"], compression),
    )
    names = sorted(path.name for path in Path(folder).glob("*.rpm"))
    for file in files:
        file.set_num_of_pkgs(len(names))
    for name in names:
        package = cr.package_from_rpm(os.path.join(folder, name))
        package.location_href = name
        for file in files:
            file.add_pkg(package)
    for file in files:
        file.close()
    repomd = cr.Repomd()
    repomd.set_revision("1700000000")
    repomd.add_distro_tag("Example 1", "cpe:/o:example:1")
    repomd.add_content_tag("binary")
    repomd.add_repo_tag("größer")
    for kind, path in paths.items():
        record = cr.RepomdRecord(kind, path)
        record.fill(cr.SHA256)
        record.set_timestamp(1700000000)
        record.rename_file()
        repomd.set_record(record)
    repomd.sort_records()
    (repodata / "repomd.xml").write_text(repomd.xml_dump())
    return tree(repodata)


def test_a_repository_made_by_hand_is_the_same_byte_for_byte(tmp_path, packages):
    def story(cr):
        os.mkdir("repo")
        for path in packages:
            shutil.copy2(path, "repo")
        return create(cr, "repo", "", cr.NO_COMPRESSION)

    expected, found = both(story, tmp_path)
    assert found == expected
    assert len(found) == 4


@pytest.mark.parametrize("compression", ["GZ", "BZ2", "XZ", "ZSTD"])
def test_compressed_files_hold_the_same(tmp_path, packages, compression):
    def story(cr):
        os.mkdir("repo")
        shutil.copy2(packages[0], "repo")
        kind = getattr(cr, compression)
        create(cr, "repo", cr.compression_suffix(kind), kind)
        records = cr.Repomd("repo/repodata/repomd.xml").records
        opened = [(record.type, record.checksum_open, record.checksum_open_type, record.size_open) for record in records]
        # Each is read by the other module, too.
        return opened, [attributes(package) for package in theirs.RepositoryReader.from_path("repo").iter_packages()]

    expected, found = both(story, tmp_path)
    assert found == expected


def with_databases(cr, path):
    """yum's databases."""
    package = cr.package_from_rpm(str(path), location_href="x.rpm")
    found = {}
    for kind, make in (("primary", cr.PrimarySqlite), ("filelists", cr.FilelistsSqlite), ("other", cr.OtherSqlite)):
        database = make(f"{kind}.sqlite")
        database.add_pkg(package)
        database.dbinfo_update("ab" * 32)
        database.close()
        with sqlite3.connect(f"{kind}.sqlite") as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
            found[kind] = {table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=str) for table in tables}
    return found


def test_databases_hold_the_same(tmp_path, packages):
    expected, found = both(with_databases, tmp_path, packages[0])
    assert found == expected
    assert found["primary"]["db_info"] == [(10, "ab" * 32)]


def write(cr, packages, extra):
    """createrepo_c's example of a writer, with advisories and a file of another kind."""
    with cr.RepositoryWriter("repo", compression=cr.NO_COMPRESSION, unique_md_filenames=True, checksum_type=cr.SHA512) as writer:
        writer.repomd.add_repo_tag("Example 1")
        writer.repomd.set_revision("1628310033")
        writer.set_num_of_pkgs(len(packages))
        for path in packages:
            writer.add_pkg_from_file(str(path), output_dir="Packages")
        writer.add_update_record(advisory(cr))
        writer.add_repomd_metadata("group", extra)
        writer.add_repomd_metadata("custom", f"{extra}.more", use_compression=False)
    found = tree("repo")
    # Times are those of the files, which were written now.
    lines = found["repodata/repomd.xml"].decode().splitlines()
    found["repodata/repomd.xml"] = [line for line in lines if "<timestamp>" not in line]
    return found


def test_a_repository_writer_writes_the_same(tmp_path, packages):
    extra = tmp_path / "comps.xml"
    for path in (extra, tmp_path / "comps.xml.more"):
        path.write_text("<comps/>\n")
    expected, found = both(write, tmp_path, packages[:3], str(extra))
    assert found == expected
    assert sum(name.startswith("Packages/") for name in found) == 3


def advisory(cr):
    """createrepo_c's example of an advisory, with everything set."""
    package = cr.UpdateCollectionPackage()
    package.name, package.version, package.release, package.epoch = "Foo", "1.2.3", "1", "0"
    package.arch, package.src, package.filename = "noarch", "foo.src.rpm", "foo-1.2.3-1.rpm"
    package.sum, package.sum_type = "123456789", cr.SHA256
    package.reboot_suggested, package.relogin_suggested = False, True
    module = cr.UpdateCollectionModule()
    module.name, module.stream, module.version, module.context, module.arch = "m", "s", 2**63, "c", "a"
    collection = cr.UpdateCollection()
    collection.shortname, collection.name, collection.module = "Bar-product", "Bar & Product", module
    collection.append(package)
    reference = cr.UpdateReference()
    reference.href, reference.id, reference.type, reference.title = "http://foo.bar/?a&b", "123", "self", "Größer"
    record = cr.UpdateRecord()
    record.fromstr, record.status, record.type, record.version = "security@foo.bar", "final", "enhancement", "1"
    record.id, record.title, record.rights, record.severity = "UPDATE-1", "Bär <Update>", "Copyright", ""
    record.issued_date = datetime.datetime(2014, 8, 14, 1, 2, 3)
    record.updated_date = 1407978123
    record.summary, record.description, record.solution = "A", "Fixes\na bug", None
    record.release, record.pushcount, record.reboot_suggested = "1", "2", True
    record.append_collection(collection)
    record.append_reference(reference)
    # What was appended is a copy.
    collection.name = package.name = reference.id = "later"
    return record


def advise(cr):
    info = cr.UpdateInfo()
    info.append(cr.UpdateRecord())
    info.append(advisory(cr))
    dumped = cr.xml_dump_updaterecord(info.updates[1])
    file = cr.UpdateInfoXmlFile("updateinfo.xml", cr.NO_COMPRESSION)
    file.add_chunk(dumped)
    file.close()
    record = info.updates[1].copy()
    record.issued_date = None
    return info.xml_dump(), dumped, Path("updateinfo.xml").read_text(), record.issued_date, record.updated_date, repr(record)


def test_advisories_are_written_alike(tmp_path):
    expected, found = both(advise, tmp_path)
    assert found == expected


def modify(cr, source):
    """createrepo_c's example of adding a file to a repository."""
    repo = copied(source)
    Path("updateinfo.xml").write_text("<updates/>")
    shutil.copy("updateinfo.xml", f"{repo}/repodata/updateinfo.xml")
    record = cr.RepomdRecord("updateinfo", f"{repo}/repodata/updateinfo.xml")
    record.fill(cr.SHA256)
    record.set_timestamp(1)
    record.rename_file()
    repomd = cr.Repomd(f"{repo}/repodata/repomd.xml")
    repomd.set_record(record)
    Path(f"{repo}/repodata/repomd.xml").write_text(repomd.xml_dump())
    return tree(repo), repr(record), record.location_real


def test_a_repository_is_modified_alike(tmp_path, example):
    expected, found = both(modify, tmp_path, example)
    assert found == expected


def records(cr):
    """Records of repomd.xml by themselves."""
    found = []
    Path("group.xml").write_text("<comps/>\n" * 100)
    os.utime("group.xml", (5, 5))
    record = cr.RepomdRecord("group", os.path.abspath("group.xml"))
    compressed = record.compress_and_fill(cr.SHA256, cr.GZ)
    compressed.set_timestamp(7)
    # The bytes of the compressed file are another compressor's.
    compressed.size, compressed.checksum = 1, "ab" * 32
    stat = cr.ContentStat(cr.SHA256)
    stat.size, stat.checksum = 12, "cd" * 32
    other = cr.RepomdRecord("other_db", None)
    other.load_contentstat(stat)
    other.checksum, other.checksum_type, other.location_href, other.db_ver = "ef" * 32, "sha256", "repodata/x", 10
    repomd = cr.Repomd()
    repomd.set_revision("é & <")
    repomd.set_repoid("id", "type")
    repomd.set_contenthash("hash", None)
    repomd.repo_tags, repomd.content_tags, repomd.distro_tags = ["r"], ["c & d"], [("cpe:é\"", "t")]
    for each in (other, record, compressed, cr.RepomdRecord("zzz"), cr.RepomdRecord("primary_zck")):
        repomd.set_record(each)
    found.append(repomd.xml_dump().replace(os.getcwd(), ""))
    repomd.sort_records()
    found.append([each.type for each in repomd.records])
    record.size = 99
    found += [repomd["group"].size, os.path.basename(compressed.location_real), compressed.location_href]
    found += [repr(record), repr(repomd)]
    old = f"{'0' * 64}-old.xml"
    Path(old).write_text("x")
    renamed = cr.RepomdRecord("x", old)
    renamed.fill(cr.SHA256)
    renamed.rename_file()
    renamed.rename_file()
    return [*found, renamed.location_real, renamed.location_href, sorted(os.listdir())]


def test_records_of_repomd_behave_alike(tmp_path):
    expected, found = both(records, tmp_path)
    assert found == expected


def packing(cr):
    """Compressing and decompressing single files, and how their names come about."""
    Path("text").write_text("some\nfoo\ncontent\n")
    Path("there.xml").write_text("old")
    os.mkdir("into")
    found = []
    for kind in (cr.GZ, cr.BZ2, cr.XZ, cr.ZSTD):
        stat = cr.ContentStat(cr.SHA256)
        cr.compress_file("text", None, kind, stat)
        found.append((stat.checksum, stat.size, stat.checksum_type, repr(stat)))
        name = f"text{cr.compression_suffix(kind)}"
        found.append((cr.detect_compression(name) == kind, cr.detect_compression("text") == cr.NO_COMPRESSION))
        os.rename(name, "renamed")
        found.append(cr.detect_compression("renamed") == kind)
        cr.decompress_file("renamed", None, cr.AUTO_DETECT_COMPRESSION)
        found.append(Path("renamed.decompressed").read_text())
        os.rename("renamed", name)
        cr.decompress_file(name, "into/", kind)
        cr.decompress_file(name, f"as-named-{kind}", cr.AUTO_DETECT_COMPRESSION)
        found.append((Path("into/text").read_text(), Path(f"as-named-{kind}").read_text()))
    cr.compress_file("text", "into/", cr.GZ)
    cr.compress_file("text", "other-name.gz", cr.GZ)
    cr.compress_file("text", "there.xml", cr.GZ)
    cr.compress_file("text.gz", "again.xz", cr.XZ)
    cr.decompress_file("again.xz", None, cr.XZ)
    stat = cr.ContentStat(cr.SHA512)
    file = cr.CrFile("written.gz", cr.MODE_WRITE, cr.GZ, stat)
    file.write("größer\n")
    file.write("more\n")
    found.append(repr(file))
    file.close()
    cr.decompress_file("written.gz", None, cr.GZ)
    names = sorted(os.path.relpath(os.path.join(where, name)) for where, _, files in os.walk(".") for name in files)
    return found, names, Path("again").read_text(), Path("written").read_text(), stat.checksum, stat.size


def test_files_are_compressed_and_named_alike(tmp_path):
    expected, found = both(packing, tmp_path)
    assert found == expected


def test_zchunk_files_are_written_and_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("primary.xml").write_text("<metadata packages=\"0\">\n</metadata>\n" * 50)
    ours.compress_file("primary.xml", None, ours.ZCK)
    record = ours.RepomdRecord("primary_zck", "primary.xml.zck")
    record.fill(ours.SHA256)
    assert record.size_open == os.path.getsize("primary.xml") and record.checksum_header and 0 < record.size_header < record.size
    ours.decompress_file("primary.xml.zck", "again", ours.AUTO_DETECT_COMPRESSION)
    assert Path("again").read_bytes() == Path("primary.xml").read_bytes()


def test_a_file_is_there_whole_or_not_at_all(tmp_path, example):
    path = tmp_path / "primary.xml.gz"
    package = next(ours.RepositoryReader.from_path(example).iter_packages())
    file = ours.PrimaryXmlFile(str(path))
    file.add_pkg(package)
    assert not path.exists()
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["primary.xml.gz"]
