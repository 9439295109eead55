"""Configuration files, hubs, specifications of projects, and the guess of the chroot."""

import pytest
from copr_repo import chroots, hubs


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def load(tmp_path):
    return hubs.Config.load([str(tmp_path)], vendor=str(tmp_path / "vendor"))


def test_later_files_win_and_a_missing_copr_d_is_no_error(tmp_path):
    write(tmp_path / "copr.conf", "[one]\nhostname = a.example\nport = 8443\n[main]\ndistribution = x\nreleasever = 1\n")
    assert load(tmp_path).hub("one") == hubs.Hub("a.example", "https://a.example:8443")
    write(tmp_path / "copr.d" / "b.conf", "[one]\nhostname = b.example\nprotocol = http\nport = 80\n")
    write(tmp_path / "copr.d" / "README", "not read [")
    config = load(tmp_path)
    assert config.hub("one") == hubs.Hub("b.example", "http://b.example")
    assert (config.distribution, config.releasever) == ("x", "1")


def test_the_vendors_file_is_overridden_by_the_administrators(tmp_path):
    write(tmp_path / "vendor", "[main]\ndistribution = v\nreleasever = 1\n")
    assert load(tmp_path).distribution == "v"
    write(tmp_path / "copr.conf", "[main]\ndistribution = a\n")
    assert load(tmp_path).distribution == "a"


def test_a_broken_configuration_file_is_named(tmp_path):
    write(tmp_path / "copr.conf", "hostname = x\n")
    with pytest.raises(hubs.UsageError, match="copr.conf"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("copr.example", hubs.Hub("copr.example", "https://copr.example")),
        ("localhost:8080", hubs.Hub("localhost", "https://localhost:8080")),
        ("http://127.0.0.1:8080/", hubs.Hub("127.0.0.1", "http://127.0.0.1:8080")),
        (None, hubs.Hub(hubs.DEFAULT_HOSTNAME, f"https://{hubs.DEFAULT_HOSTNAME}")),
    ],
)
def test_a_hub_without_a_section_is_a_host_or_a_url(name, hub):
    assert hubs.Config({}).hub(name) == hub


@pytest.mark.parametrize("name", ["a b", "ftp://x", "x:port", "-x", "a/../b", "x]\n", "user@host", ""])
def test_what_is_no_hub_is_refused(name):
    with pytest.raises(hubs.UsageError):
        hubs.Config({}).hub(name)


def test_a_project_may_be_written_with_a_hub_or_a_url_before_it():
    assert hubs.parse_spec("bob/app") == hubs.Spec(None, "bob", "app")
    assert hubs.parse_spec("hub/@g/app:pr:12") == hubs.Spec("hub", "@g", "app:pr:12")
    assert hubs.parse_spec("http://h:1/bob/app") == hubs.Spec("http://h:1", "bob", "app")


@pytest.mark.parametrize("text", ["app", "/bob/app", "a/b/c/d", "bob/..", "bob/a\nb", "bob/a]", "bob/app:x", "@/app", "bob/"])
def test_what_is_no_project_is_refused(text):
    with pytest.raises(hubs.UsageError):
        hubs.parse_spec(text)


@pytest.mark.parametrize(
    ("os_release", "found"),
    [
        ({"ID": "fedora", "VERSION_ID": "44"}, ["fedora-44"]),
        ({"ID": "fedora", "VERSION_ID": "45", "VERSION": "45 (Rawhide)"}, ["fedora-rawhide", "fedora-45"]),
        ({"ID": "fedora", "VERSION_ID": "45", "VARIANT_ID": "eln"}, ["fedora-eln"]),
        ({"ID": "bluefin", "ID_LIKE": "fedora", "VERSION_ID": "44"}, ["fedora-44"]),
        ({"ID": "rhel", "VERSION_ID": "9.4"}, ["rhel-9", "epel-9"]),
        ({"ID": "centos", "VERSION_ID": "10"}, ["epel-10", "centos-stream-10"]),
        ({"ID": "rocky", "VERSION_ID": "9.4", "ID_LIKE": "rhel centos fedora"}, ["rocky-9", "epel-9"]),
        ({"ID": "almalinux", "VERSION_ID": "8.10", "ID_LIKE": "rhel centos fedora"}, ["almalinux-8", "epel-8"]),
        ({"ID": "ol", "VERSION_ID": "9.3", "ID_LIKE": "fedora"}, ["ol-9", "epel-9"]),
        ({"ID": "amzn", "VERSION_ID": "2023", "ID_LIKE": "fedora"}, ["amazonlinux-2023"]),
        ({"ID": "opensuse-leap", "VERSION_ID": "15.6", "ID_LIKE": "suse opensuse"}, ["opensuse-leap-15.6"]),
        ({"ID": "opensuse-tumbleweed", "VERSION_ID": "20260101"}, ["opensuse-tumbleweed"]),
        ({"ID": "minidistro", "VERSION_ID": "12"}, ["minidistro-12"]),
        ({}, []),
    ],
)
def test_the_chroot_is_guessed_from_os_release(os_release, found):
    assert chroots.candidates(os_release) == found


def test_os_release_is_read_with_its_quotes(tmp_path):
    write(tmp_path / "etc" / "os-release", "# comment\nID=\"rocky\"\nVERSION_ID='9.4'\n")
    assert chroots.read_os_release(str(tmp_path)) == {"ID": "rocky", "VERSION_ID": "9.4"}
    assert chroots.read_os_release(str(tmp_path / "none")) == {}


def test_base_urls_follow_the_release_only_where_it_has_a_number_and_was_not_given():
    assert chroots.in_baseurl("fedora-44", "x86_64", False) == "fedora-$releasever-$basearch"
    assert chroots.in_baseurl("fedora-rawhide", "x86_64", False) == "fedora-rawhide-$basearch"
    assert chroots.in_baseurl("epel-9", "x86_64", False) == "epel-9-$basearch"
    assert chroots.in_baseurl("fedora-44", "x86_64", True) == "fedora-44-x86_64"


@pytest.mark.parametrize("chroot", ["fedora-44", "x", "--", "fedora-44-x86/64", "fedora-44-"])
def test_a_chroot_needs_three_parts(chroot):
    with pytest.raises(hubs.UsageError, match="distribution-version-architecture"):
        chroots.split_chroot(chroot)
