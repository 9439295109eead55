"""Pinned projects: a newcomer gathers what is used most, with scripts or without."""

import pytest


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_projects_are_pinned_put_in_order_and_let_go(visitors, scripts):
    visitor = visitors("carol", java_script_enabled=scripts)
    for path in ["/coprs/bob/app/", "/coprs/alice/libs/"]:
        page = visitor.goto(path)
        page.get_by_role("button", name="Pin to your page").click()
        page.get_by_role("button", name="Unpin from your page").wait_for()

    page = visitor.goto("/user/")
    pinned = page.get_by_role("region", name="Pinned projects").get_by_role("link")
    assert pinned.all_inner_texts() == ["bob/app", "alice/libs"]
    page.get_by_role("button", name="Up: alice/libs").click()
    page.get_by_role("button", name="Down: alice/libs").wait_for()
    assert pinned.all_inner_texts() == ["alice/libs", "bob/app"]

    page = visitor.goto("/")
    first = page.get_by_role("region", name="Pinned").get_by_role("heading", name="/").first
    assert first.inner_text() == "alice/libs"
    page = visitors().goto("/coprs/carol/")
    assert page.get_by_role("region", name="Pinned").get_by_role("listitem").count() >= 2

    page = visitor.goto("/user/")
    for project in ["alice/libs", "bob/app"]:
        page.get_by_role("button", name=f"Unpin: {project}").click()
        page.get_by_role("button", name=f"Unpin: {project}").wait_for(state="detached")
    assert "has a button that pins it" in page.get_by_role("region", name="Pinned projects").inner_text()
