"""Start ``python -m gan`` in a separate process: one that outlives this one, or one to wait for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from gan.places import PROJECT
from gan.storage import signs


def spawn(
    arguments: Sequence[str], log: Path, *, is_background: bool = False, locks: Sequence[Path] = ()
) -> subprocess.Popen[bytes]:
    """Start ``python -m gan`` with ``arguments`` in its own session, so that it outlives this process.

    Its output is appended to ``log``. A background process runs at lower priority. ``locks`` are those it is to take as signs of
    life; the caller has removed the notes of earlier processes (:func:`gan.storage.signs.forget`).
    """
    command = [sys.executable, "-m", "gan", *arguments]
    options: dict[str, object] = {"start_new_session": True}
    if os.name == "nt":
        detached = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW  # type: ignore[attr-defined]
        lower = subprocess.BELOW_NORMAL_PRIORITY_CLASS if is_background else 0  # type: ignore[attr-defined]
        options = {"creationflags": detached | lower}
    elif is_background:
        command = ["nice", "-n", "10", *command]
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **options,  # type: ignore[call-overload]
        )
    for lock in locks:
        signs.announce(lock, process.pid)
    threading.Thread(target=process.wait, daemon=True).start()  # otherwise it would still exist after its end
    return process


def run(arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run ``python -m gan`` with ``arguments`` to its end. Raises TimeoutExpired after ``seconds``."""
    command = [sys.executable, "-m", "gan", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=seconds, check=False)
