"""Real dnf 4: `dnf copr install`, with real packages in an installroot of its own."""

import subprocess

import copr_repo
import pytest
from terminals import interrupted

HOST = "127.0.0.1"
CHROOT = "fedora-44-x86_64"
SPEC = """
Name: {name}
Version: 1
Release: 1
Summary: A package
License: MIT
BuildArch: noarch
{more}

%description
A package.

%install
mkdir -p %{{buildroot}}/opt
echo {name} >%{{buildroot}}/opt/{name}

%files
/opt/{name}
"""


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """Folders of real packages: app needs libfoo, which is elsewhere; base is what neither needs."""
    top = tmp_path_factory.mktemp("rpms")
    for project, name, more in [
        ("bob/app", "app", "Requires: libfoo"), ("alice/libs", "libfoo", ""), ("alice/base", "base", ""),
    ]:
        folder = top / project
        folder.mkdir(parents=True)
        spec = top / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, more=more))
        subprocess.run(
            ["rpmbuild", "-bb", "--quiet", f"-D_topdir {top}/build", f"-D_rpmdir {folder}",
             "-D_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm", str(spec)],
            check=True, capture_output=True,
        )
        copr_repo.create(str(folder))
    return top


@pytest.fixture
def served(hub, repositories, dnf):
    hub.has("bob/app", ["alice/libs", "alice/base"], gpgcheck=False)
    hub.has("alice/libs", gpgcheck=False)
    hub.has("alice/base", gpgcheck=False)
    for file in repositories.glob("*/*/**/*"):
        if file.is_file():
            owner, name, *rest = file.relative_to(repositories).parts
            hub.answers["/".join(["/results", owner, name, CHROOT, *rest])] = file.read_bytes()
    (dnf.root / "etc" / "os-release").write_text("ID=fedora\nVERSION_ID=44\n")
    return hub


def install(dnf, hub, *packages, options=("-y",), stdin=""):
    return dnf(*options, "copr", "install", f"{hub.url}/bob/app", *packages, stdin=stdin)


def is_there(dnf, name):
    return (dnf.root / "opt" / name).is_file()


def test_what_a_package_needs_is_enabled_and_all_is_installed(dnf, served):
    done = install(dnf, served, "app")
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_there(dnf, "app") and is_there(dnf, "libfoo")
    assert list(dnf.files()) == [f"_copr:{HOST}:alice:libs.repo", f"_copr:{HOST}:bob:app.repo"]
    assert f"{HOST}/alice/libs: needed for libfoo-1-1, which app requires" in done.stderr
    assert f"Not needed for app: {HOST}/alice/base" in done.stderr
    assert "Repository successfully enabled." in done.stdout


def test_one_question_is_asked_and_no_leaves_everything_as_it_was(dnf, served):
    for answer in [
        install(dnf, served, "app", options=(), stdin="n\n"),
        install(dnf, served, "app", options=("--assumeno",)),
    ]:
        assert answer.returncode == 1, answer.stdout
        assert "Operation aborted." in answer.stderr
        assert dnf.files() == {} and not is_there(dnf, "app")
    yes = install(dnf, served, "app", options=(), stdin="y\n")
    assert yes.returncode == 0 and yes.stdout.count("[y/N]") == 1
    assert is_there(dnf, "app") and len(dnf.files()) == 2


def test_what_is_installed_already_asks_for_the_repositories_alone(dnf, served):
    assert install(dnf, served, "app").returncode == 0
    assert dnf("-y", "copr", "remove", f"{served.url}/bob/app").returncode == 0
    assert dnf.files() == {}
    no = install(dnf, served, "app", options=("--assumeno",))
    assert no.returncode == 1 and "Safe and good answer. Exiting." in no.stderr
    assert dnf.files() == {}
    yes = install(dnf, served, "app")
    assert yes.returncode == 0, yes.stderr
    assert f"_copr:{HOST}:bob:app.repo" in dnf.files()


def test_ctrl_c_at_the_question_leaves_everything_as_it_was(dnf, served):
    code, shown = interrupted(dnf, b"[y/N]: ", "copr", "install", f"{served.url}/bob/app", "app")
    assert code == 1 and "Traceback" not in shown and "successfully" not in shown, shown
    assert dnf.files() == {} and not is_there(dnf, "app")


def test_only_downloading_enables_nothing(dnf, served):
    done = install(dnf, served, "app", options=("-y", "--downloadonly"))
    assert done.returncode == 0, done.stderr
    assert dnf.files() == {} and not is_there(dnf, "app")


@pytest.mark.parametrize(
    ("packages", "message"),
    [(["none"], "none cannot be installed with these repositories:"), ([], "install needs a project and one or more packages")],
)
def test_what_cannot_be_installed_is_told_and_nothing_is_enabled(dnf, served, packages, message):
    done = install(dnf, served, *packages)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert dnf.files() == {}


def test_a_folder_of_repo_files_that_cannot_be_written_installs_nothing(dnf, served):
    dnf.reposdir.rmdir()
    (dnf.root / "etc" / "yum.repos.d").write_text("no folder\n")
    done = install(dnf, served, "app")
    assert done.returncode == 1, done.stdout
    assert "yum.repos.d" in done.stderr and "Traceback" not in done.stderr
    assert not is_there(dnf, "app")


def test_a_package_that_is_damaged_on_its_way_installs_and_enables_nothing(dnf, served):
    served.answers[f"/results/alice/libs/{CHROOT}/libfoo-1-1.noarch.rpm"] = b"x" * 1000
    done = install(dnf, served, "app")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert dnf.files() == {} and not is_there(dnf, "app")
