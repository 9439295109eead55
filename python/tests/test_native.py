"""What comes from Rust, seen from Python."""

import pytest
from copr_repo import (
    ChainError,
    Error,
    External,
    InvalidRepoError,
    NotFound,
    ParseError,
    ProjectRef,
    RepoSection,
    Unreachable,
    compare_evr,
    compare_versions,
    render_repo_file,
    resolve_chain,
)

ROOT = ProjectRef("h", "bob", "root")


def ref(name):
    return ProjectRef("h", "bob", name)


def fetch_from(facts):
    def fetch(project):
        if project.dirname not in facts:
            raise NotFound(str(project))
        return [External(word) if "://" in word else ref(word) for word in facts[project.dirname].split()]

    return fetch


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [("1-1", "1-1", 0), ("1.0~rc1-1", "1.0-1", -1), ("1^git1-1", "1-1", 1), ("1:1-1", "2-1", 1), ("1.10-1", "1.9-1", 1)],
)
def test_versions_are_in_rpms_order(a, b, order):
    assert (compare_evr(a, b), compare_evr(b, a)) == (order, -order)


def test_versions_are_in_the_order_of_the_rpm_module_where_there_is_one():
    rpm = pytest.importorskip("rpm")
    versions = ["1", "1.0", "1.0.1", "1a", "a1", "1~", "1^", "1~~", "10", "2", "1.0~rc1", "1.0^20", "01", "1..0"]
    for a in versions:
        for b in versions:
            assert compare_versions(a, b) == rpm.labelCompare(("0", a, "1"), ("0", b, "1")), (a, b)


def test_a_text_that_is_no_version_raises_parse_error():
    with pytest.raises(ParseError):
        compare_evr("x:1-1", "1-1")
    assert issubclass(ParseError, Error)


def test_the_chain_comes_dependencies_first():
    chain = resolve_chain(ROOT, fetch_from({"root": "a http://x/", "a": "b", "b": ""}))
    assert [str(item.link) for item in chain.repositories] == ["h/bob/b", "h/bob/a", "http://x/", "h/bob/root"]
    assert chain.repositories[0].needed_by == [ref("a")]
    assert chain.repositories[-1].dependencies == [ref("a"), External("http://x/")]
    assert chain.repositories[0].depth == 2


def test_cycles_and_lost_projects_are_told():
    chain = resolve_chain(ROOT, fetch_from({"root": "a gone", "a": "root"}))
    assert chain.cycles == [[ref("a"), ROOT]]
    assert [(problem.project, problem.not_found) for problem in chain.problems] == [(ref("gone"), True)]
    assert "h/bob/gone, needed by h/bob/root" in str(chain.problems[0])


def test_errors_of_the_root_are_raised_by_their_class():
    with pytest.raises(NotFound):
        resolve_chain(ROOT, fetch_from({}))

    def down(project):
        raise Unreachable("no route")

    with pytest.raises(Unreachable, match="no route"):
        resolve_chain(ROOT, down)


def test_any_other_exception_of_the_callback_ends_the_search_at_once_and_is_raised_again():
    asked = []

    def fetch(project):
        asked.append(project)
        if project != ROOT:
            raise KeyboardInterrupt
        return [ref("a"), ref("b")]

    with pytest.raises(KeyboardInterrupt):
        resolve_chain(ROOT, fetch)
    assert asked == [ROOT, ref("a")]


def test_a_wrong_answer_of_the_callback_is_a_type_error():
    with pytest.raises(TypeError, match="fetch must return"):
        resolve_chain(ROOT, lambda project: ["bob/a"])


def test_an_endless_chain_is_refused():
    with pytest.raises(ChainError):
        resolve_chain(ROOT, lambda project: [ref(project.dirname + "x")])


def test_references_compare_and_hash_by_value():
    assert {ref("a"), ref("a")} == {ref("a")}
    assert sorted([ref("b"), ref("a")]) == [ref("a"), ref("b")]
    assert repr(ref("a")) == 'ProjectRef("h", "bob", "a")'


def test_values_that_would_break_a_repo_file_are_refused():
    assert "[a]\nname=n\n" in render_repo_file([RepoSection("a", "n", "http://x/")])
    for bad in [("a]\n[b", "n", "http://x/"), ("a", "n\nx=1", "http://x/"), ("a", "n", "file:///")]:
        with pytest.raises(InvalidRepoError):
            render_repo_file([RepoSection(*bad)])
