"""Each format with lines as its program writes them."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources.logs import formats, patterns
from deckwatch.exporter.sources.logs.container_lines import ContainerLines
from deckwatch.exporter.sources.logs.format import AccessFormat
from deckwatch.exporter.sources.logs.handlers import Handlers
from deckwatch.exporter.sources.logs.messages import MessageCounts
from deckwatch.exporter.sources.logs.requests import RequestCounts

CADDY = (
    '{"level":"info","ts":1764468000.1,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":'
    '"127.0.0.1","remote_port":"41342","proto":"HTTP/2.0","method":"GET","host":"localhost","uri":"/orders/17?a=b",'
    '"headers":{}},"bytes_read":7,"user_id":"","duration":0.0123,"size":512,"status":200,"resp_headers":{}}'
)
TRAEFIK_JSON = (
    '{"ClientAddr":"172.18.0.1:55","DownstreamContentSize":21,"DownstreamStatus":502,"Duration":1500000,'
    '"RequestContentSize":3,"RequestMethod":"POST","RequestPath":"/pay?x=1","RequestProtocol":"HTTP/1.1","level":"info"}'
)
TRAEFIK = (
    '192.168.0.1 - ann [30/Nov/2026:02:00:00 +0000] "GET /whoami?x HTTP/1.1" 200 416 "-" "curl/8" 1 "whoami@docker" '
    '"http://172.18.0.3:80" 12ms'
)
COMBINED = (
    '127.0.0.1 - john doe [30/Nov/2026:02:00:00 +0000] "GET /a/17?q=\\x22x HTTP/1.1" 304 0 "-" '
    '"Mozilla/5.0 (x; \\"y\\")"'
)
HAPROXY = (
    "Nov 30 02:00:00 web-1 haproxy[14389]: 10.0.1.2:33317 [30/Nov/2026:02:00:00.655] http-in static/srv1 "
    '10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html?x HTTP/1.1"'
)
NGINX_JSON = (
    '{"time":"x","request_method":"GET","uri":"/cart","server_protocol":"HTTP/1.1",'
    '"status":200,"body_bytes_sent":9,'
    '"request_length":80,"request_time":0.004}'
)


def count(found, *lines):
    assert isinstance(found, AccessFormat)
    parsed = found.parse("".join(f"{line}\n" for line in lines).encode())
    counts = RequestCounts(Handlers())
    counts.add_rows(found.fields, parsed.rows)
    return counts, list(parsed.unmatched)


def requests(counts):
    return {labels: number for labels, number in counts.requests.items() if number}


class Expected(NamedTuple):
    labels: tuple[str, str, str, str]
    size: int
    request_size: int | None = None
    seconds: float | None = None


BAD = ("_OTHER", "none", "400", "_OTHER")
BAD_HAPROXY = HAPROXY.replace("GET /index.html?x HTTP/1.1", "<BADREQ>").replace(" 200 ", " 400 ")
VHOST = 'shop:443 ::1 - - [x] "GET http://a.b/c HTTP/1.1" 200 -'


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("combined", COMBINED, Expected(("GET", "/a/{id}", "304", "http/1.1"), 0)),
        ("combined", '::1 - - [x] "GET / HTTP/1.0" 200 5', Expected(("GET", "/", "200", "http/1.0"), 5)),
        ("combined", '::1 - - [x] "" 400 0 "-" "-"', Expected(BAD, 0)),
        ("combined", r'::1 - - [x] "\x16\x03\x01" 400 150 "-" "-"', Expected(BAD, 150)),
        ("combined", VHOST, Expected(("GET", "/c", "200", "http/1.1"), 0)),
        ("caddy", CADDY, Expected(("GET", "/orders/{id}", "200", "http/2"), 512, 7, 0.0123)),
        ("traefik_json", TRAEFIK_JSON, Expected(("POST", "/pay", "502", "http/1.1"), 21, 3, 0.0015)),
        ("traefik", TRAEFIK, Expected(("GET", "/whoami", "200", "http/1.1"), 416, None, 0.012)),
        ("haproxy", HAPROXY, Expected(("GET", "/{file}.html", "200", "http/1.1"), 2750, None, 0.109)),
        ("haproxy", BAD_HAPROXY, Expected(BAD, 2750, None, 0.109)),
        ("nginx_json", NGINX_JSON, Expected(("GET", "/cart", "200", "http/1.1"), 9, 80, 0.004)),
    ],
)
def test_access_formats(name, line, expected):
    labels, size, request_size, seconds = expected
    counts, unmatched = count(formats.load_format(name), line, line)
    assert not unmatched
    assert requests(counts) == {labels: 2}
    assert counts.response_sizes == {labels[1]: [2 * size, 2]}
    assert counts.request_sizes == ({} if request_size is None else {labels[1]: [2 * request_size, 2]})
    if seconds is None:
        assert not counts.durations
    else:
        histogram = counts.durations[labels[0], labels[1]]
        assert (sum(histogram.counts), histogram.total) == (2, pytest.approx(2 * seconds))
        assert sum(counts.fine_durations.counts) == 2


ACCESS_FORMATS = [name for name in formats.format_names() if isinstance(formats.load_format(name), AccessFormat)]


@pytest.mark.parametrize("name", ACCESS_FORMATS)
def test_other_lines_are_unmatched_and_the_next_one_is_read(name):
    good = {"combined": COMBINED, "caddy": CADDY, "traefik": TRAEFIK, "traefik_json": TRAEFIK_JSON, "haproxy": HAPROXY}
    line = {**good, "nginx_json": NGINX_JSON}[name]
    counts, unmatched = count(formats.load_format(name), "\x00\x01garbage", line, '{"a": {', line)
    assert sum(counts.requests.values()) == 2
    assert unmatched == [b"\x00\x01garbage", b'{"a": {']


@pytest.mark.parametrize("name", formats.format_names())
@given(text=st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(name, text):
    found = formats.load_format(name)
    text = text + b"\n"
    if isinstance(found, AccessFormat):
        rows, unmatched = found.parse(text)
        RequestCounts(Handlers()).add_rows(found.fields, rows)
        lines = [line for line in text.split(b"\n") if line]
        assert len(rows) + len(unmatched) <= len(lines)
    else:
        MessageCounts().add_messages(found.parse(text))


@pytest.mark.parametrize("name", formats.format_names())
def test_a_format_says_who_writes_it(name):
    module = __import__(f"{formats.__name__}.{name}", fromlist=["FORMAT"])
    assert ": " in module.__doc__


def test_a_log_format_of_nginx():
    found = patterns.compile_log_format(
        '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
        '"$http_user_agent" rt=$request_time len=${request_length}'
    )
    line = '::1 - - [x] "GET /a?b=c HTTP/1.1" 200 12 "-" "x y" rt=0.250 len=99'
    counts, unmatched = count(found, line, "other")
    assert requests(counts) == {("GET", "/a", "200", "http/1.1"): 1}
    assert counts.durations["GET", "/a"].total == 0.25
    assert counts.request_sizes == {"/a": [99, 1]}
    assert unmatched == [b"other"]


def test_a_pattern_of_the_project():
    found = patterns.compile_pattern(r"(?P<method>\w+) (?P<path>\S+) -> (?P<status>\d+) in (?P<milliseconds>\d+)ms")
    counts, unmatched = count(found, "GET /a -> 200 in 30ms", "-- start --")
    assert requests(counts) == {("GET", "/a", "200", "_OTHER"): 1}
    assert counts.durations["GET", "/a"].total == pytest.approx(0.03)
    assert unmatched == [b"-- start --"]


@pytest.mark.parametrize(
    ("compile_text", "text", "message"),
    [
        (patterns.compile_pattern, r"(?P<path>\S+)", "expected the groups status and path"),
        (patterns.compile_pattern, r"(?P<pth>\S+) (?P<status>\d+)", "unknown group 'pth' .did you mean path"),
        (patterns.compile_log_format, "$request", "expected .status"),
    ],
)
def test_a_pattern_without_the_needed_parts_is_rejected(compile_text, text, message):
    with pytest.raises(ValueError, match=message):
        compile_text(text)


def messages(found, text):
    counts = MessageCounts()
    counts.start_at_zero(queries=False)
    unmatched = []
    for line in text.splitlines(keepends=True):  # one at a time: a traceback may arrive in pieces
        read = list(found.parse(line.encode()))
        unmatched += [each.line for each in read if each.level is None]
        counts.add_messages(read)
    counts.end_pending()
    return (
        {level: n for level, n in counts.levels.items() if n},
        {kind: n for kind, n in counts.errors.items() if n},
        unmatched,
    )


PYTHON = """\
2026-11-30 02:00:00,123 INFO shop: started
2026-11-30 02:00:01,123 ERROR shop: order failed
Traceback (most recent call last):
  File "shop.py", line 3, in pay
    raise ValueError("secret text")
