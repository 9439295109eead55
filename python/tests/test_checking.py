"""check: one line for everything that does not work."""

import json
import shutil
import subprocess

import pytest
from copr_repo import Pool, Repository, Unreachable, checking, keys
from repositories import folder
from test_leaving import APP, BASE, LIBS, STOCK, chain  # noqa: F401
from worlds import RESULTS, world  # noqa: F401


@pytest.fixture(scope="session")
def good_key(tmp_path_factory):
    return _key(tmp_path_factory.mktemp("good") / "home", "0")


@pytest.fixture(scope="session")
def expired_key(tmp_path_factory):
    return _key(tmp_path_factory.mktemp("old") / "home", "1d", "--faked-system-time", "20200101T000000")


def _key(home, validity, *options):
    if shutil.which("gpg") is None:
        pytest.fail("these tests need gpg: install the package gnupg")
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", "--passphrase", "", *options]
    try:
        make = [*gpg, "--quick-gen-key", "x@example.org", "ed25519", "sign", validity]
        subprocess.run(make, check=True, capture_output=True)
        return subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True, capture_output=True)


@pytest.fixture
def well(chain, good_key):  # noqa: F811
    """A chain in which all is well."""
    for name in ("bob/app", "alice/libs", "alice/base", "bob/tool"):
        chain.answers[f"{RESULTS}/{name}/pubkey.gpg"] = good_key
    return chain


def test_all_is_well(well):
    before = well.files()
    assert well.check() == (True, ["Enabled projects: 3; all is well."])
    assert well.files() == before


def test_a_hub_that_does_not_answer_is_told_once(well):
    for name in ("bob/app", "alice/libs", "alice/base"):
        well.answers[name] = Unreachable("connection refused")
    assert well.check() == (False, [
        "E http://h:8080: connection refused; try again later; if it is gone for good, remove its projects: "
        "h/alice/base, h/alice/libs, h/bob/app",
    ])


def test_a_project_that_is_gone_is_told(well):
    del well.answers["bob/app"]
    assert well.check() == (False, [
        "E h/bob/app: the hub has no such project (any more); `dnf copr remove h/bob/app`",
    ])


def test_a_hub_from_before_the_interface_is_a_note(well):
    del well.answers["bob/app"]
    well.answers["http://h:8080/coprs/bob/app/repo/fedora-44/dnf.repo?arch=x86_64"] = b"[copr:h:bob:app]\n"
    well_now, lines = well.check()
    assert well_now and lines[0] == "- h/bob/app: its hub is too old to tell what it needs"


def test_a_dependency_that_is_gone_is_told(well):
    del well.answers["alice/base"]
    well_now, lines = well.check()
    assert not well_now
    assert lines[0] == "E h/alice/base: the hub has no such project (any more); `dnf copr refresh`"


def test_a_project_that_moved_is_told(well):
    well.answers["bob/app"]["results_url"] = "https://new.example/r"
    assert well.check() == (False, ["W h/bob/app: its packages are at https://new.example/r now; `dnf copr refresh`"])


def test_a_chroot_that_has_ended_is_told_with_those_that_are_left(well):
    well.has("bob/app", "alice/libs", chroots=["fedora-45-x86_64"])
    assert well.check() == (False, [
        "E h/bob/app: it has no repository for fedora-44-x86_64 (any more); disable it, or enable it for one of these: "
        "fedora-45-x86_64",
    ])


def test_a_chain_that_changed_is_told(well):
    well.has("bob/app", "alice/new")
    well.has("alice/new")
    assert well.check() == (False, [
        "W h/alice/new: an enabled project needs it by now, and it is not here; `dnf copr refresh`",
        "W h/bob/app: it needs other repositories by now; `dnf copr refresh`",
        "W h/alice/base: no enabled project needs it any more; `dnf copr refresh`",
        "W h/alice/libs: no enabled project needs it any more; `dnf copr refresh`",
        "W coprdep:https_x_example: no enabled project needs it any more; `dnf copr refresh`",
    ])


def test_a_declared_repository_that_is_missing_is_told_once(well):
    (well.path / LIBS).unlink()
    well_now, lines = well.check()
    assert not well_now
    assert lines[0] == "E h/alice/libs: h/bob/app needs it, and it is not here; `dnf copr refresh`"
    assert sum("h/alice/libs" in line for line in lines) == 1


def test_orphans_are_told_even_when_no_project_is_left(well):
    well.remove("bob/app", keep_deps=True)
    well_now, lines = well.check()
    assert not well_now
    assert "W h/alice/libs: nothing needs it any more; `dnf copr refresh`" in lines


def test_what_is_needed_and_disabled_by_the_user_is_a_note_and_no_fault(well):
    well.edit(LIBS, "enabled=1\n", "enabled=0\n")
    well_now, lines = well.check()
    assert well_now and lines[0] == "- h/alice/libs: h/bob/app needs it, and it is disabled"


def test_what_only_a_disabled_project_needs_is_a_note(well):
    well.disable("bob/app", keep_deps=True)
    well_now, lines = well.check()
    assert well_now
    assert "- h/alice/libs: only disabled projects need it; `dnf copr disable h/alice/libs`" in lines


