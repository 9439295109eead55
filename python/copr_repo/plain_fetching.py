"""Fetching with Python's own library, for those who have no dnf: the proxy and TLS settings of its configuration hold."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.client
import io
import os
import queue
import socket
import ssl
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Optional, TypeVar, Union

from ._native import Error, NotFound, Unreachable
from .dnf_settings import Settings
from .fetching import Download
from .hubs import UsageError
from .messages import _

_AT_ONCE = 8
_MOST_REDIRECTS = 5
_SLOWEST = 1000
"""Bytes a second; what comes slower for as long as the timeout is given up, as in dnf."""
_LARGEST_DOWNLOAD = 1 << 30
_CHUNK = 1 << 16
_CHECKSUMS = ("sha1", "sha224", "sha256", "sha384", "sha512")
_PASSING = (500, 502, 503, 504)

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Network:
    """How the network is reached."""

    proxy: Optional[str] = None
    """``http://host:port``; empty for none; ``None`` for what the environment says (``https_proxy``, ``no_proxy``, ...)."""
    proxy_user: Optional[str] = None
    proxy_password: Optional[str] = field(default=None, repr=False)
    verify: bool = True
    """Whether servers have to have a certificate that is trusted."""
    authorities: Optional[str] = None
    """A file or folder of certificates that are trusted instead of the system's."""
    certificate: Optional[str] = None
    """The client's own, PEM."""
    key: Optional[str] = None
    timeout: float = 30
    """Seconds without an answer."""
    tries: int = 3
    user_agent: str = "copr-repo"

    @classmethod
    def of(cls, settings: Settings) -> Network:
        """dnf's settings; raises ``UsageError`` for those that make no sense."""
        proxy = settings.text("proxy")
        if proxy is not None and proxy.lower() == "_none_":
            proxy = ""
        retries = settings.number("retries", 3)
        return cls(
            proxy=proxy,
            proxy_user=settings.text("proxy_username"),
            proxy_password=settings.text("proxy_password"),
            verify=settings.flag("sslverify", True),
            authorities=settings.text("sslcacert"),
            certificate=settings.text("sslclientcert"),
            key=settings.text("sslclientkey"),
            timeout=settings.seconds("timeout", 30) or 30,
            # dnf's 0 is "for ever".
            tries=min(retries, 10) or 10,
            user_agent=settings.text("user_agent") or "copr-repo",
        )


