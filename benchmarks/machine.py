"""The machine description, medians and memory printed with every table."""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from gan.places import PROJECT


def describe() -> str:
    """Return the machine in one line: processor, cores, bf16 support, system, torch version."""
    import torch

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    bf16 = "with" if torch.cpu._is_avx512_bf16_supported() else "without"
    return f"{name}, {os.cpu_count()} cores, {bf16} AVX512-BF16, {platform.system()}, torch {torch.__version__}"


def sides(other: Path | None) -> dict[str, Path]:
    """Return the checkouts to measure by name: "this", and "other" if there is one."""
    return {"this": PROJECT} | ({"other": other.resolve()} if other else {})


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return median, minimum and maximum as text."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratios(ours: Sequence[float], theirs: Sequence[float], best: Callable[[Sequence[float]], float] = min) -> tuple[float, float]:
    """Return the ratio of the medians and that of the best values, which are the smallest unless ``best`` chooses others."""
    return statistics.median(ours) / statistics.median(theirs), best(ours) / best(theirs)


@contextlib.contextmanager
def watching_memory(process: psutil.Process) -> Iterator[Callable[[], float]]:
    """Watch a process and its children; yield a function that returns their highest memory so far, in megabytes.

    Memory that several processes share, such as libraries, is divided among them (proportional set size; Linux only).
    """
    most, is_over = 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not is_over.wait(0.25):
            total = 0
            with contextlib.suppress(psutil.Error):
                for one in [process, *process.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        total += one.memory_full_info().pss
            most = max(most, total / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: most
    finally:
        is_over.set()
        watcher.join()
