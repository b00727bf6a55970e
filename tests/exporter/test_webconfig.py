"""Loading of a web configuration, and the problems reported for an invalid one."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deckwatch.core.problems import InvalidInput, caret_line
from deckwatch.exporter.protection import tls, webconfig
from deckwatch.exporter.protection.webconfig import RateLimit, secret_lines

HASH = "$2b$10$xSaddfBhtWiyZM5AhsX/N.O8aIhmj5eLqd2ubmIO2FGr4blPtrQ1e"
PAIR = "cert_file: server.crt\n  key_file: server.key"
CA = "client_ca_file: authority.crt\n  client_auth_type"


def list_problems(tmp_path, text: str) -> list[str]:
    """Return the problems of a file with their positions, or an empty list."""
    (tmp_path / "web.yml").write_text(text)
    try:
        webconfig.load_config(tmp_path / "web.yml")
    except InvalidInput as error:
        return [f"{problem.place.line}:{problem.place.column}: {problem.one_sentence}" for problem in error.problems]
    return []


def test_every_option(tmp_path) -> None:
    (tmp_path / "web.yml").write_text(f"""\
tls_server_config:
  {PAIR}
  {CA}: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus, 10.0.0.5]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [X25519]
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=3600
    X-Frame-Options: deny
    Content-Security-Policy: ""
basic_auth_users:
  prometheus: {HASH}
rate_limit: {{interval: 1m30s, burst: 20}}
""")
    loaded = webconfig.load_config(tmp_path / "web.yml")
    assert loaded.tls is not None
    assert loaded.tls.files == [tmp_path / "server.crt", tmp_path / "server.key", tmp_path / "authority.crt"]
    assert loaded.tls.client_sans == ("prometheus", "10.0.0.5")
    assert not loaded.tls.prefer_server_order
    assert loaded.users == {"prometheus": HASH.encode()}
    assert HASH not in repr(loaded)
    assert loaded.rate == RateLimit(90, 20)
    assert loaded.headers == (("strict-transport-security", "max-age=3600"), ("x-frame-options", "deny"))


@pytest.mark.parametrize(
    "text", ["", "tls_server_config:\n", "basic_auth_users: {}\n", "rate_limit: {interval: 0, burst: 1}"]
)
def test_an_empty_file_is_valid(tmp_path, text) -> None:
    assert list_problems(tmp_path, text) == []
    assert webconfig.load_config(tmp_path / "web.yml") == webconfig.WebConfig()


def test_all_problems_are_reported_at_once(tmp_path) -> None:
    text = f"""\
tls_server_config:
  {PAIR}
  client_auth: RequireAndVerifyClientCert
  min_version: TLS1.2
  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]
http_server_config:
  headers: {{X-Frame-Option: deny}}
basic_auth_users:
  prometheus: hunter2
