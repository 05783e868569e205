"""The machine description and the medians printed with every table."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path


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


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return median, minimum and maximum as text."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratios(ours: Sequence[float], theirs: Sequence[float], best: Callable[[Sequence[float]], float] = min) -> tuple[float, float]:
    """Return the ratio of the medians and that of the best values, which are the smallest unless ``best`` chooses others."""
    return statistics.median(ours) / statistics.median(theirs), best(ours) / best(theirs)
