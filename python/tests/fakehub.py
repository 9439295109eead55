"""A Copr hub that answers from a dict, and where the built plugin is."""

import contextlib
import http.server
import json
import os
import pathlib
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLUGIN = pathlib.Path(os.environ.get("COPR_PLUGIN", ROOT / "target" / "plugin"))
"""What prepare-plugin laid out."""

CHROOTS = ("fedora-44-x86_64", "epel-9-x86_64")


def project(results_url, dependencies=(), chroots=CHROOTS, directories=("app",), **more):
    """An answer of Copr's /api_3/rpmrepo, in its documented format. Dependencies are `owner/name` or URLs."""
    repos = {}
    for chroot in chroots:
        release, _, arch = chroot.rpartition("-")
        repos.setdefault(release, {"arch": {}})["arch"][arch] = {"opts": {}}
    listed = []
    for dependency in dependencies:
        if "://" in dependency:
            listed.append(
                {"type": "external_baseurl", "opts": {"id": "x", "name": "x"}, "data": {"pattern": dependency}}
            )
        else:
            owner, name = dependency.split("/")
            opts = {"id": f"coprdep:h:{owner}:{name}", "name": "x"}
            listed.append({"type": "copr", "opts": opts, "data": {"owner": owner, "projectname": name}})
    return {
        "results_url": results_url,
        "repos": repos,
        "directories": {name: {} for name in directories},
        "dependencies": listed,
        **more,
    }


class Hub:
    """A server on a free loopback port that answers /api_3/... from `answers`, by path without name-release."""

    def __init__(self, tls=None):
        """With ``tls``, a server's SSL context, it speaks https."""
        self.answers = {}
        """`owner/dirname`, or a path with its query, to the answer: a dict, raw bytes, a status,
        a status, raw bytes and headers, or what writes the answer itself to a request."""
        self.asked = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append(self.path)
                parts = self.path.split("?")[0].strip("/").split("/")
                answer = hub.answers.get("/".join(parts[2:4]) if parts[1:2] == ["rpmrepo"] else self.path, 404)
                if callable(answer):
                    with contextlib.suppress(OSError):  # The client has heard enough.
                        answer(self)
                    self.close_connection = True
                    return
                if isinstance(answer, int):
                    answer = (answer, b'{"error": "no"}')
                status, answer, *headers = answer if isinstance(answer, tuple) else (200, answer)
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in (headers[0] if headers else {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def has(self, name, dependencies=(), **more):
        """Makes the hub answer for `owner/dirname`."""
        dirname = name.partition("/")[2]
        directories = {dirname, dirname.partition(":")[0]}
        self.answers[name] = project(f"{self.url}/results", dependencies, directories=sorted(directories), **more)

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
