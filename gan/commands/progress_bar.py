"""Progress display: a bar on a terminal, an occasional line elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from gan.runs import Status


class ProgressBar:
    """A progress bar on a terminal, an occasional line elsewhere, nothing if quiet."""

    def __init__(self, is_quiet: bool) -> None:
        self._is_quiet, self._bar, self._said = is_quiet, None, ""

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def observe(self, status: Status, line: dict[str, Any] | None) -> None:
        """Show the progress of a training; an observer of the training loop."""
        if self._is_quiet or status.state != "running" or not status.total_steps:
            return
        bar = self._make(total=status.total_steps, unit="step", initial=status.step)
        bar.total = status.total_steps
        if line:
            bar.set_postfix_str(
                f"D {line['discriminator_loss']:.3f} G {line['generator_loss']:.3f} {line['images_per_second']:.0f} images/s",
                refresh=False,
            )
            bar.update(line["step"] - bar.n)

    def report(self, sentence: str, share: float) -> None:
        """Show the progress of any other work: a sentence and a share from 0 to 1."""
        if self._is_quiet:
            return
        bar = self._make(total=100, unit="%", initial=0)
        bar.set_description_str(sentence, refresh=False)
        bar.update(round(share * 100) - bar.n)

    def _make(self, total: int, unit: str, initial: int) -> Any:
        if self._bar is None:
            from tqdm import tqdm

            interval = 0.2 if sys.stderr.isatty() else 10.0
            self._bar = tqdm(total=total, unit=unit, initial=initial, mininterval=interval, dynamic_ncols=True)
        return self._bar
