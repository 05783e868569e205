"""Two servers on one folder of runs, with and without a class, each alone and behind a proxy: what they share, what they do not.

    python -m benchmarks.two_servers [--runs 6]

Starts real servers. A run is launched with the button of one and looked for on the other; ``--runs`` short runs are put into the
folder, and the trainers of each are counted; a student signs in at one server and visits the other; a picture of one is asked of
the other. Then the same page is opened through Caddy, if it is installed, with visitors bound to a server and without. Prints a
table; exits with 1 if a run had two trainers, did not finish, or a sign-in did not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

from benchmarks.dashboard import serve
from benchmarks.viewer import Viewer
from gan import config as configs
from gan import runs
from gan.access.classroom import Classroom
from gan.config import presets
from gan.runs import Run

_BUTTON = "Train a GAN on digits now"
_LONGEST = 90.0  # seconds to wait
_TINY = {"training.length": "40 steps", "training.threads": 1, "cadence.score_every": "0 epochs", "networks.hidden": 16}


def await_(what: Callable[[], bool]) -> float:
    """Return the seconds until something holds; infinite if it does not in time."""
    began = time.monotonic()
    while time.monotonic() - began < _LONGEST:
        if what():
            return time.monotonic() - began
        time.sleep(0.1)
    return float("inf")


def sign_in(address: str, code: str, name: str) -> str:
    """Return the cookie with which a student passes the door of a server."""
    place = urlsplit(address)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=30)
    form = urlencode({"name": name, "code": code})
    connection.request("POST", "/door", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return (answer.getheader("set-cookie") or "").partition(";")[0]


def status_of(address: str, path: str, cookie: str) -> int:
    """Return the status of a request."""
    wanted = urllib.request.Request(address + path, headers={"Cookie": cookie, "Accept": "text/html"})
    try:
        with urllib.request.urlopen(wanted, timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def shown(address: str, page: str, query: str, cookie: str, text: str = "") -> tuple[bool, list[str]]:
    """Open a page; return whether it contains a text, and the addresses of its pictures."""
    viewer, pictures, is_there = Viewer(address, page, query, cookie), [], False
    with viewer.connected() as line:
        viewer.ask(line)
        while viewer.scripts_done == 0:
            content = line.recv(timeout=_LONGEST)
            is_there |= text.encode() in (content if isinstance(content, bytes) else content.encode())
            pictures += viewer.take_in(content)
    return is_there, pictures


@contextlib.contextmanager
def proxy(addresses: list[str], policy: str) -> Iterator[str]:
    """Run Caddy in front of servers; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    backends = " ".join(one.removeprefix("http://") for one in addresses)
    with tempfile.TemporaryDirectory() as folder:
        rules = f"{{\nadmin off\n}}\nhttp://127.0.0.1:{port} {{\nreverse_proxy {backends} {{\nlb_policy {policy}\n}}\n}}\n"
        (Path(folder) / "Caddyfile").write_text(rules)
        command = ["caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]
        caddy = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"HOME": folder, "PATH": "/usr/bin"}
        )
        try:
            address = f"http://127.0.0.1:{port}"
            await_(lambda: _answers(address))
            yield address
        finally:
            caddy.terminate()
            caddy.wait()


def _answers(address: str) -> bool:
    try:
        return status_of(address, "/_stcore/health", "") == 200
    except OSError:
        return False


def through(addresses: list[str], policy: str, query: str, cookie: str) -> str:
    """Return how many of the pictures of a page a visitor of the proxy gets who keeps its cookies."""
    with proxy(addresses, policy) as address:
        bound = urllib.request.urlopen(urllib.request.Request(f"{address}/_stcore/health")).headers.get("set-cookie") or ""
        cookies = "; ".join(filter(None, (cookie, bound.partition(";")[0])))
        got = asked = 0
        for _ in range(4):
            _, pictures = shown(address, "watch", query, cookies)
            answers = [status_of(address, picture, cookies) for picture in pictures]
            got, asked = got + answers.count(200), asked + len(answers)
    return f"{got} of {asked}"


def trial(count: int, *, has_class: bool) -> tuple[list[tuple[str, str]], bool]:
    """Return a table of what was seen, and whether all is well."""
    found: list[tuple[str, str]] = []
    extra = {"GAN_CLASS": "1", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"} if has_class else {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        root = Path(folder) / "runs"
        addresses = [stack.enter_context(serve(root, GAN_DATA=f"{folder}/data", **extra))[1] for _ in range(2)]
        cookie, is_well = "", True
        if has_class:
            cookie = sign_in(addresses[0], Classroom(root).state().code, "Ann")
            answers = [status_of(one, "/watch", cookie) for one in addresses]
            found.append(("signed in at the first: status at both", " and ".join(map(str, answers))))
            is_well &= answers == [200, 200]
        with Viewer(addresses[0], "", "", cookie) as viewer:
            viewer.click(_BUTTON)
            seconds = await_(lambda: bool(runs.list_runs(root)))
            found.append(("launched at the first, after", f"{seconds:.1f} s"))
            launched = next((run.id for run in runs.list_runs(root)), "none")
        is_there, _ = shown(addresses[1], "", "", cookie, launched)
        found.append(("is shown by the second", "yes" if is_there else "no"))
        with contextlib.suppress(Exception):
            runs.find(root, launched).write_control(stop=True)
        config = configs.replace(presets.find("digits-mlp").config, _TINY)
        seeded = [configs.replace(config, {"training.seed": seed}) for seed in range(count)]  # other pictures for each run
        made = [runs.create(root, one, f"run {number}") for number, one in enumerate(seeded)]
        await_(lambda: all(run.status().state not in runs.UNDER_WAY for run in made))
        states = [run.status() for run in made]
        ended = sum(one.state == "finished" for one in states)
        trainers = sorted(one.generation for one in states)
        found.append((f"{count} runs in the folder: finished, trainers of each", f"{ended}, {trainers[0]} to {trainers[-1]}"))
        is_well &= is_there and ended == count and trainers == [1] * count
        _, pictures = shown(addresses[0], "watch", f"run={made[0].id}", cookie)
        answers = [[status_of(one, picture, cookie) for picture in pictures].count(200) for one in addresses]
        found.append((f"{len(pictures)} pictures of a page of the first: given by each", " and ".join(map(str, answers))))
        if shutil.which("caddy"):
            policies = (("cookie", "visitors bound to a server"), ("round_robin", "requests in turn"))
            for run, (policy, title) in zip(made[1:], policies, strict=False):  # each with pictures that no server has shown
                seen = through(addresses, policy, f"run={run.id}", cookie)
                found.append((f"pictures through Caddy, {title}", seen))
                is_well &= policy != "cookie" or len(set(seen.split(" of "))) == 1
        for run in _under_way(root):
            run.write_control(stop=True)
        await_(lambda: not _under_way(root))
    return found, is_well


def _under_way(root: Path) -> list[Run]:
    return [run for run in runs.list_runs(root) if run.status().state in runs.UNDER_WAY]


def main() -> None:
    """Try and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=6)
    options = parser.parse_args()
    tables = {has_class: trial(options.runs, has_class=has_class) for has_class in (False, True)}
    for has_class, (table, _) in tables.items():
        print(f"\n| {'with' if has_class else 'without'} a class | seen |\n| --- | --- |")
        for name, value in table:
            print(f"| {name} | {value} |")
    if not all(is_well for _, is_well in tables.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
