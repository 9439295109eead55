"""The wheel installs where Python is, keeps to the stable ABI, and works there."""

import pathlib
import subprocess
import sys
import zipfile

import pytest
from fakehub import PLUGIN

WHEELS = sorted(PLUGIN.parent.glob("wheel/*.whl"))
SYSTEM = "/usr/bin/python3"
TESTS = pathlib.Path(__file__).parent
PROGRAM = """
import copr_repo, doctest, importlib, sys
for name in ("copr_repo", "copr_repo.records", "copr_repo.repodata", "copr_repo.hubs", "copr_repo.enabled"):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted and not result.failed, name
print(copr_repo.__file__)
"""


@pytest.fixture(scope="module")
def wheel():
    if len(WHEELS) != 1:
        pytest.fail(f"{PLUGIN.parent}/wheel should have one wheel: run `make plugin` (python/prepare-plugin) with maturin")
    return WHEELS[0]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["alone", "--system-site-packages"])
def python(request, tmp_path_factory, wheel):
    """The Python of a new virtual environment that has the wheel; the system's, with and without its packages."""
    folder = tmp_path_factory.mktemp("venv") / "venv"
    more = [] if request.param == "alone" else [request.param]
    run(SYSTEM, "-m", "venv", *more, str(folder))
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps", str(wheel))
    return python


def test_it_is_for_every_python_since_3_9(wheel):
    assert "-cp39-abi3-" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith((".so", ".pyd"))] == ["copr_repo/_native.abi3.so"]
    assert {"copr_repo/py.typed", "copr_repo/_native.pyi", "copr_repo/repodata.pyi", "copr_repo/records.py"} <= set(names)


def test_it_uses_nothing_but_the_stable_abi(wheel):
    pytest.importorskip("abi3audit")
    run(sys.executable, "-m", "abi3audit", "--strict", str(wheel))


def test_it_works_in_a_new_environment(python):
    where = run(python, "-I", "-c", PROGRAM).strip()
    assert where.startswith(str(python.parent.parent))


def test_its_tests_pass_in_a_new_environment(python):
    """pytest is the one that runs this: nothing is installed from the network."""
    program = (
        f"import sys; sys.path += [{str(pathlib.Path(pytest.__file__).parents[1])!r}]\n"
        "import copr_repo, pytest; assert copr_repo.__file__.startswith(sys.prefix)\n"
        f"sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '--noconftest', {str(TESTS / 'test_native.py')!r}, "
        f"{str(TESTS / 'test_records.py')!r}, {str(TESTS / 'test_publishing.py')!r}]))"
    )
    assert " passed" in run(python, "-c", program)


def test_it_works_with_the_systems_python_from_a_folder(python, tmp_path, wheel):
    """For those who may not install anything: ``pip install --target``."""
    target = tmp_path / "folder"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps"]
    run(*pip, "--target", str(target), str(wheel))
    program = f"import sys; sys.path.insert(0, {str(target)!r})\n{PROGRAM}"
    assert run(SYSTEM, "-s", "-c", program).strip() == str(target / "copr_repo" / "__init__.py")
