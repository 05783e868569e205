"""Lines of ``scores.jsonl``: labels, one-line descriptions, and which of them are comparable; torch-free.

A line is a dictionary with these keys:

- When: ``step``, ``epoch``, ``images_seen``, ``time`` (seconds since 1970), ``source`` ("checkpoint" or "training") and
  ``checkpoint`` ("last" or "best").
- How: ``extractor`` (label), ``extractor_id``, ``extractor_accuracy`` (share of held-out images classified correctly, or None),
  ``extractor_chance`` (the same share for always guessing the largest class), ``extractor_note`` (why another extractor was passed
  over), ``features`` (their number), ``data``, ``size`` (pixels), ``weights`` ("EMA" or "raw"), ``images`` (generated, per draw),
  ``real_images``, ``real_digest`` (of their pixels), ``reals`` (how they were chosen and prepared), ``draws`` and ``seed``.
- Results: ``fid`` and ``inception_score``, each a mean over draws with a ``*_spread`` (sample standard deviation, None for one
  draw); the other figures of ``measures.NUMBERS``; ``kid_low`` and ``kid_high`` (95 % interval over subsets); ``support``
  (estimated number of different images); ``modes_expected``; ``class_counts`` (of all draws; their ``*_spread`` is for the counts
  of one draw); ``classes_missing`` and ``classes_expected``; ``looks`` (``gan.scoring.metrics.appearance``, with the spreads of
  ``fake_mean`` and ``effect``). Each is None if it cannot be measured, and may be missing in lines of earlier versions.
- Real images: ``floor_*`` and ``real_*`` are the same figures for real images; ``floor_images`` of them stood for generated ones.
- ``seconds``: duration of the scoring.
- A guest, whose pictures were made elsewhere, also has ``conditions`` (:mod:`gan.judging.conditions`) and ``altered`` (what was
  changed in them before scoring, None if nothing). Its ``step``, ``epoch`` and ``images_seen`` are None where they are unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gan import words
from gan.config.data import DataConfig
from gan.words import figure, percent

#: Prefix of the ``extractor_id`` of the standard Inception network, the only one whose FID is called plain FID.
INCEPTION = "inception-2015"

#: Share of held-out images that a classifier must recognise before its classes are counted.
TRUSTED = 0.5

#: Accuracy above chance, (accuracy − chance) / (1 − chance), that a classifier needs before its features count: Cohen's κ against
#: always guessing the largest class. 17.5 % right with 6 even classes is 0.01; 20 % right with 100 classes is 0.19.
LEARNT = 0.1

_MUST_AGREE = ("data", "size", "extractor_id", "images", "real_images", "weights")
_INCEPTION_FEATURES = 2048
_COORDINATES = "coordinates"  # prefix of the extractor id for points
_ALIKE = ("reals", "real_digest", "altered")  # must be equal, or missing in both (lines of earlier versions, unaltered pictures)

Line = Mapping[str, Any]


def real_part(data: DataConfig) -> dict[str, Any]:
    """Return the non-default settings that decide which real images are used for scoring."""
    usual = DataConfig()
    found = {key: getattr(data, key) for key in ("fit", "colour", "held_out") if getattr(data, key) != getattr(usual, key)}
    if data.classes:
        found["classes"] = sorted(data.classes)
    if data.held_out:
        found["subset_seed"] = data.subset_seed
    return found


def asked_classes(line: Line) -> tuple[str, ...]:
    """Return the classes that were chosen from the data set of a line; empty if none were, which means all."""
    reals = line.get("reals")
    chosen = reals.get("classes") if isinstance(reals, Mapping) else None
    return tuple(one for one in chosen if isinstance(one, str)) if isinstance(chosen, list) else ()


def missing_classes(line: Line, names: Sequence[str]) -> list[int]:
    """Return the numbers of the missing classes of a line; ``names``: the names of the data set's classes, in order.

    Classes left out on purpose are not missing, though lines of earlier versions list them if the classifier found them among the
    real images.
    """
    found, chosen = line.get("classes_missing"), asked_classes(line)
    numbers = [one for one in found if isinstance(one, int) and not isinstance(one, bool)] if isinstance(found, list) else []
    return [one for one in numbers if one >= 0 and not (chosen and one < len(names) and names[one] not in chosen)]


def is_at_chance(accuracy: float | None, chance: float | None) -> bool:
    """Return whether a classifier's accuracy (0 to 1) is hardly above ``chance``; False if either is unknown."""
    if accuracy is None or chance is None or chance >= 1:
        return False
    return accuracy - chance < LEARNT * (1 - chance)