def test_two_files_of_one_repository_are_told(well):
    well.write("_copr:h:bob:twice.repo", well.files()[APP])
    assert well.check() == (False, [
        f"W _copr:h:bob:twice.repo: it has the same repository as {APP}; remove one of them",
    ])


def test_a_dependency_whose_hub_does_not_answer_is_told_once(well):
    well.answers["alice/base"] = Unreachable("bad gateway")
    assert well.check() == (False, ["E h/alice/base: bad gateway; try again later"])


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_checked(well):
    (well.path / "_copr:h:x:loop.repo").symlink_to("_copr:h:x:loop.repo")
    (well.path / "_copr:h:x:big.repo").write_bytes(b"#" * (2 << 20))
    del well.answers["bob/app"]
    well_now, lines = well.check()
    assert not well_now and len(lines) == 3
    assert "_copr:h:x:big.repo: larger than" in lines[0] and "_copr:h:x:loop.repo: Too many levels" in lines[1]
    assert lines[2].startswith("E h/bob/app: the hub has no such project")


def test_a_key_that_is_missing_expired_or_none_is_told(well, expired_key):
    key = f"{RESULTS}/bob/app/pubkey.gpg"
    del well.answers[key]
    assert f"E h/bob/app: key {key} does not exist; `dnf copr refresh`" in well.check()[1]
    well.answers[key] = expired_key
    assert f"E h/bob/app: key {key} expired on 2020-01-02; ask the owner of the project for a new key" in well.check()[1]
    well.answers[key] = b"<html>"
    assert f"E h/bob/app: key {key} is no OpenPGP key; ask the owner of the project for a new key" in well.check()[1]
    well.answers[key] = Unreachable("timeout")
    assert not well.check()[0]


def test_a_good_key_beside_an_expired_one_is_enough(good_key, expired_key):
    assert keys.problem(good_key) is None
    assert keys.problem(good_key + expired_key) is None
    assert keys.problem(expired_key) == "expired on 2020-01-02"
    assert keys.problem(b"") == keys.problem(b"\0" * 100_000) == "is no OpenPGP key"


def test_without_gpg_it_says_that_keys_are_not_checked(well, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    well_now, lines = well.check()
    assert well_now and lines[0] == "- h/alice/base: keys are not checked: gpg is not installed"


def test_a_file_of_the_stock_plugin_that_is_true_is_well(world):  # noqa: F811
    world.write(APP, STOCK.replace("http://h/results", RESULTS))
    world.edit(APP, "[copr:h:bob:app]\n", "# copr-hub: http://h:8080\n[copr:h:bob:app]\n")
    world.has("bob/app", "alice/libs")
    world.has("alice/libs")
    assert world.check() == (True, ["Enabled projects: 1; all is well."])


def test_packages_that_could_not_be_installed_are_told(well, tmp_path_factory):
    path = tmp_path_factory.mktemp("repositories")
    app = folder(path / "app", "app-1-1.noarch; requires libs, base", "app-2-1.noarch; requires libs, gone >= 2, base")
    libs = folder(path / "libs", "libs-1-1.noarch; requires /usr/bin/tool")
    well.packages.here = [
        ("base", "1-1", "noarch", "", {"provides": ["base = 1-1", "/usr/bin/tool"]}),
        ("broken", "1-1", "noarch", "", {"requires": ["nothing"]}),
    ]
    well.packages.known = [
        Repository("copr:h:bob:app", str(app)), Repository("copr:h:alice:libs", str(libs)),
    ]
    assert well.check() == (False, [
        "W h/bob/app: 1 of its packages cannot be installed here: app-2-1.noarch needs gone >= 2; "
        "tell the owner of the project",
    ])
    assert well.packages.fresh == {
        "copr:h:bob:app", "copr:h:alice:libs", "copr:h:alice:base", "coprdep:https_x_example",
    }


def test_without_the_metadata_of_the_system_packages_are_not_checked_and_that_is_said(well):
    well.packages.failed = {"fedora": "it is not in dnf's cache"}
    well_now, lines = well.check()
    assert well_now
    assert lines[0] == "- packages: what they need is not checked without the metadata of fedora; `dnf makecache`"
    well.packages.failed = {"copr:h:alice:libs": "404"}
    well_now, lines = well.check()
    assert not well_now and lines[0] == "E h/alice/libs: 404; try again later"
    well.packages = None
    well_now, lines = well.check()
    assert well_now and lines[0].startswith("- packages: what they need is not checked: only `dnf copr check` knows")


def test_packages_are_not_checked_as_long_as_there_are_errors(well):
    del well.answers["bob/app"]
    well.check()
    assert "- packages: what they need is not checked as long as there are errors" in well.frontend.infos


def test_the_report_for_programs(well):
    del well.answers["bob/app"]
    (text,) = well.told(checking.check, as_json=True)
    report = json.loads(text)
    assert report["ok"] is False
    assert report["findings"][0] == {
        "severity": "error", "subject": "h/bob/app", "what": "the hub has no such project (any more)",
        "advice": "`dnf copr remove h/bob/app`",
    }


def test_nothing_enabled_is_well(world):  # noqa: F811
    assert world.check() == (True, ["Enabled projects: 0; all is well."])
