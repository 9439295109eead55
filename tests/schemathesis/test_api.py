"""What schemathesis makes of the description that coprd serves: no server error, and every answer is one that was described.

COPRD_BIN is the program, COPR_API_CASES how many calls there are at least; with the same COPR_API_SEED they are the same.
"""

import base64
import collections
import configparser
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

CHROOTS = ["test-1-x86_64", "test-2-x86_64"]
CASES = int(os.environ.get("COPR_API_CASES", "700"))
SEED = os.environ.get("COPR_API_SEED", "1")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,ignored_auth"
)
# Of what is there, and of what may be asked for: random texts would hardly ever hit it, and only the checks of fields were tried.
KNOWN = {
    "additional_modules": [[], None],
    "additional_packages": [["make"], "make gcc", None],
    "additional_repos": [["copr://alice/tools"], "https://repo.example.org/$chroot/", None],
    "after_build_id": [1, "2", None],
    "build_id": [1, 2, 3, 4],
    "builds": [[5], [6], [7]],
    "chroot": CHROOTS,
    "chroot_denylist": [["test-2-*"], None],
    "chrootname": CHROOTS,
    "chroots": [CHROOTS, CHROOTS[:1], " ".join(CHROOTS)],
    "claim": ["", None],
    "clone_url": ["https://src.example.org/hello.git"],
    "committish": ["main", "", None],
    "cpus": [2, "4", 0, None],
    "days": [1, "365", None],
    "delete_after_days": [30, "60", -1, None],
    "dirname": ["libs", "libs:custom:x"],
    "exclude_chroots": [[], "", None],
    "group": [f"new-{number}" for number in range(20)],
    "delivery": [1],
    "groupname": ["sig", "@sig"],
    "hook": [1],
    "id": [1, 2, 3, 4],
    "label": ["laptop", ""],
    "max_builds": [3, "5", 0, None],
    "memory_mib": [512, "1024", None],
    "name": ["hello", *(f"new-{number}" for number in range(20))],
    "name_release": ["test-1", "test-2"],
    "owner": ["alice"],
    "ownername": ["alice"],
    "package_name": ["hello"],
    "packagename": ["hello"],
    "pkgs": [["https://src.example.org/hello-1-1.src.rpm"]],
    "project": ["libs", "tools"],
    "project_dirname": ["libs", None],
    "projectname": ["libs"],
    "repo_priority": [1, "99", None],
    "repos": [["copr://alice/tools"], [], None],
    "reset_fields": [["with_opts"], "cpus memory_mib", None],
    "runtime_dependencies": [["copr://alice/tools"], "", None],
    "scm_type": ["git", None],
    "secret": [None],
    "source_build_method": ["rpkg", "make_srpm", None],
    "spec": ["hello.spec", None],
    "subdirectory": ["rpm", None],
    "timeout": [300, "600", None],
    "topics": [[], ["copr.build.end"]],
    "type": ["scm"],
    "url": ["https://hooks.example.org/x"],
    "username": ["alice"],
    "verify": [True],
    "who": ["alice", "bob"],
    "with_build_id": [None],
    "with_opts": [["tests"], None],
    "without_opts": [["docs"], "", None],
}

# What comes by chance is no package, and the names of people that it gives roles to are nobody's; who owns a project asks for none.
NEVER = {
    "POST /api_3/build/create/upload",
    "PUT /api_3/group/members/{group}",
    "PUT /api_3/project/permissions/request/{owner}/{project}",
    "PUT /api_3/project/permissions/set/{owner}/{project}",
    # Nothing is built here, so nothing can be promoted, was pruned, or waits for a reviewer; ready-made packages are such, too.
    "DELETE /api_3/licence/forget/{id}",
    "GET /api_3/promotion/{id}",
    "POST /api_3/build/create/rpm-upload",
    "POST /api_3/licence/approve/{id}",
    "POST /api_3/licence/refuse/{id}",
    "POST /api_3/promotion/new/{owner}/{project}",
    "POST /api_3/promotion/vote/{id}",
    "PUT /api_3/project/undelete/{owner}/{project}",
    "PUT /api_3/promotion/approve/{id}",
    "PUT /api_3/promotion/cancel/{id}",
    "PUT /api_3/promotion/override/{id}",
    # For administrators of the site: the caller is none, or it would take down what the other calls are about.
    "GET /api_3/audit/list",
    "GET /api_3/report/list",
    "GET /api_3/takedown/list",
    "POST /api_3/report/dismiss/{id}",
    "POST /api_3/report/takedown/{id}",
    "POST /api_3/takedown/add",
    "POST /api_3/takedown/restore/{id}",
}


