"""Scripts for createrepo_c's Python module, and a repository to run them on; the tests run each on both modules."""

import gzip
import hashlib
import os
import shutil

import createrepo_c as theirs
from copr_repo import compat as ours

TEXTS = (
    "pkgId name arch epoch version release summary description url rpm_license rpm_vendor rpm_group rpm_buildhost "
    "rpm_sourcerpm rpm_packager location_href location_base checksum_type files_checksum_type"
).split()
NUMBERS = "time_file time_build rpm_header_start rpm_header_end size_package size_installed size_archive".split()
DEPENDENCIES = "requires provides conflicts obsoletes suggests enhances recommends supplements".split()
ATTRIBUTES = [*TEXTS, *NUMBERS, *DEPENDENCIES, "files", "changelogs"]
MAIN = ("primary", "filelists", "other")


def both(story, folder, *arguments):
    """What a script finds with createrepo_c, and with ours. Each has a folder of its own, of the same name."""
    found = []
    for whose, module in (("theirs", theirs), ("ours", ours)):
        place = folder / whose / "place"
        place.mkdir(parents=True, exist_ok=True)
        before = os.getcwd()
        os.chdir(place)
        try:
            found.append(story(module, *arguments))
        finally:
            os.chdir(before)
    return found


def attributes(package):
    """All that can be read of a package."""
    facts = {name: getattr(package, name) for name in ATTRIBUTES}
    return {**facts, "nvra": package.nvra(), "nevra": package.nevra(), "str": str(package), "repr": repr(package)}


def kind_of(error):
    """The kind of an exception that a script catches by."""
    name = type(error).__name__
    return "OSError" if isinstance(error, OSError) else name


PACKAGE = """<package type="rpm">
  <name>{name}</name>
  <arch>{arch}</arch>
  <version epoch="{epoch}" ver="{version}" rel="{release}"/>
  <checksum type="sha256" pkgid="YES">{pkgid}</checksum>
  <summary>About {name}: &lt;tags&gt; &amp; größer</summary>
  <description>{description}</description>
  <packager></packager>
  <url>http://example.org/?a=1&amp;b=2</url>
  <time file="{time}" build="{built}"/>
  <size package="4000" installed="12345678901" archive="0"/>
  <location {base}href="{name}-{version}-{release}.{arch}.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:vendor></rpm:vendor>
    <rpm:group>Unspecified</rpm:group>
    <rpm:buildhost>localhost</rpm:buildhost>
    <rpm:sourcerpm>{name}-{version}-{release}.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="280" end="2637"/>
    <rpm:provides>
      <rpm:entry name="{name}" flags="EQ" epoch="{epoch}" ver="{version}" rel="{release}"/>
      <rpm:entry name="feature(&#xE9;&amp;)"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="/bin/sh" pre="1"/>
      <rpm:entry name="libother" flags="GE" epoch="1" ver="2.0"/>
      <rpm:entry name="(a if b)"/>
    </rpm:requires>
    <rpm:conflicts>
      <rpm:entry name="old" flags="LT" epoch="0" ver="3" rel="1"/>
    </rpm:conflicts>
    <rpm:obsoletes>
      <rpm:entry name="older" flags="LE" epoch="0" ver="1"/>
    </rpm:obsoletes>
    <rpm:suggests>
      <rpm:entry name="nice"/>
    </rpm:suggests>
    <rpm:enhances>
      <rpm:entry name="much"/>
    </rpm:enhances>
    <rpm:recommends>
      <rpm:entry name="better" flags="GT" epoch="0" ver="1"/>
    </rpm:recommends>
    <rpm:supplements>
      <rpm:entry name="(much and more)"/>
    </rpm:supplements>
    <file>/usr/bin/{name}</file>
    <file type="dir">/etc/{name}</file>
  </format>
</package>
"""
FILELISTS = """<package pkgid="{pkgid}" name="{name}" arch="{arch}">
  <version epoch="{epoch}" ver="{version}" rel="{release}"/>
  <file>/usr/bin/{name}</file>
  <file type="dir">/etc/{name}</file>
  <file type="ghost">/var/log/{name}.log</file>
  <file>/usr/share/doc/{name}/Ärger &amp; more</file>
</package>
"""
OTHER = """<package pkgid="{pkgid}" name="{name}" arch="{arch}">
  <version epoch="{epoch}" ver="{version}" rel="{release}"/>
  <changelog author="A &lt;a@example.org&gt; - 1-1" date="1600000000">- First
- &amp; second line</changelog>
  <changelog author="B &#xFC;" date="1600086400">- Next</changelog>
</package>
"""
UPDATEINFO = """<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="security@example.org" status="final" type="security" version="3">
    <id>EXAMPLE-2024-1</id>
    <title>First &amp; foremost</title>
    <issued date="2024-05-01 12:00:00"/>
    <updated date="2024-05-02"/>
    <rights>Copyright</rights>
    <release>Example 1</release>
    <pushcount>1</pushcount>
    <severity>Important</severity>
    <summary></summary>
    <description>Länger
  als eine Zeile</description>
    <reboot_suggested>True</reboot_suggested>
    <references>
      <reference href="https://example.org/CVE?a=1&amp;b=2" id="CVE-2024-1" type="cve" title="größer"/>
    </references>
    <pkglist>
      <collection short="EX-1">
        <name>Example 1</name>
        <module name="nodejs" stream="18" version="8020020240501" context="abc" arch="x86_64"/>
        <package name="one" version="1.0" release="1" epoch="0" arch="x86_64" src="one-1.0-1.src.rpm">
          <filename>one-1.0-1.x86_64.rpm</filename>
          <sum type="sha256">1111111111111111111111111111111111111111111111111111111111111111</sum>
          <relogin_suggested>True</relogin_suggested>
        </package>
      </collection>
    </pkglist>
  </update>
  <update from="" status="stable" type="bugfix">
    <id>EXAMPLE-2024-2</id>
    <issued date="1714564800"/>
    <references/>
    <pkglist/>
  </update>
</updates>
"""


