"""Verdicts on generated images, from one line of scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gan import words
from gan.judging import lines
from gan.judging.doctor.verdict import IMPRECISE, UNCOVERED, Line, Verdict, is_below, with_floor
from gan.words import only, percent

TOTAL = 0.5  # share of near duplicates above that of real images: total collapse
SOME = 0.1  # the same: near duplicates

GOOD = 0.8  # the same: images that are good but alike
NOISY = 0.5  # of the real images' MS-SSIM: images that differ more than real ones have not collapsed
OFF_MODES = 0.7  # of the floor's share of high quality: points between the modes
FOUND = 0.98  # of the modes that real points find; all where there are few
SHIFT = 0.8  # standard deviations (Cohen's d, "large"): too dark, too bright, washed out, colours
LEAST = {"brightness": 10.0, "contrast": 5.0, "saturation": 0.05}  # smallest shift that people see, in each one's own unit
CHECKERED = 2.0  # times the power beside it, and times that of real images: a checkerboard pattern
MEMORISED = 0.25  # share of images as near to a training image as 5 % of real ones are: memorisation


def judge_sameness(line: Line) -> Iterator[Verdict]:
    """Near duplicates, more than among real images."""
    pair = with_floor(line, "duplicates", "real_duplicates")
    if pair is None or pair[0] < pair[1] + SOME:
        return
    share, usual = pair
    is_total = share >= usual + TOTAL
    limit = usual + (TOTAL if is_total else SOME)
    name, title, start = (
        ("collapse", "Mode collapse", "The images are nearly all alike")
        if is_total
        else ("duplicates", "Near duplicates", "Many images come twice")
    )
    yield Verdict(
        name,
        title,
        f"{start}: {percent(share)} of the images are near duplicates of another one (of real images {percent(usual)}; a fault "
        f"from {percent(min(limit, 1))}){_support(line)}.",
        measured=share,
        threshold=limit,
        evidence="duplicates",
    )


def _support(line: Line) -> str:
    """Say how many different images there seem to be; nothing where they are more than were looked at."""
    support, images = lines.number(line, "support"), lines.number(line, "images")
    if support is None or (images is not None and support > images):
        return ""
    return ", as if there were only " + ("one image" if support < 1.5 else f"some {support:,.0f} different ones")


def judge_reach(line: Line, *, has_collapsed: bool) -> Iterator[Verdict]:
    """How many images lie among the real ones, and how many real ones lie among them.

    Few real images are near generated ones (coverage) where these are all alike, so that they spread over few real ones (recall),
    and where they are poor: then they are as varied as real ones, or more so, as noise is.
    """
    on_modes = with_floor(line, "high_quality")
    if on_modes and on_modes[0] < OFF_MODES * on_modes[1]:
        share, usual = on_modes
        yield Verdict(
            "off-modes",
            "Between the modes",
            f"{only(share)} of the points lie at a mode, where {percent(usual)} of the real ones do (a fault below "
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
                "Unlike real images",
                f"{only(precise[0])} of the images lie among the real ones, where {percent(precise[1])} of other real images do (a "
                f"fault below {percent(limit)}).",
                measured=precise[0],
                threshold=limit,
                evidence="neighbours",
            )
        return
    if has_collapsed or not covering or covering[0] >= UNCOVERED * covering[1]:
        return
    limit = UNCOVERED * covering[1]
    covered = (
        f"they cover {percent(covering[0])} of the real images, where other real images cover {percent(covering[1])} (a fault "
        f"below {percent(limit)})"
    )
    if is_below(line, "recall", UNCOVERED) and not is_below(line, "ms_ssim", NOISY, "real_ms_ssim"):
        start = "The images miss much of what there is"
        if not is_below(line, "precision", GOOD):
            start = "The images are good but miss much of what there is"
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
            "Unlike real images",
            f"The images differ enough from one another, but few are like real ones: {covered}.",
            measured=covering[0],
            threshold=limit,
            evidence="neighbours",
        )


def judge_gaps(line: Line, classes: Sequence[str]) -> Iterator[Verdict]:
    """Classes that are hardly drawn."""
    missing, counts = line.get("classes_missing"), line.get("class_counts")
    if not isinstance(missing, list) or not isinstance(counts, list) or not 0 < len(missing) < len(counts):
        return
    if lines.is_inception(line):  # earlier versions counted its classes, which are ImageNet's
        return
    names = [classes[index] if index < len(classes) else str(index) for index in missing]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    yield Verdict(
        "missing-classes",
        "Missing classes",
        f"Some classes are missing: {shown} {'have' if len(names) > 1 else 'has'} less than a tenth of the share that "
        "real images have.",
        measured=len(missing),
        threshold=1,
        evidence="classes",
    )


def judge_modes(line: Line) -> Iterator[Verdict]:
    """Known modes without a point, where real points find them."""
    pair = with_floor(line, "modes")
    if pair is None:
        return
    found, floor = pair
    limit = min(FOUND * floor, floor - 0.5)
    if found < limit:
        yield Verdict(
            "missing-modes",
            "Missing modes",
            f"Some modes are missing: points lie at {found:.3g} of them, where real points find {floor:.3g} (a fault below "
            f"{limit:.3g}).",
            measured=found,
            threshold=limit,
            evidence="modes",
        )


def judge_copies(line: Line) -> Iterator[Verdict]:
    share, ratio = lines.number(line, "memorised"), lines.number(line, "memorised_ratio")
    if share is None or share < MEMORISED:
        return
    far = f"; half of them are within {ratio:.2f} of the usual distance" if ratio is not None else ""
    yield Verdict(
        "memorisation",
        "Memorisation",
        f"{percent(share)} of the images are nearer to a training image than nearly all other real images are (5 % is usual, a "
        f"fault from {percent(MEMORISED)}){far}.",
        measured=share,
        threshold=MEMORISED,
        evidence="nearest",
    )


#: Look and direction → the verdict's name and title, and how images are called.
LOOKS = {
    ("brightness", -1): ("dark", "Too dark", "darker"),
    ("brightness", 1): ("bright", "Too bright", "brighter"),
    ("contrast", -1): ("washed-out", "Washed out", "weaker in contrast"),
    ("contrast", 1): ("harsh", "Too harsh", "stronger in contrast"),
    ("saturation", -1): ("pale", "Pale colours", "paler"),
    ("saturation", 1): ("gaudy", "Gaudy colours", "more colourful"),
}


def judge_looks(line: Line) -> Iterator[Verdict]:
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
        far = f"{abs(effect):.1f} standard deviations" if effect is not None else "all of them"
        yield Verdict(
            kind,
            title,
            f"The images are {word} than the real ones: {name} {words.number(fake)} instead of {words.number(real)}, {far} off (a "
            f"fault from {SHIFT}).",
            measured=None if effect is None else abs(effect),
            threshold=SHIFT,
            evidence=name,
        )


def judge_texture(line: Line) -> Iterator[Verdict]:
    pair = with_floor(line, "checkerboard", "real_checkerboard")
    if pair is None:
        return
    found, usual = pair
    limit = CHECKERED * max(1.0, usual)
    if found >= limit:
        yield Verdict(
            "checkerboard",
            "Checkerboard pattern",
            f"A pattern that repeats every 2 or 4 pixels lies over the images, {found:.1f} times as strong as what is beside it "
            f"in the spectrum (of real images {usual:.1f}, a fault from {limit:.1f}).",
            measured=found,
            threshold=limit,
            evidence="samples",
        )
