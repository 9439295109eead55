"""A real server with people, projects and builds, for a browser to look at.

COPRD_BIN is the program, COPR_MINIDISTRO the distribution that is built for.
"""

import base64
import configparser
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
COPR_CLI = ROOT / "target" / "venv" / "bin" / "copr-cli"
CHROOT = "minidistro-12-x86_64"
"""What builds are made for."""
OFFERED = ["fedora-43-x86_64", "fedora-44-x86_64", "fedora-rawhide-x86_64", "epel-9-x86_64", "epel-10-x86_64"]
"""What may be chosen besides; nobody builds for it, so what is submitted waits."""
PASSWORD = "correct horse battery"
PATIENCE = 600
"""Seconds until a build has ended; the first of a server makes the bases of its machines."""

DESCRIPTION = """\
Libraries that greet, **small** and *friendly*.

* `libgreet`: the library, see [its home](https://example.org/libgreet)
* `libgreet-devel`: what one compiles against
"""

HOSTILE = """\
<script>alert("text")</script> "><img src=x onerror=alert("text")> <b onmouseover=alert(1)>bold</b>
[link](javascript:alert("link")) [data](data:text/html,<script>alert(1)</script>) <javascript:alert(1)>
![picture](https://evil.example/x.png "onerror=alert(1)") [out](//evil.example/ "\"onmouseover=\"alert(1)")
</textarea></title></div></main> {{7*7}} <svg onload=alert(1)> <a href="javascript:alert(1)">a</a>
"""
"""What mallory writes into every field."""


def program():
    return os.environ.get("COPRD_BIN", str(ROOT / "target" / "release" / "coprd"))


def minidistro():
    folder = os.environ.get("COPR_MINIDISTRO", "")
    if not (pathlib.Path(folder) / "repodata" / "repomd.xml").is_file():
        raise RuntimeError("COPR_MINIDISTRO names no repository: run `make minidistro`, whose last line is its folder")
    return folder


def srpm(fixture, folder):
    """The source package of a fixture."""
    made = subprocess.run([FIXTURES / "make-srpm", fixture, folder], check=True, capture_output=True, text=True)
    return pathlib.Path(made.stdout.splitlines()[-1])


def until(what, ready, patience=300):
    """Asks again until there is an answer that is not empty."""
    for _ in range(patience * 5):
        if answer := ready():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{what}: not after {patience} s")


class Hub:
    """`coprd serve` with a builder of its own, on a free port."""

    def __init__(self, folder):
        self.data, self.people = folder / "data", folder / "people"
        self.sources = folder / "sources"
        chroots = self.data / "chroots"
        for made in [self.people, self.sources, chroots]:
            made.mkdir(parents=True)
        for chroot in OFFERED:
            (chroots / f"{chroot}.toml").write_text('comment = "empty"\ndbpath = "/var/lib/rpm"\n')
        (self.data / "coprd.toml").write_text(
            f"[chroots]\nfolder = {json.dumps(str(chroots))}\n"
            f'[builder]\njobs = 2\nchroots = ["{CHROOT}"]\n'
            '[licences]\nunknown = "review"\n'
            "[limits.rate]\nread = 0\nwrite = 0\nupload = 0\nsign_in = 0\n"
        )
        self._log = (folder / "log").open("w+b")
        self._serve = subprocess.Popen(
            [program(), "serve", "--data", self.data, "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            env={**os.environ, "COPR_MINIDISTRO": minidistro()},
        )  # fmt: skip
        self.url = until("coprd serves", self._address)
        self.host = urllib.parse.urlsplit(self.url).hostname

    def _address(self):
        assert self._serve.poll() is None, f"coprd has ended:\n{self.said()}"
        try:
            url = (self.data / "address").read_text().strip()
            with urllib.request.urlopen(f"{url}/healthz"):
                return url
        except (OSError, ValueError):
            return None

    def said(self):
        """The end of the server's log."""
        self._log.flush()
        return pathlib.Path(self._log.name).read_text(errors="replace")[-5000:]

    def stop(self):
        self._serve.send_signal(signal.SIGTERM)
        try:
            assert self._serve.wait(300) == 0, self.said()
        finally:
            self._serve.kill()
            self._log.close()

    def admin(self, *arguments, stdin=None):
        """`coprd admin`: what it prints."""
        command = [program(), "admin", "--data", self.data, *arguments]
        return subprocess.run(command, check=True, input=stdin, stdout=subprocess.PIPE, text=True).stdout

    def add(self, *names):
        """Users with a token and a password."""
        for name in names:
            (self.people / name).write_text(self.admin("user", "add", name))
            self.admin("user", "password", name, stdin=f"{PASSWORD}\n")

    def administrator(self):
        """The user `admin`, who is there from the beginning."""
        (self.people / "admin").write_text(self.admin("user", "token", "admin"))
        self.admin("user", "password", "admin", stdin=f"{PASSWORD}\n")

    def call(self, user, path, body=None, method=None):
        """The API as one user, or as nobody: POST when there is a body, GET when not, unless `method` says otherwise."""
        headers = {"Content-Type": "application/json"}
        if user:
            config = configparser.ConfigParser()
            config.read(self.people / user)
            basic = f"{config['copr-cli']['login']}:{config['copr-cli']['token']}"
            headers["Authorization"] = f"Basic {base64.b64encode(basic.encode()).decode()}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api_3/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error}: {error.read().decode()}\n{self.said()}") from error

    def cli(self, user, *arguments):
        """The unmodified copr-cli of PyPI."""
        done = subprocess.run(
            [COPR_CLI, "--config", self.people / user, *map(str, arguments)], capture_output=True, text=True
        )
        assert done.returncode == 0, f"{arguments}: {done}"
        return done.stdout

    def submit(self, user, project, fixture, *more):
        """The number of a new build."""
        said = self.cli(user, "build", "--nowait", *more, project, srpm(fixture, self.sources))
        return int(said.split("Created builds: ")[1].split()[0])

    def state(self, build):
        return self.call(None, f"build/{build}")["state"]

    def ended(self, build):
        """Waits for a build's end: its state."""
        ends = ("succeeded", "failed", "canceled")
        return until(f"build {build} ends", lambda: (state := self.state(build)) in ends and state, PATIENCE)


    def results(self, build):
        """The folder of a build's logs and packages."""
        (folder,) = self.data.glob(f"store/results/*/*/{CHROOT}/{build:08}-*")
        return folder


