"""Which GPUs of this machine a trainer gets: those with the fewest trainers of the queue."""

from __future__ import annotations

import os
from collections import Counter

from gan import machine
from gan.config.sections import TrainingConfig
from gan.runs import Status


class Gpus:
    """The GPUs of this machine and the number of trainers on each; none on a machine without NVIDIA's.

    ``GAN_TRAINERS_PER_GPU``: how many trainers a GPU bears (default 1).
    """

    def __init__(self) -> None:
        self._trainers = Counter(dict.fromkeys(machine.gpus(), 0))
        chosen = os.environ.get("GAN_TRAINERS_PER_GPU", "")
        self._most = max(1, int(chosen)) if chosen.isdecimal() else 1

    def note(self, status: Status) -> None:
        """Count a trainer that is under way on this machine."""
        self._trainers.update(name for name in status.gpu.split(",") if name in self._trainers)

    def environment(self, gpu: str) -> dict[str, str]:
        """Return the environment of a trainer that has taken some: it sees these alone, but starts the next runs on all."""
        return {"CUDA_VISIBLE_DEVICES": gpu, "GAN_GPUS": ",".join(self._trainers) + ","} if gpu else {}

    def take(self, training: TrainingConfig) -> str | None:
        """Return the GPUs for a trainer, one a process, as ``CUDA_VISIBLE_DEVICES``; None if it has to wait for one.

        Empty if it needs none, or if there are none. A run that asks for more than there are gets all, and says so itself.
        """
        if not self._trainers or training.device not in ("auto", "cuda"):
            return ""
        found = sorted(self._trainers, key=lambda name: self._trainers[name])[: training.processes]
        if len(found) == training.processes and any(self._trainers[name] >= self._most for name in found):
            return None
        self._trainers.update(found)
        return ",".join(found)
