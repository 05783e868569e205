"""Slurm, through its own commands: ``sbatch``, ``squeue``, ``scontrol`` and ``scancel``.

A job is a batch script around one command. Slurm interrupts it at the end of its time, and when another job takes its place; the
trainer then has :data:`_NOTICE` seconds for a checkpoint and ends with status 75, and the script has Slurm queue it again. A job
whose node fails is queued again by Slurm.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from gan.execution.executors.engine import NOT_SHARED, REQUEUE, EngineAway, Refused, Seen, Task
from gan.places import PROJECT

_NOTICE = 60  # seconds between the signal and the end of the time
_PATIENCE = 20  # seconds for an answer of Slurm
_RUNNING = ("RUNNING", "COMPLETING", "SUSPENDED", "STAGE_OUT", "SIGNALING", "STOPPED")
_WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESIZING", "RESV_DEL_HOLD")
_AWAY = (
    "unable to contact",
    "connection refused",
    "timed out",
    "communication",
    "unable to connect",
    "no route",
    "munge",
    "authentication",
    "configuration source",
)

#: Runs the command in the background, since bash attends to signals only between commands.
_SCRIPT = """#!/bin/bash
cd {project} && test -d {folder} || exit {not_shared}
export GAN_JOB=$SLURM_JOB_ID
{command} >> {log} 2>&1 &
child=$!
trap 'kill -TERM $child' TERM
wait $child; code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
if [ $code = {requeue} ]; then scontrol requeue $SLURM_JOB_ID; fi
exit $code
"""


def lacking() -> str:
    """Return what this machine lacks for Slurm; empty if nothing."""
    return "" if shutil.which("sbatch") else "Slurm's command sbatch is not on this machine's path"


class Slurm:
    """The Slurm cluster that this machine's commands speak with. ``GAN_SLURM_OPTIONS``: more options of ``sbatch``."""

    def submit(self, task: Task) -> str:
        """See :meth:`Engine.submit`."""
        needs = task.needs
        options = [
            "--parsable",
            "--requeue",
            f"--job-name={task.name}",
            "--nodes=1",
            "--ntasks=1",
            f"--cpus-per-task={needs.cores}",
            f"--mem={needs.memory}M",
            f"--time={needs.minutes}",
            f"--signal=B:TERM@{_NOTICE}",
            "--output=/dev/null",
            *([f"--gres=gpu:{needs.gpus}"] if needs.gpus else []),
            *shlex.split(os.environ.get("GAN_SLURM_OPTIONS", "")),
        ]
        words = {
            "project": PROJECT,
            "folder": task.folder,
            "log": task.log,
            "command": shlex.join([sys.executable, "-m", "gan", *task.arguments]),
        }
        script = _SCRIPT.format(
            **{key: value if key == "command" else shlex.quote(str(value)) for key, value in words.items()},
            not_shared=NOT_SHARED,
            requeue=REQUEUE,
        )
        try:
            return _call(["sbatch", *options], script).strip().partition(";")[0]
        except _Failed as error:
            if any(word in str(error).lower() for word in _AWAY):
                raise EngineAway(str(error)) from None
            raise Refused(str(error)) from None

    def look(self, ids: Sequence[str]) -> dict[str, Seen]:
        """See :meth:`Engine.look`."""
        found = {}
        try:
            listed = _call(["squeue", "--noheader", "--me", "--states=all", "--format=%i|%T|%N|%r"])
        except _Failed as error:
            raise EngineAway(str(error)) from None
        for line in listed.splitlines():
            job, state, node, why = (*line.strip().split("|"), "", "", "")[:4]
            if job in ids:
                why = "" if why in ("None", "") else why
                if state in _RUNNING:
                    found[job] = Seen("running", node, why)
                elif state in _WAITING:
                    found[job] = Seen("waiting", node, why)
                else:
                    found[job] = Seen("ended", node, state.replace("_", " ").lower(), 0 if state == "COMPLETED" else None)
        return found

    def cancel(self, job: str) -> None:
        """See :meth:`Engine.cancel`."""
        try:
            _call(["scancel", job])
        except _Failed:  # it has ended
            return


class _Failed(Exception):
    """A command of Slurm ended with an error; ``str(error)`` is what it said."""


def _call(command: Sequence[str], script: str | None = None) -> str:
    """Run a command of Slurm and return what it prints. Raises EngineAway if it gives no answer."""
    try:
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except FileNotFoundError:
        raise EngineAway(lacking() or f"{command[0]} is missing") from None
    except subprocess.TimeoutExpired:
        raise EngineAway(f"{command[0]} did not answer for {_PATIENCE} s") from None
    if done.returncode == 0:
        return done.stdout
    said = " ".join((done.stderr or done.stdout).split()).rpartition("error: ")[2][-200:].rstrip(".")
    raise _Failed(said or f"{command[0]} ended with status {done.returncode}")
