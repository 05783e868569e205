"""Parallel work in processes, with results in order and few items in memory at once; torch-free."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TypeVar

from gan.errors import InputError
from gan.machine import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_WORKERS = 8
_AHEAD = 8  # items submitted before their results are needed


@contextlib.contextmanager
def pool(*, is_worth_it: bool, workers: int | None = None) -> Iterator[Executor | None]:
    """Yield a pool of ``workers`` processes (default: one per core), at most 8; None if one would do or it is not worth it."""
    wanted = min(_MOST_WORKERS, workers or cores())
    if not is_worth_it or wanted < 2:
        yield None
        return
    processes = ProcessPoolExecutor(wanted, mp_context=get_context("spawn"), initializer=_begin)
    try:
        yield processes
    except BaseException:
        processes.shutdown(wait=False, cancel_futures=True)
        raise
    processes.shutdown()


def each(executor: Executor | None, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    """Yield each item with its result of ``work``, in order. Raises InputError if a process is killed."""
    if executor is None:
        yield from ((item, work(item)) for item in items)
        return
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            waiting.append((item, executor.submit(work, item)))
            if len(waiting) > _AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    except BrokenProcessPool as error:
        raise InputError(
            "A process that prepares images was ended from outside, perhaps for lack of memory; free some, then try again."
        ) from error


def _begin() -> None:
    """Ignore Ctrl-C, which the parent process handles, and exit when the parent ends, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # an orphaned worker would wait for work forever
