"""What the stories share: one furnished server, one Chromium, and visitors whose every page is watched."""

import signal
import urllib.parse

import pytest
from hub import PASSWORD, Furnished
from playwright.sync_api import sync_playwright

# Whoever runs the tests in the background may have signals ignored, which every program started here would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
PATIENCE_MS = 180_000
"""What a page may take on a busy machine; no story asserts a time."""


def pytest_collection_modifyitems(items):
    """First the stories that need no build: meanwhile those are built that the others look at."""
    items.sort(key=lambda item: "built" in item.fixturenames)


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    server = Furnished(tmp_path_factory.mktemp("hub"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def built(hub):
    """The server, with its builds ended and published."""
    hub.built()
    return hub


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visitor:
    """Somebody with a browser. What no page may do is noted, and told by `is_content`; `elsewhere`: other sites that are visited."""

    def __init__(self, chromium, hub, elsewhere=(), **how):
        self.hub = hub
        self.hosts = {urllib.parse.urlsplit(url).netloc for url in [hub.url, *elsewhere]}
        self.faults = []
        self.requests = []
        self.context = chromium.new_context(base_url=hub.url, **{"viewport": DESK, "reduced_motion": "reduce", **how})
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self._fault(f"script: {error.error}"))
        self.context.on("request", self._request)
        self.context.on("response", self._response)
        self.context.on("dialog", self._dialog)
        self.page = self.context.new_page()

    def _fault(self, text):
        self.faults.append(f"{self.page.url}: {text}")

    def _console(self, message):
        # A status is told by what answered; here it would be told without what was asked for.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self._fault(f"{message.type} on the console: {message.text}")

    def _request(self, request):
        self.requests.append(request)
        parts = urllib.parse.urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self.hosts:
            self._fault(f"asked another host: {request.url}")

    def _response(self, response):
        status, request = response.status, response.request
        # A page may be missing or refused, which its story asserts; a log may have nothing new. All else that it asks for is there.
        fine = request.is_navigation_request() or (request.resource_type == "fetch" and status in (404, 416))
        if status >= 500 or (status >= 400 and not fine):
            self._fault(f"{status} for {request.method} {response.url}")

    def _dialog(self, dialog):
        self._fault(f"opened a dialog: {dialog.message}")
        dialog.dismiss()

    def goto(self, path, status=200):
        """Opens a page, which must have this status."""
        answer = self.page.goto(path)
        assert answer.status == status, f"{path}: {answer.status}: {self.page.inner_text('body')[:1000]}"
        return self.page

    def fill_in(self, name, password=PASSWORD):
        """Sends the form for signing in, which is open."""
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.locator("main").get_by_role("button", name="Sign in").click()

    def sign_in(self, name):
        """As people do."""
        self.goto("/login/")
        self.fill_in(name)
        self.page.wait_for_url(lambda url: "/login" not in url)

    def is_content(self):
        """Fails when any page did what none may do, since this was asked last."""
        faults, self.faults = self.faults, []
        assert not faults, "\n".join(dict.fromkeys(faults))

    def leave(self):
        """Ends the visit."""
        self.context.close()
        self.is_content()


@pytest.fixture(scope="session")
def sessions(chromium, hub):
    """The cookies of people who have signed in, by their names; nobody signs out with them."""
    known = {}

    def session(name):
        if name not in known:
            visitor = Visitor(chromium, hub)
            visitor.sign_in(name)
            known[name] = visitor.context.storage_state()
            visitor.leave()
        return known[name]

    return session


@pytest.fixture
def visitors(chromium, hub, sessions):
    """Makes visitors: `visitors("alice")` has signed in, `visitors()` is nobody; more is what Playwright calls a context's options."""
    came = []

    def come(name=None, **how):
        visitor = Visitor(chromium, hub, **how, **({"storage_state": sessions(name)} if name else {}))
        came.append(visitor)
        return visitor

    yield come
    for visitor in came:
        visitor.leave()


@pytest.fixture
def visitor(visitors):
    """Somebody who has not signed in."""
    return visitors()


@pytest.fixture
def page(visitor):
    """The same one's page."""
    return visitor.page
