"""Real dnf with answers in the shape of Fedora's Copr; see answers/README.md."""

import configparser
import json
import pathlib

import pytest

HOST = "127.0.0.1"
ANSWERS = pathlib.Path(__file__).parent / "answers"


@pytest.fixture
def copr(hub, dnf):
    """A hub that says what Fedora's Copr says."""
    def answer(name):
        return json.loads((ANSWERS / name).read_text().replace("RESULTS", f"{hub.url}/results"))

    hub.answers["praiskup/ping"] = answer("rpmrepo-multilib.json")
    hub.answers["praiskup/ping:pr:12"] = answer("rpmrepo-multilib.json")
    hub.answers["@python/libs"] = answer("rpmrepo-group.json")
    hub.answers["/api_3/project/list?ownername=praiskup"] = answer("project-list.json")
    hub.answers["/api_3/project/search?query=li"] = answer("project-search.json")
    (dnf.root / "etc" / "os-release").write_text("ID=fedora\nVERSION_ID=44\n")
    return hub


def sections(text):
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_a_multilib_project_gets_the_sections_of_the_stock_servers_repo_file(dnf, copr):
    done = dnf("-y", "copr", "enable", f"{copr.url}/praiskup/ping")
    assert done.returncode == 0, done
    results = f"{copr.url}/results/praiskup/ping"
    common = {
        "type": "rpm-md", "skip_if_unavailable": "True", "gpgcheck": "1", "gpgkey": f"{results}/pubkey.gpg",
        "repo_gpgcheck": "0", "enabled": "1", "enabled_metadata": "1", "module_hotfixes": "1", "priority": "98",
    }
    assert sections(dnf.files()[f"_copr:{HOST}:praiskup:ping.repo"]) == {
        f"copr:{HOST}:praiskup:ping": {
            "name": "Copr repo for ping owned by praiskup", "baseurl": f"{results}/fedora-$releasever-$basearch/", **common,
        },
        f"copr:{HOST}:praiskup:ping:ml": {
            "name": "Copr repo for ping owned by praiskup (i386)", "baseurl": f"{results}/fedora-$releasever-i386/",
            "cost": "1100", **common,
        },
    }


def test_dnf_reads_both_sections_and_they_are_disabled_and_removed_together(dnf, copr):
    assert dnf("-y", "copr", "enable", f"{copr.url}/praiskup/ping").returncode == 0
    listed = dnf("repolist", "--enabled").stdout
    assert f"copr:{HOST}:praiskup:ping:ml" in listed
    assert dnf("copr", "list").stdout.count("praiskup/ping\n") == 1
    assert dnf("-y", "copr", "disable", f"{copr.url}/praiskup/ping").returncode == 0
    assert "copr:" not in dnf("repolist", "--enabled").stdout
    assert dnf("-y", "copr", "remove", f"{copr.url}/praiskup/ping").returncode == 0
    assert dnf.files() == {}


def test_the_groups_project_and_the_external_repository_come_along_with_variables_filled_in(dnf, copr):
    assert dnf("-y", "copr", "enable", f"{copr.url}/praiskup/ping").returncode == 0
    files = dnf.files()
    assert f"_copr:{HOST}:group_python:libs.repo" in files
    (external,) = [text for name, text in files.items() if name.startswith("_coprdep:")]
    (section,) = sections(external).values()
    assert section["baseurl"] == "https://download.example.org/fedora/fedora-44-x86_64/$releasever/$basearch/"
    assert section["gpgcheck"] == "0" and "gpgkey" not in section


def test_a_chroot_that_was_named_is_written_as_it_is_and_without_multilib(dnf, copr):
    assert dnf("-y", "copr", "enable", f"{copr.url}/praiskup/ping", "fedora-44-x86_64").returncode == 0
    found = sections(dnf.files()[f"_copr:{HOST}:praiskup:ping.repo"])
    assert [section["baseurl"] for section in found.values()] == [f"{copr.url}/results/praiskup/ping/fedora-44-x86_64/"]


def test_a_side_directory_has_the_key_of_its_project(dnf, copr):
    assert dnf("-y", "copr", "enable", f"{copr.url}/praiskup/ping:pr:12").returncode == 0
    found = sections(dnf.files()[f"_copr:{HOST}:praiskup:ping:pr:12.repo"])
    section = found[f"copr:{HOST}:praiskup:ping:pr:12"]
    assert section["baseurl"] == f"{copr.url}/results/praiskup/ping:pr:12/fedora-$releasever-$basearch/"
    assert section["gpgkey"] == f"{copr.url}/results/praiskup/ping/pubkey.gpg"


def test_a_side_directory_that_is_not_there_is_told_with_those_that_are(dnf, copr):
    copr.answers["praiskup/ping:pr:99"] = copr.answers["praiskup/ping"]
    done = dnf("-y", "copr", "enable", f"{copr.url}/praiskup/ping:pr:99")
    assert done.returncode == 1 and dnf.files() == {}
    assert "Directory 'praiskup/ping:pr:99' not found in 'praiskup/ping' Copr project." in done.stderr
    assert "'ping', 'ping:pr:12', 'ping:custom:test'" in done.stderr


def test_a_project_that_does_not_exist_is_told(dnf, copr):
    copr.answers["praiskup/none"] = (404, (ANSWERS / "rpmrepo-404.json").read_bytes())
    done = dnf("-y", "copr", "enable", f"{copr.url}/praiskup/none")
    assert done.returncode == 1 and "Project praiskup/none does not exist." in done.stderr


def test_a_copr_from_before_rpmrepo_is_told_with_the_address_of_its_repo_file(dnf, copr):
    path = "/coprs/praiskup/old/repo/fedora-44/dnf.repo?arch=x86_64"
    copr.answers[path] = b"[copr:127.0.0.1:praiskup:old]\n"
    done = dnf("-y", "copr", "enable", f"{copr.url}/praiskup/old")
    assert done.returncode == 1 and dnf.files() == {}
    assert "too old" in done.stderr and f"{copr.url}{path}" in done.stderr


@pytest.mark.parametrize("value", [10**30, -1, 1e400, "x", None, [1], "9" * 5000])
def test_a_priority_that_is_no_number_is_left_out(dnf, copr, value):
    copr.answers["praiskup/ping"]["repos"]["fedora-44"]["arch"]["x86_64"]["opts"]["priority"] = value
    done = dnf("-y", "copr", "enable", "--no-deps", f"{copr.url}/praiskup/ping", "fedora-44-x86_64")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done
    assert "priority" not in dnf.files()[f"_copr:{HOST}:praiskup:ping.repo"]


def test_the_projects_of_a_user_and_a_search_show_names_and_descriptions(dnf, copr):
    listed = dnf("copr", "list", "--hub", copr.url, "--available-by-user=praiskup")
    assert listed.returncode == 0 and "praiskup/ping : Pings a host." in listed.stdout
    assert "praiskup/empty : No description given" in listed.stdout
    found = dnf("copr", "search", "--hub", copr.url, "li")
    assert found.returncode == 0 and "@python/libs : No description given." in found.stdout
