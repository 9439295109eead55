"""The examples in docstrings, and the type stubs, are true."""

import doctest
import importlib
import os
import subprocess
import sys

import pytest
from fakehub import PLUGIN


@pytest.mark.parametrize("module", ["copr_repo", "copr_repo.hubs", "copr_repo.chroots", "copr_repo.enabled"])
def test_examples_in_docstrings_hold(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0 and result.failed == 0


def test_the_type_stubs_fit_the_compiled_module(tmp_path):
    pytest.importorskip("mypy")
    environment = {**os.environ, "PYTHONPATH": str(PLUGIN / "plugins"), "MYPY_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "mypy.stubtest", "copr_repo._native"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
