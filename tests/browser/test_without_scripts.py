"""All that one comes for, in a browser that runs no scripts."""

import pytest
from test_newcomer import enabled_as_the_page_says, find


@pytest.fixture
def plain(visitors):
    return visitors(java_script_enabled=False)


def test_a_project_is_found_and_enabled_and_dnf_sees_its_packages(plain, built, tmp_path):
    page = plain.goto("/")
    find(page, "greets")
    page.get_by_role("link", name="bob/app").first.click()
    assert page.get_by_role("button", name="Copy").count() == 0
    system = enabled_as_the_page_says(page, tmp_path)
    assert "app.x86_64" in system.run("dnf list --available app")
    system.remove()


def test_a_build_shows_the_end_of_its_log_and_the_whole_of_it(plain, built):
    page = plain.goto(f"/coprs/build/{built.failing}/")
    assert "error: Bad exit status" in page.locator("pre").last.inner_text()
