"""What a first visit costs, in bytes on the wire."""

MOST = 60_000


def wire(visitor):
    """Bytes of all answers so far, heads and compressed bodies."""
    sizes = [request.sizes() for request in visitor.requests]
    return sum(size["responseHeadersSize"] + size["responseBodySize"] for size in sizes)


def test_the_first_page_with_everything_is_below_60_kb_and_asks_for_little(visitor, page, hub):
    visitor.goto("/")
    page.wait_for_load_state("networkidle")
    assert wire(visitor) < MOST
    kinds = [request.resource_type for request in visitor.requests]
    assert len(kinds) <= 6 and "fetch" not in kinds and "xhr" not in kinds, kinds


def test_a_projects_page_is_below_it_too(visitor, page, hub):
    visitor.goto("/coprs/alice/libs/")
    page.wait_for_load_state("networkidle")
    assert wire(visitor) < MOST


def test_a_second_page_brings_neither_style_nor_script_again(visitor, page, hub):
    visitor.goto("/")
    page.wait_for_load_state("networkidle")
    visitor.requests.clear()
    visitor.goto("/coprs/alice/libs/")
    page.wait_for_load_state("networkidle")
    assert not [r.url for r in visitor.requests if "/static/" in r.url and r.sizes()["responseBodySize"] > 0]


def test_the_page_is_whole_when_no_script_arrives(visitor, page, hub):
    page.route("**/*.js", lambda route: route.abort())
    visitor.goto("/")
    assert page.get_by_role("link", name="alice/libs").first.is_visible()
    visitor.goto("/coprs/alice/libs/")
    assert page.get_by_label("Command that enables this project").is_visible()
