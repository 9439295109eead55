"""The repodata of a chain: of each repository repomd.xml and primary, fetched together and kept by checksum."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Optional, Union

from ._native import Error, External, LoadError, Pool, ProjectRef, Repomd, RepomdRecord, Repository
from .fetching import Download
from .messages import _
from .packages import INSTALLED
from .plan import Plan
from .system import System

Link = Union[ProjectRef, External]

_LARGEST_INDEX = 4 << 20
_LARGEST_PRIMARY = 512 << 20
_LOCATION = re.compile(r"repodata/[A-Za-z0-9][A-Za-z0-9._+-]{0,250}\Z")
_CHECKSUM = re.compile(r"(sha1|sha224|sha256|sha384|sha512):[0-9a-f]{40,128}\Z")
_KEPT_DAYS = 60
_KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class Metadata:
    """The packages of a chain, beside those of the system."""

    pool: Pool
    choice: Pool
    """The same for choosing packages, where the installed ones have what they depend on and are the last that are taken."""
    ids: Mapping[Link, str]
    """The repositories of the chain that were read, by their ids in the pool."""
    counts: Mapping[Link, int]
    """How many packages each has."""
    problems: Mapping[Link, str]
    """Why others were not."""
    system: tuple[str, ...]
    """Ids of what is on the system: enabled repositories, and the installed packages last."""
    fetched: int
    """Bytes that came over the network."""


@dataclass
class _Reading:
    """One repository that is being read."""

    link: Link
    id: str
    folder: str = ""
    index: Optional[RepomdRecord] = None
    problem: str = ""
    fetched: int = field(default=0)


def read(system: System, plan: Plan, *, whole: bool = False) -> Metadata:
    """Reads the metadata of all repositories of a plan; those that cannot be had are told, not raised.

    ``whole`` says that packages are going to be chosen: then the installed ones come with what they depend on.
    """
    with _cache(system.cache) as cache:
        readings = [_Reading(link, plan.id(link)) for link in plan.links]
        _fetch_indexes(system, plan, readings)
        _fetch_primaries(system, plan, readings, cache)
        good = [reading for reading in readings if not reading.problem]
        own = {reading.id for reading in readings}
        others = system.packages.repositories()[0] if system.packages else []
        others = [repository for repository in others if repository.id not in own]
        chain = [_repository(plan, reading) for reading in good]
        installed = system.packages.installed(whole=False) if system.packages else None
        pool, bad = _pool(system.arch, chain, others, installed, cache)
        choice = pool
        if whole and system.packages:
            choice, _bad = _pool(system.arch, chain, others, system.packages.installed(whole=True), cache)
        for reading in good:
            reading.problem = bad.get(reading.id, "")
            if reading.problem:
                # What was kept may have been damaged since: the next time it is fetched anew.
                shutil.rmtree(reading.folder, ignore_errors=True)
        _sweep(cache)
    ids = {reading.link: reading.id for reading in readings if not reading.problem}
    counts = {repository: 0 for repository in ids.values()}
    for package in pool.packages(any_arch=True):
        if package.repository in counts:
            counts[package.repository] += 1
    return Metadata(
        pool,
        choice,
        ids,
        {link: counts[repository] for link, repository in ids.items()},
        {reading.link: reading.problem for reading in readings if reading.problem},
        tuple(repository.id for repository in pool.repositories if repository.id not in own),
        sum(reading.fetched for reading in readings),
    )


def url(system: System, plan: Plan, link: Link) -> str:
    """The address of a repository, dnf's variables replaced, with a slash at the end."""
    known = {"releasever": plan.release.rpartition("-")[2], "basearch": plan.arch, "arch": plan.arch, **system.variables}
    replaced = re.sub(
        r"\$(\w+)|\$\{(\w+)\}", lambda found: known.get(found[1] or found[2], found[0]), plan.section(link).baseurl
    )
    return replaced.rstrip("/") + "/"


def _fetch_indexes(system: System, plan: Plan, readings: list[_Reading]) -> None:
    urls = [url(system, plan, reading.link) + "repodata/repomd.xml" for reading in readings]
    for reading, answer in zip(readings, system.fetcher.fetch_all(urls, most=_LARGEST_INDEX)):
        if isinstance(answer, Error):
            reading.problem = str(answer)
            continue
        reading.fetched = len(answer)
        try:
            index = Repomd.read(answer)
        except Error as error:
            reading.problem = str(error)
            continue
        reading.index = index.record("primary") or index.record("primary_zck")
        if reading.index is None:
            reading.problem = _("its repomd.xml names no primary metadata")
        elif not _is_usual(reading.index):
            reading.problem = _("its repomd.xml names primary metadata in an unusual way")


