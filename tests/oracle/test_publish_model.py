"""`copr-repo add`, `remove` and `publish` against a model: random sequences, processes killed at any write, others who
rewrite the repository, a disk that is full. createrepo_c judges what is there afterwards.

Environment: COPR_MODEL_SEQUENCES, how many sequences (default 30); COPR_MODEL_SEED, the number of the first (1).
"""

import fcntl
import hashlib
import itertools
import os
import random
import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import createrepo_c as cr
import pytest
from programs import NAMESPACES, Repository, rpms, run

SEQUENCES = int(os.environ.get("COPR_MODEL_SEQUENCES", "30"))
FIRST = int(os.environ.get("COPR_MODEL_SEED", "1"))

# Calls by which a program changes files. A process dies, or the disk is full, at one of them.
CHANGING = "write,pwrite64,writev,copy_file_range,sendfile,ftruncate,fsync,fdatasync"
CHANGING += ",rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,utimensat,flock"
FILLING = "write,pwrite64,writev,copy_file_range,sendfile,ftruncate,fsync,fdatasync"
FILLING += ",rename,renameat,renameat2,link,linkat,mkdir,mkdirat"

SPEC = """
Name: model
Version: 1
Release: 1
Summary: Model %{variant}
License: MIT
BuildArch: noarch
%description
The package %{variant}.
%files
"""
PART = """
%package -n NAME
Summary: NAME as it is in %{variant}
Requires: model-NEXT
Provides: model-NAME = %{variant}
%description -n NAME
TEXT
%files -n NAME
/usr/share/NAME
"""