class Furnished(Hub):
    """One with something on every page. Builds go on when this has been made; `built` waits for them."""

    def __init__(self, folder):
        super().__init__(folder)
        self.add("alice", "bob", "carol", "dora", "mallory")
        self.administrator()
        instructions = "Then install `libgreet`."
        self.call("alice", "project/add/alice", {
            "name": "libs", "chroots": [CHROOT, "fedora-44-x86_64"], "description": DESCRIPTION, "instructions": instructions,
            "homepage": "https://example.org/libs", "contact": "alice@example.org",
        })  # fmt: skip
        self.call("bob", "project/add/bob", {
            "name": "app", "chroots": [CHROOT], "description": "An application that greets",
            "additional_repos": ["copr://alice/libs"], "runtime_dependencies": ["copr://alice/libs"],
        })  # fmt: skip
        self.call("alice", "project/add/alice", {"name": "empty", "chroots": OFFERED})
        self.admin("group", "add", "tools", "--admin", "dora")
        self.call("dora", "project/add/@tools", {
            "name": "nightly", "chroots": ["fedora-rawhide-x86_64", "fedora-44-x86_64"],
            "description": "What the group builds each night, for whoever wants to try it first.",
        })  # fmt: skip
        self.call("mallory", "project/add/mallory", {
            "name": "markup", "chroots": [CHROOT], "description": HOSTILE, "instructions": HOSTILE,
            "homepage": 'https://evil.example/"><img src=x onerror=alert(1)>', "contact": '"><img/src=x/onerror=alert(1)>@evil.example',
        })  # fmt: skip
        self.call("alice", "pins/alice", {"projects": ["bob/app", "alice/libs"]})
        self.call("dora", "pins/@tools", {"projects": ["@tools/nightly", "alice/libs"]})
        # Nobody builds for this chroot here: these wait for ever.
        self.waiting = self.submit("alice", "libs", "small", "--chroot", "fedora-44-x86_64")
        self.submit("alice", "libs:custom:try", "small", "--chroot", "fedora-44-x86_64")
        self.library = self.submit("alice", "libs", "greet-library", "--chroot", CHROOT)
        self.failing = self.submit("alice", "libs", "broken-build", "--chroot", CHROOT)
        self.markup = self.submit("mallory", "markup", "markup")
        # Its licence is markup, too.
        self.call("admin", f"licence/approve/{self.markup}", {"everywhere": True, "reason": HOSTILE[:200]})
        self.strange = self.submit("alice", "empty", "strange-licence")
        self.call("bob", "report/add", {"ownername": "mallory", "projectname": "markup", "reason": HOSTILE})
        # After the library, without which it cannot be built.
        self.app = None
        # What needs published builds.
        self.promotion = None

    def built(self):
        """Waits until the builds have ended and the application's is published."""
        if self.app is None:
            assert self.ended(self.library) == "succeeded", self.said()
            self.app = self.submit("bob", "app", "greet-app")
        assert self.ended(self.failing) == "failed"
        assert self.ended(self.markup) == "succeeded", self.said()
        assert self.ended(self.app) == "succeeded", self.said()
        if self.promotion is None:
            self.call("alice", "project/add/alice", {"name": "tried", "chroots": [CHROOT]})
            self.call("alice", "project/gates/alice/tried", {"votes": 3, "impact": True}, "PUT")
            wish = {"source": "bob/app", "what": ["app"]}
            self.promotion = self.call("alice", "promotion/new/alice/tried", wish)["id"]
            path = f"promotion/{self.promotion}"
            until("what it would break is known", lambda: self.call(None, path)["impact"])
            self.call("carol", f"promotion/vote/{self.promotion}", {"vote": 1, "comment": "It greets me."})
