"""Verdicts on ended runs, kept in memory and in the file ``.verdicts.json`` beside the runs, so that they are shown at once.

Reading the logged lines of a run takes most of the time of judging it. A kept verdict is used only while everything that it comes
from is the same: the files of the run, the line of scores, the data sets, and the source of the rules. A missing, damaged or
outdated file costs time and changes nothing. It is for display: the command line and reports judge anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gan.catalogue import data_sets
from gan.judging.doctor.diagnosis import diagnose, logged
from gan.judging.doctor.verdict import Line, Verdict
from gan.runs import UNDER_WAY, Run, index
from gan.storage import files, models, sealed

FILE = ".verdicts.json"

_MOST = 2000  # kept judgements, the newest
_RULES = ("judging", "config", "catalogue", "words.py")  # what verdicts and their words come from, in ``gan/``

_Stored = dict[str, tuple[str, list[dict[str, Any]]]]  # run and score → fingerprint of what the verdicts come from, verdicts
_FILE = TypeAdapter(_Stored)
_VERDICTS = TypeAdapter(list[Verdict])


class _Kept:
    """The kept verdicts of a folder of runs. Threads share it: entries are replaced whole, and checked before use."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._found = _load(self._path)
        self._is_new = False

    def get(self, key: str, print_: str) -> list[Verdict] | None:
        known = self._found.get(key)
        if known and known[0] == print_:
            with contextlib.suppress(ValidationError):
                return _VERDICTS.validate_python(known[1])
        return None

    def put(self, key: str, print_: str, verdicts: Sequence[Verdict]) -> None:
        self._found.pop(key, None)
        self._found[key] = print_, _VERDICTS.dump_python(list(verdicts), mode="json")
        self._is_new = True

    def keep(self) -> None:
        if self._is_new:
            self._is_new = False
            newest = dict(list(self._found.items())[-_MOST:])
            sealed.store(self._path, files.to_json(newest).encode())


def judge(run: Run, line: Line) -> list[Verdict]:
    """Return the verdicts of :func:`diagnose` on a run and one of its lines of scores, or on its curves alone (an empty line)."""
    key = f"{run.id} {line.get('extractor_id', '')} {line.get('checkpoint', '')}"
    print_ = _fingerprint(run, line)
    if print_ and (known := _kept(run.root).get(key, print_)) is not None:
        return known
    found = diagnose(run, line, logged(run), run.scores())
    if print_:
        _kept(run.root).put(key, print_, found)
    return found


def keep(root: Path) -> None:
    """Write new verdicts on the runs in ``root`` beside them, for the next process, if that is possible."""
    with contextlib.suppress(OSError, ValueError):
        _kept(root).keep()


def _fingerprint(run: Run, line: Line) -> str:
    """Return a digest of everything that the verdicts on an ended run come from; empty if it may still change unnoticed."""
    if run.status().state in UNDER_WAY:
        return ""
    paths = (run.config_path, run.changes_path, run.status_path, run.control_path, run.metrics_path, run.scores_path, run.best_path)
    stamps = [models.stamp(path) for path in paths]  # before the files are read, so that a change meanwhile is noticed
    if time.time_ns() - max(changed for _, changed, _ in stamps) < index.SETTLED:
        return ""
    every = data_sets.all_sets()
    entry = every.get(str(line.get("data", "")))
    told = [stamps, dict(line), list(entry.classes) if entry else None, sorted(every), run.status().state, _rules()]
    return hashlib.sha256(files.to_json(told).encode()).hexdigest()


@lru_cache(maxsize=1)
def _rules() -> str:
    """Return a digest of the source of the rules."""
    digest = hashlib.sha256()
    for name in _RULES:
        place = Path(__file__).parents[2] / name
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=8)
def _kept(root: Path) -> _Kept:
    return _Kept(root)


def _load(path: Path) -> _Stored:
    """Return the contents of a file of verdicts; nothing if it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        return _FILE.validate_json(sealed.load(path))
    return {}
