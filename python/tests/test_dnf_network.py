"""dnf's proxy and TLS settings hold for all that the plugin asks a hub."""

import http.server
import select
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from fakehub import Hub, project

CHROOT = "fedora-44-x86_64"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of a CA that nobody knows, for the loopback and for copr.example, and its key."""
    if shutil.which("openssl") is None:
        pytest.fail("these tests need openssl")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "ca.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=copr.example", "-addext", "subjectAltName=IP:127.0.0.1,DNS:copr.example",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )
    return cert, key


@pytest.fixture
def tls_hub(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = Hub(context)
    server.has("bob/app")
    yield server
    server.stop()


class Tunnels(http.server.BaseHTTPRequestHandler):
    """A proxy that tunnels to one port of the loopback, whatever host is asked for."""

    def do_CONNECT(self):
        self.server.asked.append(self.path)
        with socket.create_connection(("127.0.0.1", self.server.target)) as other:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: other, other: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(1 << 16)
                    if not data:
                        self.close_connection = True
                        return
                    ends[end].sendall(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def tunnels(tls_hub):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tunnels)
    server.asked, server.target = [], tls_hub.port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def enable(dnf, hub, *settings):
    return dnf("-y", *(f"--setopt={setting}" for setting in settings), "copr", "enable", f"{hub}/bob/app", CHROOT)


def test_a_hub_with_a_ca_of_its_own_needs_sslcacert(dnf, tls_hub, certificate):
    refused = enable(dnf, tls_hub.url)
    assert refused.returncode == 1 and "certificate" in refused.stderr and "Traceback" not in refused.stderr
    assert dnf.files() == {} and tls_hub.asked == []
    done = enable(dnf, tls_hub.url, f"sslcacert={certificate[0]}")
    assert done.returncode == 0, done
    assert len(dnf.files()) == 1


def test_a_host_with_a_port_is_a_hub_that_speaks_https(dnf, tls_hub, certificate):
    trusted = f"--setopt=sslcacert={certificate[0]}"
    host = f"127.0.0.1:{tls_hub.port}"
    assert dnf("-y", trusted, "copr", "enable", f"{host}/bob/app", CHROOT).returncode == 0
    assert dnf("-y", trusted, "copr", "enable", "--hub", host, "bob/app", CHROOT).returncode == 0
    assert list(dnf.files()) == ["_copr:127.0.0.1:bob:app.repo"]


def test_who_switches_verification_off_is_let_through(dnf, tls_hub):
    assert enable(dnf, tls_hub.url, "sslverify=0").returncode == 0


def test_a_hub_that_only_the_proxy_can_reach_is_reached(dnf, hub):
    there = "http://copr.example:8000"
    hub.answers[f"{there}/api_3/rpmrepo/bob/app/fedora-44"] = project(f"{there}/results")
    unreachable = enable(dnf, there)
    assert unreachable.returncode == 1 and "copr.example" in unreachable.stderr
    done = enable(dnf, there, f"proxy={hub.url}")
    assert done.returncode == 0, done
    assert list(dnf.files()) == ["_copr:copr.example:bob:app.repo"]
    assert hub.asked and all(asked.startswith(there) for asked in hub.asked)


def test_a_hub_behind_a_proxy_that_asks_for_a_password_gets_it(dnf, hub):
    there = "http://copr.example:8000"
    seen = []

    def answer(request):
        seen.append(request.headers.get("Proxy-Authorization"))
        request.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    hub.answers[f"{there}/api_3/rpmrepo/bob/app/fedora-44"] = answer
    done = enable(dnf, there, f"proxy={hub.url}", "proxy_username=me", "proxy_password=secret", "proxy_auth_method=basic")
    assert done.returncode == 1 and "secret" not in done.stdout + done.stderr
    assert "Basic bWU6c2VjcmV0" in seen


def test_https_goes_through_the_proxys_tunnel_and_is_checked_at_its_end(dnf, tls_hub, tunnels, certificate):
    there = "https://copr.example:8443"
    proxy = f"proxy=http://127.0.0.1:{tunnels.server_address[1]}"
    refused = enable(dnf, there, proxy)
    assert refused.returncode == 1 and "certificate" in refused.stderr
    done = enable(dnf, there, proxy, f"sslcacert={certificate[0]}")
    assert done.returncode == 0, done
    assert "copr.example:8443" in tunnels.asked
    assert "_copr:copr.example:bob:app.repo" in dnf.files()


def test_search_and_lists_go_through_the_proxy_too(dnf, hub):
    there = "http://copr.example:8000"
    hub.answers[f"{there}/api_3/project/search?query=ap"] = {"items": []}
    assert dnf(f"--setopt=proxy={hub.url}", "copr", "search", "--hub", there, "ap").returncode == 0
    assert hub.asked == [f"{there}/api_3/project/search?query=ap"]
