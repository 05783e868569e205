"""Names of runs that are shown together: what all share is left out, what differs is told in short codes and never cut.

A run is called as its user called it; without a name, after its sweep or its preset. Runs of the same name are told apart by the
variants that a user named, by the codes of the settings in which they differ ("z 8 · lr_G 1e-4 · s0"), and at last by their ids.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from gan import config as configs
from gan import words
from gan.config import RunConfig
from gan.config.families import FAMILIES
from gan.errors import InputError
from gan.runs.records import LONGEST_NAME, Membership, shortened
from gan.runs.run import Run

BASELINE = "baseline"  # the variant of a sweep in which nothing is changed
_SEED = "training.seed"
_FAMILY = "networks.family"
_UNTOLD = ("cadence.", "training.threads", "training.processes", "training.device", "training.compile", _SEED)
_BETWEEN = " · "
_SEED_AT_END = re.compile(r" · (?:s|seed )\d+(?: · [0-9a-f]{6})?$")
_ONLY_SEEDS = re.compile(r"s\d+( · [0-9a-f]{6})?")

Codes = dict[str, str]


class Traits(BaseModel):
    """What the name of a run is made of: the ``stem``, given by a user or the program, and the codes of its settings by key.

    ``is_baseline``: it is the baseline of its sweep. ``seed`` is the code of its seed.
    """

    model_config = ConfigDict(frozen=True)

    stem: str
    is_baseline: bool = False
    codes: Codes = {}
    seed: str = ""


def traits(run: Run) -> Traits:
    """Return what the name of a run is made of, from its files."""
    label, membership = run.label(), run.membership()
    try:
        config = run.config()
    except InputError:
        return Traits(stem=label)
    codes, seed = _codes(config), configs.coded(_SEED, config.training.seed)
    sweep = _sweep_of(label, membership, config.training.seed)
    if membership and sweep is not None:
        is_ours = _is_ours(membership.variant)
        stem = sweep if is_ours else f"{sweep}{_BETWEEN}{membership.variant}"
        return Traits(stem=stem, is_baseline=membership.variant == BASELINE, codes=codes, seed=seed)
    is_ours = label == f"{config.preset}{_BETWEEN}{run.id[-6:]}"
    return Traits(stem=config.preset if is_ours else label, codes=codes, seed=seed)


def in_sweep(sweep: str, members: Sequence[tuple[str, int]]) -> list[str]:
    """Return the names under which the runs of a sweep are stored; a long name of the sweep is cut, never variant and seed."""
    rests = [_in_sweep(variant, seed) for variant, seed in members]
    start = shorten(sweep, LONGEST_NAME - max(map(len, rests), default=0))
    return [shortened(f"{start}{rest}") for rest in rests]


def _in_sweep(variant: str, seed: int) -> str:
    return f"{_BETWEEN}{variant}{_BETWEEN}seed {seed}"


def names(chosen: Sequence[Run]) -> dict[str, str]:
    """Return the whole name of each run by id; see :func:`tell_apart`."""
    return tell_apart({run.id: traits(run) for run in chosen})


def of_variants(chosen: Sequence[Run]) -> dict[str, str]:
    """Return a short name by id for runs that each stand for all seeds of their settings."""
    return short(tell_apart({run.id: traits(run).model_copy(update={"seed": ""}) for run in chosen}))


def tell_apart(known: Mapping[str, Traits]) -> dict[str, str]:
    """Return names by id: the stem, and what tells runs of the same stem apart."""
    stems: dict[str, list[str]] = {}
    for run_id, one in known.items():
        stems.setdefault(one.stem, []).append(run_id)
    found: dict[str, str] = {}
    for stem, ids in stems.items():
        told = _told({run_id: known[run_id] for run_id in ids})
        found |= {run_id: _BETWEEN.join([stem, *parts]) for run_id, parts in told.items()}
    return distinct({run_id: found[run_id] for run_id in known})


def distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """Return display names by id for labels by id; duplicates get the end of the id appended."""
    often = Counter(labels.values())
    return {run_id: f"{label}{_BETWEEN}{run_id[-6:]}" if often[label] > 1 else label for run_id, label in labels.items()}


def short(names: Mapping[str, str]) -> dict[str, str]:
    """Return names by id without the leading and trailing parts (split at " · ") common to all.

    Whole names if only ids or seeds would remain.
    """
    parts = [name.split(_BETWEEN) for name in names.values()]
    if len(parts) < 2:
        return dict(names)
    fewest = min(map(len, parts))
    first = next((place for place in range(fewest) if len({tuple(one[: place + 1]) for one in parts}) > 1), fewest)
    last = next((place for place in range(fewest) if len({tuple(one[len(one) - place - 1 :]) for one in parts}) > 1), fewest)
    cut = [one[first : len(one) - last] for one in parts]
    shorter = dict(zip(names, (_BETWEEN.join(one) for one in cut), strict=True))
    says_something = all(name and not run_id.endswith(name) and not _ONLY_SEEDS.fullmatch(name) for run_id, name in shorter.items())
    return shorter if says_something else dict(names)


def without_seed(name: str) -> str:
    """Return the name of a run without its seed."""
    return _SEED_AT_END.sub("", name)


def on_one_line(names: Mapping[str, str], most: int = 46) -> dict[str, str]:
    """Return names for lists that cannot wrap, and fit a phone: longer ones are cut in the middle, unless two would look alike."""
    cut = {run_id: shorten(name, most) for run_id, name in names.items()}
    often = Counter(cut.values())
    return {run_id: one if often[one] == 1 else names[run_id] for run_id, one in cut.items()}


def shorten(text: str, most: int) -> str:
    """Return a text of at most ``most`` letters, cut in the middle."""
    if len(text) <= most:
        return text
    end = max(0, most - 1) // 2
    return f"{text[: max(0, most - 1) - end]}…{text[len(text) - end :]}"


def _told(known: Mapping[str, Traits]) -> dict[str, list[str]]:
    """Return by id what tells runs of one stem apart: the settings in which they differ, then the seed.

    Left out is what is usual among them: the settings of the baseline, or those of more than half of the variants.
    """
    # Those without codes have a damaged configuration, which differs in nothing.
    readable = {run_id: one for run_id, one in known.items() if one.codes}
    differing = _differing([one.codes for one in readable.values()])
    alike = {run_id: tuple(one.codes.get(key, "") for key in differing) for run_id, one in known.items()}
    baselines = {alike[run_id] for run_id, one in known.items() if one.is_baseline}
    variants = sorted({alike[run_id] for run_id in readable})
    usual = next(iter(baselines)) if len(baselines) == 1 else tuple(map(_common, zip(*variants, strict=True)))
    has_seeds = len({one.seed for one in readable.values()}) > 1
    found: dict[str, list[str]] = {}
    for run_id, one in known.items():
        codes = [code for code, other in zip(alike[run_id], usual, strict=True) if code and code != other]
        if differing and not codes:
            is_called = one.is_baseline and len(baselines) == 1
            codes = [BASELINE] if is_called else [code for code in alike[run_id] if code]
        found[run_id] = [*codes, *([one.seed] if has_seeds and one.seed else [])]
    return found


def _differing(codes: Sequence[Codes]) -> list[str]:
    """Return the settings that differ; those of the networks only if they differ within a family, which has its own defaults."""
    families: dict[str, list[Codes]] = {}
    for one in codes:
        families.setdefault(one.get(_FAMILY, ""), []).append(one)
    keys = dict.fromkeys(key for alike in families.values() for key in alike[0])
    return [
        key
        for key in keys
        if any(
            len({one.get(key) for one in alike}) > 1
            for alike in (families.values() if key.startswith("networks.") and key != _FAMILY else [codes])
        )
    ]


def _common(column: Iterable[str]) -> str | None:
    """Return the value that more than half of at least three variants have, None if there is none."""
    values = list(column)
    value, often = Counter(values).most_common(1)[0]
    return value if 2 * often > len(values) > 2 else None


@lru_cache(maxsize=1024)
def _codes(config: RunConfig) -> Codes:
    flat = configs.flatten(config)
    return {key: configs.coded(key, value) for key, value in flat.items() if not key.startswith(_UNTOLD)}


def _sweep_of(label: str, membership: Membership | None, seed: int) -> str | None:
    """Return the name of the sweep in a label that the program made; None if a user made it. Earlier versions cut its end."""
    if not membership:
        return None
    rest = _in_sweep(membership.variant, seed)
    if label.endswith(rest):
        return label.removesuffix(rest)
    if len(label) == LONGEST_NAME and label.endswith("…"):
        cuts = (rest[:length] for length in range(len(rest), len(_BETWEEN), -1))
        return next((label[:-1].removesuffix(cut) for cut in cuts if label[:-1].endswith(cut)), None)
    return None


def _is_ours(variant: str) -> bool:
    """Return whether the program made the name of a variant: "hidden size 512, depth 3"."""
    return variant == BASELINE or all(part.startswith(_titles()) for part in variant.removesuffix("…").split(", "))


@lru_cache(maxsize=1)
def _titles() -> tuple[str, ...]:
    keys = {f"{section}.{field}" for section in configs.setting_groups() for field in _fields(section)}
    return tuple(f"{words.lowered(configs.title(key))} " for key in sorted(keys))


def _fields(section: str) -> Iterable[str]:
    if section == "networks":
        return dict.fromkeys(field for family in FAMILIES.values() for field in family.model_fields)
    annotation = RunConfig.model_fields[section].annotation
    assert isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation.model_fields
