"""Configuration files, hubs, and specifications of projects."""

import pytest
from copr_repo import hubs


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def load(tmp_path):
    return hubs.Config.load([str(tmp_path)], vendor=str(tmp_path / "vendor"))


def test_later_files_win_and_a_missing_copr_d_is_no_error(tmp_path):
    write(tmp_path / "copr.conf", "[one]\nhostname = a.example\nport = 8443\n[main]\ndistribution = x\nreleasever = 1\n")
    assert load(tmp_path).hub("one") == hubs.Hub("a.example", "https://a.example:8443")
    write(tmp_path / "copr.d" / "b.conf", "[one]\nhostname = b.example\nprotocol = http\nport = 80\n")
    write(tmp_path / "copr.d" / "README", "not read [")
    config = load(tmp_path)
    assert config.hub("one") == hubs.Hub("b.example", "http://b.example")
    assert (config.distribution, config.releasever) == ("x", "1")


def test_the_vendors_file_is_overridden_by_the_administrators(tmp_path):
    write(tmp_path / "vendor", "[main]\ndistribution = v\nreleasever = 1\n")
    assert load(tmp_path).distribution == "v"
    write(tmp_path / "copr.conf", "[main]\ndistribution = a\n")
    assert load(tmp_path).distribution == "a"


def test_a_broken_configuration_file_is_named(tmp_path):
    write(tmp_path / "copr.conf", "hostname = x\n")
    with pytest.raises(hubs.UsageError, match="copr.conf"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("copr.example", hubs.Hub("copr.example", "https://copr.example")),
        ("localhost:8080", hubs.Hub("localhost", "https://localhost:8080")),
        ("http://127.0.0.1:8080/", hubs.Hub("127.0.0.1", "http://127.0.0.1:8080")),
        (None, hubs.Hub(hubs.DEFAULT_HOSTNAME, f"https://{hubs.DEFAULT_HOSTNAME}")),
    ],
)
def test_a_hub_without_a_section_is_a_host_or_a_url(name, hub):
    assert hubs.Config({}).hub(name) == hub


@pytest.mark.parametrize("name", ["a b", "ftp://x", "x:port", "-x", "a/../b", "x]\n", "user@host", ""])
def test_what_is_no_hub_is_refused(name):
    with pytest.raises(hubs.UsageError):
        hubs.Config({}).hub(name)


def test_a_project_may_be_written_with_a_hub_or_a_url_before_it():
    assert hubs.parse_spec("bob/app") == hubs.Spec(None, "bob", "app")
    assert hubs.parse_spec("hub/@g/app:pr:12") == hubs.Spec("hub", "@g", "app:pr:12")
    assert hubs.parse_spec("http://h:1/bob/app") == hubs.Spec("http://h:1", "bob", "app")


@pytest.mark.parametrize("text", ["app", "/bob/app", "a/b/c/d", "bob/..", "bob/a\nb", "bob/a]", "bob/app:x", "@/app", "bob/"])
def test_what_is_no_project_is_refused(text):
    with pytest.raises(hubs.UsageError):
        hubs.parse_spec(text)
