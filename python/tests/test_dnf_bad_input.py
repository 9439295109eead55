"""Real dnf with hubs that are hostile or down, and with systems that cannot be written: a message, nothing half-written."""

import subprocess
import threading

import pytest
from fakehub import project
from terminals import interrupted

HOST = "127.0.0.1"
CHROOT = "fedora-44-x86_64"


@pytest.fixture
def app(hub):
    """bob/app, which needs alice/libs, which needs carol/base."""
    hub.has("bob/app", ["alice/libs"])
    hub.has("alice/libs", ["carol/base"])
    hub.has("carol/base")
    return f"{hub.url}/bob/app"


def enable(dnf, app, *more):
    return dnf("-y", "copr", "enable", app, CHROOT, *more)


def assert_refused(dnf, done, *words):
    """There is one message with these words, and nothing was written."""
    assert done.returncode == 1, done
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert [path.name for path in dnf.reposdir.iterdir()] == []


def hangs_up(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


def never_ends(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n{")
    while True:
        request.wfile.write(b" " * (1 << 16))


def drips(stop):
    """A byte a second, as long as the test lasts."""
    def answer(request):
        request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not stop.wait(1):
            request.wfile.write(b" ")
    return answer


@pytest.mark.parametrize("who", ["bob/app", "carol/base"])
@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>down for maintenance</html>", 500, 503, b"[" * 200_000, b"[]", b"null", b'{"results_url": 1}', hangs_up],
    ids=["empty", "html", "500", "503", "deep", "list", "null", "half", "hangs up"],
)
def test_an_answer_that_makes_no_sense_is_told_with_the_project(dnf, hub, app, who, answer):
    hub.answers[who] = answer
    assert_refused(dnf, enable(dnf, app), "It wasn't possible to enable this project.", who)


@pytest.mark.parametrize("who", ["bob/app", "carol/base"])
def test_ten_mebibytes_of_json_are_too_much(dnf, hub, app, who):
    hub.answers[who] = {**hub.answers[who], "padding": "x" * (10 << 20)}
    assert_refused(dnf, enable(dnf, app), who, "larger than")


def test_an_answer_that_never_ends_is_cut_off(dnf, hub, app):
    hub.answers["carol/base"] = never_ends
    assert_refused(dnf, enable(dnf, app), "carol/base", "larger than")


def test_an_answer_that_comes_a_byte_a_second_is_given_up(dnf, hub, app):
    stop = threading.Event()
    hub.answers["carol/base"] = drips(stop)
    try:
        assert_refused(dnf, enable(dnf, app), "carol/base")
    finally:
        stop.set()


BAD_NAMES = ["a]", "a\n[evil]", "../../etc/passwd", "..", "a/b", "", "a b", "a\0b", "\x1b[2J", "x" * 300, "-a", 7, None, ["a"]]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_a_dependency_with_a_bad_name_reaches_no_file(dnf, hub, app, name):
    data = hub.answers["bob/app"]
    data["dependencies"] = [
        {"type": "copr", "opts": {}, "data": {"owner": "alice", "projectname": name}},
        {"type": "copr", "opts": {}, "data": {"owner": name, "projectname": "libs"}},
    ]
    done = enable(dnf, app)
    assert "Traceback" not in done.stderr and "\x1b" not in done.stdout + done.stderr
    if done.returncode == 0:
        assert "is left out" in done.stderr
        assert list(dnf.files()) == [f"_copr:{HOST}:bob:app.repo"]
        assert "evil" not in dnf.files()[f"_copr:{HOST}:bob:app.repo"]
    else:
        assert_refused(dnf, done, "bob/app")


@pytest.mark.parametrize("key", ["results_url", "pubkey_url"])
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "https://u:secret@x.example/r", "https://x.example/\n[evil]\nenabled=1",
        "ftp://x.example/", "x", "http://",
    ],
)
def test_an_address_of_the_hub_that_may_not_be_followed_is_refused(dnf, hub, app, key, url):
    hub.answers["alice/libs"][key] = url
    done = enable(dnf, app)
    assert_refused(dnf, done, "alice/libs")
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    "url",
    ["file:///etc", "https://u:secret@x.example/", "https://x.example/\n[evil]", "https://127.0.0.1:1/]", "x", "", "http:///"],
)
def test_an_external_repository_that_may_not_be_is_left_out_and_told(dnf, hub, app, url):
    hub.answers["bob/app"]["dependencies"] = [{"type": "external_baseurl", "opts": {}, "data": {"pattern": url}}]
    done = enable(dnf, app)
    assert "Traceback" not in done.stderr and "secret" not in done.stdout + done.stderr
    if done.returncode == 0:
        texts = dnf.files()
        assert all("[evil]" not in line for text in texts.values() for line in text.splitlines())
        assert "file:" not in "".join(texts.values()) and "secret" not in "".join(texts.values())
        assert "is left out" in done.stderr or url == "https://127.0.0.1:1/]"
    else:
        assert_refused(dnf, done, "bob/app")