@pytest.fixture(scope="session")
def pool(tmp_path_factory):
    """Packages, three contents of each: file name -> paths."""
    work = tmp_path_factory.mktemp("pool")
    names = [f"{letter}{'-' * (n % 2)}{n}" for n, letter in enumerate("abcdefghijklmn")]
    parts = [
        PART.replace("NAME", name).replace("NEXT", names[n - 1]).replace("TEXT", f"{name} {n}\n" * (1 + n * n % 90))
        for n, name in enumerate(names)
    ]
    install = "%install\nmkdir -p %{buildroot}/usr/share\n" + "".join(
        f"for i in $(seq {n * n % 70}); do mkdir -p %{{buildroot}}/usr/share/{name}/$i-%{{variant}}; done\n"
        f"mkdir -p %{{buildroot}}/usr/share/{name}\n"
        for n, name in enumerate(names)
    )
    (work / "model.spec").write_text(SPEC + "".join(parts) + install)
    found = {}
    for variant in range(3):
        out = work / str(variant)
        defines = {"_topdir": work, "_rpmdir": out, "variant": variant, "_build_name_fmt": "%%{NAME}.rpm"}
        words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
        run("rpmbuild", "-bb", "--quiet", *words, work / "model.spec")
        for path in rpms(out):
            os.utime(path, (1_600_000_000 + variant,) * 2)
            found.setdefault(path.name, []).append(path)
    assert len(found) >= len(names) and all(len(paths) == 3 for paths in found.values())
    return found


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class World:
    """A repository, and what should be in it."""

    def __init__(self, seed, pool, copr_repo, theirs, place):
        self.random, self.pool, self.place = random.Random(seed), pool, place
        self.copr_repo, self.theirs = copr_repo, theirs
        self.repo = place / "repo"
        self.format = self.random.choice(["gz", "zstd"])
        self.segment = self.random.choice([1, 700, 3000, 20_000])
        # href -> checksum of what the metadata are to have.
        self.known = {}
        # Every repomd.xml whose files have to be there still.
        self.earlier = []
        self.times = 1_650_000_000
        self.log = [f"{self.format}, segments of {self.segment} bytes"]
        self.snapshot = None
        self.crashes = 0

    # --- what there is

    def disk(self):
        return {str(p.relative_to(self.repo)): sha256(p) for p in rpms(self.repo)}

    def index(self):
        path = self.repo / "repodata/repomd.xml"
        return path.read_bytes() if path.exists() else None

    def resolve(self, index):
        """Everything that a repomd.xml names is there, whole."""
        kinds = []
        for data in ElementTree.fromstring(index).findall("repo:data", NAMESPACES):
            href = data.find("repo:location", NAMESPACES).get("href")
            path = self.repo / href
            assert path.exists(), f"{href} is not there"
            content = path.read_bytes()
            checksum = data.find("repo:checksum", NAMESPACES)
            assert hashlib.new(checksum.get("type"), content).hexdigest() == checksum.text, href
            assert len(content) == int(data.find("repo:size", NAMESPACES).text), href
            kinds.append(data.get("type"))
        assert len(set(kinds)) == len(kinds)

    def packages(self):
        """What the metadata have, by createrepo_c's parser: primary only."""
        found, warnings = {}, []

        def one(package):
            assert package.location_href not in found, "one location twice"
            found[package.location_href] = package.pkgId

        if self.index() is not None:
            primary = str(Repository(self.repo).path("primary"))
            cr.xml_parse_primary(
                primary, pkgcb=one, do_files=False, warningcb=lambda *warning: warnings.append(warning) or True
            )
        assert warnings == []
        return found

    def check(self, *allowed):
        """The repository is whole, has one of these, and whoever has an earlier repomd.xml finds what it names."""
        index = self.index()
        if index is None:
            assert {} in allowed, "there are no metadata"
            return {}
        self.resolve(index)
        for earlier in self.earlier:
            self.resolve(earlier)
        packages = self.packages()
        assert packages in allowed, f"has {packages}, not {' or '.join(map(str, allowed))}"
        if index not in self.earlier and b"-primary.xml" in index:
            self.earlier.append(index)
        return packages

    def compare(self):
        """The metadata say what createrepo_c says of the same packages, in the same order."""
        out, listed = self.place / "theirs", self.place / "list"
        if not self.known:
            return
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        listed.write_text("".join(f"{href}\n" for href in sorted(self.known)))
        run(self.theirs("createrepo_c"), "-q", "-i", listed, "-o", out, self.repo)
        ours, theirs = Repository(self.repo).read_by_createrepo_c(), Repository(out).read_by_createrepo_c()
        assert list(ours) == list(theirs)
        for href, package in theirs.items():
            assert cr.xml_dump(ours[href]) == cr.xml_dump(package), href

    # --- what happens

    def step(self):
        happens = [self.add, self.add, self.add, self.remove, self.publish, self.foreign, self.copied, self.rolled_back]
        weights = [4, 4, 4, 6, 5, 1.5, 0.7, 0.5]
        self.random.choices(happens, weights)[0]()
        if self.random.random() < 0.1:
            self.compare()

    def ours(self, after, *words):
        """Runs our program, perhaps killing it first, until the repository is as it should be."""
        general = ["--quiet", "--workers", self.random.choice([1, 2]), "--segment-size", self.segment]
        if not self.known or self.random.random() < 0.2:
            general += ["--compress", self.format]
        command = [self.copr_repo, words[0], *general, *words[1:]]
        before = self.known
        while self.random.random() < 0.4:
            moment = int(self.random.expovariate(1 / 15)) + 1
            self.log.append(f"killed at change {moment}: {' '.join(map(str, command[1:]))}")
            done = self.strace(f"{CHANGING}:signal=KILL:when={moment}", command)
            self.crashes += done.returncode == -9
            assert done.returncode in (-9, 0, 2), done
            self.known = self.check(before, after)
        self.log.append(" ".join(map(str, command[1:])))
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        gone_already = words[0] == "remove" and self.known == after
        assert done.returncode == 0 or (done.returncode == 2 and gone_already), done
        self.known = self.check(after)
        left = {path.name for path in self.repo.iterdir() if path.name.startswith(".")}
        # Whoever has nothing to publish clears nothing up.
        assert not left or gone_already, f"{left} is left over"

    def strace(self, inject, command, out="/dev/null"):
        calls = inject.split(":")[0]
        words = ["strace", "-f", "-qq", "-o", out, "-e", f"trace={calls}", "-e", f"inject={inject}", *command]
        return subprocess.run(list(map(str, words)), capture_output=True, text=True)

    def some(self):
        """A few packages: file name -> path."""
        names = self.random.sample(sorted(self.pool), self.random.choice([1, 1, 2, 5]))
        return {name: self.random.choice(self.pool[name]) for name in names}

    def add(self):
        into, packages = self.random.choice(["", "a", "b/c"]), self.some()
        arriving = self.place / "arriving"
        shutil.rmtree(arriving, ignore_errors=True)
        arriving.mkdir()
        for path in packages.values():
            shutil.copy2(path, arriving)
        added = {f"{into}/{name}".lstrip("/"): sha256(path) for name, path in packages.items()}
        more = ["--into", into] if into else []
        more += self.random.choice([[], [], ["--link"]])
        self.ours(self.known | added, "add", "--replace", *more, self.repo, arriving)

    def remove(self):
        if not self.known:
            return
        hrefs = self.random.sample(sorted(self.known), min(len(self.known), self.random.choice([1, 1, 2, 6])))
        patterns = list(hrefs)
        if self.random.random() < 0.2 and any(href.startswith("a/") for href in self.known):
            patterns, hrefs = ["a/*"], [href for href in self.known if href.startswith("a/")]
        delete = self.random.choice([[], ["--delete-files"]])
        after = {href: value for href, value in self.known.items() if href not in hrefs}
        self.ours(after, "remove", *delete, self.repo, *patterns)

    def change_files(self):
        """Somebody else puts packages into the folder and takes others away."""
        self.repo.mkdir(exist_ok=True)
        for path in rpms(self.repo):
            if self.random.random() < 0.15:
                path.unlink()
        for name, path in self.some().items():
            folder = self.repo / self.random.choice(["", "a", "b/c"])
            folder.mkdir(parents=True, exist_ok=True)
            # Not over what is there: it may be a link to a file that came by `add --link`.
            (folder / name).unlink(missing_ok=True)
            shutil.copy(path, folder / name)
            self.times += 1
            os.utime(folder / name, (self.times, self.times))

    def publish(self):
        if self.random.random() < 0.8:
            self.change_files()
        self.repo.mkdir(exist_ok=True)
        self.ours(self.disk(), "publish", self.repo)

    def foreign(self):
        """createrepo_c writes the metadata."""
        self.change_files()
        # A killed writer of ours may have left what createrepo_c takes for a lock; our next one clears it away.
        new = self.random.random() < 0.6
        program = self.theirs("createrepo_c") if new else "/usr/bin/createrepo_c"
        formats = ["gz", "zstd", "xz"] if new else ["gz"]
        options = [f"--general-compress-type={self.random.choice(formats)}"]
        options += self.random.choice([[], ["--update"]])
        options += self.random.choice([[], [], [], ["--simple-md-filenames"]])
        options += ["--no-database"] if self.random.random() < 0.9 else ["--database"]
        self.log.append(f"{program} {' '.join(options)}")
        # createrepo_c removes files of the metadata before; what nobody promises needs not hold.
        self.earlier = []
        run(program, "-q", *options, self.repo)
        self.known = self.check(self.disk())

    def copied(self):
        """The folder is copied, and the copy takes its place."""
        if not self.repo.exists():
            return
        self.log.append("copied")
        copy = self.place / "copy"
        run("rsync", "-a", f"{self.repo}/", copy)
        self.swap_in(copy)

    def rolled_back(self):
        """The folder is what it was some time ago."""
        if self.snapshot is not None:
            self.log.append("rolled back")
            folder, self.known, self.earlier = self.snapshot
            self.swap_in(folder)
            self.snapshot = None
        elif self.repo.exists():
            self.log.append("snapshot")
            folder = self.place / "snapshot"
            shutil.copytree(self.repo, folder)
            self.snapshot = folder, dict(self.known), list(self.earlier)

    def swap_in(self, folder):
        shutil.rmtree(self.repo)
        folder.rename(self.repo)
        self.check(self.known)


