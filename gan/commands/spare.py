"""The hidden `spare` command: import torch, wait for one command on standard input, and run it.

A server keeps such a process (:mod:`gan.execution.processes`), so that a click need not wait for the import.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

#: Libraries that start threads when they are imported; these would keep a lowered priority for ever.
_FIRST = ("numpy", "scipy.linalg")
_THEN = (
    "gan.training.train",
    "gan.training.sampling",
    "gan.training.speed",
    "gan.networks.layers",
    "gan.scoring.during_training",
    "gan.playground.worker",
)


def add(commands: Any, main: Callable[[Sequence[str]], int]) -> None:
    """Add ``spare`` to the command line, unlisted; ``main`` runs the command that it receives."""
    commands.add_parser("spare").set_defaults(run=wait, main=main, root=None)


def wait(options: argparse.Namespace) -> int:
    """Wait for a command and run it in this process; return its exit status, or 0 if the server has gone."""
    for name in _FIRST:
        importlib.import_module(name)
    importing = threading.Thread(target=_import_in_background)
    importing.start()
    importing.join()
    print("ready", flush=True)
    line = sys.stdin.readline()
    if not line:
        return 0
    order = json.loads(line)
    print("taken", flush=True)
    if not order["keeps_streams"]:
        _redirect(order["log"])
    if order["is_background"]:
        _lower_priority()
    status: int = options.main(order["arguments"])
    return status


def _import_in_background() -> None:
    """Import the slow modules in a thread of the lowest priority, where the system has priorities of threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    elif sys.platform == "darwin" and hasattr(os, "PRIO_DARWIN_THREAD"):  # from Python 3.12
        os.setpriority(os.PRIO_DARWIN_THREAD, 0, os.PRIO_DARWIN_BG)
    for name in _THEN:
        importlib.import_module(name)


def _redirect(log: str) -> None:
    """Append standard output and error to a file, and leave standard input empty."""
    sys.stdout.flush()
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
        opened = os.open(path, mode, 0o666)
        os.dup2(opened, number)
        os.close(opened)
    os.dup2(1, 2)


def _lower_priority() -> None:
    """Lower the priority of this process with all its threads, as for other background work."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), 0x4000)  # BELOW_NORMAL_PRIORITY_CLASS
    else:
        os.setpriority(os.PRIO_PGRP, 0, 10)
