"""Texts in the user's language."""

import gettext
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from copr_repo import messages
from fakehub import PLUGIN, ROOT

PYTHON = ROOT / "python"
LANGUAGES = sorted(path.stem for path in (PYTHON / "locale").glob("*.po"))


def texts(catalogue):
    """What a .pot or .po translates: its texts, plural or not."""
    whole = subprocess.run(["msgen", catalogue, "-o", "-"], check=True, capture_output=True).stdout
    compiled = subprocess.run(["msgfmt", "-o", "/dev/stdout", "-"], input=whole, check=True, capture_output=True).stdout
    return keys(compiled)


def keys(compiled):
    from io import BytesIO

    found = gettext.GNUTranslations(BytesIO(compiled))._catalog
    return {key if isinstance(key, str) else key[0] for key in found} - {""}


@pytest.fixture(scope="module")
def anew(tmp_path_factory):
    """The tree's texts, collected and compiled again."""
    path = tmp_path_factory.mktemp("anew") / "python"
    path.mkdir()
    for name in ("copr_repo", "dnf_plugin", "locale"):
        shutil.copytree(PYTHON / name, path / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(PYTHON / "make-catalogues", path)
    subprocess.run([path / "make-catalogues", path], check=True, capture_output=True)
    return path


def test_all_texts_are_in_the_catalogue_and_no_others(anew):
    name = "locale/dnf-plugin-copr.pot"
    assert texts(PYTHON / name) == texts(anew / name), "run python/make-catalogues"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_complete_and_compiled(anew, language):
    compiled = pathlib.Path("copr_repo", "locale", language, "LC_MESSAGES", "dnf-plugin-copr.mo")
    now = gettext.GNUTranslations(open(PYTHON / compiled, "rb"))._catalog
    assert now == gettext.GNUTranslations(open(anew / compiled, "rb"))._catalog, "run python/make-catalogues"
    missing = texts(PYTHON / "locale" / "dnf-plugin-copr.pot") - keys((PYTHON / compiled).read_bytes())
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_the_text(language):
    compiled = PYTHON / "copr_repo" / "locale" / language / "LC_MESSAGES" / "dnf-plugin-copr.mo"
    for key, translated in gettext.GNUTranslations(open(compiled, "rb"))._catalog.items():
        text = key if isinstance(key, str) else key[0]
        if text:
            fields = re.compile(r"\{[^}]*\}")
            assert set(fields.findall(translated)) == set(fields.findall(text)), text


def test_there_is_a_translation():
    assert "de" in LANGUAGES


@pytest.mark.parametrize(
    ("environment", "languages"),
    [
        ({}, []),
        ({"LANG": "de_DE.UTF-8"}, ["de_DE.UTF-8"]),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8"}, []),
        ({"LANG": "C", "LANGUAGE": "fr:de"}, ["fr", "de"]),
        # Who understands English best wants no second choice, though there is no catalogue of it.
        ({"LANGUAGE": "en_GB:de"}, []),
        ({"LC_ALL": "", "LC_MESSAGES": "cs", "LANG": "de"}, ["cs"]),
        ({"LANG": "eng"}, ["eng"]),
    ],
)
def test_the_environment_names_the_languages_as_for_dnf(monkeypatch, environment, languages):
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert messages.languages() == languages


def test_a_user_with_another_language_reads_it_and_answers_in_it(tmp_path, hub):
    hub.has("bob/app")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "PYTHONPATH": str(PLUGIN / "plugins"), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "de_DE.UTF-8", "PYTHONUTF8": "1",
    }
    environment.pop("LANGUAGE", None)
    command = [
        sys.executable, "-m", "copr_repo.enable", f"--installroot={tmp_path}", "--arch=x86_64", "--hub", hub.url, "bob/app",
        "fedora-44-x86_64",
    ]

    def run(answer):
        return subprocess.run(command, input=answer, capture_output=True, text=True, timeout=60, env=environment)

    no = run("nein\n")
    assert (no.returncode, no.stderr.splitlines()[-1]) == (1, "Fehler: Eine sichere und gute Antwort. Es wird beendet.")
    assert "Soll 127.0.0.1/bob/app wirklich aktiviert werden?" in no.stdout
    yes = run("ja\n")
    assert yes.returncode == 0 and yes.stdout.endswith("Das Repository wurde aktiviert.\n")