class Fetcher:
    """Fetches http and https, and nothing else."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def fetch_all(self, urls: Sequence[str], *, most: int) -> list[Union[bytes, NotFound, Unreachable]]:
        """See ``fetching.Fetcher``; raises ``UsageError`` for settings that make no sense."""
        opener = self._opener

        def fetch(url: str) -> Union[bytes, NotFound, Unreachable]:
            try:
                return self._tried(url, lambda: b"".join(self._chunks(opener, url, most)))
            except (NotFound, Unreachable) as error:
                return error

        return _at_once([functools.partial(fetch, url) for url in urls])

    def download(self, wanted: Sequence[Download]) -> list[Optional[Error]]:
        """See ``fetching.Fetcher``; raises ``UsageError`` for settings that make no sense."""
        opener = self._opener

        def fetch(one: Download, folder: str) -> Optional[Error]:
            try:
                self._tried(one.url, lambda: self._save(opener, one, folder))
            except Error as error:
                return error
            except OSError as error:
                return Error(f"{one.path}: {error.strerror or error}")
            return None

        with contextlib.ExitStack() as temporary:
            # It goes with all that is in it, also when Ctrl-C leaves threads behind.
            folders = {
                parent: temporary.enter_context(tempfile.TemporaryDirectory(prefix=".copr-", dir=parent))
                for parent in {os.path.dirname(one.path) or "." for one in wanted}
            }
            return _at_once([functools.partial(fetch, one, folders[os.path.dirname(one.path) or "."]) for one in wanted])

    def _tried(self, url: str, once: Callable[[], _Result]) -> _Result:
        """What ``once`` returns; again when it failed for a reason that may pass."""
        for left in reversed(range(self._network.tries)):
            try:
                return once()
            except _Passing as error:
                if not left:
                    raise Unreachable(f"{url}: {error}") from error
        raise AssertionError("one try at least")

    def _save(self, opener: urllib.request.OpenerDirector, wanted: Download, folder: str) -> None:
        kind, _colon, expected = wanted.checksum.partition(":")
        if kind not in _CHECKSUMS:
            raise Unreachable(
                _("{url}: its checksum is of kind {kind!r}, which is not known").format(url=wanted.url, kind=kind[:20])
            )
        checksum = hashlib.new(kind)
        size = 0
        handle, path = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            for chunk in self._chunks(opener, wanted.url, _LARGEST_DOWNLOAD if wanted.size is None else wanted.size):
                checksum.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if wanted.size not in (None, size) or checksum.hexdigest() != expected.lower():
            raise Unreachable(_("{url}: size or checksum is not what the repository says of it").format(url=wanted.url))
        os.replace(path, wanted.path)

    def _chunks(self, opener: urllib.request.OpenerDirector, url: str, most: int) -> Iterator[bytes]:
        """The body of a URL; raises ``NotFound``, ``Unreachable`` or ``_Passing``."""
        _check(url)
        request = urllib.request.Request(url, headers={"User-Agent": self._network.user_agent})
        with _errors_of(url):
            answer = opener.open(request, timeout=self._network.timeout)
        with answer:
            length, got = answer.length, 0
            while True:
                if max(length or 0, got) > most:
                    raise Unreachable(_("{url}: the answer is larger than {most} bytes").format(url=url, most=most))
                with _errors_of(url):
                    chunk: bytes = answer.read1(_CHUNK)
                if not chunk:
                    break
                got += len(chunk)
                yield chunk
            # http.client tells only readers of the whole that an answer ends too early.
            if length is not None and got < length:
                raise _Passing(_("the answer ends after {got} of {length} bytes").format(got=got, length=length))

    @functools.cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        opener = urllib.request.OpenerDirector()
        opener.addheaders = []
        for handler in (
            urllib.request.ProxyHandler(_proxies(self._network)),
            _Http(),
            _Https(_context(self._network)),
            urllib.request.UnknownHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Redirects(),
        ):
            opener.add_handler(handler)
        return opener


class _Passing(Exception):
    """A failure that may pass."""


class _Refused(Exception):
    """An address that is not gone to."""


def _check(url: str) -> None:
    """Raises ``Unreachable`` for what is no plain http(s) URL; the text never has a password."""
    try:
        parts = urllib.parse.urlsplit(url)
        # The port raises when there is one that is no number.
        bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        raise Unreachable(_("an address is no URL")) from None
    if parts.username is not None or parts.password is not None:
        raise Unreachable(
            _("an address on {host} has a user or password in it, which is not supported").format(host=parts.hostname)
        )
    if bad or any(c.isspace() or not c.isprintable() for c in url):
        raise Unreachable(_("{url!r} is no http or https URL").format(url=url[:300]))


@contextlib.contextmanager
def _errors_of(url: str) -> Iterator[None]:
    """What the library raises, as what ``fetch_all`` answers."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            raise NotFound(url) from None
        if 300 <= error.code < 400:
            raise Unreachable(_("{url}: redirects too often or to an address that is not allowed").format(url=url)) from None
        kind = _Passing if error.code in _PASSING else Unreachable
        raise kind(f"{'' if kind is _Passing else url + ': '}status {error.code}") from None
    except _Refused as error:
        raise Unreachable(
            _("{url}: redirects to an address that is not allowed: {reason}").format(url=url, reason=error)
        ) from None
    except (OSError, http.client.HTTPException) as error:
        # urllib wraps errors while connecting, but not those while reading.
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Unreachable(
                _("{url}: the server's certificate is not trusted: {reason}").format(url=url, reason=reason.verify_message)
            ) from None
        raise _Passing(_told(reason)) from None


