"""The dependency library, seen from Python."""

import threading

import pytest
from copr_repo import Error, LoadError, ParseError, Pool, Repository, Unsolvable
from repositories import folder, primary

LINES = [
    "app-1-1.x86_64; requires lib.so()(64bit), /bin/sh; recommends docs; provides web",
    "app-2-1.x86_64; requires lib.so()(64bit) , gone >= 3",
    "lib-1-1.x86_64; provides lib.so()(64bit)",
    "lib-1-1.i686; provides lib.so",
    "bash-5-1.x86_64; files /bin/sh; requires (lib if app)",
    "docs-1-1.noarch; supplements web",
    "lib-1-1.ppc64",
]


@pytest.fixture
def pool(tmp_path):
    return Pool("x86_64", [Repository("base", primary(tmp_path / "primary.xml", *LINES))])


def names(packages):
    return [str(package) for package in packages]


def test_packages_have_what_the_repository_says_of_them(pool):
    (lib,) = pool.packages("lib.x86_64")
    assert (lib.name, lib.epoch, lib.version, lib.release, lib.arch) == ("lib", 0, "1", "1", "x86_64")
    assert (lib.evr, lib.nevra, str(lib)) == ("1-1", "lib-1-1.x86_64", "lib-1-1.x86_64")
    assert (lib.repository, lib.location, lib.vendor) == ("base", "lib-1-1.x86_64.rpm", "ACME")
    assert (lib.size, lib.installed_size, lib.build_time) == (1000, 2000, 1_700_000_000)
    assert (lib.source_rpm, lib.checksum[:7]) == ("lib-1-1.src.rpm", "sha256:")
    assert lib.provides == ["lib = 1-1", "lib.so()(64bit)"]
    assert repr(lib) == "<Package lib-1-1.x86_64 of base>"


def test_each_kind_of_dependency_is_told_as_in_a_spec_file(tmp_path):
    line = "a-1-1.noarch; requires (b if c), d >= 2; conflicts e; obsoletes f < 1; suggests g; enhances h"
    (package,) = Pool("x86_64", [Repository("r", primary(tmp_path / "p.xml", line))]).packages("a")
    assert package.requires == ["(b if c)", "d >= 2"]
    assert (package.conflicts, package.obsoletes) == (["e"], ["f < 1"])
    assert (package.suggests, package.enhances, package.recommends) == (["g"], ["h"], [])


def test_what_does_not_fit_the_machine_is_there_only_if_asked_for(pool):
    assert (len(pool), len(pool.packages()), len(pool.packages(any_arch=True))) == (7, 6, 7)
    assert pool.packages("lib.ppc64") == []
    assert [package.installable for package in pool.packages("lib", any_arch=True)] == [True, True, False]


def test_a_spec_is_read_as_dnf_reads_it(pool):
    assert names(pool.packages("app")) == ["app-1-1.x86_64", "app-2-1.x86_64"]
    assert names(pool.packages("app-1")) == ["app-1-1.x86_64"]
    assert names(pool.packages("b*h")) == ["bash-5-1.x86_64"]
    assert names(pool.packages("/bin/sh")) == ["bash-5-1.x86_64"]
    assert pool.packages("none") == []


def test_who_provides_and_who_requires_a_capability(pool):
    assert names(pool.what_provides("lib.so()(64bit)")) == ["lib-1-1.x86_64"]
    assert names(pool.what_provides("app >= 2")) == ["app-2-1.x86_64"]
    assert names(pool.what_requires("lib.so()(64bit)")) == ["app-1-1.x86_64", "app-2-1.x86_64"]
    assert names(pool.what_requires("/bin/sh")) == ["app-1-1.x86_64"]
    assert names(pool.what_requires("docs", kinds=["recommends"])) == ["app-1-1.x86_64"]
    with pytest.raises(ValueError, match="needs"):
        pool.what_requires("docs", kinds=["needs"])
    for ask in (pool.what_provides, pool.what_requires):
        with pytest.raises(ParseError):
            ask("a >> 1")


def test_a_solution_says_why_each_package_is_there(pool):
    solution = pool.solve(["app"])
    told = [(str(chosen.package), chosen.why, chosen.by and chosen.by.name) for chosen in solution.install]
    assert told == [
        ("app-1-1.x86_64", "asked", None),
        ("bash-5-1.x86_64", "required", "app"),
        ("docs-1-1.noarch", "recommended", "app"),
        ("lib-1-1.x86_64", "required", "app"),
    ]
    assert solution.erase == []


