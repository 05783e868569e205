"""Where charts mark that settings were changed while a run trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan.runs import Run, changes

#: Position on the axis, and text.
Marks = Sequence[tuple[float, str]]


def by_step(run: Run) -> Marks:
    """Return the changes of a run by step: its own, and those of the run that it continues."""
    origin = run.origin()
    before = changes.until(Run(run.root / origin.run), origin.step) if origin and origin.step else []
    return changes.marks([*before, *changes.applied(run)])


def by_images(run: Run, scored: Sequence[Mapping[str, Any]]) -> Marks:
    """Return the changes of a run by the images seen, which its lines of scores tell; ``scored`` in order of steps."""
    if not (made := changes.marks(changes.applied(run))):
        return []
    steps, images = ([0.0, *(float(line[key]) for line in scored)] for key in ("step", "images_seen"))
    return [(float(np.interp(step, steps, images)), text) for step, text in made]
