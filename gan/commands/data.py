"""The ``data`` commands: import, list, show, prepare, export and remove data sets."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gan import words
from gan.access import people
from gan.catalogue import data_sets
from gan.commands.arguments import Parser
from gan.commands.progress_bar import ProgressBar
from gan.config.data import SIZES, DataConfig
from gan.data import exporting, imported, importer, prepared, tables
from gan.data.formats import opening, writing
from gan.data.grouping import Choice
from gan.data.imported import describe, on_range, skipped_of
from gan.errors import InputError, explained, shown
from gan.execution import requests
from gan.places import data_root
from gan.storage import files
from gan.storage.jobs import Progress, Report


def bring_in(options: argparse.Namespace, report: Report) -> int:
    """Import pictures or points; pictures are also prepared at one size."""
    if options.dry_run or not options.quiet:
        _show_what_is_taken(options)
    if options.dry_run:
        return 0
    try:
        with (
            people.acting(options.owner),
            _noted(report, requests.import_path(), "The import", is_terminal=not options.consume) as (tell, finish),
            requests.import_turn(tell),
        ):
            try:
                name = _bring(options, lambda sentence, share: tell(sentence, 0.7 * share))
            except InputError as error:  # an upload has a random file name; show the chosen one
                raise InputError(
                    str(error).replace(options.path.name, options.file_name or options.name) if options.consume else str(error)
                ) from None
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
        taken = words.count(entry.images, entry.kind[:-1])
        if dark := on_range(describe(entry)):
            print(f"{dark} Stretch them with: python -m gan data stretch {name}")
        print(f"{taken} imported as {name}{skipped}. Train on them with: python -m gan train --set data.name={name}")
    return 0


def _is_table(path: Path) -> bool:
    """Return whether a file has points: a CSV file that is no table of pictures."""
    if path.suffix.lower() != ".csv":
        return False
    with explained(f"reading “{shown(path.name)}”"), open(path, "rb") as file:
        return not opening.is_recognised(file)


def _choice(options: argparse.Namespace) -> Choice:
    return Choice(options.classes, tuple(options.only))


def _bring(options: argparse.Namespace, report: Report) -> str:
    """Import pictures or points and return the name of the new data set."""
    if _is_table(options.path):
        return importer.import_points(options.path, options.name, report, root=data_root(), columns=options.columns)
    choice = _choice(options)
    return importer.import_pictures(
        options.path, options.name, report, root=data_root(), choice=choice, most=options.most, file_name=options.file_name
    )


def _show_what_is_taken(options: argparse.Namespace) -> None:
    """Print what an import takes for classes before it reads the pictures, or which columns it takes for points."""
    if _is_table(options.path):
        _, columns = tables.read(options.path, options.columns)
        print(columns.sentence)
    else:
        print(importer.look(options.path, _choice(options)).sentence, flush=True)


def prepare(options: argparse.Namespace, report: Report) -> int:
    """Download and decode a data set at one size, so that training on it starts at once."""
    data = DataConfig(name=data_sets.find(options.name).name, size=options.size, fit=options.fit, colour=options.colour)
    if data.is_points:
        return 0
    with _noted(report, requests.preparation_path(data), "The preparation") as (tell, finish):
        prepared.obtain(data, tell)
        finish(data.name)
    return 0


@contextlib.contextmanager
def _noted(report: Report, path: Path, work: str, *, is_terminal: bool = False) -> Iterator[Any]:
    """Report progress to the terminal and to the file at ``path``; see :class:`gan.storage.jobs.Progress`."""
    with Progress(path, work, is_terminal=is_terminal) as progress:

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
    classes = f" in {words.count(len(entry.classes), 'class')}" if entry.classes else ", no labels"
    print(words.count(facts["images"], entry.kind[:-1]) + classes)
    if 0 < len(entry.classes) <= 100:
        print("Classes: " + ", ".join(f"{name} {count}" for name, count in zip(entry.classes, entry.counts, strict=True)))
    for key in ("classes_from", "columns"):
        if key in facts:
            print(facts[key])
    if values := on_range(facts):
        print(values)
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


def export(options: argparse.Namespace, report: Report) -> int:
    """Write the prepared pictures of a data set to a file for other programs."""
    data = DataConfig(name=data_sets.find(options.name).name, size=options.size, fit=options.fit, colour=options.colour)
    kind = options.kind or (writing.kind_of(options.out) if options.out else "npz")
    target = options.out or Path(f"{data.name}-{data.size}{writing.KINDS[kind][1]}")
    target = target.expanduser().absolute()
    noted = _noted(report, options.progress, "The export") if options.progress else contextlib.nullcontext((report, str))
    with noted as (tell, finish):
        count = exporting.export(data, kind, target, tell)
        finish(str(target))
    if not options.quiet:
        print(f"{target} holds {words.count(count, 'picture')} of {data.size}×{data.size} pixels ({writing.KINDS[kind][0]}).")
    return 0


def remove(options: argparse.Namespace) -> int:
    """Remove an imported data set and its preparations."""
    entry = data_sets.find(options.name)
    imported.remove(entry.name, data_root(), runs_root=options.root)
    print(f"Removed “{entry.title}”. Runs trained on it can still be watched, but not resumed.")
    return 0


def stretch(options: argparse.Namespace) -> int:
    """Stretch the values of imported pictures to the full range, or undo that."""
    entry = data_sets.find(options.name)
    imported.stretch(entry.name, data_root(), options.root, undo=options.undo)
    done = "has its original values again" if options.undo else "uses its full range now"
    print(f"“{entry.title}” {done}. Runs trained on it before have seen other images.")
    return 0


def add(commands: Any, command: Callable[..., Parser]) -> None:
    """Add the ``data`` commands to the command line."""
    about = "Import, list, show, prepare, export, stretch and remove data sets."
    data = commands.add_parser("data", help=about, description=about)
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, help: str, run: Callable[..., int], *, has_json: bool = False, is_long: bool = False) -> Parser:
        added = command(name, help, lambda options: _run(options, run, is_long), has_json=has_json, commands=actions)
        if is_long:
            added.add_argument("--quiet", action="store_true", help="no progress bar")
            added.add_argument(
                "--size",
                type=int,
                choices=SIZES,
                default=32,
                metavar="PIXELS",
                help="16, 32 (default), 64, 128 or 256",
            )
        return added

    about = (
        "Import pictures (a folder, a folder per class, a ZIP or tar of either, or a file in one of the field's formats) or points."
    )
    bring = action("import", about, bring_in, is_long=True)
    bring.add_argument("path", type=Path, metavar="PATH")
    bring.add_argument("--name", required=True, metavar="NAME", help="name of the data set; letters of any alphabet")
    bring.add_argument(
        "--classes",
        choices=("auto", "yes", "no"),
        default="auto",
        help="whether folders or labels are classes: auto (default) takes labels, and decides on folders by their names",
    )
    bring.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FOLDER",
        help="import this folder or label alone, as a class; may be repeated",
    )
    bring.add_argument(
        "--columns", nargs=2, metavar="COLUMN", help="the two columns of a CSV file to take, by name or number (from 1)"
    )
    bring.add_argument("--dry-run", action="store_true", help="say what would be taken for classes or points, and import nothing")
    bring.add_argument("--consume", action="store_true", help=argparse.SUPPRESS)
    bring.add_argument("--file-name", default="", help=argparse.SUPPRESS)  # of an upload, which is stored under another one
    bring.add_argument("--most", type=int, default=0, help=argparse.SUPPRESS)
    bring.add_argument("--owner", type=people.Person.model_validate_json, default=people.TEACHER, help=argparse.SUPPRESS)
    action("list", "List the data sets.", list_sets, has_json=True)
    shown = action("show", "Print counts, sizes, brightness, duplicates and skipped files.", show, has_json=True, is_long=True)
    shown.add_argument("name", metavar="NAME")
    prepared_set = action("prepare", "Download and decode a data set at one size, once for all runs.", prepare, is_long=True)
    prepared_set.add_argument("name", metavar="NAME")
    exported = action("export", "Write the pictures at one size to a file, to train on them elsewhere.", export, is_long=True)
    exported.add_argument("name", metavar="NAME")
    exported.add_argument(
        "--as",
        dest="kind",
        choices=tuple(writing.KINDS),
        help="npz (default), stylegan (ZIP), parquet or folder; or by the ending of --out",
    )
    exported.add_argument(
        "--out", type=Path, metavar="FILE", help="file or folder to write (default: NAME-SIZE in the current folder)"
    )
    for one in (prepared_set, exported):
        one.add_argument("--fit", choices=("crop", "pad"), default="crop", help="crop (default) or pad")
        one.add_argument("--colour", choices=("auto", "grey", "colour"), default="auto", help="auto (default), grey or colour")
    exported.add_argument("--progress", type=Path, help=argparse.SUPPRESS)  # file with the progress, for the page
    stretched = action("stretch", "Stretch dark pictures, such as 12-bit values in 16-bit files, to the full range.", stretch)
    stretched.add_argument("name", metavar="NAME")
    stretched.add_argument("--undo", action="store_true", help="take the values as they are in the files again")
    action("remove", "Remove an imported data set.", remove).add_argument("name", metavar="NAME")


def _run(options: argparse.Namespace, run: Callable[..., int], is_long: bool) -> int:
    if not is_long:
        return run(options)
    with ProgressBar(is_quiet=options.quiet or getattr(options, "json", False)) as progress:
        return run(options, progress.report)