def test_weak_dependencies_can_be_left_out(pool):
    chosen = [chosen.package.name for chosen in pool.solve(["app"], weak=False).install]
    assert chosen == ["app", "bash", "lib"]


def test_what_cannot_be_installed_is_explained(pool):
    with pytest.raises(Unsolvable, match="nothing provides gone >= 3 needed by app-2-1.x86_64") as caught:
        pool.solve(["app = 2"])
    assert isinstance(caught.value, Error)
    assert caught.value.reasons and "\n".join(caught.value.reasons) in str(caught.value)


def test_a_repository_that_is_not_enabled_is_named_where_it_would_help(tmp_path):
    base = Repository("base", primary(tmp_path / "base.xml", "app-1-1.noarch; requires lib"))
    more = Repository("alice/libs", primary(tmp_path / "more.xml", "lib-1-1.noarch"))
    pool = Pool("x86_64", [base, more])
    assert len(pool.solve(["app"]).install) == 2
    with pytest.raises(Unsolvable, match="alice/libs"):
        pool.solve(["app"], not_enabled=["alice/libs"])


def test_priorities_and_locked_packages_decide(tmp_path):
    base = Repository("base", primary(tmp_path / "base.xml", "a-2-1.noarch", "a-3-1.noarch"))
    mine = Repository("mine", primary(tmp_path / "mine.xml", "a-1-1.noarch"), priority=50)
    pool = Pool("x86_64", [base, mine])
    assert [str(chosen.package) for chosen in pool.solve(["a"]).install] == ["a-1-1.noarch"]
    locked = pool.solve(["a"], locked=["a-2-1.noarch"])
    assert [str(chosen.package) for chosen in locked.install] == ["a-2-1.noarch"]
    with pytest.raises(ParseError):
        pool.solve(["a"], locked=["a"])


def test_the_oldest_may_be_asked_for(tmp_path):
    pool = Pool("x86_64", [Repository("base", primary(tmp_path / "p.xml", "a-2-1.noarch", "a-1-1.noarch"))])
    assert [str(chosen.package) for chosen in pool.solve(["a"], policy="oldest").install] == ["a-1-1.noarch"]
    with pytest.raises(ValueError, match="policy"):
        pool.solve(["a"], policy="fanciest")


def test_an_installed_system_is_updated_not_built_anew(tmp_path):
    system = Repository("system", primary(tmp_path / "system.xml", "lib-1-1.noarch", "app-1-1.noarch; requires lib"))
    updates = Repository("updates", primary(tmp_path / "updates.xml", "new-1-1.noarch; requires lib >= 2", "lib-2-1.noarch"))
    solution = Pool("x86_64", [system, updates]).solve(["new"], installed="system")
    assert [str(chosen.package) for chosen in solution.install] == ["lib-2-1.noarch", "new-1-1.noarch"]
    assert names(solution.erase) == ["lib-1-1.noarch"]
    with pytest.raises(ValueError, match="no repository"):
        Pool("x86_64", [system, updates]).solve(["new"], installed="elsewhere")


def test_the_closure_lists_every_unsatisfied_requirement(pool):
    broken = pool.closure()
    assert [(str(one.package), one.requirements) for one in broken] == [("app-2-1.x86_64", ["gone >= 3"])]
    assert pool.closure(["base"], newest=True)[0].package == broken[0].package


def test_a_closure_looks_at_the_repositories_it_is_given(tmp_path):
    base = Repository("base", primary(tmp_path / "base.xml", "lib-1-1.noarch; requires gone"))
    mine = Repository("mine", primary(tmp_path / "mine.xml", "app-1-1.noarch; requires lib"))
    pool = Pool("x86_64", [base, mine])
    assert pool.closure(["mine"]) == []
    assert names(one.package for one in pool.closure()) == ["lib-1-1.noarch"]
    with pytest.raises(ValueError, match="no repository"):
        pool.closure(["elsewhere"])


