"""Fetching without dnf, from servers on the loopback that behave well and badly; and dnf's settings read without dnf."""

import hashlib
import http.server
import os
import ssl
import subprocess
import threading

import dnf.rpm
import pytest
from copr_repo import NotFound, Unreachable, hubs
from copr_repo.dnf_settings import Settings, base_architecture
from copr_repo.fetching import Download
from copr_repo.plain_fetching import Fetcher, Network


class Server:
    """Answers by path: with what a function writes on the handler."""

    def __init__(self, certificate=None):
        self.pages, self.asked = {}, []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.asked.append((self.path, self.headers))
                self.close_connection = True
                try:
                    server.pages.get(self.path, status(404))(self)
                except OSError:
                    # The client has had enough.
                    pass

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def body(data, length=None):
    def write(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data) if length is None else length))
        handler.end_headers()
        handler.wfile.write(data)

    return write


def status(code, **headers):
    def write(handler):
        handler.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return write


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )
    path.write_bytes(path.read_bytes() + open(f"{path}.crt", "rb").read())
    return path


def fetch(url, most=1000, **network):
    (answer,) = Fetcher(Network(**network)).fetch_all([url], most=most)
    return answer


def test_bodies_come_in_the_order_of_their_urls_and_what_is_not_there_is_told(server):
    names = [f"/{number}" for number in range(30)]
    server.pages.update((name, body(name.encode())) for name in names)
    answers = Fetcher(Network()).fetch_all([server.url + name for name in [*names, "/none"]], most=1000)
    assert answers[:-1] == [name.encode() for name in names]
    assert isinstance(answers[-1], NotFound)
    assert {headers["User-Agent"] for _, headers in server.asked} == {"copr-repo"}


@pytest.mark.parametrize("page", [body(b"x" * 1001), body(b"", length=1001), endless])
def test_no_more_is_read_than_is_wanted(server, page):
    server.pages["/"] = page
    answer = fetch(server.url + "/")
    assert isinstance(answer, Unreachable) and "larger than 1000 bytes" in str(answer)


def test_an_answer_of_exactly_the_size_is_not_too_large(server):
    server.pages["/"] = body(b"x" * 1000)
    assert fetch(server.url + "/") == b"x" * 1000


def test_an_answer_that_ends_too_early_is_none(server):
    server.pages["/"] = body(b"abc", length=10)
    assert "ends after 3 of 10 bytes" in str(fetch(server.url + "/"))


def test_a_failure_that_may_pass_is_tried_again_and_others_are_not(server):
    answers = [status(503), status(503), body(b"there")]
    server.pages["/passing"] = lambda handler: answers.pop(0)(handler)
    server.pages["/forbidden"] = status(403)
    assert fetch(server.url + "/passing", tries=3) == b"there"
    assert "status 403" in str(fetch(server.url + "/forbidden", tries=3))
    assert [path for path, _ in server.asked].count("/forbidden") == 1


def test_a_server_that_sends_drop_by_drop_is_given_up(server):
    given_up = threading.Event()

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while not given_up.wait(0.05):
                handler.wfile.write(b"X-Drop: x\r\n")
        finally:
            given_up.set()

    server.pages["/"] = drip
    assert "no answer in time" in str(fetch(server.url + "/", timeout=0.3, tries=1))
    given_up.set()


def test_redirects_are_followed_to_http_only_and_a_few_times(server):
    server.pages["/there"] = body(b"there")
    server.pages["/good"] = status(302, Location="/there")
    server.pages["/round"] = status(302, Location="/round")
    server.pages["/file"] = status(302, Location="file:///etc/passwd")
    server.pages["/ftp"] = status(302, Location="ftp://127.0.0.1/x")
    server.pages["/login"] = status(302, Location=f"http://user:secret@127.0.0.1:{server.port}/there")
    assert fetch(server.url + "/good") == b"there"
    for name in ("round", "file", "ftp", "login"):
        answer = fetch(f"{server.url}/{name}")
        assert isinstance(answer, Unreachable) and "redirects" in str(answer), answer
        assert "secret" not in str(answer)
    assert len([path for path, _ in server.asked if path == "/round"]) < 10


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://h/x", "http://", "http://h:x/", "http://h/a b", "http://h/\n", "http://[", "h/x", ""]
)
def test_an_address_that_is_no_http_url_is_refused(url):
    assert isinstance(fetch(url), Unreachable)


