"""Work spread over the cores, in order and with little of it in memory at once; torch-free."""

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

from gan import launcher
from gan.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_WORKERS = 8
_AHEAD = 8  # items that are worked on before they are needed


@contextlib.contextmanager
def pool(*, is_worth_it: bool, workers: int | None = None) -> Iterator[Executor | None]:
    """Give as many processes as there are cores, 8 at most; None where there is one core, or too little to do."""
    wanted = min(_MOST_WORKERS, workers or launcher.cores())
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
    """Yield each item with what ``work`` makes of it, in order. Raises InputError when a process is killed."""
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
        raise InputError("A process that prepares images was ended from outside, perhaps for want of memory; try again.") from error


def _begin() -> None:
    """Leave Ctrl-C to the process that waits for this one, and end with it, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # it can no longer be told, and a worker left alone waits for work for ever
