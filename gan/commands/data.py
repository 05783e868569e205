"""The ``data`` commands: import, list, show, prepare and remove data sets."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gan.catalogue import data_sets
from gan.commands.arguments import Parser
from gan.commands.progress_bar import ProgressBar
from gan.config.data import DataConfig
from gan.data import imported, importer, prepared
from gan.data.imported import describe, skipped_of
from gan.errors import InputError
from gan.execution import requests
from gan.places import data_root
from gan.storage import files
from gan.storage.jobs import Progress, Report


def bring_in(options: argparse.Namespace, report: Report) -> int:
    """Import pictures or points; pictures are also prepared at one size."""
    root = data_root()
    try:
        with _noted(requests.import_path(), report) as (tell, finish):
            requests.clear_uploads()
            bring = importer.import_points if options.path.suffix.lower() == ".csv" else importer.import_pictures
            try:
                name = bring(options.path, options.name, lambda sentence, share: tell(sentence, 0.7 * share), root=root)
            except InputError as error:  # an upload has a random file name; show the chosen one
                raise InputError(str(error).replace(options.path.name, options.name) if options.consume else str(error)) from None
            entry = data_sets.find(name)
            if entry.kind == "images":
                prepared.obtain(DataConfig(name=name, size=options.size), lambda sentence, share: tell(sentence, 0.7 + 0.3 * share))
            finish(name)
    finally:
        if options.consume:
            with contextlib.suppress(OSError):
                options.path.unlink()
    if not options.quiet:
        skipped = f", {entry.skipped} skipped (see “data show {name}”)" if entry.skipped else ""
        noun = "points" if entry.kind == "points" else "images"
        print(f"{entry.images} {noun} imported as {name}{skipped}. Train on them with: python -m gan train --set data.name={name}")
    return 0


def prepare(options: argparse.Namespace, report: Report) -> int:
    """Download and decode a data set at one size, so that training on it starts at once."""
    data = DataConfig(name=data_sets.find(options.name).name, size=options.size, fit=options.fit, colour=options.colour)
    if data.is_points:
        return 0
    with _noted(requests.preparation_path(data), report) as (tell, finish):
        prepared.obtain(data, tell)
        finish(data.name)
    return 0


@contextlib.contextmanager
def _noted(path: Path, report: Report) -> Iterator[Any]:
    """Report progress to the terminal and to the file at ``path``."""
    with Progress(path) as progress:

        def tell(sentence: str, share: float) -> None:
            progress.report(sentence, share)
            report(sentence, share)

        yield tell, progress.finish


def list_sets(options: argparse.Namespace) -> int:
    """List all data sets."""
    entries = data_sets.all_sets().values()
    if options.json:
        print(json.dumps([{**vars(entry), "images": entry.images} for entry in entries], indent=1, ensure_ascii=False))
        return 0
    for entry in entries:
        print(f"{entry.name:<16}{entry.images:>7} {entry.kind:<7} {entry.origin:<9} {entry.title}: {entry.description}")
    return 0


def show(options: argparse.Namespace, report: Report) -> int:
    """Print the facts of a data set: counts, sizes, brightness, duplicates and skipped files."""
    entry = data_sets.find(options.name)
    facts = describe(entry)
    if entry.kind == "images":
        facts |= prepared.obtain(DataConfig(name=entry.name, size=options.size), report).facts
    facts.pop("bytes", None)
    if options.json:
        print(files.to_json(facts, indent=1))
        return 0
    print(f"{entry.title} ({entry.name}): {entry.description}\nSource: {entry.source}")
    print(f"{facts['images']} {entry.kind}" + (f" in {len(entry.classes)} classes" if entry.classes else ", no labels"))
    if 0 < len(entry.classes) <= 100:
        print("Classes: " + ", ".join(f"{name} {count}" for name, count in zip(entry.classes, entry.counts, strict=True)))
    if sizes := facts.get("sizes"):
        print("Sizes before preparation: " + ", ".join(f"{name} {wide}×{high}" for name, (wide, high) in sizes.items()))
    if entry.kind == "images":
        print(f"Brightness: {facts['brightness']['mean']:.0f} ± {facts['brightness']['std']:.0f} of 255")
        print(f"Duplicates: {facts['exact']} exact, at least {facts['near']} near")
    if entry.skipped:
        print(f"Skipped: {entry.skipped}")
        for reason, count in facts.get("reasons", {}).items():
            print(f"  {count:>6} × {reason}")
        for skipped in skipped_of(entry)[:20]:
            print(f"  {skipped['name']}: {skipped['reason']}")
    return 0


def remove(options: argparse.Namespace) -> int:
    """Remove an imported data set and its preparations."""
    entry = data_sets.find(options.name)
    imported.remove(entry.name, data_root(), runs_root=options.root)
    print(f"Removed “{entry.title}”. Runs trained on it can still be watched, but not resumed.")
    return 0


def add(commands: Any, command: Callable[..., Parser]) -> None:
    """Add the ``data`` commands to the command line."""
    about = "Import, list, show, prepare and remove data sets."
    data = commands.add_parser("data", help=about, description=about)
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, help: str, run: Callable[..., int], *, has_json: bool = False, is_long: bool = False) -> Parser:
        added = command(name, help, lambda options: _run(options, run, is_long), has_json=has_json, commands=actions)
        if is_long:
            added.add_argument("--quiet", action="store_true", help="no progress bar")
            added.add_argument(
                "--size",
                type=int,
                choices=(16, 32, 64, 128, 256),
                default=32,
                metavar="PIXELS",
                help="16, 32 (default), 64, 128 or 256",
            )
        return added

    about = "Import a folder of pictures, a folder per class, a ZIP of either, or a CSV file of points."
    bring = action("import", about, bring_in, is_long=True)
    bring.add_argument("path", type=Path, metavar="PATH")
    bring.add_argument("--name", required=True, metavar="NAME", help="name of the data set; letters of any alphabet")
    bring.add_argument("--consume", action="store_true", help=argparse.SUPPRESS)
    action("list", "List the data sets.", list_sets, has_json=True)
    shown = action("show", "Print counts, sizes, brightness, duplicates and skipped files.", show, has_json=True, is_long=True)
    shown.add_argument("name", metavar="NAME")
    prepared_set = action("prepare", "Download and decode a data set at one size, once for all runs.", prepare, is_long=True)
    prepared_set.add_argument("name", metavar="NAME")
    prepared_set.add_argument("--fit", choices=("crop", "pad"), default="crop", help="crop (default) or pad")
    prepared_set.add_argument("--colour", choices=("auto", "grey", "colour"), default="auto", help="auto (default), grey or colour")
    action("remove", "Remove an imported data set.", remove).add_argument("name", metavar="NAME")


def _run(options: argparse.Namespace, run: Callable[..., int], is_long: bool) -> int:
    if not is_long:
        return run(options)
    with ProgressBar(is_quiet=options.quiet or getattr(options, "json", False)) as progress:
        return run(options, progress.report)
