"""The `runs`, `presets`, `estimate` and `layers` commands."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

from gan import runs, words
from gan.commands.arguments import Parser, add_length, add_settings, config_of, print_rows
from gan.config import presets
from gan.execution import speeds
from gan.execution.speeds import Estimate
from gan.runs import Run


def add(command: Callable[..., Parser]) -> None:
    """Add ``runs``, ``presets``, ``estimate`` and ``layers`` to the command line."""
    command("runs", "List all runs, newest first.", list_all, has_json=True)
    command("presets", "List the presets.", list_presets, has_json=True)

    estimate = command(
        "estimate", "Measure the speed of a training on this machine and estimate its duration.", estimate_speed, has_json=True
    )
    add_settings(estimate)
    add_length(estimate)

    layers = command(
        "layers", "List the layers of both networks: shapes, parameters, operations, memory.", describe_layers, has_json=True
    )
    add_settings(layers)
    layers.add_argument("--quiet", action="store_true", help="store the layers for the dashboard and print nothing")


def list_all(options: argparse.Namespace) -> int:
    rows = [_row(run) for run in runs.list_runs(options.root)]
    empty = f"No runs in {options.root} yet; start one with: python -m gan train"
    print_rows(
        rows,
        lambda row: f"{row['id']}  {row['state']:<11}  {row['step']:>7}/{row['total_steps']:<7}  {row['name']}",
        empty,
        as_json=options.json,
    )
    return 0


def _row(run: Run) -> dict[str, Any]:
    status = run.status()
    return {"id": run.id, "name": run.label(), **status.model_dump(), "epoch": round(status.epoch, 3)}


def list_presets(options: argparse.Namespace) -> int:
    if options.json:
        rows = [{**vars(preset), "config": preset.config.model_dump(mode="json")} for preset in presets.PRESETS.values()]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for preset in presets.PRESETS.values():
        print(f"{preset.name:<28}{preset.title}\n{'':<28}{preset.description}")
    return 0


def estimate_speed(options: argparse.Namespace) -> int:
    config = config_of(options)
    from gan.training import speed

    def show(found: Estimate) -> None:
        fewer, more = ("less than ", "more than ") if found.is_bound else ("", "")
        text = (
            f"{fewer}{words.number(found.images_per_second)} images/s with {words.count(found.threads, 'thread')} in "
            f"{found.precision}: {more}{words.duration(found.seconds_per_epoch)} per epoch, "
            f"{more}{words.duration(found.seconds)} in total."
        )
        print(json.dumps(vars(found)) if options.json else text[0].upper() + text[1:], flush=True)

    def give_up(found: Estimate) -> None:
        show(found)
        os._exit(0)  # the step under way cannot be interrupted

    show(speed.measure(options.root, config, give_up))
    return 0


def describe_layers(options: argparse.Namespace) -> int:
    config = config_of(options)
    from gan.networks import layers as layer_tables

    found = layer_tables.describe(config)
    if options.json:
        print(json.dumps(dataclasses.asdict(found)))
    elif not options.quiet:
        print(layer_tables.as_text(found))
    speeds.keep_layers(options.root, config, dataclasses.asdict(found))
    return 0
