"""Clients and repositories that `copr-repo add` and `remove` have changed many times: files of many segments, and
readers that never find anything missing or half written, whenever they come.

Environment: COPR_READER_PUBLISHES, how many publishes readers see (default 40).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from contextlib import contextmanager

import pytest
from conftest import TREE
from programs import NAMESPACES, Repository, rpms, run
from test_clients import dnf, names_by_dnf, names_in  # noqa: F401: a fixture

PUBLISHES = int(os.environ.get("COPR_READER_PUBLISHES", "40"))


@pytest.fixture(scope="session")
def small(minidistro):
    """Packages to publish one after the other."""
    found = [p for p in sorted(rpms(minidistro), key=lambda p: p.name) if p.stat().st_size < 400_000]
    assert len(found) >= 30, "the minidistro has hardly any small packages"
    return found


@pytest.fixture(scope="session", params=["gz", "zstd"])
def changed(request, copr_repo, small, tmp_path_factory):
    """A repository that came about by many small changes, in many segments."""
    repo = tmp_path_factory.mktemp("changed")
    general = ["-q", "--segment-size", "2K", "--retain", "0"]
    for number in range(0, len(small), 7):
        first = ["--compress", request.param] if number == 0 else []
        run(copr_repo, "add", *general, *first, "--link", repo, *small[number : number + 7])
    for path in small[3::9]:
        run(copr_repo, "remove", *general, "--delete-files", repo, path.name)
    for path in small[3::27]:
        run(copr_repo, "add", *general, "--link", repo, path)
    magic = {"gz": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd"}[request.param]
    content = Repository(repo).path("primary").read_bytes()
    assert content.count(magic) > 10, "this is to be a file of many segments"
    assert sorted(Repository(repo).hrefs()) == sorted(path.name for path in rpms(repo))
    return repo


def test_dnf_reads_files_of_many_segments(dnf, changed):  # noqa: F811
    assert names_by_dnf(dnf, changed) == names_in(changed)
    with_files = [p for p in Repository(changed).read_by_createrepo_c().values() if p.files][:5]
    for package in with_files:
        listed = dnf(changed, "repoquery", "-l", f"{package.name}.{package.arch}").splitlines()
        assert sorted(listed) == sorted(f"{directory}{name}" for _, directory, name, *_ in package.files)


@pytest.fixture(scope="session")
def zypper(tmp_path_factory):
    """Runs the zypper that tests/deps unpacked, with one repository: zypper(folder, word, ...) -> what it prints."""
    unpacked = TREE / "target/zypper-root"
    if not (unpacked / "usr/bin/zypper").exists():
        pytest.fail("zypper is missing: run tests/deps zypper", pytrace=False)
    tools = tmp_path_factory.mktemp("tools")
    # Where /usr/bin/repo2solv is not there, libzypp asks for it by this name.
    (tools / "repo2solv.sh").write_text(f'#!/bin/sh\nexec {unpacked}/usr/bin/repo2solv "$@"\n')
    (tools / "repo2solv.sh").chmod(0o755)
    libraries = ":".join(str(path) for path in (unpacked / "usr/lib").glob("*-linux-gnu"))
    environment = os.environ | {
        "LD_LIBRARY_PATH": libraries,
        "PATH": f"{tools}:{unpacked}/usr/bin:{os.environ['PATH']}",
        "AUGEAS_LENS_LIB": f"{unpacked}/usr/share/augeas/lenses",
        "LC_ALL": "C.UTF-8",
        "HOME": str(tools),
    }

    def call(repository, *words):
        root = tmp_path_factory.mktemp("zypper")
        (root / "etc/zypp/repos.d").mkdir(parents=True)
        settings = {"enabled": 1, "autorefresh": 0, "baseurl": f"dir:{repository}", "type": "rpm-md", "gpgcheck": 0}
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        (root / "etc/zypp/repos.d/r.repo").write_text(f"[r]\nname=r\n{lines}")
        program = [unpacked / "usr/bin/zypper", "--root", root, "--non-interactive", "--no-gpg-checks"]
        for command in (["refresh", "--force"], ["--xmlout", "--no-refresh", *words]):
            words_of_all = [str(word) for word in [*program, *command]]
            done = subprocess.run(words_of_all, capture_output=True, text=True, env=environment)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    return call


def test_zypper_reads_files_of_many_segments(zypper, changed):
    shown = ElementTree.fromstring(zypper(changed, "search", "-s", "-t", "package"))
    found = {(s.get("name"), s.get("edition"), s.get("arch")) for s in shown.iter("solvable")}
    packages = {(name, evr.removeprefix("0:"), arch) for name, evr, arch, *_ in Repository(changed).packages()}
    assert found == packages


# --- readers that come at any time


@contextmanager
def nginx(folder, work):
    """A web server of the folder: its URL."""
    (work / "temp").mkdir(parents=True)
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = any_port.getsockname()[1]
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temps = "".join(f"{kind}_temp_path {work}/temp/{kind};" for kind in kinds)
    user = "user root;" if os.getuid() == 0 else ""
    (work / "nginx.conf").write_text(
        f"{user} daemon off; pid {work}/pid; error_log {work}/error.log; worker_processes 2; events {{}}\n"
        f"http {{ access_log off; {temps}\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "nginx is missing: run tests/deps test"
    server = subprocess.Popen([program, "-p", work, "-e", work / "error.log", "-c", work / "nginx.conf"])
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(500):
            try:
                urllib.request.urlopen(f"{url}/repodata/repomd.xml").close()
                break
            except urllib.error.URLError:
                time.sleep(0.02)
        else:
            pytest.fail((work / "error.log").read_text())
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


READER = r"""
# Fetches repomd.xml and all that it names until standard input ends; prints what is wrong, then how often it read.
import hashlib, http.client, re, select, sys
host, rounds, seen = sys.argv[1], 0, set()
connection = http.client.HTTPConnection(host)
def get(path):
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        print(f"{path}: {answer.status}, in the repomd.xml of revision {revision}", flush=True)
    return body
