"""Texts that would be markup, pages that would send our forms, addresses that would lead away."""

import xml.etree.ElementTree

import pytest
from hub import CHROOT

PAYLOADS = "[onerror],[onload],[onmouseover],iframe,object,embed,base,script:not([src]),[href^='javascript:' i],[href^='data:' i]"


def harmless(visitor, page):
    """Nothing of what was written became part of the page, nor ran."""
    assert page.locator(PAYLOADS).count() == 0, page.locator(PAYLOADS).first.evaluate("it => it.outerHTML")
    hosts = page.eval_on_selector_all("img,script,link", "all => all.map(e => new URL(e.src || e.href).host)")
    assert set(hosts) <= visitor.hosts, hosts
    visitor.is_content()


@pytest.mark.parametrize("path", [
    "/", "/?q=markup", "/?q=%3Cscript%3Ealert(1)%3C/script%3E%22onfocus=%22alert(1)", "/coprs/mallory/markup/",
    "/coprs/mallory/", "/coprs/builds/", "/coprs/mallory/markup/packages/", "/coprs/mallory/markup/monitor/",
    "/coprs/mallory/markup/package/markup/", f"/coprs/mallory/markup/repo-view/{CHROOT}/package/markup/",
    f"/coprs/mallory/markup/repo-view/{CHROOT}/latest/", f"/coprs/mallory/markup/repo-view/{CHROOT}/all/",
    "/coprs/build/{markup}/", "/results/mallory/markup/minidistro-12-x86_64/",
])  # fmt: skip
def test_what_mallory_writes_is_text_and_nothing_else(visitor, page, built, path):
    visitor.goto(path.format(markup=built.markup))
    harmless(visitor, page)


@pytest.mark.parametrize("below", ["edit/", "packages/add/", "permissions/", "integrations/", "delete/"])
def test_mallorys_own_forms_hold_what_was_written_as_text(visitors, built, below):
    visitor = visitors("mallory")
    harmless(visitor, visitor.goto(f"/coprs/mallory/markup/{below}"))


def test_a_feed_says_it_as_text(visitor, built):
    for path in [f"/coprs/mallory/markup/repo-view/{CHROOT}/feed.atom"]:
        answer = visitor.context.request.get(path)
        assert answer.status == 200 and "xml" in answer.headers["content-type"]
        texts = [it.text or "" for it in xml.etree.ElementTree.fromstring(answer.text()).iter()]
        assert any("markup" in text for text in texts)


def test_what_a_log_prints_is_shown_as_it_is_and_does_nothing(visitor, page, built):
    visitor.goto(f"/coprs/build/{built.markup}/")
    for summary in page.locator("details:not([open]) > summary").all():
        summary.click()
    assert '<script>alert("log")</script>' in page.locator("pre").last.inner_text()
    harmless(visitor, page)


@pytest.mark.parametrize("file", ["builder-live.log", "build.log", "markup.spec"])
def test_a_file_of_a_build_is_never_a_page(visitor, page, built, file):
    folder = built.results(built.markup)
    path = f"/results/mallory/markup/minidistro-12-x86_64/{folder.name}/{file}"
    answer = visitor.context.request.get(path)
    assert answer.status == 200 and "html" not in answer.headers["content-type"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    if file.endswith(".log"):
        visitor.goto(path)
        harmless(visitor, page)
