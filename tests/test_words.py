"""Text formatting shared by pages, reports and the command line."""

from __future__ import annotations

import math

import pytest

from gan import words


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (9.0735, 0.1823, "9.07 ± 0.18"),
        (175.23, 0.028, "175.23 ± 0.03"),
        (0.0213, 0.0021, "0.0213 ± 0.0021"),
        (628.97, 12.3, "629 ± 12"),
        (592.4, 5.31, "592 ± 5"),
        (88.91, 0.41, "88.9 ± 0.4"),
        (1.000168, 0.000023, "1.00 ± 0.00"),
        (1628.97, 0.97, "1,629.0 ± 1.0"),
        (9.5, math.nan, "9.5"),
        (9.5, None, "9.5"),
        (math.nan, 0.1, "–"),
        (None, None, "–"),
        (1.0, 0.0, "1 ± 0"),
        (2420559.0, 0.0, "2,420,559 ± 0"),
        (-0.157, None, "−0.157"),
        (-0.157, 0.02, "−0.157 ± 0.020"),
        (-7124.9, None, "−7,125"),
        (999_000_000.0, None, "999,000,000"),
        (-7217083729313792.0, None, "−7.22·10¹⁵"),
        (1e300, None, "1.00·10³⁰⁰"),
    ],
)
def test_figures_are_rounded_to_their_spread(value: float | None, spread: float | None, text: str) -> None:
    assert words.figure(value, spread) == text
    assert words.figure(value and value / 100, spread and spread / 100, is_share=True) == text


def test_threads_of_several_processes_are_those_of_each() -> None:
    assert words.threads(1) == "1 thread"
    assert words.threads(4, 2) == "2 processes with 4 threads each"