class Server:
    """A coprd without a builder, with a user who has projects and builds."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "chroots").mkdir()
        for chroot in CHROOTS:
            (folder / "chroots" / f"{chroot}.toml").write_text('comment = "empty"\ndbpath = "/var/lib/rpm"\n')
        (folder / "coprd.toml").write_text(
            "[builder]\nenabled = false\n[people]\ngroups = 'users'\n[limits.rate]\nread = 0\nwrite = 0\nupload = 0\n"
            f'[chroots]\nfolder = {json.dumps(str(folder / "chroots"))}\n{MORE}'
        )
        self.log = (folder / "log").open("wb")
        program = [os.environ["COPRD_BIN"], "serve", "--data", folder, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(program, stdout=self.log, stderr=self.log)
        self.url = self._address()
        self.login, self.token = self._user("alice")
        self._user("bob")
        reviewer = [os.environ["COPRD_BIN"], "admin", "--data", folder, "user", "reviewer", "alice"]
        subprocess.run(reviewer, check=True, stdout=subprocess.DEVNULL)
        for project in ["libs", "tools", "doomed"]:
            self.post("project/add/alice?exist_ok=True", {"name": project, "chroots": CHROOTS})
        url = "https://src.example.org/hello-1-1.src.rpm"
        self.post("package/add/alice/libs/hello/scm", {"clone_url": "https://src.example.org/hello.git"})
        self.post("project/permissions/set/alice/libs", {"bob": {"builder": "approved"}})
        for _ in range(2):
            self.post("webhook/add/alice/libs", {"url": "https://hooks.example.org/libs"})
        self.post("webhook/test/alice/libs/1", {})
        for group in ["sig", "doomed"]:
            self.post(f"group/add/{group}", {})
        self.spare = [self.post("api-token/new", {"label": "spare"})["api_login"] for _ in range(10)]
        for _ in range(8):
            self.post("build/create/url", {"ownername": "alice", "projectname": "libs", "pkgs": [url]})
        for build in [5, 6, 7, 8]:
            self.post(f"build/cancel/{build}", {})

    def _address(self):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                url = (self.folder / "address").read_text().strip()
                with urllib.request.urlopen(f"{url}/healthz"):
                    return url
            except (OSError, ValueError):
                time.sleep(0.1)
        pytest.fail(f"coprd does not answer:\n{self.said()}")

    def _user(self, name):
        add = [os.environ["COPRD_BIN"], "admin", "--data", self.folder, "user", "add", name]
        config = configparser.ConfigParser()
        config.read_string(subprocess.run(add, check=True, stdout=subprocess.PIPE, text=True).stdout)
        return config["copr-cli"]["login"], config["copr-cli"]["token"]

    def post(self, path, body):
        basic = base64.b64encode(f"{self.login}:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api_3/{path}", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            pytest.fail(f"{path}: {error}: {error.read().decode()}")

    def said(self):
        self.log.flush()
        return (self.folder / "log").read_text(errors="replace")[-5000:]

    def stop(self):
        self.process.terminate()
        try:
            assert self.process.wait(30) == 0, self.said()
        finally:
            self.process.kill()
            self.log.close()


# What the server is told besides: nobody else is there to be protected from these calls.
MORE = ""


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    server.stop()


def described(server, known):
    """The description as it is served; known: with names of what is there, and with values that make sense."""
    with urllib.request.urlopen(f"{server.url}/api_3/openapi.json") as answer:
        document = json.load(answer)
    # It ends the token that all other calls are made with.
    del document["paths"]["/api_3/api-token"]
    if not known:
        return document
    # One form for all ways of submitting a build: without what is to be built, only the refusal would be tried.
    for path, method, field in [
        ("build/create/url", "post", "pkgs"),
        ("package/build", "post", "package_name"),
        ("build/delete/list", "delete", "builds"),
    ]:
        form = document["paths"][f"/api_3/{path}"][method]["requestBody"]["content"]["application/json"]
        form["schema"] = {"allOf": [form["schema"], {"required": [field]}]}
    # What other calls are about stays.
    del document["paths"]["/api_3/package/delete"], document["paths"]["/api_3/package/reset"]
    sent = set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in KNOWN:
                    parameter["schema"] = {"enum": KNOWN[parameter["name"]]}
                if path.startswith("/api_3/project/delete/") and parameter["name"] == "project":
                    parameter["schema"] = {"enum": ["doomed"]}
                # It would take the builds that others delete.
                if path.startswith("/api_3/project/prune/") and parameter["name"] == "project":
                    parameter["schema"] = {"enum": ["tools"]}
                if path.startswith("/api_3/group/delete/"):
                    parameter["schema"] = {"enum": ["doomed"]}
                if path.startswith("/api_3/webhook/delete/") and parameter["name"] == "hook":
                    parameter["schema"] = {"enum": [2]}
                if parameter["name"] == "login":
                    parameter["schema"] = {"enum": server.spare}
                if path.startswith("/api_3/build/delete/") and parameter["name"] == "id":
                    parameter["schema"] = {"enum": [8]}
            body = operation.get("requestBody", {"content": {}})
            sent.update(re.findall(r"#/components/schemas/(\w+)", json.dumps(body)))
            for form in body["content"].values():
                if "properties" in form["schema"]:
                    form["schema"]["additionalProperties"] = False
    for schema in (document["components"]["schemas"][name] for name in sent):
        schema["additionalProperties"] = False
        for field in schema.get("properties", {}):
            if field in KNOWN:
                schema["properties"][field] = {"enum": KNOWN[field]}
    # A token's, which has its owner before it.
    document["components"]["schemas"]["TokenWish"]["properties"]["project"] = {"enum": ["alice/libs", None]}
    return document


@pytest.mark.parametrize("known", [False, True], ids=["anything", "what-there-is"])
def test_calls_are_answered_as_described_and_never_with_a_server_error(server, tmp_path, known):
    document = described(server, known)
    operations = sum(len(methods) for methods in document["paths"].values())
    assert operations > 25
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    # Beside what each address gets at random there are calls with every limit of every field.
    phases = "fuzzing" if CASES < 2000 else "coverage,fuzzing,stateful"
    cases = -(-CASES // 2)
    command = [
        Path(sys.executable).parent / "schemathesis",
        "run", tmp_path / "openapi.json", "--url", server.url, "--auth", f"{server.login}:{server.token}",
        "--checks", CHECKS, "--phases", phases, "--mode", "positive" if known else "all",
        "--max-examples", str(-(-cases // operations)), "--seed", SEED, "--generation-database", "none",
        "--continue-on-failure", "--no-color", "--request-timeout", "180", "--suppress-health-check", "all",
        "--warnings", "off", "--report", "ndjson", "--report-ndjson-path", tmp_path / "report.ndjson",
    ]  # fmt: skip
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
    assert run.returncode == 0, f"{run.stdout[-30000:]}\nThe server said:\n{server.said()}"
    print(run.stdout[-600:])
    answered = answers(tmp_path / "report.ndjson")
    assert sum(answered.values()) >= cases * 0.9, run.stdout[-3000:]
    if known:
        done = {label for label, status in answered if status < 300}
        refused = sorted({label for label, _ in answered} - done - NEVER)
        assert not refused, f"none of these was ever done: {refused}"
    assert "panicked" not in (server.folder / "log").read_text(errors="replace")


def answers(report):
    """How often each address was answered with each status."""
    count = collections.Counter()
    for line in report.open():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            if interaction.get("response"):
                count[recorder["label"], interaction["response"]["status_code"]] += 1
    return count
