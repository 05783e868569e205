"""The processes of one training: what they say to each other, and sums over all of them.

Process 0 leads: it alone writes files. All play the same game on different parts of each batch and average their gradients, so
their weights stay the same. They talk through ``torch.distributed``: gloo between CPUs, NCCL between GPUs. When one ends, the
connections to it close, and what the others are waiting for raises :class:`Lost`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import safetensors.torch
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from gan import words
from gan.errors import InputError
from gan.training import precision

log = logging.getLogger("gan")

_PATIENCE = timedelta(hours=2)  # for a slow step, or for a score of process 0; a process that dies is noticed at once
_FAILURE = "failure"  # where a process leaves the reason why it failed


class Lost(Exception):
    """Another process of the training has ended or does not answer; the message is one sentence."""


class Team:
    """The processes of a training, seen from the one with this ``rank``, from 0 to ``size`` − 1; by default a single process.

    ``is_playing``: whether all processes are in the middle of a step. After an error there it stays True.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0, store: Any = None) -> None:
        self.rank, self.size, self.is_playing = rank, size, False
        self._local_rank, self._store, self._is_lost = local_rank, store, False

    def device(self, asked: str) -> torch.device:
        """Return the device of this process for "auto", "cpu" or "cuda". Raises InputError if there are too few GPUs."""
        device = precision.choose_device(asked)
        if self.size == 1 or device.type != "cuda":
            return device
        if (count := torch.cuda.device_count()) < self.size:
            raise InputError(
                f"training.processes is {self.size}, but this machine has {words.count(count, 'GPU')}; set training.processes to "
                f"{count} or less, or training.device to cpu."
            )
        torch.cuda.set_device(self._local_rank)
        return torch.device("cuda", self._local_rank)

    def part(self, count: int) -> slice:
        """Return the part of a batch of ``count`` images, a multiple of the size, that this process plays."""
        length = count // self.size
        return slice(self.rank * length, (self.rank + 1) * length)

    @contextlib.contextmanager
    def playing(self) -> Iterator[None]:
        """Mark a step: within it, and only within it, layers may sum over all processes."""
        self.is_playing = True
        yield
        self.is_playing = False

    def sum(self, values: Tensor) -> Tensor:
        """Replace values by their sums over all processes, in place; return them."""
        self._call(dist.all_reduce, values)
        return values

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Replace gradients by their means over all processes, in place, with one message."""
        flat = self.sum(torch.cat([one.flatten() for one in gradients])).div_(self.size)
        for one, mean in zip(gradients, flat.split([one.numel() for one in gradients]), strict=True):
            one.copy_(mean.view(one.shape))

    def gather(self, state: Tensor) -> list[Tensor]:
        """Return a state of equal size (on the CPU) from each process, by rank; an empty list on others than process 0."""
        if self.size == 1:
            return [state]
        found = [torch.empty_like(state) for _ in range(self.size)] if self.rank == 0 else None
        self._call(dist.gather, state, found, dst=0)
        return found or []

    def send(self, order: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> None:
        """Send an order, and tensors by name, from process 0 to all others."""
        if self.size == 1:
            return
        said = json.dumps(order).encode()
        more = safetensors.torch.save({name: one.detach().cpu().contiguous() for name, one in tensors.items()}) if tensors else b""
        self._call(dist.broadcast, torch.tensor([len(said), len(more)]), src=0)
        self._call(dist.broadcast, torch.frombuffer(bytearray(said + more), dtype=torch.uint8), src=0)

    def receive(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the next order of process 0, and its tensors."""
        lengths = torch.zeros(2, dtype=torch.int64)
        self._call(dist.broadcast, lengths, src=0)
        said, more = lengths.tolist()
        content = torch.empty(said + more, dtype=torch.uint8)
        self._call(dist.broadcast, content, src=0)
        found = content.numpy().tobytes()
        return json.loads(found[:said]), safetensors.torch.load(found[said:]) if more else {}

    def fail(self, sentence: str) -> None:
        """Leave the reason why this process cannot go on, for process 0."""
        with contextlib.suppress(Exception):  # the store has gone with the process that keeps it
            self._store.set(_FAILURE, sentence)

    def failure(self) -> str:
        """Return why another process could not go on; empty if none has said so."""
        with contextlib.suppress(Exception):
            if self._store.check([_FAILURE]):
                return str(self._store.get(_FAILURE).decode())
        return ""

    def end(self) -> None:
        """Let the other processes end; those in the middle of a step notice by themselves."""
        if not (self.is_playing or self._is_lost):
            with contextlib.suppress(Lost):
                self.send({"do": "end"})

    def _call(self, collective: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        try:
            collective(*arguments, **options)
        except RuntimeError as error:
            self._is_lost = True
            log.info("%s", str(error).partition("\n")[0])
            raise Lost(f"Another of the {self.size} processes has ended.") from error


#: A training in a single process.
ALONE = Team()


def join() -> Team:
    """Join the other processes that torchrun has started with this one; a team of one if it was started alone.

    Removes torchrun's variables from the environment, so that processes which this one starts do not take themselves for members.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return ALONE
    local_rank = int(os.environ["LOCAL_RANK"])
    store, rank, size = next(rendezvous("env://", timeout=_PATIENCE))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    for name in list(os.environ):
        if name.startswith(("TORCHELASTIC_", "GROUP_", "ROLE_", "MASTER_")) or name.endswith(("RANK", "WORLD_SIZE")):
            del os.environ[name]
    return Team(rank, size, local_rank, store)
