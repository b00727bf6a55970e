"""Access control: passwords, client certificates, rate limit; and files that change at run time."""

from __future__ import annotations

import asyncio
import base64
import shutil
import socket
import ssl
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from deckwatch.core.problems import InvalidInput
from deckwatch.exporter.protection import passwords
from deckwatch.exporter.protection.auth_middleware import TokenBucket, read_basic_auth
from deckwatch.exporter.protection.passwords import PasswordChecker
from deckwatch.exporter.protection.reloading_config import ReloadingConfig
from deckwatch.exporter.protection.webconfig import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AUTH = ("prometheus", "correct horse")
TLS = """\
tls_server_config:
  cert_file: server.crt
  key_file: server.key
"""
MUTUAL = TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.crt\n"


@pytest.fixture
def client_of(authority):
    """Create clients of a served page; they are closed when the test ends."""
    with ExitStack() as stack:

        def make(served, *, tls=False, shown=None, auth=AUTH, source="127.0.0.1") -> httpx.Client:
            context = ssl.create_default_context(cafile=str(authority.certificate))
            if shown is not None:
                context.load_cert_chain(*map(str, shown))
            transport = httpx.HTTPTransport(verify=context, local_address=source)
            base = f"{'https' if tls else 'http'}://127.0.0.1:{served.port}"
            return stack.enter_context(httpx.Client(base_url=base, transport=transport, auth=auth, timeout=60))

        yield make


@pytest.fixture
def checks(monkeypatch):
    """Every password that is passed to bcrypt."""
    passwords_checked: list[bytes] = []
    check = passwords._check_hash

    def spy(waiting) -> bool:
        passwords_checked.append(waiting.password)
        return check(waiting)

    monkeypatch.setattr(passwords, "_check_hash", spy)
    return passwords_checked


def test_only_the_correct_password_is_accepted(serve, web_config, client_of) -> None:
    served = serve(web_config())
    for auth, status in ((AUTH, 200), (None, 401), (("prometheus", "wrong"), 401), (("root", "correct horse"), 401)):
        client = client_of(served, auth=auth)
        for path in ("/metrics", "/", "/collectors", "/readyz"):
            answer = client.get(path)
            assert answer.status_code == status
            assert ("www-authenticate" in answer.headers) is (status == 401)
            shown = {"/readyz": "ready", "/": "Nothing is wrong"}.get(path, "app_test")
            assert (shown in answer.text) is (status == 200)
        assert client.get("/nowhere").status_code == (404 if status == 200 else 401)
        assert client.get("/healthz").text == "ok\n"  # a health check needs no password
        assert client.head("/metrics").status_code == status


def test_correct_and_wrong_passwords_are_each_checked_once(serve, web_config, client_of, checks) -> None:
    served = serve(web_config())
    client = client_of(served)
    for _ in range(20):
        assert client.get("/metrics").status_code == 200
    stranger = client_of(served, auth=("prometheus", "wrong"))
    for _ in range(20):
        assert stranger.get("/metrics").status_code == 401
    assert client_of(served).get("/metrics").status_code == 200
    assert checks == [b"correct horse", b"wrong"]


def test_the_cache_does_not_reveal_a_password(hash_of) -> None:
    async def ask() -> PasswordChecker:
        checker = PasswordChecker()
        users = {"prometheus": hash_of().encode()}
        assert await checker.verify_password(users, "prometheus", b"correct horse", "")
        assert not await checker.verify_password(users, "prometheus", b"wrong horse", "")
        assert not await checker.verify_password(users, "nobody", b"correct horse", "")
        return checker

    checker = asyncio.run(ask())
    kept = repr({name: value for name, value in vars(checker).items() if name != "_worker"})
    assert "horse" not in kept
    assert len(checker._verified) == 1
    assert not checker._pending
    assert not checker._queues


def test_bytes_ignored_by_bcrypt_do_not_matter(serve, web_config, client_of, hash_of) -> None:
    long = "x" * 72
    served = serve(web_config(users=f"basic_auth_users:\n  a: {hash_of(long)}\n  b: {hash_of('äöü')}\n"))
    assert client_of(served, auth=("a", long)).get("/metrics").status_code == 200
    assert (
        client_of(served, auth=("a", long + "more")).get("/metrics").status_code == 200
    )  # bcrypt ignores everything after 72 bytes
    assert client_of(served, auth=("a", long[1:])).get("/metrics").status_code == 401
    assert client_of(served, auth=("b", "äöü")).get("/metrics").status_code == 200
    assert client_of(served, auth=("b", "a\0b")).get("/metrics").status_code == 401


def guess(client: httpx.Client, ended: threading.Event, statuses: list[int], name: str) -> None:
    number = 0
    while not ended.is_set():
        number += 1
        with suppress(httpx.TimeoutException):  # guessers may have to wait, on purpose
            statuses.append(client.get("/metrics", auth=("prometheus", f"{name}-{number}")).status_code)


