"""The columns of the logged lines of a run (``metrics.jsonl``), with their titles."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """Names of one logged figure: ``title`` by itself, ``short`` in a chart of its ``quantity``."""

    title: str
    short: str
    quantity: str


#: Key in a logged line → its names.
COLUMNS = {
    "step": Column("step", "step", "step"),
    "epoch": Column("epoch", "epoch", "epoch"),
    "images_seen": Column("images seen", "images seen", "images"),
    "seconds": Column("training time (s)", "training time", "time"),
    "images_per_second": Column("images per second", "images per second", "speed"),
    "generator_loss": Column("generator loss", "generator", "loss"),
    "discriminator_loss": Column("discriminator loss", "discriminator", "loss"),
    "d_real": Column("D(real)", "D(real)", "output"),
    "d_fake": Column("D(fake)", "D(fake)", "output"),
    "penalty": Column("penalty", "penalty", "penalty"),
    "generator_grad_norm": Column("generator gradient", "generator", "gradient norm"),
    "discriminator_grad_norm": Column("discriminator gradient", "discriminator", "gradient norm"),
}


def named(*keys: str) -> dict[str, str]:
    """Return short name → key for some columns, in this order."""
    return {COLUMNS[key].short: key for key in keys}
