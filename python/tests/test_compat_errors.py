"""What goes wrong is the same kind of exception with createrepo_c and with `copr_repo.compat`, and ours says what to do."""

import bz2
import gzip
import os
from pathlib import Path

import pytest
from compat_stories import both, kind_of, make_repository, ours, paths_of, write_repodata

BROKEN = {
    "empty": b"",
    "text": b"hello\n",
    "cut": b'<?xml version="1.0"?>\n<metadata packages="1">\n<package type="rpm"><name>x</name>',
    "not closed": b"<metadata><package type='rpm'><name>x</nme></package></metadata>",
    "entity": b"<metadata><package type='rpm'><name>&nonsense;</name><arch>x</arch></package></metadata>",
    "without checksum": b"<metadata><package type='rpm'><name>x</name><arch>y</arch><location href='z'/></package></metadata>",
    "cut gzip": gzip.compress(b"<metadata/>" * 1000)[:40],
    "broken gzip": b"\x1f\x8b\x08\x00garbage that is no gzip at all",
    "cut bzip2": bz2.compress(b"<metadata/>" * 1000)[:40],
}


def outcome(call):
    """The kind of exception that a call ends with."""
    try:
        call()
    except Exception as error:  # noqa: BLE001
        assert str(error).strip(), f"{call} says nothing"
        return kind_of(error)
    return "nothing"


