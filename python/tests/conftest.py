"""What the tests share: the built package, a hub that answers from a dict, and a real dnf."""

import os
import shutil
import subprocess
import sys

import pytest
from fakehub import PLUGIN, Hub

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
        self._program = program

    def __call__(self, *arguments, stdin=""):
        command = [
            self._program, f"--installroot={self.root}", "--releasever=44", "--forcearch=x86_64",
            f"--setopt=pluginpath={PLUGIN}/plugins", f"--setopt=pluginconfpath={self.conf}",
            "--setopt=timeout=5", "--setopt=retries=1", *arguments,
        ]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, env=environment)

    def files(self):
        return {path.name: path.read_text() for path in sorted(self.reposdir.iterdir())}


@pytest.fixture
def dnf(tmp_path):
    program = shutil.which("dnf-3") or shutil.which("dnf")
    if program is None or b"dnf5" in subprocess.run([program, "--version"], capture_output=True).stdout:
        pytest.fail("these tests need dnf 4: install the package dnf")
    if os.geteuid() != 0:
        pytest.fail("these tests need root, as `dnf copr` does")
    return Dnf(tmp_path, program)
