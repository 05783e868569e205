"""The ``sweep`` and ``sweeps`` commands: launch a sweep, list sweeps, control a sweep."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gan import config as configs
from gan import words
from gan.commands.arguments import add_engine, print_rows
from gan.config import RunConfig
from gan.errors import InputError
from gan.execution import holds, queue, requests, speeds, steering
from gan.execution.forecast import Forecast, free_bytes, pace, predict, unmeasured
from gan.machine import cores
from gan.places import default_root
from gan.runs import Run
from gan.storage import files
from gan.sweeps import experiments, launched
from gan.sweeps import plan as plans
from gan.sweeps.launched import Sweep
from gan.sweeps.plan import Plan
from gan.sweeps.progress import progress_of
from gan.sweeps.variants import expand, run_configs

_ACTIONS = ("show", "pause", "resume", "cancel", "retry", "first", "score", "remove")


def add(command: Callable[..., Any]) -> None:
    """Add both commands to the command line."""
    sweep = command("sweep", "Queue the runs of a sweep: a named sweep, or one from a file.", launch, has_json=True)
    sweep.add_argument(
        "what", nargs="?", default="", metavar="NAME|FILE", help="named sweep or sweep file (default: list the named sweeps)"
    )
    sweep.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUE",
        dest="assignments",
        help="change one setting of all variants; may be repeated",
    )
    sweep.add_argument("--seeds", type=int, metavar="N", help="number of runs per variant, each with another seed")
    sweep.add_argument("--scale", type=float, default=1.0, metavar="X", help="multiply all lengths, e.g. 0.1 for a tenth")
    sweep.add_argument("--dry-run", action="store_true", help="show the variants and the estimate without launching")
    sweep.add_argument(
        "--no-measuring", action="store_true", help="skip measuring the speed of configurations that have not been measured yet"
    )
    sweep.add_argument(
        "--yes", action="store_true", help=f"launch even if there are more than {plans.SURE_RUNS} runs or the disk may run full"
    )
    add_engine(sweep)
    about = "List launched sweeps; show, pause, resume, cancel, retry, score or remove a sweep, or move it to the front."
    listing = command("sweeps", about, steer, has_json=True)
    listing.add_argument("sweep_id", nargs="?", default="", metavar="SWEEP")
    listing.add_argument(
        "action",
        nargs="?",
        choices=_ACTIONS,
        default="show",
        metavar="ACTION",
        help=f"one of {', '.join(_ACTIONS)} (default: show)",
    )
    listing.add_argument("--stopped", action="store_true", help="with retry: include stopped and cancelled runs")


def launch(options: argparse.Namespace) -> int:
    """Launch a sweep and print its estimate. Without a name, list the named sweeps; with ``--dry-run``, only show the variants."""
    if not options.what:
        return _list_named(options)
    plan = _plan(options)
    if options.dry_run:
        return _show_plan(options, plan)
    planned = [config for _, config in run_configs(plan)]
    forecast = _forecast(options, planned)
    asked = f"Sweep “{plan.name}” has {words.count(len(planned), 'run')}, {_in_words(forecast)}"
    if len(planned) > plans.SURE_RUNS and not options.yes:
        raise InputError(f"{asked}; add --yes to launch it anyway.")
    if (free := free_bytes(options.root)) < forecast.disk_bytes and not options.yes:
        raise InputError(f"{asked}, but only {free // 10**6:,} MB are free; free some space, or add --yes to launch it anyway.")
    sweep = steering.launch_sweep(options.root, plan, options.on)
    if options.json:
        print(files.to_json(_row(sweep), indent=1))
    else:
        elsewhere = "" if options.root == default_root() else f" --root {shlex.quote(str(options.root))}"
        print(f"{asked}. It trains in the background. Check its progress with: python -m gan sweeps {sweep.id}{elsewhere}")
    return 0


def steer(options: argparse.Namespace) -> int:
    """List all sweeps, or apply an action to one."""
    queue.advance(options.root)
    if not options.sweep_id:
        rows = [_row(sweep) for sweep in launched.list_sweeps(options.root)]
        empty = f"No sweeps in {options.root} yet; start one with: python -m gan sweep quick"
        print_rows(rows, lambda row: f"{row['id']}  {row['words']}  {row['name']}", empty, as_json=options.json)
        return 0
    sweep = launched.find(options.root, options.sweep_id)
    if options.action == "remove":
        steering.remove(sweep)
        if not options.json:
            print(f"Removed sweep {sweep.id} from the list; its runs are still there.")
        return 0
    sweep.record()  # raises InputError if it cannot be read
    if options.action == "pause":
        steering.pause(sweep)
    elif options.action == "resume":
        steering.pause(sweep, is_paused=False)
    elif options.action == "cancel":
        steering.cancel(sweep)
    elif options.action == "retry":
        steering.retry(sweep, ("failed", "interrupted", *(["stopped"] if options.stopped else [])))
    elif options.action == "first":
        queue.move_first(options.root, sweep.runs())
    elif options.action == "score":
        requests.score([run for run in sweep.runs() if run.status().state == "finished"])
    row = _row(sweep)
    if options.json:
        print(files.to_json(row, indent=1))
        return 0
    print(f"{row['name']}: {row['words']}")
    for member in row["runs"]:
        print(f"{member['run'] or 'not made':<22}  {member['state']:<11}  {member['variant']} · seed {member['seed']}")
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    """Return the requested plan, from a file if the argument ends in .json or is an existing file, unless it names a sweep."""
    path = Path(options.what).expanduser()
    is_file = options.what not in experiments.EXPERIMENTS and (path.suffix == ".json" or path.is_file())
    plan = plans.read(path) if is_file else experiments.find(options.what).plan()
    if options.assignments:
        changes = configs.parse_assignments(options.assignments)
        if both := [key for key in changes if key in plan.axes and plan.combine == "grid"]:
            raise InputError(f"{both[0]} is an axis of the sweep; remove it from --set.")
        plan = dataclasses.replace(plan, base=configs.replace(plan.base, changes))
    if options.seeds is not None:
        plan = plans.with_seeds(plan, options.seeds)
    return plan if options.scale == 1 else plans.scaled(plan, options.scale)


def _list_named(options: argparse.Namespace) -> int:
    if options.json:
        print(files.to_json([vars(experiment) for experiment in experiments.EXPERIMENTS.values()], indent=1))
        return 0
    for experiment in experiments.EXPERIMENTS.values():
        print(f"{experiment.name:<28}{experiment.title}\n{'':<28}{experiment.description}")
    return 0


def _forecast(options: argparse.Namespace, chosen: Sequence[RunConfig]) -> Forecast:
    """Return the forecast for runs. Measures unknown speeds first, some seconds each, unless ``--no-measuring`` is set."""
    unknown = [] if options.no_measuring else unmeasured(options.root, chosen)
    for place, config in enumerate(unknown, 1):
        if not options.json:
            print(f"Measuring speed {place} of {len(unknown)} …", file=sys.stderr)
        if not speeds.wait_for_measuring(options.root, config):
            print(f"This speed could not be measured; {speeds.log_path(options.root)} says why.", file=sys.stderr)
    return predict(options.root, chosen)


def _show_plan(options: argparse.Namespace, plan: Plan) -> int:
    variants = expand(plan)
    sound = [one.config for one in variants if one.config is not None]
    forecast = _forecast(options, sound * plan.seeds)
    if options.json:
        lines = [{"name": one.name, "changes": one.changes, "problem": one.reason} for one in variants]
        print(files.to_json({"name": plan.name, "seeds": plan.seeds, "variants": lines, "estimate": vars(forecast)}, indent=1))
        return 0
    for one in variants:
        print(f"{one.name}" + (f"  (cannot be trained: {one.reason})" if one.reason else ""))
    print(f"{words.count(len(sound) * plan.seeds, 'run')}, {_in_words(forecast)}.")
    return 0


def _in_words(forecast: Forecast) -> str:
    disk = f"{max(1, round(forecast.disk_bytes / 1e6)):,} MB of disk"
    if forecast.seconds is None:
        return f"whose speed has not been measured here, and {disk} or more"
    return f"{forecast.about}{words.duration(forecast.seconds)} and {disk} on this machine"


def _row(sweep: Sweep) -> dict[str, Any]:
    """Return a sweep as JSON, with its progress in words."""
    try:
        record = sweep.record()
    except InputError as error:
        return {"id": sweep.id, "name": "", "words": str(error), "runs": []}
    progress = progress_of(sweep, cores(), pace)
    parts = [f"{progress.share:.0%}", ", ".join(f"{count} {state}" for state, count in sorted(progress.states.items()))]
    if progress.is_paused:
        parts.append("paused")
    elif not progress.is_over and holds.lacks_room(sweep):
        parts.append("waiting for disk space")
    elif progress.seconds_left is not None and not progress.is_over:
        parts.append(f"about {words.duration(progress.seconds_left)} left")
    members = [member.model_dump() | {"state": _state(sweep, member)} for member in record.members]
    return {"id": sweep.id, "name": record.name, "words": " · ".join(parts), **vars(progress), "runs": members}


def _state(sweep: Sweep, member: launched.Member) -> str:
    run = Run(sweep.root / member.run)
    return "missing" if not member.run else run.status().state if run.path.is_dir() else "deleted"