def test_a_project_that_needs_itself_is_enabled_once(dnf, hub, app):
    hub.has("bob/app", ["bob/app"])
    done = enable(dnf, app)
    assert done.returncode == 0, done
    assert list(dnf.files()) == [f"_copr:{HOST}:bob:app.repo"]


class Endless(dict):
    """Answers for any project `x/pN`, which needs `x/p(N+1)`, 10,000 times."""

    def __init__(self, url):
        super().__init__()
        self._url = url

    def get(self, name, default=None):
        number = int(name.rpartition("p")[2])
        needs = [f"x/p{number + 1}"] if number < 10_000 else []
        return project(f"{self._url}/results", needs, directories=[f"p{number}"])


def test_a_chain_of_ten_thousand_is_refused_after_a_few_questions(dnf, hub):
    hub.answers = Endless(hub.url)
    assert_refused(dnf, enable(dnf, f"{hub.url}/x/p0"), "x/p0")
    assert len(hub.asked) < 100


def test_ten_thousand_dependencies_of_one_project_are_refused(dnf, hub):
    hub.has("bob/app", [f"x/p{number}" for number in range(10_000)])
    assert_refused(dnf, enable(dnf, f"{hub.url}/bob/app"), "bob/app")
    assert len(hub.asked) < 100


def in_a_mount_namespace(dnf, mount, *arguments):
    """Runs dnf where a mount was changed for it alone; what the folder holds then stands at the end of the output."""
    script = f'folder=$1; shift; {mount}; "$@"; code=$?; echo "files:" $(ls -A "$folder"); exit $code'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(dnf.reposdir), *dnf.command(*arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=dnf.environment)


READ_ONLY = 'mount --bind "$folder" "$folder" && mount -o remount,bind,ro "$folder"'
FULL = 'mount -t tmpfs -o size=16k tmpfs "$folder"; cat /dev/zero > "$folder/other" 2>/dev/null'


def test_a_folder_that_cannot_be_written_is_told(dnf, app):
    done = in_a_mount_namespace(dnf, READ_ONLY, "-y", "copr", "enable", app, CHROOT)
    assert done.stdout.splitlines()[-1] == "files:"
    assert_refused(dnf, done, str(dnf.reposdir), "Read-only file system")


@pytest.mark.parametrize("verb", ["disable", "remove"])
def test_a_folder_that_cannot_be_written_keeps_what_is_enabled(dnf, app, verb):
    assert enable(dnf, app).returncode == 0
    before = dnf.files()
    done = in_a_mount_namespace(dnf, READ_ONLY, "-y", "copr", verb, app)
    assert done.returncode == 1 and "Read-only file system" in done.stderr and "Traceback" not in done.stderr
    assert dnf.files() == before


def test_a_full_disk_is_told_and_leaves_no_file_behind(dnf, app):
    done = in_a_mount_namespace(dnf, FULL, "-y", "copr", "enable", app, CHROOT)
    assert done.stdout.splitlines()[-1] == "files: other"
    assert_refused(dnf, done, str(dnf.reposdir), "No space left on device")


@pytest.mark.parametrize(
    ("verb", "question"),
    [("enable", b"Do you really want to enable"), ("disable", b"[y/N]: "), ("remove", b"[y/N]: "), ("refresh", b"[y/N]: ")],
)
def test_ctrl_c_at_a_question_changes_nothing(dnf, hub, app, verb, question):
    if verb != "enable":
        assert enable(dnf, app).returncode == 0
    if verb == "refresh":
        hub.has("bob/app", ["alice/libs", "dora/new"])
        hub.has("dora/new")
    before = dnf.files()
    arguments = [app, CHROOT] if verb == "enable" else [app]
    code, shown = interrupted(dnf, question, "copr", verb, *arguments)
    assert code != 0 and "Traceback" not in shown, shown
    assert "successfully" not in shown
    assert "Terminated." in shown
    assert dnf.files() == before