rate_limits: {{}}
"""
    assert list_problems(tmp_path, text) == [
        "4:3: unknown key client_auth (did you mean client_auth_type?)",
        "5:16: unknown value 'TLS1.2' (did you mean TLS12?)",
        "6:19: unknown value 'TLS_RSA_WITH_AES_128_CBC_SHA' (did you mean TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA?)",
        "8:13: unknown key X-Frame-Option (did you mean X-Frame-Options?)",
        "10:3: the value of prometheus is not a bcrypt hash such as $2y$10$… (`deckwatch password` makes one)",
        "11:1: unknown key rate_limits (did you mean rate_limit?)",
    ]


@pytest.mark.parametrize(
    ("block", "place", "sentence"),
    [
        ("cert_file: a", "1:1", "key_file is missing"),
        ("min_version: TLS13", "1:1", "cert_file is missing"),
        (PAIR + "\n  cert: x", "4:9", "cert_file is also set"),
        (PAIR + "\n  client_auth_type: RequireAnyClientCert", "4:21", "accepts any certificate"),
        (PAIR + "\n  client_auth_type: RequestClientCert", "4:21", "accepts any certificate"),
        (PAIR + "\n  client_auth_type: RequireAndVerifyClientCert", "4:21", "client_ca_file is missing"),
        (PAIR + "\n  client_ca_file: a", "4:19", "clients are not asked for certificates"),
        (PAIR + "\n  client_allowed_sans: [a]", "4:24", "is not checked against this list"),
        (
            f"{PAIR}\n  {CA}: VerifyClientCertIfGiven\n  client_allowed_sans: [a]",
            "6:24",
            "is not checked against this list",
        ),
        (PAIR + "\n  min_version: TLS10", "4:16", "TLS10 is insecure and not supported"),
        (PAIR + "\n  max_version: TLS11", "4:16", "TLS11 is insecure and not supported"),
        (PAIR + "\n  min_version: TLS13\n  max_version: TLS12", "5:16", "is below min_version"),
        (PAIR + "\n  curve_preferences: [X25519, CurveP256]", "4:22", "not a list in order of preference"),
        ("cert_file: a\n  key: 5", "3:8", "expected the key itself"),
    ],
)
def test_unsupported_options_are_rejected(tmp_path, block, place, sentence) -> None:
    problems = list_problems(tmp_path, f"tls_server_config:\n  {block}\n")
    assert any(problem.startswith(f"{place}: ") and sentence in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f"basic_auth_users: {{prometheus: {HASH.replace('$10$', '$20$')}}}",
            "would take longer than a scrape timeout",
        ),
        (f"basic_auth_users: {{'a:b': {HASH}}}", "must not be empty or contain a colon"),
        ("basic_auth_users: hunter2", "expected a mapping"),
        ("rate_limit: {interval: 5, burst: 1}", "5 has no unit"),
        ("rate_limit: {interval: 5 seconds, burst: 1}", "is not a duration such as 500ms or 1s"),
        ("rate_limit: {interval: 5s}", "burst is missing"),
        ("rate_limit: {interval: 5s, burst: 0}", "0 is less than the minimum of 1"),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb: c"}}', "is not a header's value"),
        ("http_server_config: {http2: on}", "expected true or false"),
        ("- list", "expected nothing or a mapping"),
    ],
)
def test_invalid_values(tmp_path, text, sentence) -> None:
    assert any(sentence in problem for problem in list_problems(tmp_path, text)), list_problems(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users: {prometheus: hunter2}, x",  # not YAML
        "basic_auth_users:\n  prometheus: hunter2\n  prometheus: hunter2\n",
        "basic_auth_users: hunter2\n",
        "basic_auth_users:\nprometheus: hunter2\n",  # not indented: an unknown key
        "basic_auth_user:\n  prometheus: hunter2\n",
        "{basic_auth_users: {\nprometheus: hunter2}, oops: 1}\n",
        "tls_server_config: {key: hunter2, oops: 1}\n",
        "tls_server_config:\n  key: |\n    hunter2\n\n    hunter2\n  oops: 1\n",
        'tls_server_config:\n  "key": [hunter2\n',
        'tls_server_config:\n  kye: "-----BEGIN PRIVATE KEY-----\\nhunter2"\n',
        "basic_auth_users:\n  # a comment\n  prometheus: [hunter2]\n",
    ],
)
def test_messages_contain_no_secret(tmp_path, text) -> None:
    (tmp_path / "web.yml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        webconfig.load_config(tmp_path / "web.yml")
    printed = str(caught.value) + "".join(caret_line(problem, text) for problem in caught.value.problems)
    assert "hunter2" not in printed
    assert re.search(r"web\.yml:\d+:\d+: error", printed)


def test_the_lines_of_secrets() -> None:
    text = "a: 1\nkey_file: x\ntls:\n  key: |\n    1\n\n    2\n  cert: x\nbasic_auth_users:\n  a: b\nc: 1\n"
    assert secret_lines(text) == {4, 5, 6, 7, 9, 10}


WORDS = re.findall(r"^ *([A-Za-z_0-9-]+):", webconfig.SCHEMA.read_text(), re.MULTILINE)
ANY = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=20)
LINE = st.builds("{}{}: {}".format, st.sampled_from(("", "  ", "    ")), st.sampled_from(WORDS), ANY)


@settings(deadline=None, max_examples=25)
@given(st.lists(LINE | ANY, max_size=8).map("\n".join))
def test_any_file_is_loaded_or_rejected(tmp_path_factory, text) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        webconfig.load_config(path)
    except InvalidInput as error:
        assert error.problems


def test_a_missing_file(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        webconfig.load_config(tmp_path / "web.yml")


def make_context(tmp_path, text: str) -> ssl.SSLContext:
    (tmp_path / "web.yml").write_text(f"tls_server_config:\n  {text}\n")
    config = webconfig.load_config(tmp_path / "web.yml").tls
    assert config is not None
    return tls.make_context(config)


def test_the_context_has_the_configured_options(authority, tmp_path) -> None:
    authority.issue("server")
    context = make_context(
        tmp_path, f"{PAIR}\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n  max_version: TLS12"
    )
    assert context.maximum_version == ssl.TLSVersion.TLSv1_2
    assert [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"] == [
        "ECDHE-ECDSA-AES256-GCM-SHA384"
    ]
    assert context.verify_mode == ssl.CERT_NONE
    context = make_context(
        tmp_path, f"{PAIR}\n  {CA}: VerifyClientCertIfGiven\n  cipher_suites: [TLS_AES_128_GCM_SHA256]"
    )
    assert context.verify_mode == ssl.CERT_OPTIONAL
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3  # no cipher suite of TLS 1.2 was named
    assert len(context.get_ca_certs()) == 1


def test_certificate_and_key_may_be_inline(authority, tmp_path) -> None:
    certificate, key = authority.issue("server")

    def block(path) -> str:
        return "".join(f"\n    {line}" for line in path.read_text().splitlines())

    text = f"cert: |{block(certificate)}\n  key: |{block(key)}\n  client_ca: |{block(authority.certificate)}"
    assert (
        make_context(tmp_path, f"{text}\n  client_auth_type: RequireAndVerifyClientCert").verify_mode
        == ssl.CERT_REQUIRED
    )


def damage_certificate(authority, tmp_path, damage: str) -> None:
    certificate, key = authority.issue("server")
    if damage == "mismatch":
        shutil.copy(authority.issue("other").key, key)
    elif damage == "locked":
        argv = [authority.openssl, "pkcs8", "-topk8", "-in", key, "-out", tmp_path / "locked", "-passout", "pass:x"]
        subprocess.run(argv, check=True)
        shutil.move(tmp_path / "locked", key)
    elif damage == "empty":
        certificate.write_text("")
    elif damage == "no key":
        key.write_text("no key")
    elif damage == "away":
        certificate.unlink()
        key.unlink()
    else:
        authority.certificate.write_text("nothing")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("mismatch", ["3:13: the key does not belong to the certificate"]),
        ("locked", ["3:13: the key has a passphrase (store it without one)"]),
        ("empty", ["2:14: no certificate in PEM found"]),
        ("no key", ["3:13: no key in PEM found"]),
        (
            "away",
            [
                "2:14: …/server.crt cannot be read: no such file or directory",
                "3:13: …/server.key cannot be read: no such file or directory",
            ],
        ),
        ("authority", ["4:19: no certificate in PEM found"]),
    ],
)
def test_unusable_certificates(authority, tmp_path, damage, expected) -> None:
    damage_certificate(authority, tmp_path, damage)
    with pytest.raises(InvalidInput) as caught:
        make_context(tmp_path, f"{PAIR}\n  {CA}: RequireAndVerifyClientCert")
    problems = [
        f"{problem.place.line}:{problem.place.column}: {problem.one_sentence}" for problem in caught.value.problems
    ]
    assert [problem.replace(str(tmp_path), "…") for problem in problems] == expected


@pytest.mark.parametrize(
    ("kind", "held", "names", "allowed"),
    [
        ("DNS", "prometheus", ("prometheus",), True),
        ("DNS", "prometheus", ("prometheus.internal",), False),
        ("IP Address", "10.0.0.5", ("10.0.0.5",), True),
        ("IP Address", "2001:DB8:0:0:0:0:0:1", ("2001:db8::1",), True),
        ("URI", "spiffe://deck/prometheus", ("x", "spiffe://deck/prometheus"), True),
        ("email", "ops@deck.example", ("ops@deck.example",), True),
        ("DNS", "anything", (), True),
    ],
)
def test_names_of_a_client_certificate(kind, held, names, allowed) -> None:
    assert tls.has_allowed_name({"subjectAltName": ((kind, held),)}, names) is allowed
    assert tls.has_allowed_name({}, names) is (not names)
    assert tls.has_allowed_name(None, names) is (not names)


def test_the_guides_example_is_valid_for_deckwatch_and_promtool(need, tmp_path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "protection.md").read_text()
    [text] = re.findall(r"```yaml\n# web-config\.yml\n(.*?)```", guide, re.DOTALL)
    shell = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)[0]
    subprocess.run(
        ["/bin/sh", "-euc", shell], cwd=tmp_path, capture_output=True, check=True
    )  # creates its own certificates
    path = tmp_path / "web-config.yml"
    path.write_text(text)
    loaded = webconfig.load_config(path)
    assert list(loaded.users) == ["prometheus"]
    assert loaded.tls is not None
    assert tls.make_context(loaded.tls).verify_mode == ssl.CERT_REQUIRED
    promtool = need("promtool", get="apt-get install prometheus")
    ran = subprocess.run([promtool, "check", "web-config", path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
