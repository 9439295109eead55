"""What holds for every page: whoever looks, with whatever."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import DESK, PHONE, Visitor
from pages import PAGES

AXE = Axe()
pytestmark = pytest.mark.parametrize("which", PAGES, ids=str)


@pytest.fixture(scope="module")
def regulars(chromium, built, sessions):
    """Visitors who stay for all pages, by who they are and how they look."""
    here = {}

    def come(user, **how):
        key = (user, *sorted(how))
        if key not in here:
            here[key] = Visitor(chromium, built, **how, **({"storage_state": sessions(user)} if user else {}))
        return here[key]

    yield come
    for visitor in here.values():
        visitor.leave()


def serious(page):
    """What axe finds that keeps somebody out, with the elements that it is about."""
    found = AXE.run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


TOO_WIDE = """limit => [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > limit)
    .map(e => e.outerHTML.slice(0, 150))"""


def test_axe_finds_nothing_serious_and_a_phone_scrolls_nothing_sideways(regulars, built, which):
    visitor = regulars(which.user)
    page = visitor.goto(which.address(built), which.status)
    for scheme, size in [("light", DESK), ("dark", DESK), ("dark", PHONE)]:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        assert not serious(page), (scheme, size)
    wide, narrow = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= narrow, page.evaluate(TOO_WIDE, narrow)
    page.set_viewport_size(DESK)
    visitor.is_content()


def test_every_page_has_a_title_one_heading_and_says_the_same_without_scripts(regulars, built, which):
    visitor = regulars(which.user)
    page = visitor.goto(which.address(built), which.status)
    assert page.title().strip() and page.locator("main").count() == 1 and page.locator("h1").count() == 1
    levels = [int(tag[1]) for tag in page.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(e => e.tagName)")]
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), f"a level is left out: {levels}"
    said = set(page.locator("main").inner_text().split()) - {"Copy"}
    plain = regulars(which.user, java_script_enabled=False)
    words = set(plain.goto(which.address(built), which.status).locator("main").inner_text().split())
    # Logs and times may have gone on meanwhile.
    assert len(said - words) <= 0.2 * len(said), said - words
    twin = visitor.context.request.get(which.address(built), headers={"Accept": "application/json"})
    assert twin.status == which.status and twin.json(), twin
    visitor.is_content()
    plain.is_content()
