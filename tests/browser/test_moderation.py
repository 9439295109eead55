"""Licences that somebody decides about, and what is reported and taken down."""

from hub import CHROOT


def test_a_reviewer_refuses_without_a_reason_then_approves_and_the_build_goes_on(visitors, hub):
    hub.call("carol", "project/add/carol?exist_ok=True", {"name": "strange", "chroots": ["fedora-44-x86_64"]})
    number = hub.submit("carol", "strange", "strange-licence")
    packager = visitors("carol")
    page = packager.goto(f"/coprs/build/{number}/")
    assert "LicenseRef-Strange-1.0" in page.locator("main").inner_text()
    assert "waits for a decision about its licence" in page.locator("main").inner_text()
    packager.goto("/licences/", 403)

    hub.admin("user", "reviewer", "dora")
    reviewer = visitors("dora")
    page = reviewer.goto("/")
    page.get_by_role("banner").locator("summary").click()
    page.get_by_role("link", name="Licence review").click()
    page.get_by_role("button", name=f"Refuse build {number}").click()
    wrong = page.locator(f"#reason-{number}")
    assert wrong.get_attribute("aria-invalid") == "true"
    assert "Say why" in page.locator(f"#reason-{number}-wrong").inner_text()
    wrong.fill("It is the MIT licence by another name")
    page.get_by_role("button", name=f"Approve build {number}").click()
    page.get_by_role("status").wait_for()
    assert page.get_by_role("button", name=f"Approve build {number}").count() == 0

    packager.goto(f"/coprs/build/{number}/")
    told = packager.page.locator("main").inner_text()
    assert "dora approved it: It is the MIT licence by another name" in told
    assert hub.state(number) == "pending"


def test_a_project_is_reported_taken_down_and_given_back(visitors, hub):
    hub.call("carol", "project/add/carol?exist_ok=True", {"name": "reported", "chroots": [CHROOT]})
    path = "/coprs/carol/reported/"
    witness = visitors("bob")
    page = witness.goto(path)
    page.get_by_role("link", name="Report this project").click()
    page.get_by_role("button", name="Report it").click()
    assert "Say why" in page.locator("#reason-wrong").inner_text()
    page.get_by_label("What is wrong with it").fill("It is not carol's to give.")
    page.get_by_role("button", name="Report it").click()
    page.get_by_role("status").wait_for()

    admin = visitors("admin")
    page = admin.goto("/admin/reports/")
    card = page.locator("section", has=page.get_by_role("link", name="carol/reported"))
    card.first.get_by_label("Why").fill("It is not.")
    page.get_by_role("button", name="Take carol/reported down").click()
    page.get_by_role("status").wait_for()

    seen = visitors()
    assert "taken down by the administrators of this site: It is not." in seen.goto(path).locator("main").inner_text()
    seen.goto(f"/results/carol/reported/{CHROOT}/repodata/repomd.xml", 451)

    page = admin.goto("/admin/reports/")
    page.locator("#down").locator("..").get_by_label("Why").first.fill("It is after all.")
    page.get_by_role("button", name="Give carol/reported back").click()
    page.get_by_role("status").wait_for()
    assert "taken down" not in seen.goto(path).locator("main").inner_text()