def test_a_folder_is_read_through_the_cache_until_it_changes(tmp_path):
    cache = tmp_path / "cache"
    base = Repository("base", folder(tmp_path / "repo", "a-1-1.noarch"))
    assert names(Pool("x86_64", [base], cache=cache).packages()) == ["a-1-1.noarch"]
    (tmp_path / "repo/repodata/primary.xml").unlink()
    assert names(Pool("x86_64", [base], cache=cache).packages()) == ["a-1-1.noarch"], "primary.xml is not needed"
    folder(tmp_path / "repo", "a-2-1.noarch")
    assert names(Pool("x86_64", [base], cache=cache).packages()) == ["a-2-1.noarch"]


def test_a_spoilt_cache_is_made_anew(tmp_path):
    cache = tmp_path / "cache"
    base = Repository("base", folder(tmp_path / "repo", "a-1-1.noarch"))
    Pool("x86_64", [base], cache=cache)
    (file,) = (path for path in cache.rglob("*") if path.is_file())
    sound = file.read_bytes()
    for spoilt in (b"", sound[: len(sound) // 2], sound[:-1] + bytes([sound[-1] ^ 1])):
        file.write_bytes(spoilt)
        assert names(Pool("x86_64", [base], cache=cache).packages()) == ["a-1-1.noarch"]


def test_files_that_only_the_file_lists_have_are_looked_up_where_somebody_asks(tmp_path):
    lines = ("app-1-1.noarch; requires /usr/share/lib/x", "lib-1-1.noarch")
    listed = {"lib-1-1.noarch": ["/usr/share/lib/x", "/usr/share/lib/y"]}
    base = Repository("base", folder(tmp_path / "repo", *lines, listed=listed))
    cache = tmp_path / "cache"
    for _cold_then_cached in range(2):
        pool = Pool("x86_64", [base], cache=cache)
        assert [chosen.package.name for chosen in pool.solve(["app"]).install] == ["app", "lib"]
        assert pool.packages("/usr/share/lib/y") == []
        asked = Pool("x86_64", [base], cache=cache, paths=["/usr/share/lib/y"])
        assert names(asked.packages("/usr/share/lib/y")) == ["lib-1-1.noarch"]


def test_what_cannot_be_read_is_a_load_error_that_names_the_file(tmp_path):
    with pytest.raises(LoadError, match="nowhere"):
        Pool("x86_64", [Repository("base", tmp_path / "nowhere")])
    (tmp_path / "primary.xml").write_text("<metadata")
    with pytest.raises(LoadError, match=r"primary\.xml"):
        Pool("x86_64", [Repository("base", tmp_path / "primary.xml")])
    damaged = folder(tmp_path / "repo", "a-1-1.noarch")
    (damaged / "repodata/primary.xml").write_text("x")
    with pytest.raises(LoadError, match=r"primary\.xml"):
        Pool("x86_64", [Repository("base", damaged)])


def test_excluded_packages_are_not_seen(tmp_path):
    base = Repository("base", primary(tmp_path / "p.xml", "a-1-1.noarch", "a-2-1.noarch"), exclude=["a-2*"])
    assert [str(chosen.package) for chosen in Pool("x86_64", [base]).solve(["a"]).install] == ["a-1-1.noarch"]


def test_packages_are_equal_within_their_pool_only(tmp_path, pool):
    assert pool.packages("bash") == pool.packages("bash")
    assert len({*pool.packages("bash"), *pool.packages("bash"), *pool.packages("docs")}) == 2
    again = Pool("x86_64", pool.repositories)
    assert again.packages("bash") != pool.packages("bash")


def test_a_package_outlives_the_name_of_its_pool(tmp_path):
    (package,) = Pool("x86_64", [Repository("base", primary(tmp_path / "p.xml", "a-1-1.noarch"))]).packages()
    assert package.nevra == "a-1-1.noarch"


def test_threads_share_a_pool(pool):
    answers = []

    def work():
        answers.extend(len(pool.solve(["app"]).install) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [4] * 200


def test_other_threads_run_while_a_pool_works(tmp_path):
    lines = [f"p{n}-1-1.noarch; requires p{n + 1}" for n in range(20_000)] + ["p20000-1-1.noarch"]
    pool = Pool("x86_64", [Repository("base", primary(tmp_path / "p.xml", *lines))])
    stop = threading.Event()
    seen = []

    def work():
        try:
            pool.solve(["p0"])
        finally:
            stop.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not stop.is_set():
        seen.append(worker.is_alive())
    worker.join()
    assert len(seen) > 100, "this thread did not get to run"
