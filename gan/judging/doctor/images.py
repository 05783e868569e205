"""Verdicts on generated images, from one line of scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gan import words
from gan.judging import lines
from gan.judging.doctor.verdict import IMPRECISE, UNCOVERED, Line, Verdict, is_below, with_floor
from gan.words import only, percent

TOTAL = 0.5  # excess share of near duplicates over real images: mode collapse
SOME = 0.1  # the same: near duplicates

GOOD = 0.8  # of the floor's precision; at or above, images of a partial collapse are called good
NOISY = 0.5  # of the real images' MS-SSIM; below, images are more varied than real ones and have not collapsed
OFF_MODES = 0.7  # of the floor's share of high quality; below: points between the modes
FOUND = 0.98  # of the modes found by real points; if there are few modes, all of them
SHIFT = 0.8  # standard deviations (Cohen's d, "large"): too dark, too bright, washed out, colours
LEAST = {"brightness": 10.0, "contrast": 5.0, "saturation": 0.05}  # smallest visible shift, each in its own unit
CHECKERED = 2.0  # times the neighbouring power, and times the value of real images: a checkerboard pattern
MEMORISED = 0.25  # share of images nearer to a training image than 5 % of real ones are: memorisation,
SOURCES = 10.0  # if they are copies of this many different training images
LIKE = 0.6  # and their pixels correlate with those of the nearest training images by this much (not for points)


def judge_sameness(line: Line) -> Iterator[Verdict]:
    """Judge near duplicates: more than among real images."""
    pair = with_floor(line, "duplicates", "real_duplicates")
    if pair is None or pair[0] < pair[1] + SOME:
        return
    (share, usual), noun = pair, lines.noun(line)
    is_total = share >= usual + TOTAL
    limit = usual + (TOTAL if is_total else SOME)
    name, title, start = (
        ("collapse", "Mode collapse", f"Nearly all {noun} look the same")
        if is_total
        else ("duplicates", "Near duplicates", f"Many {noun} are repeated")
    )
    yield Verdict(
        name,
        title,
        f"{start}: {percent(share)} are near duplicates of another {noun[:-1]} (real {noun}: {percent(usual)}; a fault from "
        f"{percent(min(limit, 1))}){_support(line)}.",
        measured=share,
        threshold=limit,
        evidence="duplicates",
    )


def _support(line: Line) -> str:
    """Return the estimated number of different images as a clause; empty if it exceeds the number examined."""
    support, images = lines.number(line, "support"), lines.number(line, "images")
    if support is None or (images is not None and support > images):
        return ""
    return ", as if there were only " + (
        f"one {lines.noun(line)[:-1]}" if support < 1.5 else f"about {support:,.0f} different ones"
    )


def judge_reach(line: Line, *, has_collapsed: bool) -> Iterator[Verdict]:
    """Judge precision, coverage and recall; for points with known modes also the share of high quality.

    Coverage is low for two reasons. If the images are all alike, they reach few real ones and recall is low too. If they are poor,
    they are at least as varied as real ones, as noise is.
    """
    on_modes, noun = with_floor(line, "high_quality"), lines.noun(line)
    if on_modes and on_modes[0] < OFF_MODES * on_modes[1]:
        share, usual = on_modes
        yield Verdict(
            "off-modes",
            "Between the modes",
            f"{only(share)} of the points lie at a mode (real points: {percent(usual)}; a fault below "
            f"{percent(OFF_MODES * usual)}).",
            measured=share,
            threshold=OFF_MODES * usual,
            evidence="modes",
        )
    precise, covering = with_floor(line, "precision"), with_floor(line, "coverage")
    if precise and precise[0] < IMPRECISE * precise[1]:
        if on_modes is None:
            limit = IMPRECISE * precise[1]
            yield Verdict(
                "imprecise",
                f"Unlike real {noun}",
                f"{only(precise[0])} of the {noun} lie among the real ones (other real {noun}: {percent(precise[1])}; a fault "
                f"below {percent(limit)}).",
                measured=precise[0],
                threshold=limit,
                evidence="neighbours",
            )
        return
    if has_collapsed or not covering or covering[0] >= UNCOVERED * covering[1]:
        return
    limit = UNCOVERED * covering[1]
    covered = (
        f"they cover {percent(covering[0])} of the real {noun} (other real {noun} cover {percent(covering[1])}; a fault below "
        f"{percent(limit)})"
    )
    if is_below(line, "recall", UNCOVERED) and not is_below(line, "ms_ssim", NOISY, "real_ms_ssim"):
        start = f"The {noun} are good but miss much of the data" if _are_good(line) else f"The {noun} miss much of the data"
        yield Verdict(
            "partial-collapse",
            "Partial mode collapse",
            f"{start}: {covered}.",
            measured=covering[0],
            threshold=limit,
            evidence="neighbours",
        )
    elif on_modes is None:
        yield Verdict(
            "imprecise",
            f"Unlike real {noun}",
            f"The {noun} are varied, but few resemble real ones: {covered}.",
            measured=covering[0],
            threshold=limit,
            evidence="neighbours",
        )


def _are_good(line: Line) -> bool:
    """Return whether images are good: among the real ones for features that can tell, and like them in brightness and contrast."""
    accuracy = lines.number(line, "extractor_accuracy")
    if is_below(line, "precision", GOOD) or (accuracy is not None and accuracy < lines.TRUSTED):
        return False
    return lines.noun(line) == "points" or (bool(line.get("looks")) and not any(judge_looks(line)))


def judge_gaps(line: Line, classes: Sequence[str]) -> Iterator[Verdict]:
    """Judge classes: those that are hardly ever drawn."""
    missing, counts = lines.missing_classes(line, classes), line.get("class_counts")
    if not isinstance(counts, list) or not 0 < len(missing) < len(counts):
        return
    if lines.is_inception(line):  # earlier versions counted Inception's own classes (ImageNet)
        return
    names = [classes[index] if index < len(classes) else str(index) for index in missing]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    yield Verdict(
        "missing-classes",
        "Missing classes",
        f"{'Some classes have' if len(names) > 1 else 'One class has'} less than a tenth of the share in the real images: {shown}.",
        measured=len(missing),
        threshold=1,
        evidence="classes",
    )


def judge_modes(line: Line) -> Iterator[Verdict]:
    """Judge known modes: those without a point that real points do find."""
    pair = with_floor(line, "modes")
    if pair is None:
        return
    found, floor = pair
    limit = min(FOUND * floor, floor - 0.5)
    if found < limit:
        yield Verdict(
            "missing-modes",
            "Missing modes",
            f"Some modes are missing: the points reach {found:.3g} modes (real points: {floor:.3g}; a fault below {limit:.3g}).",
            measured=found,
            threshold=limit,
            evidence="modes",
        )


def judge_copies(line: Line) -> Iterator[Verdict]:
    """Judge copies of training images: more than real images explain, of several training images, and alike in their pixels.

    A short distance between features alone proves nothing: a flat image may be near a training image that it does not resemble.
    """
    share, ratio = lines.number(line, "memorised"), lines.number(line, "memorised_ratio")
    if share is None or share < MEMORISED or not _may_be_copies(line):
        return
    noun = lines.noun(line)
    far = f"; the median distance to training {noun} is {ratio:.2f} times the usual one" if ratio is not None else ""
    if (alike := lines.number(line, "memorised_likeness")) is not None:
        far += f", the median correlation of their pixels {alike:.2f}"
    yield Verdict(
        "memorisation",
        "Memorisation",
        f"{percent(share)} of the {noun} are nearer to a training {noun[:-1]} than 95 % of other real {noun} are (usual: 5 %; a "
        f"fault from {percent(MEMORISED)}){far}.",
        measured=share,
        threshold=MEMORISED,
        evidence="nearest",
    )


def _may_be_copies(line: Line) -> bool:
    """Return whether the images near training images are copies of several, and resemble them.

    Earlier versions did not measure this; their images count as copies unless they are flat or all alike.
    """
    sources, alike = lines.number(line, "memorised_sources"), lines.number(line, "memorised_likeness")
    if sources is None:
        faults = {verdict.name for verdict in (*judge_sameness(line), *judge_looks(line))}
        return not faults & {"collapse", "washed-out"}
    return sources >= SOURCES and (lines.noun(line) == "points" or (alike is not None and alike >= LIKE))


#: Look and direction → name and title of the verdict, and the comparative for its sentence.
LOOKS = {
    ("brightness", -1): ("dark", "Too dark", "darker"),
    ("brightness", 1): ("bright", "Too bright", "brighter"),
    ("contrast", -1): ("washed-out", "Washed out", "lower in contrast"),
    ("contrast", 1): ("harsh", "Too harsh", "higher in contrast"),
    ("saturation", -1): ("pale", "Pale colours", "paler"),
    ("saturation", 1): ("gaudy", "Gaudy colours", "more colourful"),
}


def judge_looks(line: Line) -> Iterator[Verdict]:
    """Judge brightness, contrast and saturation: a visible shift of the mean, large compared with the spread."""
    looks = line.get("looks")
    for name, least in LEAST.items():
        found = looks.get(name) if isinstance(looks, Mapping) else None
        if not isinstance(found, Mapping):
            continue
        real, fake, effect = (lines.number(found, key) for key in ("real_mean", "fake_mean", "effect"))
        if real is None or fake is None or abs(fake - real) < least:
            continue
        if effect is not None and abs(effect) < SHIFT:
            continue
        kind, title, word = LOOKS[name, 1 if fake > real else -1]
        far = f"{abs(effect):.1f} standard deviations" if effect is not None else "the same amount in every image"
        yield Verdict(
            kind,
            title,
            f"The images are {word} than the real ones: mean {name} {words.number(fake)} instead of {words.number(real)}, off by "
            f"{far} (a fault from {SHIFT} standard deviations).",
            measured=None if effect is None else abs(effect),
            threshold=SHIFT,
            evidence=name,
        )


def judge_texture(line: Line) -> Iterator[Verdict]:
    """Judge texture: a checkerboard pattern, stronger than in real images."""
    pair = with_floor(line, "checkerboard", "real_checkerboard")
    if pair is None:
        return
    found, usual = pair
    limit = CHECKERED * max(1.0, usual)
    if found >= limit:
        yield Verdict(
            "checkerboard",
            "Checkerboard pattern",
            f"The images have a pattern that repeats every 2 or 4 pixels, {found:.1f} times as strong as neighbouring frequencies "
            f"(real images: {usual:.1f}; a fault from {limit:.1f}).",
            measured=found,
            threshold=limit,
            evidence="samples",
        )
