"""Runs on several machines: a sweep on Ray or Slurm with failures in the middle, and two hosts on one folder.

    python -m benchmarks.many_machines ray|slurm|hosts [--runs 8]

``ray``: a cluster of two nodes of one core each on this machine. A sweep is launched with ``python -m gan sweep --on ray``; a node
and the dispatcher are killed (SIGKILL) in the middle, a new node joins later. ``slurm``: a controller and a node daemon of Debian's
packages with a configuration of their own (needs root); a job is requeued by ``scontrol requeue``, all others reach their time
limit. ``hosts``: the queues of two hosts on one folder, in UTS and PID namespaces with host names of their own, the clock of one a
day ahead (needs root); one host is frozen (SIGSTOP) and thaws after its runs were taken over. Each must end with all runs finished,
and with the losses of the same sweep on this machine alone, byte for byte. Exits with 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from benchmarks import machine
from gan import runs
from gan.places import PROJECT
from gan.runs import Run, dispatch
from gan.sweeps import launched
from gan.sweeps import plan as plans

_LONGEST = 900.0  # seconds for a sweep


def plan(count: int, epochs: int = 60) -> dict[str, object]:
    """Return a sweep of ``count`` runs of one thread."""
    changes = {
        "training.length": f"{epochs} epochs",
        "training.threads": 1,
        "cadence.checkpoint_every": "5 epochs",
        "cadence.log_every": "10 steps",
        "cadence.score_every": "0 epochs",
    }
    return {
        "name": "Proof",
        "base": "digits-mlp",
        "set": changes,
        "axes": {"optimizer.discriminator_lr": [1e-4]},
        "seeds": count // 2,
    }


def gan(*arguments: object, **environment: str) -> str:
    """Run ``python -m gan`` and return what it prints."""
    command = [sys.executable, "-m", "gan", *map(str, arguments)]
    done = subprocess.run(command, cwd=PROJECT, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def sweep(root: Path, count: int, *options: str, epochs: int = 60, **environment: str) -> list[Run]:
    """Launch the sweep in a folder and return its runs."""
    path = root.parent / f"{root.name}.json"
    path.write_text(json.dumps(plan(count, epochs)))
    gan("sweep", path, "--no-measuring", "--root", root, *options, **environment)
    return runs.list_runs(root)


def wait(chosen: list[Run], until: Callable[[], bool], what: str, keep: Callable[[], object] = lambda: None) -> None:
    """Wait until something is so, and print how the runs stand while they change."""
    began, shown = time.monotonic(), ""
    while not until():
        keep()
        states = Counter(run.status().state for run in chosen)
        line = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        if line != shown:
            print(f"  {time.monotonic() - began:5.0f} s  {line}", flush=True)
            shown = line
        if time.monotonic() - began > _LONGEST:
            print((chosen[0].root / ".dispatcher.log").read_text()[-3000:])
            for run in chosen:
                print(run.id, run.status().state, run.status().message, dispatch.job(run))
            raise SystemExit(f"Not in {_LONGEST:.0f} s: {what}")
        time.sleep(0.5)
    print(f"  {time.monotonic() - began:5.0f} s  {what}", flush=True)


def are_over(chosen: list[Run]) -> bool:
    return all(run.status().state not in runs.UNDER_WAY for run in chosen)


def lines(run: Run) -> list[dict[str, object]]:
    """Return the logged lines of a run without times."""
    return [{key: value for key, value in line.items() if "second" not in key} for line in run.metrics()]


def by_setting(chosen: list[Run]) -> dict[str, Run]:
    return {run.label(): run for run in chosen}


def compare(found: list[Run], alone: list[Run]) -> bool:
    """Print, and return, whether all runs finished with the losses of the sweep on this machine alone."""
    here, there = by_setting(alone), by_setting(found)
    ended = Counter(run.status().state for run in found)
    equal = sum(lines(there[name]) == lines(run) != [] for name, run in here.items() if name in there)
    count = sum(len(lines(run)) for run in found)
    print(f"Ended: {dict(ended)}; {equal} of {len(here)} runs have the losses of the local sweep ({count:,} lines).")
    return ended == {"finished": len(here)} and equal == len(here)


def alone(folder: Path, count: int, epochs: int = 60) -> list[Run]:
    """Train the sweep by the queue of this machine."""
    print("On this machine alone:", flush=True)
    chosen = sweep(folder / "alone", count, epochs=epochs)
    wait(chosen, lambda: are_over(chosen), "over", lambda: gan("sweeps", "--root", folder / "alone"))
    return chosen


def kill_named(text: str) -> int:
    """Kill (SIGKILL) the processes whose command has a word; return how many."""
    count = 0
    for one in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if text in (one.info["cmdline"] or []):
                one.kill()
                count += 1
    return count


def with_ray(folder: Path, count: int) -> bool:
    """Train the sweep on two nodes, one of which is killed, as is the dispatcher."""
    from ray.cluster_utils import Cluster

    here = alone(folder, count)
    root = folder / "ray"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    first, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
    environment = {"GAN_RAY_ADDRESS": cluster.address}
    try:
        print(f"\nOn Ray, two nodes of one core ({cluster.address}):", flush=True)
        chosen = sweep(root, count, "--on", "ray", **environment)

        def keep() -> None:
            gan("sweeps", "--root", root, **environment)  # as a server does

        wait(
            chosen,
            lambda: sum(run.status().state == "running" and run.status().step > 100 for run in chosen) >= 2,
            "two train",
            keep,
        )
        cluster.remove_node(first, allow_graceful=False)
        print(f"  one node killed, and {kill_named('dispatch')} dispatcher", flush=True)
        wait(chosen, lambda: sum(run.status().state == "finished" for run in chosen) >= count // 2, "half are finished", keep)
        cluster.add_node(num_cpus=1)
        print("  a new node has joined", flush=True)
        wait(chosen, lambda: are_over(chosen), "over", keep)
        print("Jobs sent:", [dispatch.job(run).tries for run in chosen], "trainers:", [run.status().generation for run in chosen])
        return compare(chosen, here)
    finally:
        kill_named("dispatch")
        cluster.shutdown()


_SLURM = """ClusterName=proof
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
JobRequeue=1
KillWait=5
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""


