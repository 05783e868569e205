"""What the answers of a quiz amount to: persons, a class and the discriminator at each moment, in numbers and in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gan.quiz import roc
from gan.quiz.questions import Quiz
from gan.quiz.roc import Interval
from gan.words import count, percent

Answers = Mapping[int, bool]  # place of a picture → whether it was called real


@dataclass(frozen=True)
class Point:
    """Answers of one person or more: ``hits`` of ``reals`` pictures, ``alarms`` of ``fakes``; one number a person, in one order."""

    hits: tuple[int, ...]
    reals: tuple[int, ...]
    alarms: tuple[int, ...]
    fakes: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether both kinds of pictures were answered, so that there is a point in ROC space."""
        return sum(self.reals) > 0 and sum(self.fakes) > 0

    @property
    def answered(self) -> int:
        """Number of answers."""
        return sum(self.reals) + sum(self.fakes)

    @property
    def right(self) -> int:
        """Number of right answers."""
        return sum(self.hits) + sum(self.fakes) - sum(self.alarms)

    @property
    def hit_rate(self) -> float:
        """Share of the real pictures that were called real."""
        return sum(self.hits) / sum(self.reals)

    @property
    def alarm_rate(self) -> float:
        """Share of the generated pictures that were called real."""
        return sum(self.alarms) / sum(self.fakes)

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return self.right / self.answered

    def hit_interval(self) -> Interval:
        """Return the 95 % interval of the hit rate; see :func:`gan.quiz.roc.clustered`."""
        return roc.clustered(self.hits, self.reals)

    def alarm_interval(self) -> Interval:
        """Return the 95 % interval of the false-alarm rate."""
        return roc.clustered(self.alarms, self.fakes)

    def interval(self) -> Interval:
        """Return the 95 % interval of the accuracy."""
        right = [hit + fakes - alarms for hit, fakes, alarms in zip(self.hits, self.fakes, self.alarms, strict=True)]
        return roc.clustered(right, [reals + fakes for reals, fakes in zip(self.reals, self.fakes, strict=True)])


@dataclass(frozen=True)
class Rival:
    """The discriminator at one step: its ROC curve on the images of the grids, and its accuracy if it calls half of them real."""

    reals: int
    fakes: int
    alarms: tuple[float, ...]
    hits: tuple[float, ...]
    area: float
    accuracy: float

    def area_interval(self) -> Interval:
        """Return the 95 % interval of the area under the curve."""
        return roc.area_interval(self.area, self.reals, self.fakes)

    def interval(self) -> Interval:
        """Return the 95 % interval of the accuracy (Wilson)."""
        total = self.reals + self.fakes
        return roc.wilson(self.accuracy * total, total)


def point(quiz: Quiz, answers: Iterable[Answers], step: int | None = None) -> Point:
    """Return the answers of one person or more at a moment, or at all moments together; persons without answers are left out."""
    places = range(len(quiz.pictures)) if step is None else quiz.places(step)
    rows = []
    for one in answers:
        said = [(quiz.pictures[place].is_real, one[place]) for place in places if place in one]
        real, fake = ([is_called for is_real, is_called in said if is_real == kind] for kind in (True, False))
        if said:
            rows.append((sum(real), len(real), sum(fake), len(fake)))
    columns = list(zip(*rows, strict=True)) or [()] * 4
    return Point(*columns)


def rival(quiz: Quiz, step: int) -> Rival | None:
    """Return the discriminator at a moment; None if its opinions are unknown or no finite numbers."""
    found = quiz.opinions.get(step)
    if found is None:
        return None
    real, fake = ([one for one in values[:: quiz.packing] if one is not None] for values in (found.real, found.fake))
    if not real or not fake:
        return None
    alarms, hits = roc.curve(real, fake)
    return Rival(len(real), len(fake), tuple(alarms), tuple(hits), roc.area(real, fake), roc.upper_half(real, fake))


def tell(found: Point, who: str = "You") -> str:
    """Return one sentence on how well pictures were told apart; ``who`` is its subject, with the verb "tell" after "You"."""
    low, high = found.interval()
    is_you = who == "You"
    if low > 0.5:
        verdict = f"{who} {'tell' if is_you else 'tells'} them apart better than by guessing"
    elif high < 0.5:
        verdict = f"{who} {'take' if is_you else 'takes'} generated pictures for real more often than real ones"
    else:
        verdict = f"{who} {'are' if is_you else 'is'} not clearly better than guessing"
    return (
        f"{verdict}: {found.right:,} of {found.answered:,} right ({percent(found.accuracy)}, 95 % interval {spoken((low, high))})."
    )


def tell_rival(found: Rival, step: int) -> str:
    """Return one sentence on how well the discriminator tells the pictures apart at a step."""
    pair = f"of a real and a generated picture, it finds the real one more convincing {percent(found.area)} of the time"
    low, high = found.area_interval()
    return f"The discriminator at step {step:,}: AUC {found.area:.2f} (95 % interval {low:.2f} to {high:.2f}); {pair}."


def compare(found: Point, other: Rival, who: str = "You") -> str:
    """Return one sentence on who does better; a difference counts if the whole interval lies above or below the curve."""
    (low, high), (few, many) = found.hit_interval(), found.alarm_interval()
    is_you = who == "You"
    at = roc.height(other.alarms, other.hits, found.alarm_rate)
    rates = f"with as many false alarms ({percent(found.alarm_rate)}), it would take {percent(at)} of the real pictures for real"
    own = f"{'you took' if is_you else 'the class took'} {percent(found.hit_rate)}"
    if roc.height(other.alarms, other.hits, few) > high:
        return f"The discriminator does better than {'you' if is_you else 'the class'}: {rates}, {own}."
    if roc.height(other.alarms, other.hits, many) < low:
        return f"{who} {'do' if is_you else 'does'} better than the discriminator: {rates}, {own}."
    return f"Too few answers to say who does better: {rates}, {own}."


def tell_alone(quiz: Quiz) -> str:
    """Return a sentence if the discriminator's opinions are unknown at all moments or some; else nothing."""
    missing = [step for step in quiz.steps if rival(quiz, step) is None]
    if not missing:
        return ""
    where = "" if len(missing) == len(quiz.steps) else f" at {count(len(missing), 'moment')}"
    return f"The discriminator's opinions were not stored{where}, as in runs of earlier versions; its curve is missing there."


def shares_right(quiz: Quiz, answers: Sequence[Answers]) -> list[tuple[int, int]]:
    """Return for each picture, by place, how many of its answers were right, and how many answers it has."""
    said = [[one[place] for one in answers if place in one] for place in range(len(quiz.pictures))]
    return [
        (sum(value == picture.is_real for value in found), len(found)) for picture, found in zip(quiz.pictures, said, strict=True)
    ]


def spoken(interval: Interval) -> str:
    """Return an interval of shares as text, in whole per cent."""
    return f"{100 * interval[0]:.0f} % to {100 * interval[1]:.0f} %"
