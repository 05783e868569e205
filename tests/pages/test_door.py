"""The door of a class on a real server: every route, method and socket, codes, guessing, and who is shut out when."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from starlette.exceptions import HTTPException
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gan.access import limits
from gan.access.classroom import Classroom
from pages.parts.door import form, hosts
from pages.parts.door.guesses import MOST_OF_ADDRESS, MOST_OF_NAME, Guesses
from pages.parts.door.middleware import HEADERS, _at_most
from tests.helpers import PROJECT, environment, wait_until
from tests.pages.conftest import Server, serving

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
VISITORS = ("nobody", "forger", "student", "teacher")
OPEN = "open"  # for everyone, also without a cookie
CLASS = "class"  # for the students and the teacher
TEACHERS = "teacher"

#: Every route of the server, and who gets past the door. The socket of live games and Streamlit's are below the line.
ROUTES = {
    "/_stcore/health": OPEN,
    "/_stcore/metrics": TEACHERS,
    "/_stcore/host-config": CLASS,
    "/media/{file_id:path}": CLASS,
    "/_stcore/upload_file/{session_id}/{file_id}": CLASS,
    "/component/{path:path}": CLASS,
    "/_stcore/bidi-components/{path:path}": CLASS,
    "/auth/login": CLASS,
    "/auth/logout": CLASS,
    "/oauth2callback": CLASS,
    "/_stcore/agent/interact": TEACHERS,
    "/_stcore/agent/openapi.json": TEACHERS,
    "/_stcore/agent/mcp": TEACHERS,
    "": CLASS,  # all other paths: Streamlit's own files and the pages
    "/play/ws": CLASS,
    "/_stcore/stream": CLASS,
}

_LIST = """
import json, dashboard
routes = dashboard.app._build_starlette_app().routes
print(json.dumps([[type(route).__name__, route.path] for route in routes]))
"""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Browser:
    """Sends requests with its cookie, as a browser does."""

    server: Server
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        place = urlsplit(self.server.address)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.request(method, path, body, sent | ({"Cookie": self.cookie} if self.cookie else {}))
            found = connection.getresponse()
            content = found.read().decode("utf-8", "replace")
            headers: dict[str, str] = {}
            for name, value in found.getheaders():
                headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
            return Answer(found.status, headers, content)
        finally:
            connection.close()

    def join(self, name: str, code: str, **rest: str) -> Answer:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.ask("POST", "/door", urlencode({"name": name, "code": code, **rest}), **form)
        self.cookie = answer.headers.get("set-cookie", self.cookie).partition(";")[0]
        return answer

    def socket(self, path: str = "/play/ws", **options: object) -> ClientConnection:
        headers = {"Cookie": self.cookie} if self.cookie else {}
        address = f"{self.server.address.replace('http', 'ws', 1)}{path}"
        opening: Any = {"additional_headers": headers, "subprotocols": ["streamlit"], **options}
        return connect(address, **opening).__enter__()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("class")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    extra = {"GAN_CLASS": "1", "GAN_SPARE": "0", "GAN_EXAMPLES": "0", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"}
    with serving(folder, lambda port: extra) as serve:
        yield serve(folder / "runs")


@pytest.fixture
def room(server: Server, folder: Path) -> Iterator[Classroom]:
    """Return the class, empty, with the same codes."""
    room = Classroom(folder / "runs")
    state = room.state()
    yield room
    room._write(state.model_copy(update={"students": {}, "code": room.state().code, "round": room.state().round + 1}))


def is_closed(socket: ClientConnection) -> bool:
    """Wait until the server closes a socket."""
    with pytest.raises(ConnectionClosed):
        while True:
            socket.recv(timeout=20)
    return True


def routes() -> list[tuple[str, str]]:
    """Return the kind and the path of every route of the server, read from the application."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST],
        cwd=PROJECT,
        env=environment(None, {"GAN_CLASS": "0"}),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [(kind, path) for kind, path in json.loads(done.stdout.splitlines()[-1])]


