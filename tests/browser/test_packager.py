"""A packager's day: a project, a source package, its build as it goes, and what comes of it."""

import re

import pytest
from hub import CHROOT, srpm


def published(visitors, hub, fixture, folder, watch, **how):
    """Makes a project, uploads a package to it, watches the build, and looks for it in the repository."""
    project = f"my-{fixture}"
    visitor = visitors("carol", **how)
    page = visitor.goto("/")
    page.get_by_role("banner").locator("summary").click()
    page.get_by_role("link", name="New project").click()
    page.get_by_role("textbox", name="Name", exact=True).fill(project)
    page.get_by_role("textbox", name="Description", exact=True).fill("My *first* project")
    page.get_by_role("checkbox", name=CHROOT).check()
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url(f"**/coprs/carol/{project}/")
    assert page.locator(".markdown em").inner_text() == "first"

    visitor.goto(f"/coprs/carol/{project}/add_build/")
    page.get_by_label("Source package").set_input_files(srpm(fixture, folder))
    page.get_by_role("button", name="Build", exact=True).click()
    page.wait_for_url("**/coprs/build/*")
    assert fixture in page.get_by_role("heading", level=1).inner_text()
    watch(page)
    assert page.get_by_role("link", name=re.compile(rf"^{fixture}-.*(?<!src)\.rpm$")).first.is_visible()

    visitor.goto(f"/coprs/carol/{project}/repo-view/{CHROOT}/")
    assert page.get_by_role("link", name=re.compile(f"^{fixture}")).first.is_visible()


def test_a_packager_makes_a_project_uploads_a_package_watches_its_log_and_sees_it_published(visitors, hub, tmp_path):
    def watch(page):
        # The page goes on by itself: its log grows line by line, and then it says how it ended.
        page.locator(".log pre", has_text="counted to 3").wait_for(timeout=300_000)
        assert "counted to 10" not in page.locator(".log pre").inner_text()
        page.locator(".log pre", has_text="counted to 6").wait_for(timeout=300_000)
        page.locator(".lead .state", has_text="succeeded").wait_for(timeout=300_000)

    published(visitors, hub, "patient", tmp_path, watch)


def test_the_same_is_done_without_scripts(visitors, hub, tmp_path):
    def watch(page):
        number = int(re.search(r"/coprs/build/(\d+)", page.url).group(1))
        assert hub.ended(number) == "succeeded", hub.said()
        page.reload()

    published(visitors, hub, "small", tmp_path, watch, java_script_enabled=False)


def test_a_build_is_cancelled_and_built_again(visitors, hub):
    number = hub.submit("alice", "libs", "small", "--chroot", "fedora-44-x86_64")
    visitor = visitors("alice")
    page = visitor.goto(f"/coprs/build/{number}/")
    page.get_by_role("button", name="Cancel this build").click()
    page.locator(".lead .state", has_text="canceled").wait_for()
    page.get_by_text("Build it again…").click()
    page.get_by_role("button", name="Build it again").click()
    page.wait_for_url(lambda url: "/coprs/build/" in url and f"/{number}" not in url)
    assert "small" in page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("button", name="Cancel this build").click()


def test_a_token_is_shown_once_and_a_client_works_with_it_until_it_is_revoked(visitors, hub, tmp_path):
    visitor = visitors("bob")
    page = visitor.goto("/api/")
    page.get_by_role("button", name="Make a new token").click()
    (hub.people / "bob-of-the-web").write_text(page.get_by_label("Configuration file").inner_text())
    assert hub.call("bob-of-the-web", "auth-check")["name"] == "bob"
    login = re.search(r"login *= *(\S+)", (hub.people / "bob-of-the-web").read_text()).group(1)
    visitor.goto("/api/")
    assert page.get_by_label("Configuration file").count() == 0
    page.get_by_role("button", name=f"Revoke {login}").click()
    page.get_by_role("status").wait_for()
    with pytest.raises(AssertionError, match="401"):
        hub.call("bob-of-the-web", "auth-check")


def test_what_is_wrong_with_a_new_project_stands_beside_its_field_and_nothing_typed_is_lost(visitors, hub):
    visitor = visitors("carol")
    page = visitor.goto("/coprs/add/")
    name = page.get_by_role("textbox", name="Name", exact=True)
    name.fill("not a name/")
    page.get_by_role("textbox", name="Description", exact=True).fill("kept")
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("alert").wait_for()
    assert name.get_attribute("aria-invalid") == "true" and name.input_value() == "not a name/"
    assert page.get_by_role("textbox", name="Description", exact=True).input_value() == "kept"
