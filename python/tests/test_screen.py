"""What enable shows of the packages, and which repositories it enables for some of them."""

import gzip
import os
import shutil

import pytest
import repositories
from copr_repo import NotFound, Repository, Unreachable, enabling, frontend, metadata, screen
from worlds import RESULTS, World, project_of

LIBS, BASE, APP = "alice/libs", "alice/base", "bob/app"


class Packaged(World):
    """A world whose repositories have packages."""

    def __init__(self, path):
        (path / "repos").mkdir()
        super().__init__(path / "repos")
        self.served, self.downloads = {}, []
        self.folder = path

    def installed(self, *lines):
        self.packages.here = [
            (name, f"{version}-{release}", arch, "ACME", {"provides": [f"{name} = {version}-{release}"]})
            for name, version, release, arch in (line.replace(".", "-").rsplit("-", 3) for line in lines)
        ]

    def publishes(self, name, *lines):
        base = name if "://" in name else f"{RESULTS}/{name}/fedora-44-x86_64"
        self.served[base] = repositories.folder(self.folder / "served" / name.replace("/", "_"), *lines)

    def fetch(self, url):
        base, separator, file = url.partition("/repodata/")
        if not separator:
            return super().fetch(url)
        if base not in self.served:
            return NotFound(url)
        if isinstance(self.served[base], (bytes, Exception)):
            return self.served[base]
        return (self.served[base] / "repodata" / file).read_bytes()

    def download(self, wanted):
        self.downloads += [one.url for one in wanted]
        for one in wanted:
            base, _, file = one.url.partition("/repodata/")
            shutil.copy(self.served[base] / "repodata" / file, one.path)
        return [None for _ in wanted]

    def system(self, releases=("fedora-44",), **more):
        return super().system(releases, **{"packages": self.packages, "cache": str(self.folder / "cache"), **more})

    @property
    def shown(self):
        return self.frontend.notices[-1]

    @property
    def words(self):
        """What is shown, wherever its lines break."""
        return " ".join(self.shown.split())


@pytest.fixture
def world(tmp_path):
    world = Packaged(tmp_path)
    world.has(APP, LIBS, "http://x.example/repo/")
    world.has(LIBS, BASE)
    world.has(BASE)
    world.publishes(APP, "app-1-1.x86_64; requires libfoo >= 2")
    world.publishes(LIBS, "libfoo-2-1.x86_64", "bash-5-1.x86_64")
    world.publishes(BASE, "base-1-1.x86_64")
    world.publishes("http://x.example/repo", "x-1-1.noarch")
    return world


def test_the_screen_counts_packages_and_tells_which_of_the_system_would_be_replaced(world):
    world.installed("bash-4-1.x86_64", "zlib-1-1.x86_64")
    world.enable()
    assert world.shown.split("together with it:\n\n")[1].startswith(
        "h/bob/app  (1 package)\n"
        "|-- h/alice/libs  (2 packages)\n"
        "|   `-- h/alice/base  (1 package)\n"
        "`-- http://x.example/repo/  (1 package, not a Copr project, at another host, packages are not signed)\n\n"
        "Compared with this system:\n"
        "  h/alice/libs: replaces 1 package of the installed system (1 newer): bash\n\n"
        "4 repositories, 5 packages; "
    )


def test_enabled_repositories_count_as_well_as_what_is_installed(world, tmp_path):
    world.installed("bash-6-1.x86_64")
    path = repositories.folder(tmp_path / "fedora", "libfoo-1-1.x86_64", "bash-5-1.x86_64", "other-1-1.noarch")
    world.packages.known = [Repository("fedora", str(path))]
    world.enable()
    assert "h/alice/libs: replaces 1 package of fedora (1 newer, 1 of the same version): libfoo " in world.words
    nothing = "replaces nothing of the installed system, but has packages of the same names (1 older)"
    assert f"h/alice/libs: {nothing} " in world.words


