"""A build and its logs, while it runs and afterwards."""

import re

import pytest
from hub import CHROOT

BLOCK = 12_500
"""Lines of 84 bytes in a MiB, about."""


@pytest.fixture
def long_log(built):
    """The page of a log that has 64 MiB: the build's own, and the same line again and again before it."""
    file = built.results(built.failing) / "builder-live.log"
    own = file.read_bytes()
    try:
        with file.open("wb") as log:
            for number in range(0, 64 * BLOCK, BLOCK):
                lines = (b"%012d\tnothing of interest happened here, and it took until the end of this line.\n" % (number + n)
                         for n in range(BLOCK))
                log.write(b"".join(lines))
            log.write(own)
        assert file.stat().st_size > 64 << 20
        yield f"/coprs/build/{built.failing}/log/{CHROOT}/builder-live.log"
    finally:
        file.write_bytes(own)


def test_a_log_of_64_mib_is_opened_and_stays_usable(visitor, page, built, long_log):
    # A server that was built without optimisation reads it slowly.
    visitor.context.set_default_timeout(300_000)
    visitor.goto(long_log)
    assert page.locator("#log > div").count() < 5000
    page.get_by_role("link", name="Go to the first error").click()
    page.locator(".trouble").first.wait_for()
    number = page.locator(".trouble a").first.text_content()
    assert int(number) > 64 * BLOCK
    # What is on the screen answers: the line's number is a link to it.
    page.locator(".trouble a").first.click()
    page.wait_for_url(f"**#L{number}")
    page.get_by_role("link", name="First lines").first.click()
    page.locator("#L1").wait_for()
    page.get_by_label("From line").fill("500000")
    page.get_by_role("button", name="Go", exact=True).click()
    assert page.locator("#L500000").text_content().strip().startswith("500000")
    visitor.goto(f"/coprs/build/{built.failing}/")
    assert "Bad exit status" in page.locator(".log pre").first.inner_text()


def test_the_first_error_is_one_click_away(visitor, page, built):
    visitor.goto(f"/coprs/build/{built.failing}/")
    page.get_by_role("link", name="Go to the first error").first.click()
    line = page.locator(".trouble").first
    line.wait_for()
    assert "error" in line.inner_text().lower()
    assert page.url.endswith(f"#{line.get_attribute('id')}")


def test_colours_of_a_log_are_classes_and_nothing_else_of_it_counts(visitor, page, built):
    visitor.goto(f"/coprs/build/{built.markup}/log/{CHROOT}/builder-live.log")
    # Text, not "inner text": lines that are not on the screen are not laid out, so they have none of that.
    printed = page.locator("#log > div > span").all_text_contents()
    assert "red link" in [line.strip() for line in printed] and not [line for line in printed if "\x1b" in line or "\x07" in line]
    assert '<script>alert("log")</script>' in printed
    assert page.locator("#log [style]").count() == 0
    coloured = page.locator("#log span span", has_text=re.compile("^red$")).first
    assert coloured.evaluate("it => getComputedStyle(it).color") != page.locator("#log").evaluate(
        "it => getComputedStyle(it).color"
    )


def test_the_buildroot_is_compared_with_the_last_good_one(visitor, page, built):
    visitor.goto(f"/coprs/build/{built.app}/")
    page.get_by_role("link", name="What changed in its buildroot").click()
    page.get_by_role("heading", level=1).wait_for()
    assert "installed" in page.locator(".lead").inner_text()