def test_every_route_method_and_socket(server: Server, room: Classroom) -> None:
    found = routes()
    assert {path for _, path in found} == set(ROUTES), "a new route needs a line in the table"
    visitors = {who: Browser(server) for who in VISITORS}
    visitors["student"].join("Ann", room.state().code)
    visitors["teacher"].join("", room.state().teacher_code)
    visitors["forger"].cookie = visitors["student"].cookie[:-3] + "AAA"

    table = {}
    for kind, route in found:
        path = re.sub(r"\{[a-z_]+(:path)?\}", "x", route) or "/index.html"
        for who, browser in visitors.items():
            if kind == "WebSocketRoute":
                try:
                    browser.socket(path).close()
                    answers = {"socket": "passed"}
                except InvalidStatus as error:
                    answers = {"socket": "refused" if error.response.status_code == 403 else "?"}
            else:
                answers = {method: passed(browser.ask(method, path)) for method in METHODS}
            table[route, who] = answers

    expected = {}
    for kind, route in found:
        for who in VISITORS:
            is_in = {OPEN: True, CLASS: who in ("student", "teacher"), TEACHERS: who == "teacher"}[ROUTES[route]]
            word = "passed" if is_in else "refused"
            methods = ("socket",) if kind == "WebSocketRoute" else METHODS
            expected[route, who] = dict.fromkeys(methods, word)
            if ROUTES[route] == OPEN and who in ("nobody", "forger"):  # open to look at, not to change
                expected[route, who] |= dict.fromkeys(("OPTIONS", "POST", "PUT", "PATCH", "DELETE"), "refused")
    assert table == expected


def test_static_files_that_are_kept_are_for_the_class_alone(server: Server, room: Classroom) -> None:
    nobody, ann = Browser(server, headers={"Accept-Encoding": "gzip"}), Browser(server, headers={"Accept-Encoding": "gzip"})
    ann.join("Ann", room.state().code)
    (path, *_) = re.findall(r"static/js/index\.[\w-]+\.js", Browser(server, ann.cookie).ask("GET", "/").body)
    wait_until(lambda: ann.ask("GET", f"/{path}").headers.get("content-encoding") == "gzip", "it is kept")
    assert passed(ann.ask("GET", f"/{path}")) == "passed" and passed(nobody.ask("GET", f"/{path}")) == "refused"
    assert passed(ann.ask("GET", f"/{path}")) == "passed", "headers are not changed by sending them"


def passed(answer: Answer) -> str:
    """Return whether the door let a request pass; what lies behind may refuse it all the same, with another answer."""
    is_doors = answer.status == 401 or (answer.status == 403 and answer.headers.get("x-door") == "refused")
    assert answer.headers.items() >= HEADERS.items()
    return "refused" if is_doors else "passed"


