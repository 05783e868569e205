"""Cores, memory and the usual number of threads of this machine, and how its C library keeps memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import subprocess
from functools import cache

MOST_THREADS = 8  # more threads do not speed up networks of this size
TRAINER_BYTES = 1_000_000_000  # measured memory of a trainer that also scores

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_LARGEST = 1 << 30  # bytes


def host() -> str:
    """Return the name of this machine among those that share a folder of runs: ``GAN_HOST``, else its host name."""
    return os.environ.get("GAN_HOST", "") or platform.node() or "unnamed"


def memory_bytes() -> int:
    """Return the memory of this machine in bytes; 0 if unknown (on Windows)."""
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0


def has_memory_for(trainers: int) -> bool:
    """Return whether memory for so many trainers is available; where that is unknown, whether the machine has thrice as much."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        with open("/proc/meminfo", encoding="ascii") as lines:
            available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
        return available * 1024 >= trainers * TRAINER_BYTES
    return memory_bytes() == 0 or memory_bytes() >= 3 * trainers * TRAINER_BYTES


def share_memory_pools() -> None:
    """Let all threads of this process use the same memory again after others have freed it. Must run before they start.

    By default, glibc spreads threads over eight pools a core, each of which keeps what was freed in it.
    """
    _mallopt(_ARENA_MAX, 2)


def keep_freed_memory() -> None:
    """Let this process keep freed memory for its next tensors.

    By default, glibc returns large pieces to the system, which hands out cleared pages when they are asked for again: in each step
    of a training, for all its activations.
    """
    _mallopt(_MMAP_THRESHOLD, _LARGEST)
    _mallopt(_TRIM_THRESHOLD, _LARGEST)


def _mallopt(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(option, value)


def cores() -> int:
    """Return the number of cores for the queue: ``GAN_CORES``, or the cores available to this process, limited by memory."""
    chosen = os.environ.get("GAN_CORES", "")
    if chosen.isdecimal() and int(chosen) > 0:
        return int(chosen)
    count = os.cpu_count() or 1
    with contextlib.suppress(AttributeError):  # unavailable on macOS and Windows
        count = len(os.sched_getaffinity(0))
    if memory := memory_bytes():
        count = min(count, memory // TRAINER_BYTES)
    return max(1, count)


def gpus() -> tuple[str, ...]:
    """Return the NVIDIA GPUs for the queue, as ``CUDA_VISIBLE_DEVICES`` names them.

    ``GAN_GPUS`` is their number, or a list with commas; by default they are those in ``CUDA_VISIBLE_DEVICES``, or all.
    """
    chosen = os.environ.get("GAN_GPUS", "")
    if chosen.isdecimal():
        return tuple(map(str, range(int(chosen))))
    listed = chosen or os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return tuple(map(str, range(_count_gpus())))
    return tuple(name for part in listed.split(",") if (name := part.strip()) not in ("", "-1"))


@cache
def _count_gpus() -> int:
    """Return how many GPUs the driver lists; 0 without a driver."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())


@cache
def emulates_bf16() -> bool:
    """Return whether the processor is known to lack a unit for bf16, which is then many times slower than fp32.

    Read from Linux on x86, False elsewhere. It needs no torch, unlike :func:`gan.training.precision.has_fast_bf16`.
    """
    with contextlib.suppress(OSError, StopIteration):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            flags = next(line.split() for line in lines if line.startswith("flags"))
        return not {"avx512_bf16", "amx_bf16"}.intersection(flags)
    return False


def usual_threads() -> int:
    """Return the default maximum number of threads per trainer: half of the cores.

    The threads of a trainer wait for each other at every layer. If it uses all cores, any other process (even the browser showing
    the dashboard) slows it down several times. Also, two trainers with one thread each do 1.4 times the work of one with two.
    """
    return min(MOST_THREADS, max(1, cores() // 2))