def _told(reason: Union[BaseException, str]) -> str:
    """A reason in one line; parts of it may come from the server."""
    if isinstance(reason, (TimeoutError, socket.timeout)):
        return _("no answer in time")
    text = (isinstance(reason, OSError) and reason.strerror) or str(reason) or type(reason).__name__
    return "".join(c if c.isprintable() else "?" for c in text)[:300]


def _proxies(network: Network) -> dict[str, str]:
    """The proxy for each scheme; hosts in the environment's ``no_proxy`` are reached without."""
    if network.proxy is None:
        found = urllib.request.getproxies_environment()
        proxies = {scheme: found.get(scheme) or found.get("all", "") for scheme in ("http", "https")}
    else:
        proxies = dict.fromkeys(("http", "https"), network.proxy)
    return {scheme: _proxy(url, network) for scheme, url in proxies.items() if url}


def _proxy(url: str, network: Network) -> str:
    parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError(_("the proxy has to be given as http://host:port; others work with dnf only"))
    user, password = network.proxy_user, network.proxy_password or ""
    if user is None or network.proxy is None:
        return parts.geturl()
    login = f"{urllib.parse.quote(user, safe='')}:{urllib.parse.quote(password, safe='')}"
    return f"http://{login}@{parts.netloc.rpartition('@')[2]}"


def _context(network: Network) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not network.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if network.authorities is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if network.verify else context
            where = "capath" if os.path.isdir(network.authorities) else "cafile"
            context.load_verify_locations(**{where: network.authorities})
        if network.certificate is not None:
            context.load_cert_chain(network.certificate, network.key, password="")
    except OSError as error:
        names = ", ".join(filter(None, (network.authorities, network.certificate, network.key)))
        raise UsageError(
            _("certificates of dnf's configuration ({names}): {reason}").format(names=names, reason=error.strerror or error)
        ) from error
    return context


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few, and none that leads away from TLS."""

    max_redirections = _MOST_REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Optional[urllib.request.Request]:
        try:
            _check(newurl)
        except Unreachable as error:
            raise _Refused(str(error)) from None
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise _Refused(_("from https to http"))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Paced(io.RawIOBase):
    """What a server sends, as long as it does not take for ever."""

    def __init__(self, raw: io.RawIOBase, timeout: Optional[float]) -> None:
        self._raw, self._timeout = raw, timeout
        self._started, self._got = time.monotonic(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        elapsed = time.monotonic() - self._started
        if self._timeout is not None and elapsed > self._timeout and self._got < elapsed * _SLOWEST:
            raise TimeoutError
        number = self._raw.readinto(buffer)
        self._got += number or 0
        return int(number or 0)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp = io.BufferedReader(_Paced(self.fp.detach(), sock.gettimeout()))


class _HttpConnection(http.client.HTTPConnection):
    response_class = _Answer


class _HttpsConnection(http.client.HTTPSConnection):
    response_class = _Answer


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpConnection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._own_context = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpsConnection, req, context=self._own_context)


def _at_once(jobs: Sequence[Callable[[], _Result]]) -> list[_Result]:
    """What each of some functions returns, in their order; raises what the first of them raises.

    The threads are daemons, so that Ctrl-C ends the program although a server keeps one of them waiting.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Any, Optional[BaseException]]] = queue.SimpleQueue()
    for number in range(len(jobs)):
        waiting.put(number)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                number = waiting.get_nowait()
                try:
                    done.put((number, jobs[number](), None))
                except BaseException as error:
                    done.put((number, None, error))

    for _thread in range(min(_AT_ONCE, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    results: dict[int, _Result] = {}
    while len(results) < len(jobs):
        number, result, raised = done.get()
        if raised is not None:
            raise raised
        results[number] = result
    return [results[number] for number in range(len(jobs))]
