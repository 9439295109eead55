"""The guess of the chroot: one os-release file for each system in os-release/, as the system ships it."""

import pathlib
import shutil

import pytest
from copr_repo import chroots

FOLDER = pathlib.Path(__file__).parent / "os-release"
EXPECTED = [
    # File, and the releases to look for, best first.
    ("fedora-43", "fedora-43"),
    ("fedora-44", "fedora-44"),
    ("fedora-branched-before-release", "fedora-45"),
    ("fedora-rawhide-named", "fedora-rawhide fedora-46"),
    ("fedora-rawhide-edition", "fedora-rawhide fedora-46"),
    ("fedora-rawhide-without-number", "fedora-rawhide"),
    ("fedora-eln", "fedora-eln"),
    ("fedora-silverblue", "fedora-44"),
    ("fedora-kde-spin", "fedora-44"),
    ("fedora-coreos", "fedora-43"),
    ("fedora-asahi-remix", "fedora-43"),
    ("bazzite", "fedora-44"),
    ("bluefin", "fedora-43"),
    ("aurora", "fedora-43"),
    ("bluefin-lts", "bluefin-lts-10 epel-10"),
    ("nobara", "fedora-43"),
    ("ultramarine", "fedora-43"),
    ("ultramarine-38", "fedora-38"),
    ("rhel-8", "rhel-8 rhel+epel-8 epel-8"),
    ("rocky-8", "rocky-8 rocky+epel-8 epel-8"),
    ("almalinux-8", "almalinux-8 alma+epel-8 epel-8"),
    ("oracle-8", "oraclelinux-8 oraclelinux+epel-8 epel-8"),
    ("centos-stream-8", "centos-stream-8 centos-stream+epel-8 epel-8"),
    ("rhel-9", "rhel-9 rhel+epel-9 epel-9"),
    ("rocky-9", "rocky-9 rocky+epel-9 epel-9"),
    ("almalinux-9", "almalinux-9 alma+epel-9 epel-9"),
    ("oracle-9", "oraclelinux-9 oraclelinux+epel-9 epel-9"),
    ("centos-stream-9", "centos-stream-9 centos-stream+epel-9 epel-9"),
    ("rhel-10", "rhel-10 rhel+epel-10 epel-10"),
    ("rocky-10", "rocky-10 rocky+epel-10 epel-10"),
    ("almalinux-10", "almalinux-10 alma+epel-10 epel-10"),
    ("oracle-10", "oraclelinux-10 oraclelinux+epel-10 epel-10"),
    ("centos-stream-10", "centos-stream-10 centos-stream+epel-10 epel-10"),
    ("centos-linux-8", "centos-8 centos+epel-8 epel-8"),
    ("almalinux-kitten-10", "almalinux-kitten-10 alma-kitten+epel-10 epel-10"),
    ("eurolinux-9", "eurolinux-9 epel-9"),
    ("cloudlinux-8", "cloudlinux-8 epel-8"),
    ("circle-8", "circle-8 epel-8"),
    ("virtuozzo-8", "virtuozzo-8 epel-8"),
    ("eurolinux-7", "eurolinux-7 epel-7"),
    ("amazon-2", "amazonlinux-2"),
    ("amazon-2023", "amazonlinux-2023"),
    ("opensuse-leap-15.6", "opensuse-leap-15.6"),
    ("opensuse-leap-16.0", "opensuse-leap-16.0"),
    ("opensuse-tumbleweed", "opensuse-tumbleweed"),
    ("opensuse-slowroll", "opensuse-slowroll opensuse-tumbleweed"),
    ("opensuse-microos", "opensuse-tumbleweed"),
    ("sles-15.6", "sles-15.6 opensuse-leap-15.6"),
    ("mageia-9", "mageia-9"),
    ("mageia-cauldron", "mageia-cauldron"),
    ("openeuler-24.03", "openeuler-24.03"),
    ("azure-linux-3", "azurelinux-3.0"),
    ("qubes-dom0-4.3", ""),
    ("fedora-derivative-with-a-version-of-its-own", ""),
]


@pytest.mark.parametrize(("system", "releases"), EXPECTED)
def test_the_release_is_the_one_that_a_system_says_of_itself(tmp_path, system, releases):
    (tmp_path / "usr" / "lib").mkdir(parents=True)
    shutil.copy(FOLDER / system, tmp_path / "usr" / "lib" / "os-release")
    assert chroots.candidates(chroots.read_os_release(str(tmp_path))) == releases.split()


def test_every_file_has_an_expectation():
    assert sorted(system for system, _ in EXPECTED) == sorted(path.name for path in FOLDER.iterdir())


def test_what_says_nothing_of_itself_fits_nothing():
    assert chroots.candidates({}) == []
    assert chroots.candidates({"VERSION_ID": "44"}) == []


def test_a_system_that_nobody_knows_is_called_by_its_id_and_version():
    assert chroots.candidates({"ID": "minidistro", "VERSION_ID": "12"}) == ["minidistro-12"]
    assert chroots.candidates({"ID": "rolling"}) == ["rolling"]


def test_os_release_is_read_with_its_quotes_and_etc_goes_first(tmp_path):
    for folder, name in (("usr/lib", "other"), ("etc", "rocky")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "os-release").write_text(f"# comment\nID=\"{name}\"\nVERSION_ID='9.4'\n")
    assert chroots.read_os_release(str(tmp_path)) == {"ID": "rocky", "VERSION_ID": "9.4"}
    assert chroots.read_os_release(str(tmp_path / "none")) == {}


@pytest.mark.parametrize(
    ("release", "in_url"),
    [
        ("fedora-44", "fedora-$releasever-$basearch"),
        ("centos-stream-9", "centos-stream-$releasever-$basearch"),
        ("opensuse-leap-15.6", "opensuse-leap-$releasever-$basearch"),
        ("mageia-9", "mageia-$releasever-$basearch"),
        ("mageia-cauldron", "mageia-cauldron-$basearch"),
        ("fedora-rawhide", "fedora-rawhide-$basearch"),
        ("fedora-eln", "fedora-eln-$basearch"),
        ("epel-9", "epel-9-$basearch"),
        ("centos-stream+epel-9", "centos-stream+epel-9-$basearch"),
        ("opensuse-tumbleweed", "opensuse-tumbleweed-$basearch"),
        ("amazonlinux-2023", "amazonlinux-2023-$basearch"),
    ],
)
def test_base_urls_follow_the_release_only_where_the_stock_servers_do(release, in_url):
    assert chroots.in_baseurl(release, "x86_64", explicit=False) == in_url
    assert chroots.in_baseurl(release, "x86_64", explicit=True) == f"{release}-x86_64"


@pytest.mark.parametrize("chroot", ["fedora-44", "x", "--", "fedora-44-x86/64", "fedora-44-"])
def test_a_chroot_needs_three_parts(chroot):
    with pytest.raises(chroots.UsageError, match="distribution-version-architecture"):
        chroots.split_chroot(chroot)
