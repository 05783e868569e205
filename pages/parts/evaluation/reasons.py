"""Explanations of a score: sentences, classes and distributions from one line of scores; no streamlit."""

from __future__ import annotations

from collections.abc import Collection

from gan import words
from gan.judging import comparison, doctor, lines
from gan.judging.comparison import classes, looks
from gan.judging.lines import number
from gan.words import only, percent

__all__ = ["classes", "looks", "reasons"]

Line = lines.Line

_MOST_NAMED = 12  # classes listed in a sentence

_LOW = 0.8  # fraction of the real images' score below which a sentence is due
_ALIKE = 0.05  # excess over real images worth a sentence: share of duplicates, or MS-SSIM
_SMALL = 0.2  # standard deviations: a small effect by the usual rule of thumb (Cohen 1988)

#: Look → wording for more and for less of it.
_WORDS = {
    "brightness": ("Brighter than the real images", "Darker than the real images"),
    "contrast": ("More contrast than the real images", "Less contrast than the real images"),
    "saturation": ("More saturated than the real images", "Less saturated than the real images"),
}


def reasons(line: Line, verdicts: Collection[str] = ()) -> list[str]:
    """Return one plain-text sentence per notable difference between a run's figures and the real images.

    Differences already covered by ``verdicts`` (names of the doctor's verdicts) are left out, and all of them while a run is not
    trained yet.
    """
    said = set(verdicts)
    if doctor.UNTRAINED in said:
        return []
    told = [*_about_variety(line, said), *_about_neighbours(line, said), *_about_classes(line, said), *_about_looks(line, said)]
    if told or (said and doctor.is_examined(line)):
        return told
    if doctor.is_examined(line):
        return ["Nothing stands out: all figures are close to the real images."]
    return ["These scores come from an earlier version that measured only FID and IS; score again for an explanation."]


def _about_variety(line: Line, said: set[str]) -> list[str]:
    told = []
    share, usual = number(line, "duplicates"), number(line, "real_duplicates") or 0.0
    if share is not None and share > usual + _ALIKE and not said & {"collapse", "duplicates"}:
        support = number(line, "support")
        held = f"; about {support:,.0f} different images" if support else ""
        told.append(f"{percent(share)} of the images are near duplicates of another (real images: {percent(usual)}){held}.")
    alike, real = number(line, "ms_ssim"), number(line, "real_ms_ssim")
    if alike is not None and real is not None and alike > real + _ALIKE:
        told.append(f"Images resemble one another more than real ones do: MS-SSIM {alike:.2f} instead of {real:.2f}.")
    return told


def _about_neighbours(line: Line, said: set[str]) -> list[str]:
    told = []
    precision, usual = number(line, "precision"), number(line, "floor_precision")
    if precision is not None and usual is not None and precision < _LOW * usual and "imprecise" not in said:
        told.append(
            f"{only(precision)} of the images lie among the real ones (real images: {percent(usual)}): many do not look right."
        )
    recall, usual = number(line, "recall"), number(line, "floor_recall")
    if recall is not None and usual is not None and recall < _LOW * usual:
        told.append(
            f"{only(recall)} of the real images lie among the generated ones (real images: {percent(usual)}): "
            "much of the data is never drawn."
        )
    return told


def _about_classes(line: Line, said: set[str]) -> list[str]:
    if "missing-classes" in said:
        return []
    covered, due = number(line, "classes_covered"), comparison.expected(line)
    found, missing = classes(line), comparison.missing_classes(line)
    if found and found.missing:
        names = [found.names[one] for one in found.missing]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        noun = "This class is" if len(names) == 1 else "These classes are"
        return [f"{noun} missing or almost missing: {', '.join(names[:_MOST_NAMED])}{more}."]
    if covered is not None and due and covered < due - 0.5 and missing:  # a smaller gap may be chance: gan.scoring.metrics.classes
        return [f"Only {covered:,.0f} of {due:,} classes reach a tenth of their share in the real images."]
    return []


def _about_looks(line: Line, said: set[str]) -> list[str]:
    told = []
    for name, (more, less) in _WORDS.items():
        if said & {doctor.LOOKS[name, way][0] for way in (-1, 1)}:
            continue
        part = comparison.look(line, name)
        fake, real = number(part, "fake_mean"), number(part, "real_mean")
        if fake is None or real is None or fake == real:
            continue
        effect = number(part, "effect")
        word = more if fake > real else less
        if effect is None:  # no variation on either side
            told.append(f"{word}: {words.number(fake)} on average instead of {words.number(real)}.")
        elif abs(effect) >= _SMALL:
            told.append(f"{word} by {abs(effect):.1f} standard deviations.")
    return told