def test_what_is_older_than_what_is_installed_replaces_nothing(world):
    world.installed("libfoo-3-1.x86_64")
    world.publishes(APP, "app-1-1.x86_64; requires libbar")
    world.publishes(LIBS, "libfoo-2-1.x86_64", "libbar-1-1.x86_64")
    for wanted in [(), ("app",)]:
        world.enable(wanted=wanted)
        nothing = "replaces nothing of the installed system, but has packages of the same names (1 older)"
        assert f"h/alice/libs: {nothing} " in world.words


def test_what_replaces_nothing_says_so(world):
    world.installed("zlib-1-1.x86_64")
    world.enable()
    assert "They replace no package of this system.\n" in world.shown


def test_only_primary_is_fetched_and_not_again_while_it_stays_the_same(world):
    world.enable()
    assert sorted(url.rpartition("/")[2] for url in world.downloads) == ["primary.xml"] * 4
    indexes = sum(len((path / "repodata" / "repomd.xml").read_bytes()) for path in world.served.values())
    world.enable()
    assert len(world.downloads) == 4
    assert f"4 repositories, 5 packages; {indexes / 1024:.1f} KiB read." in world.shown


def test_a_repository_whose_metadata_cannot_be_read_is_flagged_and_enabled_all_the_same(world):
    world.served[f"{RESULTS}/{LIBS}/fedora-44-x86_64"] = Unreachable("connection reset")
    world.served[f"{RESULTS}/{BASE}/fedora-44-x86_64"] = b"<html>"
    del world.served["http://x.example/repo"]
    world.enable()
    assert "The packages of h/alice/libs are not known: connection reset " in world.words
    assert "The packages of h/alice/base are not known: " in world.words
    assert "The packages of http://x.example/repo/ are not known: " in world.words
    assert len(world.files()) == 4


def test_a_primary_that_is_damaged_is_flagged(world):
    path = world.served[f"{RESULTS}/{LIBS}/fedora-44-x86_64"] / "repodata" / "primary.xml"
    path.write_bytes(gzip.compress(path.read_bytes())[:40])
    world.enable()
    assert world.words.count(" are not known: ") == 1
    assert len(world.files()) == 4


@pytest.mark.parametrize(
    "repomd",
    [
        b"", b"\x00", b'<!DOCTYPE r [<!ENTITY a "b">]><repomd/>', b"<repomd/>",
        b'<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary"><location href="../../etc/passwd"/>'
        b'<checksum type="sha256">' + b"0" * 64 + b"</checksum></data></repomd>",
        b'<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary"><location href="p.xml"/>'
        b'<checksum type="md5">' + b"0" * 32 + b"</checksum></data></repomd>",
        b'<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary"><location href="p.xml"/>'
        b'<checksum type="sha256">../x</checksum></data></repomd>',
    ],
)
def test_a_hostile_repomd_is_flagged_and_nothing_is_downloaded_for_it(world, repomd):
    world.served[f"{RESULTS}/{APP}/fedora-44-x86_64"] = repomd
    world.enable()
    assert world.words.count(" are not known: ") == 1
    assert len(world.downloads) == 3


def test_for_a_package_only_what_it_needs_is_enabled_and_the_file_says_so(world):
    world.enable(wanted=["app"])
    assert list(world.files()) == ["_copr:h:alice:libs.repo", "_copr:h:bob:app.repo"]
    app = world.files()["_copr:h:bob:app.repo"]
    assert "# copr-for: app\n" in app and "# copr-needs: copr:h:alice:libs\n" in app
    assert "h/bob/app  (1 package)\n`-- h/alice/libs  (2 packages)\n\n" in world.shown
    assert "\n2 repositories, 3 packages; " in world.shown
    assert world.shown.endswith(
        "\n\nh/alice/libs: needed for libfoo-2-1, which app requires\n"
        "Not needed for app: h/alice/base, http://x.example/repo/"
    )


def test_what_is_needed_behind_a_repository_that_is_not_becomes_the_projects_own_need(world):
    world.publishes(APP, "app-1-1.x86_64; requires base")
    world.enable(wanted=["app"])
    assert list(world.files()) == ["_copr:h:alice:base.repo", "_copr:h:bob:app.repo"]
    assert "# copr-needs: copr:h:alice:base\n" in world.files()["_copr:h:bob:app.repo"]