@pytest.mark.parametrize("is_known", [True, False])
def test_password_guessing_neither_delays_the_scraper_nor_uses_the_cpu(
    serve, web_config, client_of, checks, is_known
) -> None:
    """A client that was authenticated before is served meanwhile, and a new one if it has another address."""
    served = serve(web_config(cost=10))
    scraper = client_of(served, source="127.0.0.1" if is_known else "127.0.0.2")
    if is_known:
        assert scraper.get("/metrics").status_code == 200
    ended, answers = threading.Event(), []
    guessers = [client_of(served) for _ in range(8)]
    threads = [
        threading.Thread(target=guess, args=(guesser, ended, answers, str(number)))
        for number, guesser in enumerate(guessers)
    ]
    checks.clear()
    start = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        while 401 not in answers:  # until the guessers are active
            time.sleep(0.01)
        for _ in range(5):
            assert scraper.get("/metrics", timeout=30).status_code == 200
            time.sleep(0.2)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    seconds = time.monotonic() - start
    assert set(answers) == {401, 429}
    assert (b"correct horse" in checks) is not is_known
    # A check takes 50 ms or more, and the pause after it four times as long; a busy machine only reduces their number.
    assert len(checks) <= seconds / 0.15 + 2


def test_many_wrong_passwords_do_not_fill_the_memory(hash_of, monkeypatch) -> None:
    monkeypatch.setattr(passwords, "PAUSE_FACTOR", 0)
    monkeypatch.setattr(passwords, "_MAX_REJECTED", 5)

    async def ask() -> PasswordChecker:
        checker = PasswordChecker()
        users = {"prometheus": hash_of().encode()}
        for number in range(20):
            assert not await checker.verify_password(users, "prometheus", str(number).encode(), "")
        return checker

    assert len(asyncio.run(ask())._rejected) == 5


def test_a_client_that_fills_the_queues_loses_slots_to_others(hash_of, monkeypatch) -> None:
    monkeypatch.setattr(passwords, "MAX_PENDING", 6)
    users = {"prometheus": hash_of().encode()}

    async def ask() -> list:
        checker = PasswordChecker()
        many = [
            checker.verify_password(users, "prometheus", f"{number}".encode(), f"10.0.0.{number % 2}")
            for number in range(12)
        ]
        waiting = [asyncio.ensure_future(attempt) for attempt in many]
        await asyncio.sleep(0)
        right = asyncio.ensure_future(checker.verify_password(users, "prometheus", b"correct horse", "10.0.0.9"))
        return await asyncio.gather(*waiting, right, return_exceptions=True)

    *others, right = asyncio.run(ask())
    assert right is True
    assert sum(isinstance(result, passwords.TooManyAttempts) for result in others) >= 6
    assert others.count(False) >= 4