def _is_usual(record: RepomdRecord) -> bool:
    return (
        _LOCATION.match(record.location_href) is not None
        and not record.location_base
        and _CHECKSUM.match(":".join(record.checksum)) is not None
        and (record.size or 0) <= _LARGEST_PRIMARY
    )


def _fetch_primaries(system: System, plan: Plan, readings: list[_Reading], cache: str) -> None:
    """Lays each repository out as a folder of its own, named by the checksum, of repomd.xml and primary alone."""
    wanted: dict[str, Download] = {}
    waiting: list[_Reading] = []
    for reading in readings:
        if reading.index is None or reading.problem:
            continue
        checksum, location = ":".join(reading.index.checksum), reading.index.location_href
        reading.folder = os.path.join(cache, checksum.replace(":", "-"))
        path = os.path.join(reading.folder, location)
        if os.path.exists(os.path.join(reading.folder, "repodata", "repomd.xml")) and os.path.exists(path):
            os.utime(reading.folder)
            continue
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as failure:
            reading.problem = f"{reading.folder}: {failure.strerror}"
            continue
        waiting.append(reading)
        if path not in wanted:
            reading.fetched += reading.index.size or 0
            wanted[path] = Download(url(system, plan, reading.link) + location, path, checksum, reading.index.size)
    errors = dict(zip(wanted, system.fetcher.download(list(wanted.values()))))
    for reading in waiting:
        assert reading.index is not None
        error = errors[os.path.join(reading.folder, reading.index.location_href)]
        if error is not None:
            reading.problem = str(error)
            continue
        index = os.path.join(reading.folder, "repodata", "repomd.xml")
        # Last, and whole: with it the folder counts.
        try:
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=reading.folder, delete=False) as file:
                file.write(Repomd(revision="0", records=[reading.index]).render())
            os.replace(file.name, index)
        except OSError as failure:
            reading.problem = f"{reading.folder}: {failure.strerror}"
            shutil.rmtree(reading.folder, ignore_errors=True)


def _repository(plan: Plan, reading: _Reading) -> Repository:
    section = plan.section(reading.link)
    return Repository(
        reading.id, reading.folder, baseurl=section.baseurl,
        priority=99 if section.priority is None else section.priority, cost=1000 if section.cost is None else section.cost,
    )


def _pool(
    arch: str, chain: list[Repository], others: list[Repository], installed: Optional[Repository], cache: str
) -> tuple[Pool, dict[str, str]]:
    """The packages of all that can be read; and of the chain, why the rest cannot."""
    bad: dict[str, str] = {}
    while True:
        repositories = [repository for repository in [*chain, *others] if repository.id not in bad]
        try:
            pool = Pool(arch, [*repositories, *([installed] if installed else [])], cache=os.path.join(cache, "pools"))
        except LoadError as error:
            name = str(getattr(error, "path", ""))
            if name not in {repository.id for repository in repositories}:
                raise
            bad[name] = str(error)
        else:
            return pool, bad


@contextlib.contextmanager
def _cache(folder: Optional[str]) -> Iterator[str]:
    """The folder of what is kept; where there is none, one for this time."""
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            yield made
        return
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        with tempfile.TemporaryDirectory() as made:
            yield made
        return
    yield folder


def _sweep(cache: str) -> None:
    """Removes what was not used for long, and the oldest of what is too much."""
    kept = 0
    with contextlib.suppress(OSError):
        entries = [entry for entry in os.scandir(cache) if entry.is_dir(follow_symlinks=False)]
        folders = sorted(((entry.stat().st_mtime, entry.path) for entry in entries), reverse=True)
        for used, path in folders:
            kept += sum(file.stat().st_size for file in _files(path))
            if kept > _KEPT_BYTES or used < time.time() - _KEPT_DAYS * 86400:
                shutil.rmtree(path, ignore_errors=True)


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry


def installed_id() -> str:
    """The id of the installed packages in a pool."""
    return _(INSTALLED)
