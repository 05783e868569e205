"""Start ``python -m gan`` in a separate process: one that outlives this one, or one to wait for.

Importing torch takes seconds. A server therefore keeps a spare process (:func:`keep_spare`) that has imported it and waits for its
first command. :func:`spawn` gives the command to the spare, if there is one that fits, or else starts a new interpreter.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan.errors import InputError, shown
from gan.machine import has_memory_for
from gan.places import PROJECT
from gan.storage import signs

_ANSWER = 2.0  # seconds in which a spare process has to confirm a command
_IMPORT = 30.0  # seconds in which a spare process is ready


def require_plain(arguments: Sequence[str]) -> None:
    """Raise InputError if no command can be given one of the arguments, because of a NUL or half a character."""
    for one in arguments:
        if "\0" in one or any("\ud800" <= letter <= "\udfff" for letter in one):
            raise InputError(f"“{shown(one)}” has a character that cannot be passed on; enter it again without.")


def spawn(
    arguments: Sequence[str],
    log: Path,
    *,
    is_background: bool = False,
    needs_torch: bool = False,
    locks: Sequence[Path] = (),
    environment: Mapping[str, str] = {},
) -> subprocess.Popen[bytes]:
    """Start ``python -m gan`` with ``arguments`` in its own session, so that it outlives this process.

    Its output is appended to ``log``. A background process runs at lower priority. A command that ``needs_torch``, and that
    somebody waits for, is given to the spare process. ``locks`` are those it is to take as signs of life; the caller has removed
    the notes of earlier processes (:func:`gan.storage.signs.forget`). ``environment``: variables besides those of this process,
    which the spare process does not have. Raises InputError for arguments that no command can be given.
    """
    require_plain(arguments)
    with open(log, "ab") as output:  # raises OSError if the log cannot be written, whoever would write it
        spare = _take_spare() if needs_torch and not environment else None
        process = spare.run(arguments, log, is_background=is_background) if spare else None
        if process is None:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            process = _start(arguments, is_background=is_background, env={**os.environ, **environment}, **streams)
    for lock in locks:
        signs.announce(lock, process.pid)
    threading.Thread(target=process.wait, daemon=True).start()  # otherwise it would still exist after its end
    return process


def converse(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start ``python -m gan`` with ``arguments`` and speak with it over its standard input and output.

    It is given to the spare process, which is waited for while it imports torch. It ends by itself when its input closes, if the
    command heeds that. Raises OSError if no process can be started.
    """
    spare = keep_spare()
    if spare is not None and spare.is_ready.wait(_IMPORT):
        spare = _take_spare()
        if spare is not None and (process := spare.run(arguments, Path(os.devnull), keeps_streams=True)):
            return process
    return _start(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def run(arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run ``python -m gan`` with ``arguments`` to its end. Raises TimeoutExpired after ``seconds``."""
    command = [sys.executable, "-m", "gan", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=seconds, check=False)


def _start(arguments: Sequence[str], *, is_background: bool = False, **streams: Any) -> subprocess.Popen[bytes]:
    """Start an interpreter in its own session."""
    command = [sys.executable, "-m", "gan", *arguments]
    options: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        detached = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW  # type: ignore[attr-defined]
        lower = subprocess.BELOW_NORMAL_PRIORITY_CLASS if is_background else 0  # type: ignore[attr-defined]
        options = {"creationflags": detached | lower}
    elif is_background:
        command = ["nice", "-n", "10", *command]
    return subprocess.Popen(command, cwd=PROJECT, **streams, **options)


class Spare:
    """A process that has imported torch and waits for a command; its other side is :mod:`gan.commands.spare`.

    It ends by itself when its standard input closes, thus also when this process is killed.
    """

    def __init__(self) -> None:
        self._environment, self._code = dict(os.environ), _code()
        self._keeps_streams = False
        self._process = _start(["spare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.is_ready, self._has_answered = threading.Event(), threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def fits(self) -> bool:
        """Return whether a new interpreter would do the same: alive and ready, the same code on disk, the same environment."""
        return self.is_alive and self.is_ready.is_set() and self._environment == dict(os.environ) and self._code == _code()

    def run(
        self, arguments: Sequence[str], log: Path, *, is_background: bool = False, keeps_streams: bool = False
    ) -> subprocess.Popen[bytes] | None:
        """Hand over a command and return the process; None, with the process killed, if it does not confirm the command.

        With ``keeps_streams``, standard input and output stay open, and nothing is written to ``log``.
        """
        order: dict[str, Any] = {"arguments": [str(one) for one in arguments], "log": str(log.resolve())}
        order |= {"is_background": is_background, "keeps_streams": keeps_streams}
        self._keeps_streams = keeps_streams
        assert self._process.stdin
        with contextlib.suppress(OSError):  # it has died
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            if self._has_answered.wait(_ANSWER) and self.is_alive:
                if not keeps_streams:
                    self._process.stdin.close()
                return self._process
        self._process.kill()
        self.end()
        return None

    def end(self) -> None:
        """Let the process end; it has no command."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        threading.Thread(target=self._process.wait, daemon=True).start()

    def _listen(self) -> None:
        """Take note of the two lines that the process writes: it is ready, and it has taken a command."""
        lines = self._process.stdout
        assert lines
        for event in (self.is_ready, self._has_answered):
            if lines.readline():
                event.set()
        if not self._keeps_streams:
            lines.close()


_kept: list[Spare] = []  # at most one
_spare_lock = threading.Lock()


def keep_spare() -> Spare | None:
    """Start a spare process if there is none, and return it; let it go where memory is short or ``GAN_SPARE`` is 0.

    One that dies before it is ready is not replaced until the next :func:`spawn`; another would die too.
    """
    with _spare_lock:
        is_wanted = os.environ.get("GAN_SPARE", "") != "0" and has_memory_for(1 if _kept else 2)
        if _kept and (not is_wanted or (_kept[0].is_ready.is_set() and not _kept[0].is_alive)):
            _kept.pop().end()
        elif is_wanted and not _kept:
            _kept.append(Spare())
        return _kept[0] if _kept else None


def _take_spare() -> Spare | None:
    """Take the spare process away, if there is one that fits; one that no longer fits is let go."""
    with _spare_lock:
        if not _kept or (_kept[0].is_alive and not _kept[0].is_ready.is_set()):
            return None
        taken = _kept.pop()
    if taken.fits():
        return taken
    taken.end()
    return None


def _code() -> tuple[int, int]:
    """Return the number of source files and the time of their newest change in nanoseconds."""
    changed = [entry.stat().st_mtime_ns for entry in (PROJECT / "gan").rglob("*.py")]
    return len(changed), max(changed)