def test_any_sequence_ends_in_what_createrepo_c_makes_of_the_same_packages(pool, copr_repo, theirs, tmp_path):
    crashes = 0
    for seed in range(FIRST, FIRST + SEQUENCES):
        place = tmp_path / str(seed)
        place.mkdir()
        world = World(seed, pool, copr_repo, theirs, place)
        try:
            for _ in range(world.random.randint(2, 8)):
                world.step()
            world.compare()
        except AssertionError as error:
            pytest.fail(f"sequence {seed}, in {place}:\n  " + "\n  ".join(world.log) + f"\n{error}", pytrace=True)
        crashes += world.crashes
        shutil.rmtree(place)
    assert crashes >= SEQUENCES / 4, f"only {crashes} processes were killed in {SEQUENCES} sequences"


@pytest.mark.parametrize("compression", ["gz", "zstd"])
def test_a_disk_that_is_full_at_any_write_costs_nothing(compression, pool, copr_repo, theirs, tmp_path):
    world = World(1, pool, copr_repo, theirs, tmp_path)
    names = sorted(pool)
    general = ["--quiet", "--workers", 1, "--segment-size", 3000, "--compress", compression]
    run(copr_repo, "add", *general, world.repo, *(pool[name][0] for name in names[:10]))
    before = {name: sha256(pool[name][0]) for name in names[:10]}
    after = before | {names[10]: sha256(pool[names[10]][0]), names[3]: sha256(pool[names[3]][1])}
    command = [copr_repo, "add", *general, "--replace", world.repo, pool[names[10]][0], pool[names[3]][1]]
    world.check(before)
    kept = tmp_path / "kept"
    shutil.copytree(world.repo, kept)
    failures = 0
    for call in FILLING.split(","):
        for moment in itertools.count(1):
            shutil.rmtree(world.repo)
            shutil.copytree(kept, world.repo)
            done = world.strace(f"{call}:error=ENOSPC:when={moment}", command, out=tmp_path / "calls")
            injected = [line for line in (tmp_path / "calls").read_text().splitlines() if "(INJECTED)" in line]
            if not injected:
                assert done.returncode == 0, done
                break
            if done.returncode != 0:
                failures += 1
                assert done.returncode in (1, 2) and "panicked" not in done.stderr, done
                untold = any(" write(2, " in line for line in injected)
                lines = [line for line in done.stderr.splitlines() if "No space left on device" in line]
                assert untold or (lines and all("repo" in line for line in lines)), f"no file and cause: {done}"
            # A package that could not be copied is named, and the other one is added all the same.
            partly = [before | {name: after[name]} for name in (names[10], names[3])]
            world.check(*([before, after, *partly] if done.returncode != 0 else [after]))
            again = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            assert again.returncode == 0, again
            world.check(after)
            world.earlier = world.earlier[:1]
    assert failures >= 10, f"only {failures} failures"
    world.known = world.check(after)
    world.compare()


