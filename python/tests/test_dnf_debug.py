"""`dnf copr debug` with real dnf, and the configuration files that it names."""

import json

from copr_repo import chroots

HOST = "copr.fedorainfracloud.org"


def facts(dnf):
    done = dnf("copr", "debug", "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_debug_tells_hub_chroots_and_files(dnf):
    (dnf.root / "etc" / "os-release").write_text('ID=rocky\nVERSION_ID="9.6"\nPLATFORM_ID="platform:el9"\n')
    conf = str(dnf.conf / "copr.conf")
    assert facts(dnf) == {
        "default_hubspec": "fedora",
        "default_hub_hostname": HOST,
        "default_hub_url": f"https://{HOST}",
        "name_version": "rocky-9",
        "arch": "x86_64",
        "repo_fallback_priority": ["rocky-9", "rocky+epel-9", "epel-9"],
        "config_files": [conf],
        "reposdir": str(dnf.reposdir),
    }
    assert dnf("copr", "debug").stdout.splitlines() == [
        "default_hubspec: fedora", f"default_hub_hostname: {HOST}", f"default_hub_url: https://{HOST}",
        "name_version: rocky-9", "arch: x86_64", "repo_fallback_priority: rocky-9 rocky+epel-9 epel-9",
        f"config_files: {conf}", f"reposdir: {dnf.reposdir}",
    ]


def test_the_vendors_file_is_read_before_the_administrators_and_files_of_hubs_last(dnf):
    (dnf.conf / "copr.vendor.conf").write_text("[main]\ndistribution = vendor\nreleasever = 1\n[fedora]\nhostname = v.example\n")
    (dnf.conf / "copr.d" / "b.conf").write_text("[fedora]\nhostname = b.example\n")
    (dnf.conf / "copr.d" / "a.conf").write_text("[fedora]\nhostname = a.example\n")
    found = facts(dnf)
    assert found["config_files"] == [
        str(dnf.conf / name) for name in ("copr.vendor.conf", "copr.conf", "copr.d/a.conf", "copr.d/b.conf")
    ]
    assert found["default_hub_hostname"] == "b.example"
    assert found["repo_fallback_priority"] == ["vendor-1"]


def test_a_second_folder_of_configuration_files_is_read_after_the_first(dnf, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    (more / "copr.conf").write_text("[main]\ndistribution = second\nreleasever = 2\n")
    done = dnf("copr", "debug", "--json", f"--setopt=pluginconfpath={dnf.conf},{more}")
    assert json.loads(done.stdout)["name_version"] == "second-2"
    assert json.loads(done.stdout)["config_files"] == [str(dnf.conf / "copr.conf"), str(more / "copr.conf")]


def test_a_release_without_a_distribution_is_no_answer(dnf):
    (dnf.root / "etc" / "os-release").write_text("ID=fedora\nVERSION_ID=44\n")
    with (dnf.conf / "copr.conf").open("a") as file:
        file.write("[main]\nreleasever = 9\n")
    assert facts(dnf)["name_version"] == "fedora-44"


def test_an_installroot_without_os_release_is_taken_for_the_hosts_system(dnf):
    host = chroots.candidates(chroots.read_os_release())
    assert facts(dnf)["repo_fallback_priority"] == host


def test_a_configuration_file_that_cannot_be_read_is_named(dnf):
    (dnf.conf / "copr.d" / "bad.conf").write_text("hostname = x\n")
    done = dnf("copr", "debug")
    assert done.returncode == 1
    assert "bad.conf" in done.stderr and "Traceback" not in done.stderr
