"""The examples in docstrings and in docs/python.md, and the types, are true."""

import doctest
import importlib
import os
import re
import subprocess
import sys

import pytest
from fakehub import PLUGIN, ROOT


@pytest.mark.parametrize(
    "module", ["copr_repo", "copr_repo.hubs", "copr_repo.chroots", "copr_repo.enabled", "copr_repo.records", "copr_repo.repodata"]
)
def test_examples_in_docstrings_hold(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0 and result.failed == 0


def test_examples_of_the_manual_hold():
    """Its blocks, one after the other, in one session."""
    text = (ROOT / "docs" / "python.md").read_text()
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "python.md", "docs/python.md", 0)
    result = doctest.DocTestRunner().run(examples)
    assert result.attempted > 10 and result.failed == 0


@pytest.mark.parametrize("module", ["copr_repo._native", "copr_repo"])
def test_the_types_fit_what_is_there(tmp_path, module):
    pytest.importorskip("mypy")
    environment = {**os.environ, "PYTHONPATH": str(PLUGIN / "plugins"), "MYPY_CACHE_DIR": str(tmp_path)}
    configuration = ["--mypy-config-file", str(ROOT / "python" / "pyproject.toml")]
    command = [sys.executable, "-m", "mypy.stubtest", *configuration, module]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