@contextlib.contextmanager
def slurm_cluster(folder: Path) -> Iterator[None]:
    """Run a controller and a node daemon of Slurm, and munge, with files in ``folder``; needs root and Debian's packages."""
    host = os.uname().nodename
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    folder.chmod(0o755)
    (folder / "slurm.conf").write_text(
        _SLURM.format(host=host, folder=folder, memory=psutil.virtual_memory().total // 2**20 * 9 // 10)
    )
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    with contextlib.ExitStack() as stack, open(folder / "out.txt", "wb") as out:
        for command in (
            ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files],
            ["slurmctld", "-D", "-c"],
            ["slurmd", "-D"],
        ):
            process = subprocess.Popen(command, stdout=out, stderr=out)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            time.sleep(1)
        try:
            yield
        finally:
            os.environ.pop("SLURM_CONF")
            os.environ |= {"SLURM_CONF": before} if before else {}


def with_slurm(folder: Path, count: int) -> bool:
    """Train the sweep by Slurm; each job reaches its time limit once, and one is requeued."""
    epochs = 150
    here = alone(folder, count, epochs)
    root = folder / "slurm"
    with slurm_cluster(folder / "cluster"):
        environment = {"GAN_ENGINE_MINUTES": "2"}  # the trainer is warned a minute before
        print("\nOn Slurm, one node of two cores, jobs of two minutes:", flush=True)
        chosen = sweep(root, count, "--on", "slurm", epochs=epochs, **environment)

        def keep() -> None:
            gan("sweeps", "--root", root, **environment)

        wait(chosen, lambda: any(run.status().state == "running" and run.status().step > 100 for run in chosen), "one trains", keep)
        running = next(run for run in chosen if run.status().state == "running")
        subprocess.run(["scontrol", "requeue", dispatch.job(running).id], check=True)
        print("  one job requeued by scontrol", flush=True)
        wait(chosen, lambda: are_over(chosen), "over", keep)
        print("Jobs sent:", [dispatch.job(run).tries for run in chosen], "trainers:", [run.status().generation for run in chosen])
        return compare(chosen, here)


