"""What the tests share: the built package, a hub that answers from a dict, and a real dnf."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest
from fakehub import PLUGIN, Hub

# Whoever runs the tests in the background may have signals ignored, which every program started here would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

SYSTEM_PYTHON = "/usr/bin/python3"
"""The one that runs dnf."""

if not (PLUGIN / "plugins" / "copr_repo").is_dir():
    raise pytest.UsageError(f"{PLUGIN} has no plugin: run `make plugin` (python/prepare-plugin) first")
sys.path.insert(0, str(PLUGIN / "plugins"))


@pytest.fixture
def hub():
    server = Hub()
    yield server
    server.stop()


class Dnf:
    """Debian's or Fedora's dnf 4 in a scratch installroot, with the plugin of the tree."""

    def __init__(self, path, program):
        self.root = path / "root"
        self.conf = path / "conf"
        shutil.copytree(PLUGIN / "conf", self.conf)
        self.reposdir = self.root / "etc" / "yum.repos.d"
        self.reposdir.mkdir(parents=True)
        self.pluginpath = [PLUGIN / "plugins"]
        # Names of hosts in answers are made up: no test waits for a server that could tell.
        more = {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "RES_OPTIONS": "timeout:1 attempts:1"}
        self.environment = {**os.environ, **more}
        self._program = program

    def command(self, *arguments):
        """The command line of dnf with the plugin."""
        return [
            self._program, f"--installroot={self.root}", "--releasever=44", "--forcearch=x86_64",
            f"--setopt=pluginpath={','.join(map(str, self.pluginpath))}", f"--setopt=pluginconfpath={self.conf}",
            "--setopt=timeout=5", "--setopt=retries=1", *arguments,
        ]

    def __call__(self, *arguments, stdin=""):
        return subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, text=True, timeout=60, env=self.environment
        )

    def files(self):
        return {path.name: path.read_text() for path in sorted(self.reposdir.iterdir())}


@pytest.fixture(scope="session")
def stock():
    """The plugin copr.py that comes with dnf."""
    program = "import dnf, pathlib; print(pathlib.Path(dnf.__file__).parents[1] / 'dnf-plugins' / 'copr.py')"
    file = pathlib.Path(subprocess.run([SYSTEM_PYTHON, "-c", program], capture_output=True, text=True).stdout.strip())
    if not file.is_file():
        pytest.fail("these tests need dnf's own plugins: install the package dnf-plugins-core")
    return file


@pytest.fixture
def dnf(tmp_path):
    program = shutil.which("dnf-3") or shutil.which("dnf")
    if program is None or b"dnf5" in subprocess.run([program, "--version"], capture_output=True).stdout:
        pytest.fail("these tests need dnf 4: install the package dnf")
    if os.geteuid() != 0:
        pytest.fail("these tests need root, as `dnf copr` does")
    return Dnf(tmp_path, program)