def test_the_files_of_every_revision_stay_for_its_grace_and_then_go(pool, copr_repo, theirs, tmp_path):
    world = World(1, pool, copr_repo, theirs, tmp_path)
    for name in sorted(pool)[:6]:
        run(copr_repo, "add", "-q", world.repo, pool[name][0])
        world.known |= {name: sha256(pool[name][0])}
        world.check(world.known)
    assert len(world.earlier) == 6
    run(copr_repo, "publish", "-q", "--retain", "0", world.repo)
    world.earlier = []
    world.check(world.known)
    assert len([path for path in (world.repo / "repodata").iterdir() if not path.name.startswith(".")]) == 4


def test_many_writers_of_whom_some_are_killed_lose_nothing(pool, copr_repo, theirs, tmp_path):
    """Whoever was told that its package is published finds it; who was killed left nothing that harms the others."""
    world = World(1, pool, copr_repo, theirs, tmp_path)
    chance = random.Random(FIRST)
    names, told = sorted(pool), {}
    for turn in range(max(3, SEQUENCES // 10)):
        writers = {}
        for number in range(16):
            path = pool[names[number % len(names)]][chance.randrange(3)]
            into = f"{turn}-{number}"
            words = [copr_repo, "add", "-q", "--workers", "1", "--segment-size", "2K", "--into", into, world.repo, path]
            process = subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE, text=True)
            writers[f"{into}/{path.name}"] = process, sha256(path)
        for process, _ in chance.sample(list(writers.values()), 6):
            time.sleep(chance.random() * 0.01)
            process.kill()
        for href, (process, checksum) in writers.items():
            said = process.communicate()[1]
            assert process.returncode in (0, -9), said
            if process.returncode == 0:
                told[href] = checksum
        world.resolve(world.index())
        packages = world.packages()
        lost = {href for href, checksum in told.items() if packages.get(href) != checksum}
        assert not lost, f"{lost} were told to be published, and are not"
    run(copr_repo, "publish", "-q", world.repo)
    world.known = world.check(world.disk())
    world.compare()
    left = {path.name for path in world.repo.glob(".*/*")}
    assert not left, f"{left} is left over"


def test_an_answer_to_somebody_else_is_not_taken_for_ones_own(pool, copr_repo, tmp_path):
    """An answer that a killed writer did not take away stands where the next one in the queue would look for its own."""
    repo, path = tmp_path / "repo", pool["a0.rpm"][0]
    run(copr_repo, "publish", "-q", _made(repo))
    queue = _made(repo / ".copr-repo.queue")
    (queue / f"{1:020}.done").write_text("1 1 0 0 1 1")
    with open(repo / "repodata/.copr-repo.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writer = subprocess.Popen([copr_repo, "add", "-q", repo, path])
        for _ in range(1000):
            if list(queue.glob("*.delta")):
                break
            time.sleep(0.01)
        assert list(queue.glob("*.delta")), "it never joined the queue"
    assert writer.wait() == 0
    assert Repository(repo).hrefs() == ["a0.rpm"]


def _made(folder):
    folder.mkdir()
    return folder