def make_repository(folder, packages=3, twice=False, documents=MAIN):
    """Writes a repository as its XML, without either module. With ``twice`` the last package is there two times."""
    numbers = [*range(packages), *([packages - 1] if twice else [])]
    values = [
        {
            "name": f"package{number}", "arch": ("x86_64", "noarch", "src")[number % 3], "epoch": number % 2,
            "version": f"1.{number}", "release": "1", "pkgid": hashlib.sha256(str(number).encode()).hexdigest(),
            "time": 1700000000 + number, "built": 1700000000 - number, "base": 'xml:base="http://cdn/" ' if number == 1 else "",
            "description": "Länger\n  als eine Zeile." if number % 2 else "",
        }
        for number in numbers
    ]
    namespace = "http://linux.duke.edu/metadata"
    roots = {
        "primary": (f'metadata xmlns="{namespace}/common" xmlns:rpm="{namespace}/rpm"', PACKAGE),
        "filelists": (f'filelists xmlns="{namespace}/filelists"', FILELISTS),
        "other": (f'otherdata xmlns="{namespace}/other"', OTHER),
    }
    texts = {}
    for kind in documents:
        root, template = roots[kind]
        inside = "".join(template.format(**value) for value in values)
        texts[kind] = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} packages="{len(values)}">\n{inside}</{root.split()[0]}>'
    write_repodata(folder, {**texts, "updateinfo": UPDATEINFO})
    return folder


def write_repodata(folder, texts):
    """Writes metadata files, compressed, and the repomd.xml that names them."""
    (folder / "repodata").mkdir(parents=True)
    lines = []
    for kind, text in texts.items():
        data = text.encode()
        packed = gzip.compress(data, mtime=0)
        (folder / f"repodata/{kind}.xml.gz").write_bytes(packed)
        lines.append(
            f'  <data type="{kind}">\n    <checksum type="sha256">{hashlib.sha256(packed).hexdigest()}</checksum>\n'
            f'    <open-checksum type="sha256">{hashlib.sha256(data).hexdigest()}</open-checksum>\n'
            f'    <location href="repodata/{kind}.xml.gz"/>\n    <timestamp>1700000000</timestamp>\n'
            f"    <size>{len(packed)}</size>\n    <open-size>{len(data)}</open-size>\n  </data>\n"
        )
    (folder / "repodata/repomd.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo">\n'
        "  <revision>1700000000</revision>\n  <tags>\n    <content>binary</content>\n    <repo>Example</repo>\n"
        '    <distro cpeid="cpe:/o:example:1">Example 1</distro>\n  </tags>\n' + "".join(lines) + "</repomd>\n"
    )


def copied(source, name="repo"):
    """A copy of a folder in the current one."""
    shutil.copytree(source, name)
    return name


def paths_of(cr, folder):
    """The metadata files that repomd.xml names: type -> path."""
    return {record.type: os.path.join(folder, record.location_href) for record in cr.Repomd(f"{folder}/repodata/repomd.xml")}


def tree(folder):
    """Every file below a folder with its content."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found
