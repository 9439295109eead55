"""A browser without a mouse."""

import pytest

FOCUSED = """() => {
    const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
    return {
        tag: at.tagName, text: (at.innerText || at.value || at.getAttribute("aria-label") || "").trim(),
        seen: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0,
        ringed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    };
}"""


def stops(page, most=200):
    """Where the tabulator stops, one after the other, until it leaves the page."""
    found = []
    for _ in range(most):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at["tag"] == "BODY":
            break
        found.append(at)
    return found


def test_the_first_stop_leads_past_the_head_of_the_page(visitor, page, hub):
    visitor.goto("/coprs/alice/libs/")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["text"] == "Skip to the content"
    page.keyboard.press("Enter")
    page.wait_for_url("**/#content")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("path", ["/", "/coprs/alice/libs/", "/coprs/build/{library}/"])
def test_every_stop_is_on_the_screen_and_has_a_ring(visitor, page, built, path):
    visitor.goto(path.format(library=built.library))
    found = stops(page)
    assert len(found) > 3
    assert not [at for at in found if not at["seen"] or not at["ringed"]]


def test_a_project_is_searched_for_and_opened(visitor, page, hub):
    visitor.goto("/")
    page.get_by_role("banner").get_by_role("searchbox").focus()
    page.keyboard.type("nightly")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=nightly*")
    page.get_by_role("link", name="@tools/nightly").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/coprs/g/tools/nightly/")
