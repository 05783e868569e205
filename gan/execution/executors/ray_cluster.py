"""Ray: commands as tasks of a cluster, kept by an actor that outlives this process.

The tasks belong to a detached actor, so that they go on when the dispatcher ends, and the next one finds them. Ray starts a task
again by itself if its node or its worker is lost.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from gan.execution.executors.engine import NOT_SHARED, EngineAway, Refused, Seen, Task
from gan.places import PROJECT

_NAMESPACE, _ACTOR = "gan-duel", "jobs"
_RETRIES = 3  # by Ray, of a task whose node or worker is lost
_PATIENCE = 30.0  # seconds for an answer of the cluster

#: Variables of this process that a command needs on its node.
_PASSED = ("GAN_DATA", "GAN_RUNS", "GAN_SHARED", "GAN_LEASE_SECONDS", "GAN_EXAMPLES", "PYTHONPATH")


def lacking() -> str:
    """Return what this machine lacks for Ray; empty if nothing."""
    if importlib.util.find_spec("ray") is None:
        return "The package ray is not installed: pip install -r requirements-ray.txt"
    return ""


class Ray:
    """The Ray cluster at ``GAN_RAY_ADDRESS``, by default the one that this machine belongs to."""

    def __init__(self) -> None:
        """Raise EngineAway if there is no cluster."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if sentence := lacking():
            raise EngineAway(sentence)
        import ray

        self._ray = ray
        address = os.environ.get("GAN_RAY_ADDRESS") or "auto"
        try:
            ray.init(address=address, namespace=_NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
            options: dict[str, Any] = {"name": _ACTOR, "lifetime": "detached", "get_if_exists": True, "num_cpus": 0}
            options["resources"] = {"node:__internal_head__": 0.001}  # the node without which the cluster ends, too
            self._jobs: Any = ray.remote(_jobs()).options(**options).remote()
        except Exception as error:  # Ray raises what its parts raise, among it RuntimeError and ValueError
            raise EngineAway(_words(error)) from None

    def submit(self, task: Task) -> str:
        """See :meth:`Engine.submit`."""
        needs = task.needs
        options = {"num_cpus": needs.cores, "num_gpus": needs.gpus, "memory": needs.memory * 1_000_000, "max_retries": _RETRIES}
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        if not needs.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides GPUs only from tasks that ask for some
        command = [sys.executable, "-m", "gan", *task.arguments]
        told = (command, str(PROJECT), str(task.folder), str(task.log), environment, NOT_SHARED)
        try:
            found: str = self._ray.get(self._jobs.submit.remote(task.name, options, told), timeout=_PATIENCE)
        except self._ray.exceptions.RayTaskError as error:
            raise Refused(_words(error)) from None
        except Exception as error:
            raise EngineAway(_words(error)) from None
        return found

    def look(self, ids: Sequence[str]) -> dict[str, Seen]:
        """See :meth:`Engine.look`."""
        found = self._answer(self._jobs.look.remote(list(ids)))
        return {job: Seen(state, why=_words(said) if said else "", code=code) for job, (state, said, code) in found.items()}

    def cancel(self, job: str) -> None:
        """See :meth:`Engine.cancel`."""
        self._answer(self._jobs.cancel.remote(job))

    def _answer(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference, timeout=_PATIENCE)
        except Exception as error:
            raise EngineAway(_words(error)) from None


def _words(said: object) -> str:
    """Return the first line of an error, or of its text, in short."""
    lines = [line.strip() for line in str(said).splitlines() if line.strip()]
    return (lines[0] if lines else type(said).__name__)[:200].rstrip(".")


def _jobs() -> type:
    """Return the class of the actor. It is sent to the cluster whole, for the nodes need not be able to import this module."""

    def work(command: list[str], project: str, folder: str, log: str, environment: dict[str, str], not_shared: int) -> int:
        """Run a command on a node to its end and return its exit status."""
        import os
        import signal
        import subprocess
        from pathlib import Path

        if not Path(folder).is_dir() or not Path(project).is_dir():
            return not_shared
        with open(log, "ab") as output:
            process = subprocess.Popen(command, cwd=project, env={**os.environ, **environment}, stdout=output, stderr=output)
        try:
            return process.wait()
        except BaseException:  # cancelled, or the worker ends
            with contextlib.suppress(OSError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
            raise

    class Jobs:
        """Tasks by id."""

        def __init__(self) -> None:
            self._tasks: dict[str, Any] = {}

        def submit(self, name: str, options: dict[str, Any], told: tuple[Any, ...]) -> str:
            import secrets

            import ray

            job = f"{name}-{secrets.token_hex(4)}"
            self._tasks[job] = ray.remote(work).options(name=name, **options).remote(*told)
            return job

        def look(self, ids: list[str]) -> dict[str, tuple[str, str, int | None]]:
            import ray

            found: dict[str, tuple[str, str, int | None]] = {}
            for job in ids:
                task = self._tasks.get(job)
                if task is None:
                    continue
                if not ray.wait([task], timeout=0)[0]:
                    found[job] = ("waiting", "", None)
                    continue
                try:
                    found[job] = ("ended", "", int(ray.get(task)))
                except Exception as error:
                    found[job] = ("ended", str(error) or type(error).__name__, None)
            return found

        def cancel(self, job: str) -> None:
            import ray

            if job in self._tasks:
                ray.cancel(self._tasks[job])

    return Jobs
