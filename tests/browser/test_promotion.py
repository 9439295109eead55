"""Builds that go from one project into another by the browser, when the other has what it asks for."""

from hub import CHROOT, until


def target(hub, name):
    """A new project of alice's, and its page of promotions."""
    hub.call("alice", "project/add/alice?exist_ok=True", {"name": name, "chroots": [CHROOT]})
    return f"/coprs/alice/{name}/promotions/"


def becomes(visitor, state):
    """Waits until the promotion that is looked at is in a state; what its page then says."""

    def ready():
        visitor.page.reload()
        return visitor.page.locator("h1 .badge").inner_text() == state and visitor.page.locator("main").inner_text()

    return until(f"the promotion is {state}", ready)


def test_what_is_tried_out_is_voted_for_and_comes_into_the_next_project(visitors, built):
    path = target(built, "voted")
    owner = visitors("alice")
    page = owner.goto(path)
    page.get_by_role("textbox", name="Votes").fill("many")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_role("textbox", name="Votes").get_attribute("aria-invalid") == "true"
    page.get_by_role("textbox", name="Votes").fill("1")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()

    page.get_by_role("textbox", name="From").fill("alice/libs")
    page.get_by_role("button", name="Promote").click()
    page.wait_for_url(lambda url: not url.endswith("/promotions/"))
    assert "libgreet" in page.get_by_role("table").first.inner_text()
    told = becomes(owner, "waiting")
    assert "missing" in told and page.get_by_role("button", name="+1").count() == 0, "who asks has no vote"

    voter = visitors("carol")
    other = voter.goto(page.url)
    assert other.get_by_role("button", name="Refuse").count() == 0, "it is not hers to refuse"
    other.get_by_label("Comment").fill("It greets <b>me</b>, too.")
    other.get_by_role("button", name="+1").click()
    told = becomes(voter, "done")
    assert "It greets <b>me</b>, too." in told

    seen = visitors()
    packages = seen.goto(f"/coprs/alice/voted/repo-view/{CHROOT}/").locator("main").inner_text()
    assert "libgreet" in packages
    seen.goto("/coprs/alice/libs/promotions/")
    assert "alice/voted" in seen.page.get_by_role("table").inner_text(), "the source's history lacks it"


def test_what_would_break_stops_a_promotion_until_an_administrator_says_why_it_goes(visitors, built):
    path = target(built, "careful")
    owner = visitors("alice")
    page = owner.goto(path)
    page.get_by_label("Nothing may break").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    page.get_by_role("textbox", name="From").fill("bob/app")
    page.get_by_role("button", name="Promote").click()
    page.wait_for_url(lambda url: not url.endswith("/promotions/"))
    until("what would break is known", lambda: page.reload() and page.locator("#impact").count())
    broken = page.locator("section", has=page.locator("#impact")).inner_text()
    assert "libgreet" in broken and "the set itself" in broken, broken

    page.get_by_role("button", name="Override").click()
    wrong = page.get_by_label("Let it go all the same")
    assert wrong.get_attribute("aria-invalid") == "true"
    wrong.fill("Whoever has it has alice/libs, too.")
    page.get_by_role("button", name="Override").click()
    told = becomes(owner, "done")
    assert "alice lets it go all the same: Whoever has it has alice/libs, too." in told
