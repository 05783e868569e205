"""Start ``python -m gan`` in a separate process that outlives this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gan.places import PROJECT


def spawn(arguments: Sequence[str], log: Path, *, is_background: bool = False) -> subprocess.Popen[bytes]:
    """Start ``python -m gan`` with ``arguments`` in its own session, so that it outlives this process.

    Its output is appended to ``log``. A background process runs at lower priority.
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
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **options,  # type: ignore[call-overload]
        )