@pytest.fixture
def broken(tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, content in BROKEN.items():
        suffix = ".gz" if "gzip" in name else ".bz2" if "bzip2" in name else ""
        (folder / f"{name}.xml{suffix}").write_bytes(content)
    return folder


def readers(cr, path):
    """Everything that reads a file."""
    return {
        "xml_parse_primary": lambda: cr.xml_parse_primary(path, None, lambda package: None),
        "xml_parse_filelists": lambda: cr.xml_parse_filelists(path, None, lambda package: None),
        "xml_parse_other": lambda: cr.xml_parse_other(path, None, lambda package: None),
        "PackageIterator": lambda: list(cr.PackageIterator(path, None, None)),
        "xml_parse_repomd": lambda: cr.xml_parse_repomd(path, cr.Repomd()),
        "Repomd": lambda: cr.Repomd(path),
        "UpdateInfo": lambda: cr.UpdateInfo(path),
        "package_from_rpm": lambda: cr.package_from_rpm(path),
        "xml_from_rpm": lambda: cr.xml_from_rpm(path),
    }


@pytest.mark.parametrize("path", ["/nonexistent/file.xml", "/nonexistent/file.xml.gz", "/"])
def test_a_missing_file_is_the_same_kind_of_exception(tmp_path, path):
    def story(cr):
        return {name: outcome(call) for name, call in readers(cr, path).items()}

    expected, found = both(story, tmp_path)
    assert found == expected
    assert set(found.values()) == {"OSError"}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_metadata_are_the_same_kind_of_exception(tmp_path, broken, name):
    (path,) = broken.glob(f"{name}.xml*")

    def story(cr):
        # Only primary's reader: createrepo_c takes a document of another kind for one without packages.
        calls = readers(cr, str(path))
        return {name: outcome(calls[name]) for name in ("xml_parse_primary", "PackageIterator", "package_from_rpm")}

    expected, found = both(story, tmp_path)
    assert found == expected
    assert found["xml_parse_primary"] == "CreaterepoCError"


@pytest.mark.parametrize("name", ["empty", "text", "cut", "not closed", "cut gzip", "broken gzip"])
def test_every_reader_refuses_what_is_broken(tmp_path, broken, name):
    (path,) = broken.glob(f"{name}.xml*")
    for reader, call in readers(ours, str(path)).items():
        assert outcome(call) == ("OSError" if "rpm" in reader else "CreaterepoCError"), reader


def test_an_error_names_the_file(broken):
    with pytest.raises(ours.CreaterepoCError, match="cut.xml"):
        ours.xml_parse_primary(str(broken / "cut.xml"), None, print)
    with pytest.raises(OSError, match="text.xml"):
        ours.package_from_rpm(str(broken / "text.xml"))
    with pytest.raises(FileNotFoundError, match="/nonexistent/x"):
        ours.Repomd("/nonexistent/x")


def test_another_document_is_an_error_and_not_an_empty_one(tmp_path):
    paths = paths_of(ours, make_repository(tmp_path / "repository"))
    with pytest.raises(ours.CreaterepoCError, match="it starts with <filelists>, not <metadata>"):
        ours.xml_parse_primary(paths["filelists"], None, print)


def calls_with_wrong_values(cr, primary):
    """What is no use of the functions."""
    package = cr.Package()
    return {
        "no callbacks": lambda: cr.xml_parse_primary(primary, None, None),
        "no callback": lambda: cr.xml_parse_other(primary, 3, None),
        "no path": lambda: cr.xml_parse_filelists(None, None, print),
        "no Repomd": lambda: cr.xml_parse_repomd(primary, "foo"),
        "no UpdateInfo": lambda: cr.xml_parse_updateinfo(primary, "foo"),
        "no Package": lambda: cr.xml_dump("x"),
        "no UpdateRecord": lambda: cr.xml_dump_updaterecord("x"),
        "no RepomdRecord": lambda: cr.Repomd().set_record("x"),
        "no record of a type": lambda: cr.Repomd()["x"],
        "a number for a text": lambda: setattr(package, "name", 3),
        "a text for a number": lambda: setattr(package, "time_file", "3"),
        "a text for a list": lambda: setattr(package, "files", "x"),
        "a tuple for a list": lambda: setattr(package, "requires", ()),
        "short tuples": lambda: setattr(package, "requires", [("a",)]),
        "short files": lambda: setattr(package, "files", [("a",)]),
        "short changes": lambda: setattr(package, "changelogs", [("a",)]),
        "tags that are none": lambda: setattr(cr.Repomd(), "distro_tags", [("a",)]),
        "tags that are no texts": lambda: setattr(cr.Repomd(), "repo_tags", [1]),
        "records": lambda: setattr(cr.Repomd(), "records", []),
        "a date": lambda: setattr(cr.UpdateRecord(), "issued_date", "yesterday"),
        "a module": lambda: setattr(cr.UpdateCollection(), "module", "x"),
        "a reference": lambda: cr.UpdateRecord().append_reference("x"),
        "an empty record": lambda: cr.RepomdRecord("x").fill(cr.SHA256),
        "a missing file of a record": lambda: cr.RepomdRecord("x", "/nonexistent").fill(cr.SHA256),
        "an unknown checksum": lambda: cr.RepomdRecord("x", primary).fill(99),
        "a record without checksum": lambda: cr.RepomdRecord("x", primary).rename_file(),
        "a file that is there": lambda: cr.PrimaryXmlFile(primary),
        "an unknown compression": lambda: cr.PrimaryXmlFile("new", 99),
        "an unknown type": lambda: cr.XmlFile("new", 99, cr.GZ, None),
        "an unknown mode": lambda: cr.CrFile("new", 99, cr.GZ),
        "flags": lambda: cr.package_from_rpm(primary, header_reading_flags=1 << 20),
        "no repository": lambda: cr.RepositoryReader.from_path("/"),
        "no metadata": lambda: cr.MetadataLocation("/", 1),
        "no metadata to load": lambda: cr.Metadata().locate_and_load_xml("/"),
        "an unknown action": lambda: cr.Metadata().dupaction(99),
        "no file to compress": lambda: cr.compress_file("/nonexistent", None, cr.GZ),
        "no file to decompress": lambda: cr.decompress_file("/nonexistent", None, cr.GZ),
        "no file to look at": lambda: cr.detect_compression("/nonexistent"),
    }


def test_wrong_values_are_the_same_kinds_of_exceptions(tmp_path):
    primary = paths_of(ours, make_repository(tmp_path / "repository"))["primary"]

    def story(cr):
        return {name: outcome(call) for name, call in calls_with_wrong_values(cr, primary).items()}

    expected, found = both(story, tmp_path)
    assert found == expected
    assert "nothing" not in found.values()


def closed_files(cr):
    """Files that are used when they are closed, and headers that come too late."""
    file = cr.OtherXmlFile("other.xml", cr.NO_COMPRESSION)
    negative = outcome(lambda: file.set_num_of_pkgs(-1))
    file.add_chunk("<x/>")
    late = outcome(lambda: file.set_num_of_pkgs(1))
    file.close()
    file.close()
    after = [outcome(lambda: file.add_chunk("x")), outcome(lambda: file.set_num_of_pkgs(1))]
    plain = cr.CrFile("plain", cr.MODE_WRITE)
    plain.write("text")
    plain.close()
    return negative, late, after, outcome(lambda: plain.write("x")), repr(file), Path("plain").read_text()


def test_closed_files_refuse_alike(tmp_path):
    expected, found = both(closed_files, tmp_path)
    assert found == expected


def failing_callbacks(cr, paths):
    """Callbacks that fail."""
    def fail(*arguments):
        raise KeyError("foo error")

    found = []
    for kind, parse in (("primary", cr.xml_parse_primary), ("filelists", cr.xml_parse_filelists), ("other", cr.xml_parse_other)):
        for call in (
            lambda: parse(paths[kind], newpkgcb=fail), lambda: parse(paths[kind], pkgcb=fail),  # noqa: B023
            lambda: parse(paths[kind], newpkgcb=lambda *a: "x"),  # noqa: B023
        ):
            try:
                call()
            except Exception as error:  # noqa: BLE001
                found.append((kind_of(error), "foo error" in str(error), str(error).startswith("Parsing interrupted")))
    return found


def test_what_a_callback_raises_ends_the_parsing_alike(tmp_path):
    paths = paths_of(ours, make_repository(tmp_path / "repository"))
    expected, found = both(failing_callbacks, tmp_path, paths)
    assert found == expected
    assert len(found) == 9


def test_the_exception_of_a_callback_is_kept_as_the_cause(tmp_path):
    paths = paths_of(ours, make_repository(tmp_path / "repository"))
    with pytest.raises(ours.CreaterepoCError) as caught:
        ours.xml_parse_primary(paths["primary"], pkgcb=lambda package: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_ctrl_c_in_a_callback_is_not_swallowed(tmp_path):
    def interrupt(package):
        raise KeyboardInterrupt

    paths = paths_of(ours, make_repository(tmp_path / "repository"))
    with pytest.raises(KeyboardInterrupt):
        ours.xml_parse_primary(paths["primary"], pkgcb=interrupt)


@pytest.mark.parametrize("href", ["../../../etc/passwd", "/etc/passwd", "repodata/../../x"])
def test_a_repository_cannot_make_us_read_files_outside(tmp_path, href):
    repository = make_repository(tmp_path / "repository")
    repomd = repository / "repodata/repomd.xml"
    repomd.write_text(repomd.read_text().replace("repodata/primary.xml.gz", href))
    for call in (
        lambda: list(ours.RepositoryReader.from_path(repository).iter_packages()),
        lambda: ours.Metadata().locate_and_load_xml(str(repository)),
    ):
        with pytest.raises(ours.CreaterepoCError, match="unsafe path"):
            call()


def test_a_package_that_metadata_cannot_hold_is_refused_by_name():
    package = ours.Package()
    with pytest.raises(ValueError, match="without pkgId and checksum_type"):
        ours.xml_dump(package)
    package.pkgId, package.checksum_type = "not hexadecimal", "sha256"
    with pytest.raises(ValueError, match="checksum"):
        ours.xml_dump_primary(package)


def test_nothing_half_written_is_left_when_compressing_fails(tmp_path):
    (tmp_path / "broken.gz").write_bytes(BROKEN["broken gzip"])
    with pytest.raises(ours.CreaterepoCError):
        ours.decompress_file(str(tmp_path / "broken.gz"), str(tmp_path / "text"), ours.GZ)
    with pytest.raises(ours.CreaterepoCError):
        ours.compress_file(str(tmp_path / "broken.gz"), str(tmp_path / "text.zst"), ours.ZSTD)
    assert sorted(os.listdir(tmp_path)) == ["broken.gz"]


def test_a_repository_without_primary_is_an_error(tmp_path):
    write_repodata(tmp_path / "repository", {"other": "<otherdata/>"})

    def story(cr):
        return outcome(lambda: cr.RepositoryReader.from_path(str(tmp_path / "repository")))

    expected, found = both(story, tmp_path)
    assert found == expected == "KeyError"
