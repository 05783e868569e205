"""Shared by the page tests: a trained and scored run, a real server in its own process, and a real browser."""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.access.classroom import Classroom
from gan.config.data import DataConfig
from gan.data import prepared
from gan.places import default_root
from gan.runs import Run
from tests import nursery
from tests.execution import quick
from tests.helpers import PROJECT, TINY, end_all, environment, run_gan, wait_until

expect.set_options(timeout=120_000)  # a busy machine draws slowly

#: A display name with markup, Markdown, an icon and a character that reverses the reading direction.
NASTY = '<b onclick="x">bold</b> *star* :material/home: $x$ \u202eevil 😀'


@pytest.fixture(scope="session", autouse=True)
def packages_scanned_once() -> Iterator[None]:
    """Let each AppTest, which looks for components in all installed packages, take what the first one has found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", functools.cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def quick_trainers() -> Iterator[quick.Trainers]:
    """Start trainers of pages without a server from the nursery, and measure no speed; a server starts its processes as usual."""
    with quick.trainers(measures=False) as found:
        yield found


def _copied(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Yield a copy of a run in a folder that the pages show; end its processes afterwards."""
    shutil.copytree(run.path, root / run.id)
    monkeypatch.setenv("GAN_RUNS", str(root))
    yield Run(root / run.id)
    end_all(root)


@pytest.fixture(scope="session")
def trained(own_folders: Path) -> Run:
    """Return a tiny run with a nasty name, really trained and scored; tests that change it use the copy ``shown``."""
    root = own_folders / "pages"
    settings = [part for key, value in (TINY | {"cadence.sample_every": "4 steps"}).items() for part in ("--set", f"{key}={value}")]
    done = run_gan("train", *settings, "--name", NASTY, root=root)
    assert done.returncode == 0, done.stderr
    (run,) = runs.list_runs(root)
    done = run_gan("score", run.id, "--images", 200, "--draws", 2, root=root)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture
def shown(trained: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return a copy of the trained run in a folder that the pages of this test show."""
    yield from _copied(trained, root, monkeypatch)


@pytest.fixture(scope="session")
def told(own_folders: Path) -> Run:
    """Return a tiny class-conditional run with the hinge loss and a penalty; tests must not change it."""
    root = own_folders / "told"
    changes = {"networks.conditional": "true", "objective.loss": "hinge", "objective.r1": 1, "networks.discriminator_norm": "none"}
    settings = [part for key, value in (TINY | changes).items() for part in ("--set", f"{key}={value}")]
    done = run_gan("train", *settings, root=root)
    assert done.returncode == 0, done.stderr
    return runs.list_runs(root)[0]


@pytest.fixture
def conditional(told: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return a copy of the class-conditional run in a folder that the pages of this test show."""
    yield from _copied(told, root, monkeypatch)


@pytest.fixture
def empty(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder without runs that the pages of this test show."""
    root.mkdir()
    monkeypatch.setenv("GAN_RUNS", str(root))
    yield root
    end_all(root)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: Path) -> Iterator[Path]:
    """Return a data folder for this test only; the folder of runs is empty."""
    folder = tmp_path / "data"
    monkeypatch.setenv("GAN_DATA", str(folder))
    yield folder
    end_all(empty)


@pytest.fixture(scope="session")
def prepared_digits(own_folders: Path) -> None:
    """Prepare the digits as the Data page shows them, so that no test leaves a preparation that the next one finds killed."""
    prepared.obtain(DataConfig(), lambda sentence, share: None)


@pytest.fixture
def visit(prepared_digits: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Return a function that opens a page without a browser, as a link with a query would; ``state``: what was chosen before.

    The page Class exists in a class alone, so a class is opened for it.
    """

    def visit(page: str, state: Mapping[str, object] | None = None, **query: str) -> AppTest:
        if page == "class":
            monkeypatch.setenv("GAN_CLASS", "1")
            if default_root().is_dir():
                Classroom(default_root()).open()
        test = AppTest.from_file(str(PROJECT / "dashboard.py"), default_timeout=60).run()
        for key, value in (state or {}).items():
            test.session_state[key] = value
        for key, value in query.items():
            test.query_params[key] = value
        return test.switch_page(f"pages/{page}.py").run()

    return visit


@dataclass
class Server:
    """A dashboard that listens at ``address``."""

    process: nursery.Child | subprocess.Popen[bytes]
    address: str


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Path], Server]]:
    """Return a function that starts a real server on a folder of runs; all servers are ended after the test."""
    with serving(tmp_path) as serve:
        yield serve


@contextlib.contextmanager
def serving(logs: Path, extra: Callable[[int], dict[str, str]] = lambda port: {}) -> Iterator[Callable[[Path], Server]]:
    """Yield a function that starts a server; all are ended with the block. ``extra``: environment variables, given the port."""
    servers: list[Server] = []
    roots: list[Path] = []
    written: list[Path] = []

    def serve(root: Path) -> Server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        written.append(logs / f"server-{port}.log")
        arguments = ["run", "dashboard.py", "--server.headless", "true", "--server.port", str(port)]
        server = Server(_begin(arguments, environment(root, extra(port)), written[-1]), f"http://127.0.0.1:{port}")
        servers.append(server)
        roots.append(root)

        def answers() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=2):
                return True
            return False

        wait_until(answers, "the server answers")
        return server

    try:
        yield serve
        for path in written:
            assert "Stack (most recent call last)" not in path.read_text(errors="replace"), "a warning of Streamlit with its stack"
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait()
        for root in roots:
            end_all(root)
        for path in written:
            print(path.read_text(errors="replace"))  # pytest shows it if the test fails


def _begin(arguments: list[str], env: dict[str, str], log: Path) -> nursery.Child | subprocess.Popen[bytes]:
    """Start Streamlit, from the nursery if there is one."""
    if nursery.is_available:
        return nursery.start_server(arguments, env, log)
    with open(log, "wb") as output:
        return subprocess.Popen([sys.executable, "-m", "streamlit", *arguments], cwd=PROJECT, env=env, stdout=output, stderr=output)


#: Streamlit probes every level of a deep link for its server; failed probes are not errors of the dashboard.
_PROBE = re.compile(r"/_stcore/(health|host-config)$")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a browser for the tests of a file; each test has its own storage in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, serve: Callable[[Path], Server]) -> Iterator[Page]:
    """Return a browser page that fails the test if its console shows an error; it is closed before its server."""
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if is_problem(message) else None)
    page.on("requestfailed", lambda request: problems.append(request.url) if "127.0.0.1" not in request.url else None)
    yield page
    for context in browser.contexts:
        context.close()
    assert problems == []


def is_problem(message) -> bool:  # type: ignore[no-untyped-def]
    """Return whether a console message is an error of the dashboard, or a warning of Vega on a chart.

    A missing picture does not count: Streamlit drops pictures that the live page replaces, and a slow browser may ask for them.
    """
    if message.type == "warning" and message.text.startswith("WARN "):
        return True
    url = message.location.get("url", "")
    is_replaced = "/media/" in url or "/media/" in message.text
    return message.type == "error" and not is_replaced and not _PROBE.search(url)
