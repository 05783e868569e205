"""Train one run on several processes, with PyTorch's torchrun.

The command that trains a run becomes the agent of torchrun: it starts ``resume --from-queue`` once for each process, passes signals
on to them, and ends them all when one has failed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence

from gan.commands.arguments import FORMAT
from gan.runs import Run

_GRACE = 55  # seconds for a last checkpoint after a signal; Slurm gives 60


def rank() -> int | None:
    """Return the rank of this process among those of a training; None if torchrun has not started it."""
    return int(os.environ["RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ else None


def launch(run: Run, options: Sequence[str] = ()) -> None:
    """Train a run with as many processes as it asks for and return when all have ended.

    The run is in state "starting", with its number of threads. ``options``: more arguments of ``resume``.
    """
    os.environ["OMP_NUM_THREADS"] = str(max(1, run.stored_status().threads))
    os.environ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] = str(_GRACE)
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all on this machine, whatever its host name resolves to
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    command = ["resume", run.id, "--root", str(run.root.resolve()), "--from-queue", *options]
    with tempfile.TemporaryDirectory() as folder:
        start = ["--standalone", "--local-addr", "127.0.0.1", "--log-dir", folder, "--monitor-interval", "0.5"]
        count = str(run.config().training.processes)
        logging.disable(logging.CRITICAL)  # process 0 says what happened, in the log of the run
        try:
            with contextlib.suppress(ChildFailedError, SignalException):  # the status of the run tells
                torchrun.run(torchrun.parse_args([*start, "--nproc-per-node", count, "-m", "gan", *command]))
        finally:
            logging.disable(logging.NOTSET)


def follow(run: Run) -> int:
    """Play the part of a process other than the first; return its exit status."""
    logging.basicConfig(filename=run.log_path, level=logging.WARNING, format=FORMAT, encoding="utf-8")
    from gan.training import team, together

    joined = team.join()
    for name in ("SIGINT", "SIGTERM"):  # process 0 says when to stop
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    return together.follow(joined)