def test_a_password_in_an_address_is_refused_and_never_shown():
    answer = fetch("http://user:secret@127.0.0.1/")
    assert isinstance(answer, Unreachable) and "secret" not in str(answer)


def test_a_server_that_is_down_is_told_with_its_address(server):
    url = server.url
    server.stop()
    server.stop = lambda: None
    assert f"{url}/x: Connection refused" in str(fetch(f"{url}/x"))


class TestProxy:
    @pytest.fixture
    def proxy(self):
        proxy = Server()
        proxy.pages["http://copr.example.org/x"] = body(b"by the proxy")
        yield proxy
        proxy.stop()

    def test_that_of_dnf_is_used_with_its_login(self, proxy):
        settings = Settings({"proxy": proxy.url, "proxy_username": "u@x", "proxy_password": "p:/ q"}, {})
        network = Network.of(settings)
        assert Fetcher(network).fetch_all(["http://copr.example.org/x"], most=100) == [b"by the proxy"]
        (_, headers), = proxy.asked
        # base64 of u@x:p:/ q
        assert headers["Proxy-Authorization"] == "Basic dUB4OnA6LyBx"
        assert "p:/ q" not in repr(network)

    def test_that_of_the_environment_is_used_but_for_hosts_in_no_proxy(self, proxy, server, monkeypatch):
        monkeypatch.setenv("all_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        server.pages["/x"] = body(b"direct")
        assert fetch("http://copr.example.org/x") == b"by the proxy"
        assert fetch(server.url + "/x") == b"direct"

    def test_dnf_may_say_that_there_is_none(self, proxy, server, monkeypatch):
        monkeypatch.setenv("http_proxy", proxy.url)
        server.pages["/x"] = body(b"direct")
        (answer,) = Fetcher(Network.of(Settings({"proxy": "_none_"}, {}))).fetch_all([server.url + "/x"], most=100)
        assert answer == b"direct" and proxy.asked == []

    def test_one_that_is_not_http_is_refused_without_its_password(self):
        fetcher = Fetcher(Network(proxy="socks5://user:secret@127.0.0.1:1"))
        with pytest.raises(hubs.UsageError, match="proxy") as error:
            fetcher.fetch_all(["http://copr.example.org/x"], most=100)
        assert "secret" not in str(error.value)


class TestTls:
    @pytest.fixture
    def secure(self, certificate):
        secure = Server(certificate)
        secure.pages["/x"] = body(b"secret")
        yield secure
        secure.stop()

    def test_a_certificate_that_nobody_vouches_for_is_refused(self, secure):
        answer = fetch(secure.url + "/x")
        assert isinstance(answer, Unreachable) and "certificate is not trusted" in str(answer)
        assert secure.asked == []

    def test_dnfs_authorities_are_trusted(self, secure, certificate):
        assert fetch(secure.url + "/x", authorities=f"{certificate}.crt") == b"secret"

    def test_dnf_may_say_that_nothing_is_verified(self, secure):
        (answer,) = Fetcher(Network.of(Settings({"sslverify": "0"}, {}))).fetch_all([secure.url + "/x"], most=100)
        assert answer == b"secret"

    def test_a_redirect_does_not_lead_away_from_tls(self, secure, certificate, server):
        server.pages["/x"] = body(b"plain")
        secure.pages["/away"] = status(302, Location=server.url + "/x")
        answer = fetch(secure.url + "/away", authorities=f"{certificate}.crt")
        assert isinstance(answer, Unreachable) and "from https to http" in str(answer)

    def test_authorities_that_are_not_there_are_told(self, tmp_path):
        with pytest.raises(hubs.UsageError, match="none.crt"):
            fetch("https://127.0.0.1/", authorities=str(tmp_path / "none.crt"))


class TestDownload:
    def wanted(self, server, path, data=b"data", **more):
        server.pages["/" + path.name] = body(data)
        checksum = f"sha256:{hashlib.sha256(b'data').hexdigest()}"
        return Download(**{"url": f"{server.url}/{path.name}", "path": str(path), "checksum": checksum, "size": 4, **more})

    def test_files_are_there_whole_or_not_at_all(self, server, tmp_path):
        good, unsized = tmp_path / "good", tmp_path / "unsized"
        unsized.write_bytes(b"old")
        wanted = [
            self.wanted(server, good),
            self.wanted(server, unsized, size=None),
            self.wanted(server, tmp_path / "other", b"DATA"),
            self.wanted(server, tmp_path / "short", b"dat"),
            self.wanted(server, tmp_path / "long", b"data and more"),
            self.wanted(server, tmp_path / "kind", checksum="crc32:0"),
            self.wanted(server, tmp_path / "gone", url=server.url + "/gone-indeed"),
        ]
        answers = Fetcher(Network()).download(wanted)
        assert answers[:2] == [None, None]
        assert good.read_bytes() == unsized.read_bytes() == b"data"
        assert all(isinstance(answer, Unreachable) for answer in answers[2:6]), answers
        assert isinstance(answers[6], NotFound)
        assert sorted(os.listdir(tmp_path)) == ["good", "unsized"]

    def test_a_folder_that_cannot_be_written_is_told(self, server, tmp_path):
        (tmp_path / "taken").mkdir()
        (answer,) = Fetcher(Network()).download([self.wanted(server, tmp_path / "taken")])
        assert str(tmp_path / "taken") in str(answer)


class TestSettings:
    def read(self, root, text):
        (root / "etc" / "dnf").mkdir(parents=True, exist_ok=True)
        (root / "etc" / "dnf" / "dnf.conf").write_text(text)
        return Settings.read(str(root), "x86_64")

    def test_dnf_conf_wins_over_the_files_of_dnf5_and_those_go_by_name(self, tmp_path):
        for folder, name, value in [("usr/share/dnf5/libdnf.conf.d", "10-a.conf", 1), ("etc/dnf/libdnf5.conf.d", "20-b.conf", 2)]:
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / name).write_text(f"[main]\nretries={value}\ntimeout={value}\nproxy=http://p{value}\n")
        # The administrator's file of the same name stands for the distribution's.
        (tmp_path / "etc/dnf/libdnf5.conf.d" / "10-a.conf").write_text("[main]\nuser_agent=mine\n")
        settings = self.read(tmp_path, "# text\n[main]\ntimeout = 3m\n[other]\nretries=9\n")
        assert settings.seconds("timeout", 30) == 180
        assert settings.number("retries", 5) == 2
        assert settings.text("proxy") == "http://p2"
        assert settings.text("user_agent") == "mine"

    def test_variables_come_from_files_and_stand_in_values(self, tmp_path):
        (tmp_path / "etc/dnf/vars").mkdir(parents=True)
        (tmp_path / "etc/dnf/vars/site").write_text("here\nsecond line\n")
        (tmp_path / "etc/os-release").write_text("ID=fedora\nVERSION_ID=44\n")
        settings = self.read(tmp_path, "[main]\nreposdir=/a/$site, /b/${basearch}/$releasever\n")
        assert settings.items("reposdir", []) == ["/a/here", "/b/x86_64/44"]
        assert Settings.read(str(tmp_path), "i686", "45").items("reposdir", []) == ["/a/here", "/b/i386/45"]

    @pytest.mark.parametrize("text", ["no section", "[main]\nnonsense\n", "[main]\n\udcff=1\n"])
    def test_a_file_that_is_none_is_told(self, tmp_path, text):
        (tmp_path / "etc/dnf").mkdir(parents=True)
        (tmp_path / "etc/dnf/dnf.conf").write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(hubs.UsageError, match="dnf.conf"):
            Settings.read(str(tmp_path), "x86_64")

    @pytest.mark.parametrize(("name", "value"), [("sslverify", "perhaps"), ("timeout", "soon"), ("retries", "-1")])
    def test_a_value_that_makes_no_sense_is_told(self, name, value):
        with pytest.raises(hubs.UsageError, match=name):
            Network.of(Settings({name: value}, {}))

    def test_the_base_architecture_is_that_of_dnfs_own_table(self):
        for arch, base in dnf.rpm._BASEARCH_MAP.items():
            # That one is for packages, not for machines.
            if arch != "noarch":
                assert base_architecture(arch) == base
        with pytest.raises(hubs.UsageError, match="z80"):
            base_architecture("z80")