def has_chance_features(line: Line, classes: Sequence[str] = ()) -> bool:
    """Return whether a line was measured on a classifier that is hardly better than chance, whose distances mean little.

    Lines of earlier versions do not say what chance is; 1 / number of ``classes`` then takes its place, if there are any.
    """
    chance = number(line, "extractor_chance")
    if chance is None and classes:
        chance = 1 / len(classes)
    return is_at_chance(number(line, "extractor_accuracy"), chance)


def label(line: Line) -> str:
    """Return the title of a line's FID: "FID · digits CNN", or plain "FID" for the standard Inception network."""
    return "FID" if is_inception(line) else f"FID · {line.get('extractor', 'unknown features')}"


def is_comparable(one: Line, other: Line) -> bool:
    """Return whether two lines may be ranked against each other: same real images, features, counts and kind of weights.

    Pictures of guests that were altered before scoring are compared only with those that were altered alike.
    """
    if any((one.get(key) or None) != (other.get(key) or None) for key in _ALIKE):
        return False
    return all(key in one and key in other and one[key] == other[key] for key in _MUST_AGREE)


def caution(line: Line) -> str:
    """Return a sentence if the FID of a line is biased by too few images, otherwise an empty text."""
    fewest = min(line["images"], line["real_images"])
    features = _INCEPTION_FEATURES if is_inception(line) else int(number(line, "features") or 0)
    if fewest <= features:
        return f"Only {words.count(fewest, 'image')} for {features:,} features: this FID is too high; compare it with its floor."
    return ""


def main_scores(line: Line) -> tuple[str, str]:
    """Return the keys of the two distances, the more reliable first: KID if there are too few images for FID."""
    return ("kid", "fid") if caution(line) else ("fid", "kid")


def made_from(line: Line) -> str:
    """Return how the figures of a line were made, as text: draws, images, seed, weights, real images, features."""
    changed = f"; pictures {line['altered']}" if line.get("altered") else ""
    seed = "" if number(line, "seed") is None else f" with seed {line['seed']}"
    return (
        f"{words.count(line['draws'], 'draw')} of {words.count(line['images'], 'image')}{seed}, {line['weights']} weights, against "
        f"{words.count(line['real_images'], 'real one')} from {line['data']}; features: {line['extractor']}{changed}"
    )


def number(line: Line, key: str) -> float | None:
    """Return a number of a line, or None if it is missing (as in lines of earlier versions) or not finite."""
    value = line.get(key)
    try:
        found = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    except OverflowError:  # an integer too large for a float
        return None
    return found if math.isfinite(found) else None


def is_whole(line: Line) -> bool:
    """Return whether a line has every key that tables need; lines of other versions may not."""
    numbers = ("fid", "floor_fid", "images", "real_images", "draws", *(() if line.get("conditions") else ("step", "epoch")))
    texts = ("extractor", "extractor_id", "source", "data", "weights")
    return all(number(line, key) is not None for key in numbers) and all(isinstance(line.get(key), str) for key in texts)


def describe(line: Line) -> str:
    """Return a line as one line of text for the command line."""
    modes, high_quality = number(line, "modes"), number(line, "high_quality")
    found = f"IS {figure(line['inception_score'], line['inception_score_spread'])}"
    if modes is not None and high_quality is not None:
        found = f"{figure(modes, line['modes_spread'])} of {line['modes_expected']} modes, "
        found += f"{percent(high_quality)} of high quality"
    floor = f"floor {figure(line['floor_fid'], None)}"
    distances = {"fid": f"{label(line)} {figure(line['fid'], line['fid_spread'])} ({floor})"}
    if (kid := number(line, "kid")) is not None:
        distances["kid"] = f"KID {figure(kid, number(line, 'kid_spread'))}"
    first = ", ".join(distances[name] for name in main_scores(line) if name in distances)
    text = ", ".join([first, found, made_from(line), *([] if line["step"] is None else [f"step {line['step']}"])])
    return f"{text}. {care}" if (care := caution(line)) else text


def is_inception(line: Line) -> bool:
    """Return whether a line was measured on features of the standard Inception network."""
    return str(line.get("extractor_id", "")).startswith(INCEPTION)


def noun(line: Line) -> str:
    """Return what was scored: "images", or "points" in the plane, whose features are their coordinates."""
    return "points" if str(line.get("extractor_id", "")).startswith(_COORDINATES) else "images"