def test_the_cookie_cannot_be_read_by_scripts_and_is_of_one_class(server: Server, room: Classroom) -> None:
    ann = Browser(server)
    answer = ann.join("Ann", room.state().code, wanted="/watch?run=1")
    assert (answer.status, answer.headers["location"]) == (303, "/watch?run=1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"gan-class-{room.mark()}=")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "samesite=lax", "max-age=43200", "path=/"}
    secure = ann.join("Bo", room.state().code)
    assert "secure" not in secure.headers["set-cookie"].lower()
    ann.headers["X-Forwarded-Proto"] = "https"
    assert "secure" in ann.join("Cy", room.state().code).headers["set-cookie"].lower()


@pytest.mark.parametrize("wanted", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere", "javascript:x", "x", ""])
def test_the_door_leads_to_pages_of_this_server_alone(server: Server, room: Classroom, wanted: str) -> None:
    assert Browser(server).join("Ann", room.state().code, wanted=wanted).headers["location"] == "/"


def focused(body: str) -> str:
    """Return the name of the field that has the focus."""
    (field,) = (field for field in body.split("<input ")[1:] if "autofocus" in field.partition(">")[0])
    return field.partition('name="')[2].partition('"')[0]


def test_an_error_of_the_server_names_no_folder_at_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(tmp_path))
    assert str(tmp_path) not in form._page("", f"The disk is full: joining failed ({tmp_path}/.class/state.json).", {})


def test_the_form_says_what_was_wrong_and_keeps_what_was_entered(server: Server, room: Classroom) -> None:
    ann = Browser(server)
    page = ann.ask("GET", "/watch?run=1", Accept="text/html")
    assert page.status == 401 and "Join the class" in page.body and 'value="/watch?run=1"' in page.body
    answer = ann.join('Åsa <b> "x"', "wrong")
    assert answer.status == 403 and "This is not the code of the class" in answer.body
    assert "Åsa &lt;b&gt; &quot;x&quot;" in answer.body and "<b>" not in answer.body
    assert [focused(one.body) for one in (page, answer)] == ["name", "code"]  # where something has to be typed
    assert ann.join("Åsa <b>", room.state().code).status == 303
    taken = Browser(server).join("åsa <B>", room.state().code)
    assert taken.status == 409 and "personal code" in taken.body and focused(taken.body) == "personal"
    (student,) = room.state().students.values()
    assert Browser(server).join("åsa <B>", room.state().code, personal=student.code).status == 303


def test_wrong_codes_are_refused_after_a_while(server: Server, room: Classroom) -> None:
    guesser = Browser(server, headers={"X-Forwarded-For": "10.0.0.7"})
    statuses = [guesser.join("Ann", f"WRONG{number}").status for number in range(MOST_OF_ADDRESS + 1)]
    assert statuses == [403] * MOST_OF_ADDRESS + [429]
    last = guesser.join("Ann", room.state().code)
    assert last.status == 429 and 0 < int(last.headers["retry-after"]) <= 61
    assert "wait" in last.body
    assert Browser(server, headers={"X-Forwarded-For": "10.0.0.8"}).join("Bo", room.state().code).status == 303


def test_what_ends_an_open_socket(server: Server, room: Classroom) -> None:
    teacher, ann, bo, cy = (Browser(server) for _ in range(4))
    teacher.join("", room.state().teacher_code)
    for browser, name in ((ann, "Ann"), (bo, "Bo"), (cy, "Cy")):
        browser.join(name, room.state().code)
    sockets = {
        browser.cookie: [browser.socket(path) for path in ("/play/ws", "/_stcore/stream")] for browser in (teacher, ann, bo, cy)
    }

    room.remove(next(key for key, student in room.state().students.items() if student.name == "Ann"))
    assert all(is_closed(socket) for socket in sockets[ann.cookie])
    with pytest.raises(InvalidStatus):
        ann.socket()
    page = ann.ask("GET", "/", Accept="text/html")
    assert page.status == 401 and "“Ann” has been removed from the class" in page.body and focused(page.body) == "name"

    assert bo.ask("POST", "/door", "leave=1").status == 303
    assert all(is_closed(socket) for socket in sockets[bo.cookie])

    sockets[cy.cookie][0].ping().wait(10)
    room.change_code()
    assert all(is_closed(socket) for socket in sockets[cy.cookie])
    page = cy.ask("GET", "/", Accept="text/html")
    assert page.status == 401 and "code of the class has changed" in page.body and focused(page.body) == "code"
    assert 'value="Cy"' in page.body and cy.join("Cy", room.state().code).status == 303, "this device is known"
    for socket in sockets[teacher.cookie]:
        assert socket.ping().wait(10), "the teacher's stay open"
    assert teacher.ask("GET", "/").status == 200


def test_only_this_server_and_its_own_pages_are_served(server: Server, room: Classroom) -> None:
    ann = Browser(server)
    ann.join("Ann", room.state().code)
    assert ann.ask("GET", "/", Host="elsewhere.example").status == 421
    assert ann.ask("GET", "/", Host="localhost:1").status == 200
    assert ann.ask("DELETE", "/_stcore/upload_file/x/y", Origin="http://elsewhere.example").status == 403
    assert ann.ask("POST", "/door", "leave=1", Origin="http://elsewhere.example").status == 403
    for path in ("/play/ws", "/_stcore/stream"):
        with pytest.raises(InvalidStatus) as refused:
            ann.socket(path, origin="http://elsewhere.example")
        assert refused.value.response.status_code == 403
        ann.socket(path, origin=server.address).close()


def test_an_upload_ends_at_the_limit_of_students(server: Server, room: Classroom) -> None:
    limits.write(room.root, limits.Limits(upload_megabytes=1))
    ann, teacher = Browser(server), Browser(server)
    ann.join("Ann", room.state().code)
    teacher.join("", room.state().teacher_code)
    path, large = "/_stcore/upload_file/x/y", b"x" * 1_200_000
    assert ann.ask("PUT", path, large).status == 413
    assert teacher.ask("PUT", path, large).status != 413
    assert ann.ask("PUT", path, b"x").status != 413


def test_an_upload_of_unknown_length_ends_at_the_limit() -> None:
    parts = iter([{"type": "http.request", "body": b"x" * 600, "more_body": True}] * 3)

    async def receive() -> Any:
        return next(parts)

    async def read() -> None:
        limited = _at_most(receive, 1000)
        await limited()
        with pytest.raises(HTTPException) as refused:
            await limited()
        assert refused.value.status_code == 413

    asyncio.run(read())


def test_no_secret_is_printed(server: Server, room: Classroom, folder: Path) -> None:
    ann = Browser(server)
    ann.join("Ann", room.state().code)
    ann.join("Ann", "WRONG")
    (log,) = folder.glob("server-*.log")
    text = log.read_text()
    state = room.state()
    token = ann.cookie.partition("=")[2]
    secrets = (state.code, state.teacher_code, token, (room.path.parent / "key").read_text())
    assert "The class is open at" in text and not any(secret in text for secret in secrets)


def test_guesses_are_counted_by_network_and_by_name() -> None:
    now = [0.0]
    guesses = Guesses(clock=lambda: now[0])
    for number in range(MOST_OF_ADDRESS):
        assert guesses.wait(f"2001:db8::{number}") == 0
        guesses.wrong(f"2001:db8::{number}")
    assert guesses.wait("2001:db8::ffff") == 60
    assert guesses.wait("2001:db8:0:1::1") == guesses.wait("::ffff:10.0.0.1") == 0
    now[0] = 61
    assert guesses.wait("2001:db8::ffff") == 0
    for number in range(MOST_OF_NAME):
        guesses.wrong(f"10.0.{number}.1", "Ann")
    assert guesses.wait("10.9.9.9", "ann") > 3000
    assert guesses.wait("10.9.9.9", "Bo") == 0


def test_guesses_of_many_addresses_are_limited_and_forgotten() -> None:
    now = [0.0]
    guesses = Guesses(clock=lambda: now[0])
    for number in range(20_000):
        guesses.wrong(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert guesses.wait("192.0.2.1") == 60
    assert len(guesses._wrong) <= 10_000
    now[0] = 61
    assert guesses.wait("192.0.2.1") == 0


def test_the_addresses_of_a_class_are_listed_likeliest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts.addresses, "own", lambda: ["192.0.2.7"])
    monkeypatch.setattr(hosts.st, "get_option", {"server.port": 8501, "server.address": "0.0.0.0"}.get)
    assert hosts.links() == ["http://192.0.2.7:8501"]
    assert hosts.links("http://localhost:8501/class") == ["http://192.0.2.7:8501"]
    assert hosts.links("https://gan.school.example/class") == ["https://gan.school.example", "https://192.0.2.7"]
    monkeypatch.setenv("GAN_CLASS_HOSTS", "gan.school.example, *.other.example")
    assert hosts.links("http://localhost:8501/class") == ["https://gan.school.example"]
    assert hosts.links("http://192.0.2.9:8501/class") == ["http://192.0.2.9:8501", "https://gan.school.example"]
