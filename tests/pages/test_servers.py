"""Several servers of one class: everybody is sent to their own one; one that ends is started again; all end together."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
from playwright.sync_api import Browser

from gan.access.classroom import Classroom
from pages.parts.door import identity
from tests.helpers import PROJECT, environment, wait_until
from tests.pages.provider import Provider


def ask(port: int, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str, str]:
    """Return status, the address sent to and the cookie of an answer; status 0 if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0, "", ""
    finally:
        connection.close()
    return answer.status, answer.getheader("location") or "", (answer.getheader("set-cookie") or "").partition(";")[0]


def join(port: int, name: str, code: str) -> dict[str, str]:
    """Sign in; return the headers with which a browser then opens a page."""
    form = urlencode({"name": name, "code": code})
    status, _, cookie = ask(port, "POST", "/door", {"Content-Type": "application/x-www-form-urlencoded"}, form)
    assert status == 200
    return {"Accept": "text/html", "Cookie": cookie}


def neighbours() -> int:
    """Return a port that is free, as is the next one."""
    while True:
        with socket.socket() as one, socket.socket() as two, contextlib.suppress(OSError, OverflowError):
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            two.bind(("127.0.0.1", port + 1))
            return port


@contextlib.contextmanager
def serving_two(root: Path, log: Path, extra: dict[str, str], *options: str, port: int = 0) -> Iterator[tuple[int, psutil.Process]]:
    """Start a class with two servers; yield the port and the process of the first. ``extra``: environment variables."""
    port = port or neighbours()
    command = [sys.executable, "-m", "gan", "class", "--root", str(root), "--port", str(port), "--servers", "2", *options]
    env = environment(root, {"STREAMLIT_SERVER_HEADLESS": "true", "GAN_SPARE": "0", **extra})
    with open(log, "wb") as output:
        first = subprocess.Popen([*command, "--address", "127.0.0.1"], cwd=PROJECT, env=env, stdout=output, stderr=output)
    try:
        wait_until(lambda: all(is_up(one) for one in (port, port + 1)), "both servers answer")
        yield port, psutil.Process(first.pid)
    finally:
        first.kill()
        first.wait()
        wait_until(lambda: not is_up(port + 1), "the second server has ended with the first, however that ended")


@pytest.fixture
def two(root: Path, tmp_path: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Start a class with two servers; yield the port and the process of the first."""
    with serving_two(root, tmp_path / "log", {}) as started:
        yield started


def is_up(port: int) -> bool:
    return ask(port, "GET", "/_stcore/health", {})[0] == 200


def test_a_class_with_two_servers_sends_everybody_to_their_own(two: tuple[int, psutil.Process], root: Path) -> None:
    port, first = two
    code = Classroom(root).state()
    wait_until((root / ".class" / f"present-{port + 1}.json").exists, "the second server has told that it is there")
    ann, bo, teacher = (join(port, *one) for one in (("Ann", code.code), ("Bo", code.code), ("", code.teacher_code)))
    page = "/watch?run=20260101-000000-abcdef"
    for headers, own in ((ann, port + 1), (bo, port), (teacher, port)):
        other = 2 * port + 1 - own
        assert ask(own, "GET", page, headers)[0] == 200
        assert ask(other, "GET", page, headers)[:2] == (303, f"http://127.0.0.1:{own}{page}")
        assert ask(other, "GET", "/_stcore/host-config", {"Cookie": headers["Cookie"]})[0] == 200, "only pages are sent on"
        assert ask(other, "GET", "/media/x.png", headers)[0] == 404, "files are where their page is"
    assert ask(port, "GET", page, {**ann, "Host": "127.0.0.1"})[0] == 200, "a proxy decides by itself"
    stranger = {"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded"}
    assert ask(port + 1, "GET", page, stranger)[:2] == (303, f"http://127.0.0.1:{port}{page}"), "people join at the first"
    assert ask(port + 1, "POST", "/door", stranger, urlencode({"name": "Cy", "code": code.code}))[0] == 403

    second = next(one for one in first.children() if str(port + 1) in one.cmdline())
    second.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    wait_until(lambda: not is_up(port + 1), "the second server is gone")
    wait_until(lambda: ask(port, "GET", page, ann)[0] == 200, "the first one shows the pages of both meanwhile")
    wait_until(lambda: is_up(port + 1), "the second server has been started again")
    wait_until(lambda: ask(port, "GET", page, ann)[0] == 303, "and has its visitors again")


def test_students_join_and_leave_in_the_browser(two: tuple[int, psutil.Process], root: Path, browser: Browser) -> None:
    port, _ = two
    wait_until((root / ".class" / f"present-{port + 1}.json").exists, "the second server has told that it is there")
    for name, own in (("Ann", port + 1), ("Bo", port)):
        page = browser.new_context().new_page()
        page.goto(f"http://127.0.0.1:{port}/data")
        page.get_by_label("Your name").fill(name)
        page.get_by_label("Code of the class").fill(Classroom(root).state().code)
        page.get_by_role("button", name="Join").click()
        page.get_by_text(f"Class · {name}").wait_for()
        assert page.url.startswith(f"http://127.0.0.1:{own}/data")
        page.get_by_role("link", name="Leave").click()
        page.get_by_role("button", name="Leave the class on this device").click()
        page.get_by_role("button", name="Join").wait_for()
        assert page.url == f"http://127.0.0.1:{port}/"
        page.context.close()


def test_accounts_of_a_provider_open_both_servers(root: Path, tmp_path: Path, browser: Browser) -> None:
    port = neighbours()
    secrets = tmp_path / "secrets.toml"
    extra = {"GAN_CLASS": "oidc", "STREAMLIT_SECRETS_FILES": str(secrets)}
    with contextlib.closing(Provider()) as provider:
        secrets.write_text(provider.secrets(f"http://127.0.0.1:{port}"))
        with serving_two(root, tmp_path / "log", extra, port=port):
            wait_until((root / ".class" / f"present-{port + 1}.json").exists, "the second server has told that it is there")
            page = browser.new_context().new_page()
            page.goto(f"http://127.0.0.1:{port + 1}/data")
            assert page.url.startswith(f"http://127.0.0.1:{port}/"), "visitors sign in at the first, which the provider knows"
            page.get_by_role("link", name="Sign in").click()
            for other in (port, port + 1):
                page.get_by_text(f"Class · {provider.email}").wait_for()
                page.goto(f"http://127.0.0.1:{other}/data")
            page.get_by_text(f"Class · {provider.email}").wait_for()
            own = port + (1 + sum(identity.by_name(provider.email).id.encode())) % 2
            assert page.url.startswith(f"http://127.0.0.1:{own}/data")
            page.get_by_role("link", name="Leave").click()
            page.get_by_role("link", name="Sign out").click()
            page.get_by_role("link", name="Sign in").wait_for()
            for other in (port, port + 1):
                page.goto(f"http://127.0.0.1:{other}/data")
                page.get_by_role("link", name="Sign in").wait_for()
            page.context.close()
