"""What the folders of a source stand for: classes, parts of one data set, or nothing; known before any picture is read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Literal

from gan import words
from gan.data.archive import Entry, Skipped, Source
from gan.data.decoder import Refused
from gan.errors import InputError, nearest, shown

LABELS = "dataset.json"  # labels as StyleGAN's dataset_tool writes them
MOST_STRAYS = 0.1  # share of the pictures without a class that is left out without being asked

_MOST_LABEL_BYTES = 24 << 20
_LONGEST_NAME = 80  # of a class
_MOST_NAMED, _MOST_SPLITS = 12, 4  # classes, and parts of a data set, named in a sentence
_LEAST_SHARD = 100  # files in a folder that is taken for a shard because its files are numbered on

_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "holdout"}
_SHARD = re.compile(r"(?:shard|part|chunk|batch|block)s?[-_ ]?\d+", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,18}")


@dataclass(frozen=True)
class Choice:
    """The answer to “Are the folders classes?”: the folders ``only``, or "yes", "no", or "auto" to decide by the names."""

    folders: Literal["auto", "yes", "no"] = "auto"
    only: tuple[str, ...] = ()


AUTO = Choice()


@dataclass(frozen=True)
class Grouping:
    """The files to import, each with its class in ``group`` ("" if there are no classes), and the files left out.

    ``counts``: pictures per class in natural order, judged by the names of files; empty if there are no classes. ``folders``: the
    folders that could be classes, with their pictures. ``sentence``: what was taken for classes, and why.
    """

    entries: list[Entry]
    left_out: list[Skipped]
    counts: dict[str, int]
    folders: dict[str, int]
    sentence: str


def group(source: Source, choice: Choice = AUTO) -> Grouping:
    """Return the files of a source with their classes. Raises InputError if a chosen folder does not exist."""
    labels_file, labels = _labels(source)
    entries = [entry for entry in source.entries if entry is not labels_file]
    named_so = [entry for entry in entries if entry.is_picture]
    pictures = named_so or entries  # a README says nothing about folders
    tree = _explore(pictures)
    folders = _counted(_names(pictures, tree.level))
    if labels and not folders:
        folders = _counted(labels.get(entry.path, "") for entry in pictures)

    def without_classes(why: str) -> Grouping:
        return Grouping(entries, [], {}, folders, f"No classes: {why}.")

    def with_classes(name_of: Callable[[Entry], str], about: str, otherwise: str) -> Grouping:
        counts = _counted(map(name_of, pictures))
        strays = len(pictures) - sum(counts.values())
        if choice == AUTO and strays > MOST_STRAYS * len(pictures):
            return without_classes(f"{strays:,} of {words.count(len(pictures), 'picture')} are {otherwise}")
        if choice == AUTO and len(counts) < 2:
            return without_classes(f"all pictures are of the class {with_counts(counts)}")
        named = [(entry, name_of(entry)) for entry in entries]
        left_out = [Skipped(entry.name, f"is {otherwise}") for entry, name in named if not name]
        also = f" Left out: {words.count(strays, 'picture')} {otherwise}." if strays else ""
        kept = [replace(entry, group=name) for entry, name in named if name]
        return Grouping(kept, left_out, counts, folders, f"{about}: {with_counts(counts)}.{also}")

    if choice.only and labels and tree.level is None:
        if missing := [name for name in choice.only if name not in folders]:
            raise InputError(f"There is no label “{shown(missing[0])}”; {nearest(missing[0], list(folders)[:_MOST_NAMED])}")
        about, otherwise = "Chosen labels", "with none of the chosen labels"
        return with_classes(lambda entry: _only(labels.get(entry.path, ""), frozenset(choice.only)), about, otherwise)
    if choice.only:
        level = _level_with(choice.only, pictures, tree)
        only = frozenset(choice.only)
        return with_classes(lambda entry: _only(_name(entry, level), only), "Chosen folders", "in none of the chosen folders")
    if choice.folders == "no":
        return without_classes("as chosen")
    if choice.folders == "auto" and labels is not None:
        if not labels:
            return without_classes(f"{LABELS} has none")
        return with_classes(
            lambda entry: labels.get(entry.path, ""), f"Classes are the labels in {LABELS}", f"without a label in {LABELS}"
        )
    if tree.level is None or (choice.folders == "auto" and not tree.has_classes):
        undivided = "the pictures are not in separate folders" if named_so else "no file is named like a picture"
        return without_classes(" and ".join(tree.parts) or undivided)
    depth = tree.level
    above = "".join(f" ({part}, and imported together)" for part in tree.parts) if tree.has_classes else ""
    return with_classes(lambda entry: _name(entry, depth), f"Classes are the folders{above}", "in no class folder")


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts "2" before "10"."""
    return [
        (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part) for part in re.split(r"([0-9]{1,18})", name)
    ]


# Folders


@dataclass(frozen=True)
class _Tree:
    """The depths (``levels``) at which the pictures lie in two or more folders, and what the folders above the classes are.

    ``has_classes``: whether the folders of the last level may be classes; otherwise all levels are ``parts`` of one data set.
    """

    levels: list[int]
    parts: list[str]
    has_classes: bool

    @property
    def level(self) -> int | None:
        """The depth of the folders to take if folders are to be classes."""
        return (self.levels[-1] if self.has_classes else self.levels[0]) if self.levels else None


