"""The ``data`` commands: import, list, show, prepare and remove data sets."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gan import runs
from gan.data import catalogue, importer, prepared, tasks
from gan.data.catalogue import DataSet, Report
from gan.errors import InputError
from gan.sections import DataConfig


def bring_in(options: argparse.Namespace, report: Report) -> int:
    """Import pictures or points; pictures are also prepared at one size."""
    root = catalogue.data_root()
    try:
        with _noted(tasks.import_path(), report) as (tell, finish):
            tasks.clear_uploads()
            bring = importer.import_points if options.path.suffix.lower() == ".csv" else importer.import_pictures
            try:
                name = bring(options.path, options.name, lambda sentence, share: tell(sentence, 0.7 * share), root=root)
            except InputError as error:  # an upload has a random file name; show the chosen one
                raise InputError(str(error).replace(options.path.name, options.name) if options.consume else str(error)) from None
            entry = catalogue.find(name)
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
    data = DataConfig(name=catalogue.find(options.name).name, size=options.size, fit=options.fit, colour=options.colour)
    if data.is_points:
        return 0
    with _noted(tasks.preparation_path(data), report) as (tell, finish):
        prepared.obtain(data, tell)
        finish(data.name)
    return 0


@contextlib.contextmanager
def _noted(path: Path, report: Report) -> Iterator[Any]:
    """Report progress to the terminal and to the file at ``path``."""
    with tasks.Progress(path) as progress:

        def tell(sentence: str, share: float) -> None:
            progress.report(sentence, share)
            report(sentence, share)

        yield tell, progress.finish


def list_sets(options: argparse.Namespace) -> int:
    """List all data sets."""
    entries = catalogue.all_sets().values()
    if options.json:
        print(json.dumps([{**vars(entry), "images": entry.images} for entry in entries], indent=1, ensure_ascii=False))
        return 0
    for entry in entries:
        print(f"{entry.name:<16}{entry.images:>7} {entry.kind:<7} {entry.origin:<9} {entry.title}: {entry.description}")
    return 0


def show(options: argparse.Namespace, report: Report) -> int:
    """Print the facts of a data set: counts, sizes, brightness, duplicates and skipped files."""
    entry = catalogue.find(options.name)
    facts = describe(entry)
    if entry.kind == "images":
        facts |= prepared.obtain(DataConfig(name=entry.name, size=options.size), report).facts
    facts.pop("bytes", None)
    if options.json:
        print(runs.to_json(facts, indent=1))
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


def describe(entry: DataSet) -> dict[str, Any]:
    """Return the facts of a data set that are known without reading its images."""
    facts: dict[str, Any] = {
        "name": entry.name,
        "title": entry.title,
        "kind": entry.kind,
        "origin": entry.origin,
        "source": entry.source,
        "images": entry.images,
        "classes": list(entry.classes),
        "counts": list(entry.counts),
        "channels": entry.channels,
        "skipped": entry.skipped,
    }
    if entry.origin == "own":
        with contextlib.suppress(OSError, ValueError):
            stored = json.loads((catalogue.own_folder(entry.name) / "data-set.json").read_bytes())
            facts |= {key: stored[key] for key in ("sizes", "reasons") if key in stored}
    return facts


def skipped_of(entry: DataSet) -> list[dict[str, str]]:
    """Return the files skipped by an import, each with its name and the reason."""
    if entry.origin != "own":
        return []
    lines, _ = runs.read_lines(catalogue.own_folder(entry.name) / "skipped.jsonl")
    return [{"name": str(line.get("name", "")), "reason": str(line.get("reason", ""))} for line in lines]


def remove(options: argparse.Namespace) -> int:
    """Remove an imported data set and its preparations."""
    entry = catalogue.find(options.name)
    importer.remove(entry.name, catalogue.data_root(), runs_root=options.root)
    print(f"Removed “{entry.title}”. Runs trained on it can still be watched, but not resumed.")
    return 0
