"""Packages, made with rpmbuild, that have something in every list."""

import subprocess

SPEC = """
Name: {name}
Epoch: 2
Version: 1.5
Release: 3
Summary: The one line of {name}
License: MIT & <others>
URL: https://example.org/{name}
Vendor: ACME
Packager: Päckager <p@example.org>
Group: Applications/Text
BuildArch: noarch
Provides: virtual({name}) = 4:2-1
Requires: bash >= 3.2
Requires(post): coreutils
Requires: (a if b)
Conflicts: older-{name} < 1
Obsoletes: gone-{name} <= 7
Recommends: nice
Suggests: extra
Supplements: (x and y)
Enhances: editor > 2-5

%description
Long text about {name}.

%install
mkdir -p %{{buildroot}}/etc/{name} %{{buildroot}}/usr/bin
echo '#!/bin/sh' >%{{buildroot}}/usr/bin/{name}
echo a=1 >%{{buildroot}}/etc/{name}/conf

%post
true

%files
%dir /etc/{name}
%config /etc/{name}/conf
%attr(755, root, root) /usr/bin/{name}
%ghost /var/log/{name}.log

%changelog
* Tue Jan 02 2024 B <b@example.org> - 2:1.5-3
- newer

* Mon Jan 01 2024 A <a@example.org> - 2:1.5-2
- older
"""


def build(folder, name):
    """Builds the package and its source package; returns their paths."""
    spec = folder / f"{name}.spec"
    spec.write_text(SPEC.format(name=name))
    command = [
        "rpmbuild", "-ba", "--quiet", f"-D_topdir {folder}/{name}.build", f"-D_rpmdir {folder}", f"-D_srcrpmdir {folder}",
        "-D_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm", "-Dsource_date_epoch_from_changelog 0", str(spec),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / f"{name}-1.5-3.noarch.rpm", folder / f"{name}-1.5-3.src.rpm"