def _explore(pictures: Sequence[Entry]) -> _Tree:
    """Find the level of the classes: below folders around everything, and below the parts of a data set."""
    levels: list[int] = []
    parts: list[str] = []
    depth = 0
    while inside := [entry for entry in pictures if len(entry.path) > depth + 1]:
        folders = sorted({entry.path[depth] for entry in inside}, key=natural)
        if len(folders) > 1:
            levels.append(depth)
            kind = _kind_of_parts(folders, inside, depth)
            if not kind:
                return _Tree(levels, parts, has_classes=True)
            parts.append(f"{_few(folders)} are {kind} of one data set")
        depth += 1
    return _Tree(levels, parts, has_classes=False)


def _kind_of_parts(folders: list[str], inside: list[Entry], depth: int) -> str:
    """Return "splits" or "shards" if the folders at a depth are parts of one data set, "" if they may be classes."""
    if all(folder.casefold() in _SPLITS for folder in folders):
        return "splits"
    if all(_SHARD.fullmatch(folder) for folder in folders) or _are_hashes(folders) or _are_numbered_on(folders, inside, depth):
        return "shards"
    return ""


def _are_hashes(folders: list[str]) -> bool:
    """Return whether folders are the first digits of hashes, like 0 … f: most of the hexadecimal numbers of one length."""
    length = len(folders[0])
    return (
        all(len(folder) == length and _HEX.fullmatch(folder) for folder in folders)
        and any(folder.isdecimal() for folder in folders)
        and not all(folder.isdecimal() for folder in folders)
        and 2 * len(folders) >= 16**length
    )


def _are_numbered_on(folders: list[str], inside: list[Entry], depth: int) -> bool:
    """Return whether folders have numbers, and equally many files (the last perhaps fewer) numbered on from folder to folder."""
    if not all(_NUMBER.fullmatch(folder) and folder.isascii() for folder in folders):
        return False
    numbers: dict[str, list[int]] = {folder: [] for folder in folders}
    for entry in inside:
        found = _NUMBER.findall(entry.path[-1].rpartition(".")[0] or entry.path[-1])
        numbers[entry.path[depth]].append(int(found[-1]) if found else -1)
    filled = [numbers[folder] for folder in sorted(folders, key=int)]
    sizes = [len(each) for each in filled]
    are_even = sizes[0] >= _LEAST_SHARD and len(set(sizes[:-1])) == 1 and sizes[-1] <= sizes[0]
    return are_even and all(max(one) < min(other) for one, other in pairwise(filled))


def _level_with(only: tuple[str, ...], pictures: Sequence[Entry], tree: _Tree) -> int:
    """Return the level that has all the chosen folders, the level of the classes before others."""
    known = [_counted(_names(pictures, level)) for level in reversed(tree.levels)]
    for level, folders in zip(reversed(tree.levels), known, strict=True):
        if set(only) <= set(folders):
            return level
    folders = known[0] if known else {}
    missing = next((name for name in only if name not in folders), only[0])
    if not folders:
        raise InputError(f"There is no folder “{shown(missing)}”, as the pictures are not in separate folders; choose none.")
    raise InputError(f"There is no folder “{shown(missing)}” with pictures; " + nearest(missing, list(folders)[:_MOST_NAMED]))


def _name(entry: Entry, depth: int) -> str:
    """Return the folder of an entry at a depth, for display; empty if there is none."""
    return _displayed(entry.path[depth]) if len(entry.path) > depth + 1 else ""


@lru_cache(maxsize=4096)
def _displayed(folder: str) -> str:
    return shown(folder, most=_LONGEST_NAME)


def _names(pictures: Sequence[Entry], depth: int | None) -> list[str]:
    return [] if depth is None else [_name(entry, depth) for entry in pictures]


def _only(name: str, chosen: frozenset[str]) -> str:
    return name if name in chosen else ""


# Labels


def _labels(source: Source) -> tuple[Entry | None, dict[tuple[str, ...], str] | None]:
    """Return the entry of StyleGAN's ``dataset.json``, and the class of each path that it names; (None, None) if there is none.

    Labels that are no whole numbers, such as positions of a camera, are no classes.
    """
    found = [entry for entry in source.entries if entry.path and entry.path[-1] == LABELS]
    if len(found) != 1:
        return None, None
    base = found[0].path[:-1]
    try:
        content = source.read(found[0])
        if len(content) > _MOST_LABEL_BYTES:
            return None, None
        table = json.loads(content)
        pairs = [(str(name), label) for name, label in table["labels"] or []]
        names = [_displayed(str(name)) for name in table.get("classes", [])]  # as this program exports them
    except (Refused, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, None
    if not all(isinstance(label, int) and abs(label) < 10**9 for _, label in pairs):
        return found[0], {}

    def named(label: int) -> str:
        return names[label] if 0 <= label < len(names) else str(int(label))

    return found[0], {base + PurePosixPath(name.replace("\\", "/")).parts: named(label) for name, label in pairs}


# Words


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name occurs, in natural order, without the empty one."""
    counts = Counter(names)
    return {name: counts[name] for name in sorted(counts, key=natural) if name}


def _few(names: Sequence[str]) -> str:
    """Return two names or more for a sentence, the middle ones left out if there are many."""
    named = [shown(name, most=24) for name in names]
    return f"{named[0]} … {named[-1]}" if len(named) > _MOST_SPLITS else f"{', '.join(named[:-1])} and {named[-1]}"


def with_counts(counts: dict[str, int]) -> str:
    """Return classes with their counts for a sentence: "cat 20, dog 20", and numbers in quotes: "“0” 20"."""
    named = {f"“{name}”" if name.isdecimal() else shown(name, most=24): count for name, count in list(counts.items())[:_MOST_NAMED]}
    some = ", ".join(f"{name} {count:,}" for name, count in named.items())
    return some + (f" and {len(counts) - _MOST_NAMED:,} more" if len(counts) > _MOST_NAMED else "")
