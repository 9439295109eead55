"""An owner changes a project by its forms."""

from hub import CHROOT


def made(hub, name, **more):
    hub.call("alice", "project/add/alice?exist_ok=True", {"name": name, "chroots": [CHROOT], **more})
    return f"/coprs/alice/{name}/"


def test_settings_are_saved_and_what_is_wrong_stands_beside_the_field(visitors, hub):
    path = made(hub, "settled", description="before")
    visitor = visitors("alice")
    page = visitor.goto(f"{path}edit/")
    page.get_by_role("textbox", name="Description", exact=True).fill("# After\n\n*much* better <script>alert(1)</script>")
    page.get_by_role("textbox", name="Contact", exact=True).fill("no address")
    page.get_by_role("button", name="Save").click()
    wrong = page.get_by_role("textbox", name="Contact", exact=True)
    assert wrong.get_attribute("aria-invalid") == "true"
    described = page.locator(",".join(f"#{name}" for name in wrong.get_attribute("aria-describedby").split()))
    assert "email address or URL" in " ".join(described.all_inner_texts())
    assert "much" in page.get_by_role("textbox", name="Description", exact=True).input_value(), "what was typed is lost"
    assert hub.call(None, "project?ownername=alice&projectname=settled")["description"] == "before"

    wrong.fill("alice@example.org")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    visitor.goto(path)
    assert page.locator(".markdown em").inner_text() == "much"
    assert "<script>alert(1)</script>" in page.locator(".markdown").first.inner_text()


def test_a_project_is_deleted_only_when_its_name_is_written_and_its_open_page_survives_that(visitors, hub):
    path = made(hub, "doomed")
    visitor, other = visitors("alice"), visitors()
    seen = other.goto(path)
    page = visitor.goto(f"{path}delete/")
    page.get_by_role("button", name="Delete").click()
    assert page.locator("[aria-invalid]").count() == 1
    page.locator("main").get_by_label("Confirm").fill("alice/doomed")
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(lambda url: "doomed" not in url)
    # Whoever still looks at it comes to a page that says so.
    seen.get_by_role("link", name="All builds").or_(seen.get_by_role("link", name="Builds")).last.click()
    assert "deleted" in seen.locator("main").inner_text() or "nothing" in seen.locator("main").inner_text()
    other.goto(path, 404)