def test_packages_that_cannot_be_installed_are_told_with_the_reason_and_nothing_is_written(world):
    world.publishes(APP, "app-1-1.x86_64; requires nowhere")
    for wanted, reason in [("app", "nowhere"), ("nosuch", "nosuch")]:
        with pytest.raises(frontend.CommandError, match=f"{wanted} cannot be installed with these repositories:\n.*{reason}"):
            world.enable(wanted=[wanted])
    assert world.files() == {}


def test_what_is_installed_counts_for_what_is_needed(world):
    world.publishes(APP, "app-1-1.x86_64; requires zlib")
    world.installed("zlib-1-1.x86_64")
    world.enable(wanted=["app"])
    assert list(world.files()) == ["_copr:h:bob:app.repo"]


def test_without_dependencies_the_project_alone_is_asked_for_and_enabled(world):
    world.enable(deps=False)
    assert list(world.files()) == ["_copr:h:bob:app.repo"]
    text = world.files()["_copr:h:bob:app.repo"]
    assert "# copr-deps: none\n" in text and "copr-needs" not in text
    assert [url for url in world.asked if "rpmrepo" in url] == ["http://h:8080/api_3/rpmrepo/bob/app/fedora-44"]


def test_lines_fit_the_terminal(world):
    names = [f"package{number}-with-a-long-name" for number in range(20)]
    world.installed(*[f"{name}-4-1.x86_64" for name in names])
    world.publishes(LIBS, *[f"{name}-5-1.x86_64" for name in names])
    system = world.system()
    plan = enabling.planned(system, project_of(APP))
    found = metadata.read(system, plan)
    lines = screen.chain(plan, found, 60)
    replaced = lines.index("Compared with this system:")
    assert all(len(line) <= 60 for line in lines[replaced:])
    assert "replaces 20 packages of the installed system" in " ".join(" ".join(lines).split())


def test_names_of_a_hub_do_no_harm_on_a_terminal(world):
    world.publishes(APP, "app-1-1.x86_64; requires \x1b[2J")
    with pytest.raises(frontend.CommandError) as error:
        world.enable(wanted=["app"])
    assert "\x1b" not in str(error.value)


def test_what_was_not_used_for_long_leaves_the_cache(world):
    world.enable()
    cache = world.folder / "cache"
    kept = set(os.listdir(cache))
    for name in ("old", "new"):
        (cache / name).mkdir()
        (cache / name / "file").write_text("x")
    os.utime(cache / "old", (1, 1))
    world.enable()
    assert set(os.listdir(cache)) == kept | {"new"}


def test_a_cache_that_cannot_be_written_is_done_without(world):
    (world.folder / "file").write_text("")
    enabling.enable(world.system(cache=str(world.folder / "file" / "cache")), project_of(APP))
    assert "4 repositories, 5 packages; " in world.shown


def test_what_was_damaged_in_the_cache_is_fetched_anew_the_next_time(world):
    world.enable()
    cache = world.folder / "cache"
    shutil.rmtree(cache / "pools")
    (primary,) = [path for path in cache.glob("*/repodata/primary.xml") if b"libfoo</name>" in path.read_bytes()]
    primary.write_bytes(b"<metadata>")
    world.enable()
    assert "The packages of h/alice/libs are not known: " in world.words
    world.downloads.clear()
    world.enable()
    assert " are not known: " not in world.words
    assert [url for url in world.downloads if "alice/libs" in url] == world.downloads != []


def test_a_place_in_the_cache_that_cannot_be_written_is_told_and_all_is_enabled(world):
    index = (world.served[f"{RESULTS}/{LIBS}/fedora-44-x86_64"] / "repodata" / "repomd.xml").read_text()
    checksum = index.partition('<checksum type="sha256">')[2].partition("<")[0]
    (world.folder / "cache").mkdir()
    (world.folder / "cache" / f"sha256-{checksum}").write_text("a file in the way")
    world.enable()
    assert "The packages of h/alice/libs are not known: " in world.words
    assert len(world.files()) == 4
