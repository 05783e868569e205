"""Layers of both networks as tables, and their size and memory in words; independent of Streamlit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pages.parts import words

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["Layer", "Output", "Parameters", "Multiply-adds"]


def table(player: dict[str, Any]) -> pd.DataFrame:
    """Return the layers of a player from ``gan.execution.speeds.find_layers`` as a table, in forward order.

    Numbers are text, so that zeros can be left blank; the table is not meant to be sorted.
    """
    import pandas as pd  # Train is drawn without it

    rows = [
        (layer["name"], _shape(layer["shape"]), _amount(layer["parameters"]), _amount(layer["multiply_adds"]))
        for layer in player["layers"]
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def describe(player: dict[str, Any]) -> str:
    """Return the totals of a player in one line."""
    return f"{short(player['parameters'])} parameters · {short(player['multiply_adds'])} multiply-adds per image"


def describe_memory(report: dict[str, Any]) -> str:
    """Describe the memory needed for training and its main parts."""
    parts = [report[player]["memory"] for player in ("generator", "discriminator")]
    kept = sum(part["activations"] for part in parts)
    weights = sum(part["total"] for part in parts) - kept
    return (
        f"Training with a batch size of {report['batch_size']:,} takes about **{words.megabytes(report['memory'])}** for both "
        f"networks: {words.megabytes(weights)} for weights, gradients, optimiser state and averaged weights; "
        f"{words.megabytes(kept)} for layer outputs, which grow with the batch size. The program itself needs additional memory."
    )


def short(number: int) -> str:
    """Return a number in short form, e.g. "1.2 million"."""
    for factor, word in ((10**9, "billion"), (10**6, "million")):
        if number >= factor:
            return f"{words.number(number / factor)} {word}"
    return f"{number:,}"


def _shape(lengths: list[int]) -> str:
    """Return an output shape as text without line breaks."""
    return "\u202f×\u202f".join(map(str, lengths))


def _amount(number: int) -> str:
    return f"{number:,}" if number else ""