#: What the server of a host does for the queue.
_HOST = """
import sys, time
from pathlib import Path
from gan.execution import queue
while True:
    queue.advance(Path(sys.argv[1]))
    time.sleep(1)
"""
#: Sets the clock of all Python processes of a host ahead.
_CLOCK = """
import os, time
_ahead = float(os.environ.get("PROOF_AHEAD", "0"))
_right, _right_ns = time.time, time.time_ns
time.time, time.time_ns = lambda: _right() + _ahead, lambda: _right_ns() + int(_ahead * 1e9)
"""


def host(name: str, root: Path, ahead: float) -> psutil.Process:
    """Start the queue of a host of one core, with a name, process ids and a clock of its own, ``ahead`` seconds fast."""
    clock = root.parent / "clock"
    clock.mkdir(exist_ok=True)
    (clock / "sitecustomize.py").write_text(_CLOCK)
    path = os.pathsep.join([str(clock), str(PROJECT)])
    variables = {"PYTHONPATH": path, "PROOF_AHEAD": str(ahead), "GAN_CORES": "1", "GAN_SHARED": "1", "GAN_LEASE_SECONDS": "10"}
    inside = f"hostname {name}; exec {sys.executable} -c '{_HOST}' {root}"
    command = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", inside]
    return psutil.Process(subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **variables}).pid)


def signal_all(one: psutil.Process, number: int) -> int:
    """Send a signal to all processes of a host; return how many."""
    every = one.children(recursive=True)
    for child in every:
        with contextlib.suppress(psutil.Error):
            child.send_signal(number)
    return len(every)


def with_hosts(folder: Path, count: int) -> bool:
    """Train the sweep by two hosts on one folder; one freezes, is replaced, and thaws."""
    epochs = 150
    here = alone(folder, count, epochs)
    root = folder / "shared"
    print("\nTwo hosts of one core on one folder, the clock of one a day ahead:", flush=True)
    os.environ |= {"GAN_SHARED": "1", "GAN_LEASE_SECONDS": "10", "GAN_CORES": "1"}
    with contextlib.ExitStack() as stack:
        launched.complete(launched.create(root, plans.parse(plan(count, epochs))))  # for the hosts to start
        chosen = runs.list_runs(root)
        hosts = {name: host(name, root, ahead) for name, ahead in (("anna", 0.0), ("boris", 86_400.0))}
        for one in hosts.values():
            stack.callback(one.kill)
            stack.callback(signal_all, one, signal.SIGKILL)

        def trains(name: str) -> list[Run]:
            return [run for run in chosen if (found := run.status()).state == "running" and found.host == name and found.step > 200]

        wait(chosen, lambda: bool(trains("anna") and trains("boris")), "both train")
        frozen = trains("anna")[0]
        print(f"  {signal_all(hosts['anna'], signal.SIGSTOP)} processes of anna frozen, which trained {frozen.id}", flush=True)
        wait(chosen, lambda: frozen.status().host == "boris", "boris has taken that run over")
        before = frozen.status().step
        signal_all(hosts["anna"], signal.SIGCONT)
        print(f"  anna thaws; boris is at step {before}", flush=True)
        wait(chosen, lambda: are_over(chosen), "over")
        print("Trained on:", Counter(run.status().host for run in chosen), "trainers:", [run.status().generation for run in chosen])
        print("anna's trainer said:", [line for line in frozen.log_tail(20_000).splitlines() if "taken over" in line])
        return compare(chosen, here)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=sorted(_PROOFS))
    parser.add_argument("--runs", type=int, default=8, metavar="N", help="an even number")
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("GAN_EXAMPLES", "0")
        os.environ.setdefault("GAN_SPARE", "0")
        is_well = _PROOFS[options.what](Path(folder), options.runs)
    sys.exit(not is_well)


_PROOFS: dict[str, Callable[[Path, int], bool]] = {"ray": with_ray, "slurm": with_slurm, "hosts": with_hosts}

if __name__ == "__main__":
    main()