revision = None
data = re.compile(rb'<checksum type="sha256">(\w+)</checksum>.*?<location href="([^"]+)"/>.*?<size>(\d+)</size>', re.S)
while not select.select([sys.stdin], [], [], 0)[0]:
    index = get("/repodata/repomd.xml")
    revision = re.search(rb"<revision>(\d+)<", index)[1].decode()
    files = data.findall(index)
    if len(files) < 3:
        print(f"{len(files)} files in {index!r}", flush=True)
    for checksum, href, size in files:
        body = get("/" + href.decode())
        if len(body) != int(size) or hashlib.sha256(body).hexdigest() != checksum.decode():
            print(f"{href.decode()} is not what the repomd.xml of revision {revision} says", flush=True)
    rounds += 1
    seen.add(revision)
print(rounds, len(seen))
"""


@pytest.mark.parametrize("compression", ["gz", "zstd"])
def test_readers_never_find_anything_missing_while_packages_come_and_go(compression, copr_repo, small, tmp_path):
    repo = tmp_path / "repo"
    general = ["-q", "--segment-size", "4K"]
    run(copr_repo, "add", *general, "--compress", compression, "--link", repo, *small[:20])
    configuration = tmp_path / "dnf.conf"
    configuration.write_text("[main]\n")
    stop, failures, dnf_rounds = threading.Event(), [], [0]

    def makecache(url):
        """dnf, in a loop of its own."""
        folder = tmp_path / "dnf"
        (folder / "log").mkdir(parents=True)
        settings = dict(cachedir=folder / "cache", logdir=folder / "log", persistdir=folder / "persist")
        settings |= dict(reposdir="/nonexistent", pluginpath="/nonexistent", module_platform_id="platform:el12")
        settings |= {"r.gpgcheck": 0, "r.skip_if_unavailable": 0, "r.metadata_expire": 0, "retries": 1}
        words = ["dnf", "-q", f"--config={configuration}", *(f"--setopt={n}={v}" for n, v in settings.items())]
        words += ["--noplugins", f"--installroot={folder}/root", "--releasever=12", "--disablerepo=*"]
        words += [f"--repofrompath=r,{url}", "--enablerepo=r", "makecache", "--refresh"]
        while not stop.is_set():
            done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
            if done.returncode != 0:
                failures.append(done.stderr)
            dnf_rounds[0] += 1

    with nginx(repo, tmp_path / "nginx") as url:
        host = url.removeprefix("http://")
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        client = threading.Thread(target=makecache, args=[url])
        client.start()
        try:
            for number in range(PUBLISHES):
                path = small[number % len(small)]
                if path.name in {p.name for p in rpms(repo)}:
                    run(copr_repo, "remove", *general, "--delete-files", repo, path.name)
                else:
                    run(copr_repo, "add", *general, "--link", repo, path)
        finally:
            stop.set()
            client.join()
            said = reader.communicate("\n")[0].splitlines()
    assert failures == []
    assert said[:-1] == [], f"{len(said) - 1} of {said[-1]}"
    rounds, revisions = map(int, said[-1].split())
    print(f"{PUBLISHES} publishes, seen {revisions} times by {rounds} rounds of a reader and {dnf_rounds[0]} of dnf")
    assert revisions > PUBLISHES / 4 and dnf_rounds[0] >= 1
