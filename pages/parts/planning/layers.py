"""The layers of both networks as tables, and what they weigh in words; no streamlit."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pages.parts import words

COLUMNS = ["Layer", "Output", "Parameters", "Multiply-adds"]


def table(player: dict[str, Any]) -> pd.DataFrame:
    """Return the layers of a player, as ``gan.execution.speeds.find_layers`` gives it, in the order in which data passes.

    Numbers are text: nothing stands where there is nothing to count, and the table is read, not sorted.
    """
    rows = [
        (layer["name"], _shape(layer["shape"]), _amount(layer["parameters"]), _amount(layer["multiply_adds"]))
        for layer in player["layers"]
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def describe(player: dict[str, Any]) -> str:
    """Return the sums of a player in one line."""
    return f"{short(player['parameters'])} parameters · {short(player['multiply_adds'])} multiply-adds an image"


def describe_memory(report: dict[str, Any]) -> str:
    """Return what a training takes in memory, and what most of that is, in plain words."""
    parts = [report[player]["memory"] for player in ("generator", "discriminator")]
    kept = sum(part["activations"] for part in parts)
    weights = sum(part["total"] for part in parts) - kept
    return (
        f"A training with batches of {report['batch_size']:,} takes some **{size(report['memory'])}** of memory for both: "
        f"{size(weights)} for the weights, their gradients, and what the optimiser and the average remember of them; "
        f"{size(kept)} for what the layers give out, which grows with the batch. The programs themselves come on top."
    )


def short(number: int) -> str:
    """Return a large number in words, e.g. "1.2 million"."""
    for factor, word in ((10**9, "billion"), (10**6, "million")):
        if number >= factor:
            return f"{words.number(number / factor)} {word}"
    return f"{number:,}"


def size(number: int) -> str:
    """Return a number of bytes in megabytes, or in gigabytes from a thousand of these."""
    megabytes = number / 1e6
    return f"{megabytes / 1000:,.1f} GB" if megabytes >= 1000 else f"{max(1, round(megabytes)):,} MB"


def _shape(lengths: list[int]) -> str:
    """Return the shape of an output, which never breaks into two lines."""
    return "\u202f×\u202f".join(map(str, lengths))


def _amount(number: int) -> str:
    return f"{number:,}" if number else ""