def test_the_rate_limit_counts_authenticated_requests(serve, web_config, client_of) -> None:
    served = serve(web_config("rate_limit: {interval: 1h, burst: 3}\n"))
    client = client_of(served)
    for _ in range(5):
        assert client.get("/metrics", auth=("prometheus", "wrong")).status_code == 401
        assert client.get("/healthz").status_code == 200
    assert [client.get("/metrics").status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_a_bucket_refills() -> None:
    bucket, rate = TokenBucket(), RateLimit(2.0, 3)
    assert [bucket.take_token(rate, 0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take_token(rate, now) for now in (1.0, 2.0, 3.0, 4.0)] == [False, True, False, True]
    assert [bucket.take_token(rate, 1000.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take_token(RateLimit(2.0, 1), 1000.0)  # a new limit starts with a full bucket


def test_headers_are_added_to_every_response(serve, web_config, client_of) -> None:
    text = "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: \"default-src 'none'\"}}\n"
    client = client_of(serve(web_config(text)))
    for answer in (client.get("/"), client.get("/metrics"), client.get("/", auth=("a", "b"))):
        assert answer.headers["x-frame-options"] == "deny"
        assert answer.headers.get_list("content-security-policy") == [
            "default-src 'none'"
        ]  # replaces the page's own header
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        (b"Basic " + base64.b64encode(b"a:b:c"), ("a", b"b:c")),
        (b"basic   " + base64.b64encode(b":") + b" ", ("", b"")),
        (b"Basic " + base64.b64encode(b"ab"), None),
        (b"Basic !!!", None),
        (b"Basic", None),
        (b"", None),
        (b"Bearer YTpi", None),
    ],
)
def test_credentials_are_read(header, credentials) -> None:
    assert read_basic_auth([(b"host", b"x"), (b"authorization", header)]) == credentials
    assert read_basic_auth([(b"authorization", header)] * 2) is None
    assert read_basic_auth([]) is None


@dataclass
class Site:
    """A served page with replaceable certificate and web configuration."""

    serve: Callable
    write: Callable
    client_of: Callable
    authority: Any
    folder: Path
    served: Any = None

    def begin(self, text: str) -> None:
        self.put(self.authority.issue("first"))
        self.served = self.serve(self.write(text))

    def put(self, issued) -> None:
        """Copy a certificate to the path of the server's own."""
        for file, name in zip(issued, ("server.crt", "server.key"), strict=True):
            shutil.copy(file, self.folder / f"{name}.new")
            (self.folder / f"{name}.new").replace(self.folder / name)

    def client(self, **options) -> httpx.Client:
        return self.client_of(self.served, tls=True, **options)

    def shown(self) -> str:
        """Return the name in the certificate presented to a new connection."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        with (
            socket.create_connection(self.served.address, timeout=60) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            [[(_, name)]] = secured.getpeercert()["subject"]
            return name


@pytest.fixture
def site(serve, web_config, client_of, authority, tmp_path):
    return Site(serve, web_config, client_of, authority, tmp_path)


def test_a_new_certificate_is_used_for_the_next_connection(site) -> None:
    site.begin(TLS)
    kept = site.client()
    assert kept.get("/metrics").status_code == 200
    assert site.shown() == "first"
    site.put(site.authority.issue("second"))
    assert site.shown() == "second"
    assert kept.get("/metrics").status_code == 200
    site.write(TLS + "  min_version: TLS13\n")
    assert site.shown() == "second"


def test_a_broken_file_keeps_the_previous_configuration_and_is_logged_once(site, caplog) -> None:
    caplog.set_level("INFO")
    site.begin(TLS)
    (site.folder / "server.key").write_bytes((site.authority.issue("other").key).read_bytes())
    for _ in range(3):
        assert site.shown() == "first"
        assert site.client().get("/metrics").status_code == 200
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"{site.folder}/web-config.yml:3:13: error: the key does not belong to the certificate" in message
    site.write(TLS.replace("cert_file", "cert_fil"))
    assert site.shown() == "first"
    assert "did you mean cert_file?" in caplog.text
    site.put(site.authority.issue("second"))
    site.write(TLS)
    assert site.shown() == "second"
    assert caplog.records[-1].getMessage() == f"{site.folder}/web-config.yml was reloaded"


def test_a_file_created_later_is_noticed(site) -> None:
    site.begin(TLS)
    site.write(TLS.replace("server.", "later."))
    assert site.shown() == "first"
    later = site.authority.issue("later")
    assert later.certificate == site.folder / "later.crt"
    assert site.shown() == "later"


def test_a_changed_password_applies_at_once_also_on_open_connections(site, hash_of, caplog) -> None:
    site.begin(TLS)
    client = site.client()
    assert client.get("/metrics").status_code == 200
    site.write(TLS, users=f"basic_auth_users:\n  prometheus: {hash_of('other')}\n")
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", auth=("prometheus", "other")).status_code == 200
    site.write(TLS, users="")
    assert client.get("/metrics", auth=None).status_code == 200
    assert caplog.records[-1].getMessage() == f"{site.folder}/web-config.yml no longer requires a password"


@pytest.mark.parametrize("after", ["", "http_server_config: {}\n", "rate_limit: {interval: 1s, burst: 5}\n"])
def test_removing_a_block_does_not_remove_protection(site, caplog, after) -> None:
    site.begin(MUTUAL)
    (site.folder / "web-config.yml").write_text(after)
    shown = site.authority.issue("client", "DNS:prometheus", use="clientAuth")
    assert site.client(shown=shown).get("/metrics").status_code == 200
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        site.client_of(site.served).get("/metrics")
    assert "requires a restart" in caplog.text


def test_an_invalid_file_is_reported_at_startup(site) -> None:
    with pytest.raises(InvalidInput, match=r"server\.crt cannot be read"):
        ReloadingConfig(site.write(TLS))


def test_only_known_client_certificates_are_accepted(site, stranger, caplog) -> None:
    site.begin(MUTUAL + "  client_allowed_sans: [prometheus, 10.0.0.5]\n")
    known = site.authority.issue("known", "DNS:prometheus", use="clientAuth")
    assert site.client(shown=known).get("/metrics").status_code == 200
    assert (
        site.client(shown=known, auth=None).get("/metrics").status_code == 401
    )  # certificate and password are required
    by_address = site.authority.issue("address", "IP:10.0.0.5", use="clientAuth")
    assert site.client(shown=by_address).get("/healthz").status_code == 200
    for shown, why in (
        (None, "peer did not return a certificate"),
        (stranger.issue("unknown", "DNS:prometheus", use="clientAuth"), "unable to get local issuer certificate"),
        (site.authority.issue("misnamed", "DNS:grafana", use="clientAuth"), "none of the names in client_allowed_sans"),
        (site.authority.issue("misused", "DNS:prometheus", use="serverAuth"), "unsuitable certificate purpose"),
    ):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            site.client(shown=shown).get("/healthz")
        assert why in caplog.text
    caplog.clear()
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        site.client().get("/healthz")
    assert caplog.text == ""  # logged shortly before


def test_a_client_certificate_may_be_optional(site, stranger) -> None:
    site.begin(MUTUAL.replace("RequireAndVerify", "Verify").replace("Cert\n", "CertIfGiven\n"))
    assert site.client().get("/metrics").status_code == 200
    unknown = stranger.issue("unknown", "DNS:prometheus", use="clientAuth")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        site.client(shown=unknown).get("/metrics")
