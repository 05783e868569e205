"""Commands and servers as real processes, without the seconds that each would need for its imports.

A process that has imported everything that commands (or servers) need forks a child for each of them. A child is a process of its
own: it can be killed, has its own memory, files and locks, and ends with the command's exit status. Forking is safe because the
nursery itself starts no thread and computes nothing. POSIX only; elsewhere commands and servers start the usual way.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]

_COMMANDS = """
import gan.commands.main, gan.commands.training, gan.training.train, gan.training.sampling, gan.training.speed
import gan.scoring.scores, gan.scoring.during_training, gan.networks.layers, gan.report.bundle, gan.report.generators, tqdm
main = gan.commands.main.main
"""

_SERVERS = """
import sys
import streamlit.web.cli, uvicorn
from pages.parts import service
service._share_memory()
service._import_parts(0.0)

def main(arguments):
    sys.argv = ["streamlit", *arguments]
    return streamlit.web.cli.main(prog_name="streamlit")
"""

_SERVE = """
import json, os, signal, sys

def kill_at(module, name, number, when):
    place, calls = sys.modules[module], []
    original = getattr(place, name)
    def wrapped(*arguments, **options):
        calls.append(name)
        if len(calls) == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = original(*arguments, **options)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(place, name, wrapped)

print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "poll":
        found, status = os.waitpid(order["pid"], os.WNOHANG)
        print(json.dumps(os.waitstatus_to_exitcode(status) if found else None), flush=True)
        continue
    pid = os.fork()
    if pid:
        print(json.dumps(pid), flush=True)
        continue
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, path in ((0, os.devnull), (1, order["stdout"]), (2, order["stderr"])):
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(order["env"])
    if order["kill"]:
        kill_at(*order["kill"])
    try:
        status = main(order["arguments"])
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        import traceback
        traceback.print_exc()
        status = 1
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(status or 0)
"""

is_available = os.name == "posix"


class Child:
    """A command under way, with the methods of :class:`subprocess.Popen` that tests use."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self.pid, self.returncode = nursery, pid, None

    def poll(self) -> int | None:
        """Return the exit status, or None while the process lives."""
        if self.returncode is None:
            self.returncode = self._nursery.ask({"do": "poll", "pid": self.pid})
        return self.returncode

    def wait(self, timeout: float = 120) -> int:
        """Wait for the end and return the exit status. Raises TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(["gan"], timeout)
            time.sleep(0.01)
        return status

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


#: Module, function, which of its calls (from 1), "before" or "after" it: where a child kills itself with SIGKILL.
Death = tuple[str, str, int, str]


class Nursery:
    """A process that forks children which do the same; it begins with the first one. ``program``: imports, and ``main``."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._lock = threading.RLock()
        self._process: subprocess.Popen[str] | None = None

    def start(self, arguments: list[str], env: dict[str, str], stdout: Path, stderr: Path, kill: Death | None = None) -> Child:
        """Start a child with ``arguments``; its output is appended to two files. ``kill``: where it is to die."""
        order = {"do": "start", "arguments": arguments, "env": env, "stdout": str(stdout), "stderr": str(stderr), "kill": kill}
        return Child(self, int(self.ask(order)))

    def ask(self, order: dict[str, Any]) -> Any:
        """Return the answer of the process to an order."""
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", self._program + _SERVE],
                    cwd=PROJECT,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                atexit.register(self._process.kill)
                assert self._process.stdout is not None
                assert self._process.stdout.readline() == "ready\n"
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


_commands, _servers = Nursery(_COMMANDS), Nursery(_SERVERS)


def start(arguments: list[str], env: dict[str, str], stdout: Path, stderr: Path, kill: Death | None = None) -> Child:
    """Start ``python -m gan`` with ``arguments``; see :meth:`Nursery.start`."""
    return _commands.start(arguments, env, stdout, stderr, kill)


def start_server(arguments: list[str], env: dict[str, str], log: Path) -> Child:
    """Start ``python -m streamlit`` with ``arguments``; its output is appended to ``log``."""
    return _servers.start(arguments, env, log, log)


def run(arguments: list[str], env: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run ``python -m gan`` to its end, and return its exit status and output."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "stdout", Path(folder) / "stderr"
        child = start(arguments, env, out, err)
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        return subprocess.CompletedProcess(["gan", *arguments], status, out.read_text("utf-8"), err.read_text("utf-8"))
