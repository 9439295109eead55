"""`copr-repo view`: the pages about a repository as files, behind any web server."""

import functools
import http.server
import os
import subprocess
import threading

import pytest
from conftest import PHONE, Visitor
from hub import CHROOT, ROOT
from test_every_page import serious
from test_hostile import harmless

PROGRAM = os.environ.get("COPR_REPO_BIN", str(ROOT / "target" / "release" / "copr-repo"))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Site:
    """A folder behind a web server; for visitors it stands where the hub does."""

    def __init__(self, folder):
        handler = functools.partial(Quiet, directory=folder)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def site(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    repository = built.data / "store" / "results" / "mallory" / "markup" / CHROOT
    subprocess.run([PROGRAM, "view", repository, "-o", folder], check=True, capture_output=True)
    server = Site(folder)
    yield server
    server.stop()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_every_static_page_is_reached_by_links_and_is_whole(chromium, site, scripts):
    visitor = Visitor(chromium, site, java_script_enabled=scripts)
    left, seen = ["/index.html"], set()
    while left:
        path = left.pop()
        seen.add(path)
        page = visitor.goto(path)
        assert page.locator("h1").count() == 1 and page.title()
        harmless(visitor, page)
        links = page.eval_on_selector_all("a[href]", "all => all.map(e => e.href)")
        for link in links:
            below = link.removeprefix(site.url).partition("#")[0]
            if link.startswith(site.url) and below.endswith(".html") and below not in seen and below not in left:
                left.append(below)
    assert any("package" in path for path in seen) and "/latest.html" in seen, seen
    visitor.leave()


def test_static_pages_are_for_everybody_too(chromium, site):
    visitor = Visitor(chromium, site, viewport=PHONE)
    for path in ["/index.html", "/all.html", "/latest.html"]:
        page = visitor.goto(path)
        for scheme in ["light", "dark"]:
            page.emulate_media(color_scheme=scheme)
            assert not serious(page)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    visitor.leave()
