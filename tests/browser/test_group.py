"""A group at work: who asks for a role, who grants it, and the site's administrator."""

import pytest

PROJECT = "/coprs/g/tools/nightly/"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_role_is_asked_for_granted_by_the_groups_admin_and_taken_back(visitors, hub, scripts):
    asker, granter = visitors("carol", java_script_enabled=scripts), visitors("dora", java_script_enabled=scripts)
    page = asker.goto(f"{PROJECT}permissions/")
    page.get_by_role("button", name="Ask to build here").click()
    page.get_by_role("button", name="Ask no more").wait_for()

    page = granter.goto(PROJECT)
    page.get_by_role("link", name="Permissions").first.click()
    row = page.get_by_role("row", name="carol")
    assert "asks" in row.inner_text()
    row.get_by_role("button", name="Make carol builder").click()
    row.get_by_role("button", name="Take builder from carol").wait_for()

    page = asker.goto(f"{PROJECT}permissions/")
    assert "You may build here" in page.locator("main").inner_text()
    assert hub.call("carol", "project/permissions/can_build_in/carol/@tools/nightly")["can_build_in"]

    page = granter.goto(f"{PROJECT}permissions/")
    page.get_by_role("row", name="carol").get_by_role("button", name="Take builder from carol").click()
    page = asker.goto(f"{PROJECT}permissions/")
    page.get_by_role("button", name="Ask to build here").wait_for()


def test_who_is_nobody_here_sees_no_form_and_may_send_none(visitors, hub):
    visitor = visitors("bob")
    for below in ["edit/", "delete/"]:
        visitor.goto(PROJECT + below, 403)
    page = visitor.goto(f"{PROJECT}permissions/")
    assert page.get_by_role("heading", name="Let somebody in").count() == 0
    nobody = visitors()
    page = nobody.page
    page.goto(f"{PROJECT}edit/")
    assert "/login" in page.url


def test_an_administrator_disables_a_user_whose_session_ends_and_lets_it_in_again(visitors, hub):
    hub.add("erin")
    user = visitors()
    user.sign_in("erin")
    page = visitors("admin").goto("/")
    page.get_by_role("banner").locator("summary").click()
    page.get_by_role("link", name="Administration").click()
    page.get_by_role("main").get_by_role("searchbox").fill("erin")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("button", name="Disable: erin").click()
    page.get_by_role("row", name="erin").get_by_text("disabled").wait_for()

    user.goto("/")
    assert user.page.get_by_role("banner").get_by_role("link", name="Sign in").is_visible()
    user.goto("/login/")
    user.fill_in("erin")
    assert user.page.get_by_role("alert").is_visible()

    page.get_by_role("button", name="Let in again: erin").click()
    page.get_by_role("button", name="Disable: erin").wait_for()
    user.sign_in("erin")


def test_nobody_else_sees_the_administrators_pages(visitors, hub):
    for path in ["/admin/", "/admin/chroots/", "/admin/tasks/"]:
        visitors("alice").goto(path, 403)
    nobody = visitors().goto("/admin/")
    assert "/login" in nobody.url
