"""What pykickstart, which anaconda reads its files with, makes of `copr-repo kickstart`."""

import json
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from programs import run
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion

PROJECTS = {"bob/app:custom:x": ["@base/tools"], "@base/tools": []}


@pytest.fixture
def hub():
    """The address of a server that has a hub's answers."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            owner, dirname = self.path.removeprefix("/api_3/rpmrepo/").split("/")[:2]
            needs = [dict(zip(("owner", "projectname"), name.split("/"))) for name in PROJECTS[f"{owner}/{dirname}"]]
            answer = {
                "results_url": f"http://{self.headers['Host']}/results",
                "repos": {"fedora-44": {"arch": {"x86_64": {"opts": {}}}}},
                "directories": {dirname: {}},
                "dependencies": [{"type": "copr", "opts": {}, "data": need} for need in needs],
            }
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("version", ["F44", "RHEL8", "RHEL9", "RHEL10"])
@pytest.mark.parametrize("chroot", [None, "fedora-44-x86_64"])
def test_anaconda_reads_the_repositories(version, chroot, hub, copr_repo):
    words = ["--install", f"{hub}/bob/app:custom:x"] + (["--chroot", chroot] if chroot else [])
    handler = makeVersion(version)
    KickstartParser(handler).readKickstartFromString(run(copr_repo, "kickstart", *words))
    found = [(repo.name, repo.baseurl, repo.install) for repo in handler.repo.repoList]
    folder = chroot or "fedora-$releasever-$basearch"
    assert found == [
        ("copr:127.0.0.1:group_base:tools", f"{hub}/results/@base/tools/{folder}/", True),
        ("copr:127.0.0.1:bob:app:custom:x", f"{hub}/results/bob/app:custom:x/{folder}/", True),
    ]


def test_a_blueprint_is_toml(hub, copr_repo):
    words = ["--format", "blueprint", "--chroot", "fedora-44-x86_64", f"{hub}/bob/app:custom:x"]
    (tools, app) = tomllib.loads(run(copr_repo, "kickstart", *words))["customizations"]["repositories"]
    assert app["baseurls"] == [f"{hub}/results/bob/app:custom:x/fedora-44-x86_64/"]
    assert (app["gpgkeys"], app["gpgcheck"]) == ([f"{hub}/results/bob/app/pubkey.gpg"], True)
    assert tools["filename"] == "copr_127.0.0.1_group_base_tools.repo"