shop.errors.PaymentError: card declined for ann@example.org

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
KeyError: 'x'
2026-11-30 02:00:02,123 ERROR shop: no exception here
2026-11-30 02:00:03,123 CRITICAL shop: TimeoutError while paying
"""
JAVA = """\
2026-11-30T02:00:00.000Z ERROR 1 --- [main] c.e.Shop : failed
java.lang.IllegalStateException: Broken
\tat com.example.Shop.pay(Shop.java:3)
Caused by: java.io.IOException: Connection reset
\t... 12 more
2026-11-30T02:00:01.000Z  WARN 1 --- [main] c.e.Shop : slow
"""


def test_text_messages_and_the_exceptions_after_them():
    levels, errors, unmatched = messages(formats.load_format("text"), PYTHON)
    assert levels == {"info": 1, "error": 2, "critical": 1}
    assert errors == {"PaymentError": 1, "none": 1, "TimeoutError": 1}
    assert unmatched == []
    levels, errors, unmatched = messages(formats.load_format("text"), JAVA)
    assert levels == {"error": 1, "warning": 1}
    assert errors == {"IllegalStateException": 1}


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("ERROR:root:broken", "error"),
        ("[warn] slow", "warning"),
        ('time=2026 level=info msg="an ERROR in the text"', "info"),
        ("2026/11/30 02:00:00 [error] 7#7: *1 open() failed", "error"),
        ("<info> fine", "info"),
        ("2026-11-30T02:00:00Z DEBUG app::db connected", "debug"),
        ("panic: runtime error: index out of range", "critical"),
    ],
)
def test_levels_of_text(line, level):
    assert messages(formats.load_format("text"), line + "\n")[0] == {level: 1}


@pytest.mark.parametrize(
    ("line", "level", "kind"),
    [
        ('{"level":30,"msg":"hi"}', "info", ""),
        ('{"level":50,"err":{"type":"TypeError","message":"secret"}}', "error", "TypeError"),
        ('{"levelname":"ERROR","exc_info":"Traceback ...\\nValueError: x"}', "error", "ValueError"),
        ('{"log.level":"error","error.type":"java.lang.IllegalStateException"}', "error", "IllegalStateException"),
        ('{"severity":"CRITICAL","message":"no class"}', "critical", "none"),
        ('{"log":{"level":"warn"}}', "warning", ""),
        ('{"level":"error","error":"text with secret"}', "error", "none"),
    ],
)
def test_json_messages(line, level, kind):
    levels, errors, unmatched = messages(formats.load_format("json"), line + "\n")
    assert (levels, errors, unmatched) == ({level: 1}, {kind: 1} if kind else {}, [])


POSTGRES = """\
2026-11-30 02:00:00.000 UTC [77] LOG:  database system is ready to accept connections
2026-11-30 02:00:00.000 UTC [81] app@shop LOG:  duration: 1500.123 ms  statement: select pg_sleep(1.5)
\tfrom generate_series(1, 3)
2026-11-30 02:00:01.000 UTC [81] app@shop LOG:  duration: 12.500 ms  execute <unnamed>: select 1
2026-11-30 02:00:02.000 UTC [81] app@shop ERROR:  relation "x" does not exist at character 15
2026-11-30 02:00:02.000 UTC [81] app@shop STATEMENT:  select * from x
"""


def test_postgresqls_log():
    found = formats.load_format("postgresql")
    levels, errors, unmatched = messages(found, POSTGRES)
    assert levels == {"info": 3, "error": 1}
    assert errors == {"none": 1}
    assert unmatched == []
    for slow_seconds, expected in ((0.0, 2), (1.0, 1)):
        counts = MessageCounts(slow_seconds)
        counts.add_messages(found.parse(POSTGRES.encode()))
        assert dict(counts.slow_queries) == {"shop": expected}


CSV = (
    '2026-11-30 02:00:00.123 UTC,"app","sh""op",80,"127.0.0.1:5",66ec.1,1,"SELECT",2026-11-30 01:59:59 UTC,3/0,0,LOG,'
    '00000,"duration: 1500.123 ms  statement: select "", \n2, 3\n from x",,,,,,,,,"psql","client backend",,0\n'
    '2026-11-30 02:00:01.000 UTC,"app","shop",80,"[local]",66ec.1,2,"",2026-11-30 01:59:59 UTC,3/0,0,ERROR,42P01,'
    '"relation ""x"" does not exist",,,,,,"select *\n\nfrom x",15,,"psql","client backend",,0\n'
    "2026-11-30 02:00:02.000 +0545,,,81,,66ec.2,1,,2026-11-30 01:59:59 +0545,,0,DEBUG1,00000,"
    '"starting",,,,,,,,,"","postmaster",,0\n'
)
JSON = (
    '{"timestamp":"2026-11-30 02:00:00.123 UTC","user":"app","dbname":"sh\\"op","pid":80,"error_severity":"LOG",'
    '"message":"duration: 1500.123 ms  statement: select\\n1"}\n'
    '{"timestamp":"2026-11-30 02:00:01.000 UTC","user":"app","dbname":"shop","pid":80,"error_severity":"ERROR",'
    '"state_code":"42P01","message":"relation \\"x\\" does not exist","statement":"select * from x"}\n'
    '{"timestamp":"2026-11-30 02:00:02.000 UTC","pid":81,"error_severity":"DEBUG1","message":"starting"}\n'
)


@pytest.mark.parametrize(("name", "text"), [("postgresql_csv", CSV), ("postgresql_json", JSON)])
def test_postgresqls_log_as_csv_and_json(name, text):
    found = formats.load_format(name)
    levels, errors, unmatched = messages(found, text)
    assert levels == {"info": 1, "error": 1, "debug": 1}
    assert errors == {"42P01": 1}
    assert unmatched == []
    for slow_seconds, expected in ((1.0, 1), (2.0, 0)):
        counts = MessageCounts(slow_seconds)
        counts.add_messages(found.parse(text.encode()))
        assert dict(counts.slow_queries) == {'sh"op': expected}
    assert len(messages(found, POSTGRES)[2]) >= 4, "the format on stderr is another"
    rest = text.partition("\n")[2]
    assert messages(found, rest)[2] == []


def test_labels_are_bounded():
    counts = MessageCounts()
    lines = "".join(f'{{"level":"error","error_type":"Error{number}"}}\n' for number in range(500))
    counts.add_messages(formats.load_format("json").parse(lines.encode()))
    assert len(counts.errors) == 51
    assert counts.errors.total() == 500


def test_a_containers_records_are_joined_to_lines():
    data = (
        b'{"log":"one\\n","stream":"stdout","time":"x"}\n'
        b'{"log":"tw","stream":"stdout","time":"x"}\n{"log":"o\\n","stream":"stderr","time":"x"}\n'
        b'{"log":"unfinished","stream":"stdout","time":"x"}\n{"log":"th'
    )
    lines = ContainerLines()
    length = lines.complete_length(data)
    assert lines.unwrap(data[:length]) == b"one\ntwo\n"
    assert data[length:].startswith(b'{"log":"unfinished"')
