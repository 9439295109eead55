"""Keys: chosen with a new project, replaced on their page, and asked for by a client that is subscribed by a release package."""

import re

from hub import CHROOT, until
from test_newcomer import System

FINGERPRINT = re.compile(r"(?:[0-9A-F]{4}\s+){9}[0-9A-F]{4}")


def test_a_new_project_has_the_key_that_was_chosen_for_it_and_its_owner_makes_another(visitors, hub):
    visitor = visitors("alice")
    page = visitor.goto("/coprs/add/")
    page.get_by_role("textbox", name="Name", exact=True).fill("unsigned")
    page.get_by_label(CHROOT).check()
    page.get_by_label("Packages are signed with").select_option("none")
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/coprs/alice/unsigned/")
    assert "Packages of this project are not signed" in page.locator("main").inner_text()

    visitor.goto("/coprs/alice/unsigned/edit/")
    page.get_by_label("Packages are signed with").select_option("project")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    visitor.goto("/coprs/alice/unsigned/keys/")
    page.get_by_role("button", name="Make a new key").click()
    page.get_by_role("status").wait_for()
    first = FINGERPRINT.findall(page.locator("main").inner_text())
    page.get_by_role("button", name="Make a new key").click()
    page.get_by_role("status").wait_for()
    second = FINGERPRINT.findall(page.locator("main").inner_text())
    assert len(second) == len(first) + 1 and set(first) < set(second), (first, second)
    assert "was replaced" in page.locator("main").inner_text()

    seen = visitors()
    page = seen.goto("/coprs/alice/unsigned/keys/")
    assert page.get_by_role("button", name="Make a new key").count() == 0
    address = page.get_by_role("link", name="Download the public keys").get_attribute("href")
    # They come with the next publish of each repository.
    keys = lambda: seen.context.request.get(address).text().count("BEGIN PGP PUBLIC KEY")  # noqa: E731
    until("all keys are in the file", lambda: keys() == len(second))


def test_the_release_package_of_a_project_subscribes_a_machine_that_checks_signatures(visitor, page, built, tmp_path):
    visitor.goto("/coprs/bob/app/")
    system = System(tmp_path)
    system.run(page.get_by_label("Command that installs the release package for minidistro-12-x86_64").inner_text())
    written = "".join(path.read_text() for path in (system.root / "etc/yum.repos.d").glob("*copr*"))
    assert written.count("gpgcheck=1") >= 2 and "alice:libs" in written and "bob:app" in written, written
    system.run("dnf install app")
    assert "Hello, app, from libgreet" in system.program("/usr/bin/app")
    system.remove()
