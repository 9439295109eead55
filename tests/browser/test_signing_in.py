"""Who signs in stays on this server, and no other site's page does anything in its name."""

import http.server
import threading

import pytest
from hub import PASSWORD

AWAY = [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/%09/evil.example", "/%0a/evil.example",
    "/.//evil.example/", "/..//evil.example", "%2f%2fevil.example", "javascript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "http:evil.example", "https:/evil.example", "@evil.example", ".evil.example",
]  # fmt: skip


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_one_signs_in_from_a_page_comes_back_to_it_and_signs_out(visitors, hub, scripts):
    visitor = visitors(java_script_enabled=scripts)
    page = visitor.goto("/coprs/alice/libs/?from=0")
    page.get_by_role("banner").get_by_role("link", name="Sign in").click()
    visitor.fill_in("alice")
    page.wait_for_url(f"{hub.url}/coprs/alice/libs/?from=0")
    menu = page.get_by_role("banner").locator("summary")
    assert menu.inner_text() == "alice"
    menu.click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("banner").get_by_role("link", name="Sign in").wait_for()


@pytest.mark.parametrize("name, password", [("alice", "wrong"), ("nobody", PASSWORD), ("<img src=x onerror=alert(1)>", "x")])
def test_a_wrong_password_is_told_and_says_not_who_is_there(visitor, page, hub, name, password):
    visitor.goto("/login/")
    visitor.fill_in(name, password)
    said = page.get_by_role("alert").inner_text()
    assert "password" in said.lower() and name not in said
    assert page.get_by_label("Name", exact=True).input_value() == name and page.get_by_label("Password", exact=True).input_value() == ""


def test_signing_in_never_leads_to_another_site(visitor, page, hub):
    for away in AWAY:
        written = away.replace("\\", "%5C").replace("<", "%3C")
        visitor.goto(f"/login/?next={written}")
        visitor.fill_in("alice")
        page.get_by_role("banner").locator("summary").wait_for()
        assert page.url.startswith(hub.url + "/"), (away, page.url)
        visitor.context.clear_cookies()


def test_the_session_is_out_of_reach_of_scripts_and_ends_for_good(visitors, hub):
    visitor = visitors()
    visitor.sign_in("alice")
    page = visitor.goto("/")
    cookies = visitor.context.cookies()
    assert cookies and all(cookie["httpOnly"] and cookie["sameSite"] in ("Lax", "Strict") for cookie in cookies), cookies
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("banner").locator("summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("banner").get_by_role("link", name="Sign in").wait_for()
    visitor.context.add_cookies(cookies)
    visitor.goto("/")
    assert page.get_by_role("banner").get_by_role("link", name="Sign in").is_visible()


@pytest.fixture
def evil():
    """A site of somebody else's: its pages by their paths, as `evil.pages` has them, under two names."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(server.pages.get(self.path, "").encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.pages = {}
    server.names = [f"http://{host}:{server.server_address[1]}" for host in ("127.0.0.1", "localhost")]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


FORMS = {
    "/logout/": {},
    "/api/new/": {},
    "/user/password/": {"current": PASSWORD, "new": "mallory was here", "again": "mallory was here"},
}
"""What mallory would have alice send, and what would be done."""


@pytest.mark.parametrize("name", [0, 1], ids=["same-host", "other-host"])
def test_forms_that_another_site_sends_are_refused(visitors, hub, evil, name):
    visitor = visitors("alice", elsewhere=evil.names)
    page = visitor.page
    for path, fields in FORMS.items():
        # "csrf" as mallory would guess it; and none at all.
        for token in ["", '<input name="csrf" value="guess">']:
            inputs = "".join(f'<input name="{key}" value="{value}">' for key, value in fields.items())
            form = f'<form method="post" action="{hub.url}{path}">{inputs}{token}</form>'
            evil.pages["/"] = f"<title>evil</title>{form}<script>document.forms[0].submit()</script>"
            with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
                page.goto(evil.names[name] + "/")
            # Refused; or, where the browser kept the cookie back, nobody's, who is sent to sign in.
            assert sent.value.status == 403 or "/login" in sent.value.headers.get("location", ""), (path, sent.value.status)
            visitor.goto("/")
            assert page.get_by_role("banner").locator("summary").inner_text() == "alice"
    visitor.faults.clear()  # The evil page's own.
    visitors().sign_in("alice")


@pytest.mark.parametrize("name", [0, 1], ids=["same-host", "other-host"])
def test_another_site_neither_signs_anybody_in_nor_reads_nor_frames_a_page(visitors, hub, evil, name):
    visitor = visitors("alice", elsewhere=evil.names)
    page = visitor.page
    origin = evil.names[name]
    # Signed in as mallory without knowing it, alice would give mallory what she uploads.
    evil.pages["/"] = (
        f'<form method="post" action="{hub.url}/login"><input name="name" value="mallory">'
        f'<input name="password" value="{PASSWORD}"></form><script>document.forms[0].submit()</script>'
    )
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        page.goto(origin + "/")
    assert sent.value.status == 403 and "set-cookie" not in sent.value.headers
    evil.pages["/"] = f'<title>evil</title><iframe src="{hub.url}/"></iframe>'
    page.goto(origin + "/")
    page.wait_for_load_state("networkidle")
    assert "Projects" not in "".join(frame.content() for frame in page.frames[1:])
    for path in ["/", "/api/", "/api_3/auth-check"]:
        read = page.evaluate(
            "url => fetch(url, {credentials: 'include'}).then(answer => answer.text(), error => 'refused')", hub.url + path
        )
        assert read == "refused", read[:200]
    visitor.faults.clear()  # The evil page's own.
