"""What fields of settings are made of: lengths, options with help, immutable sections."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

LONGEST = 100_000_000  # steps or epochs


def option(default: Any, title: str, help: str, *, unit: str = "", code: str = "", **bounds: Any) -> Any:
    """Return a pydantic field with the title, help text, unit and bounds that a form shows.

    ``code``: how names of runs tell its value, e.g. "z {}"; by default the title in lower case and the value.
    """
    return Field(default=default, title=title, description=help, json_schema_extra={"unit": unit, "code": code}, **bounds)


class Span(BaseModel):
    """A length of training in steps or epochs, written "500 steps" or "10 epochs"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=0, le=LONGEST)
    unit: Literal["steps", "epochs"] = "steps"

    @model_validator(mode="before")
    @classmethod
    def parse(cls, value: Any) -> Any:
        """Accept "10 epochs", "500 steps", "500" and 500 (steps) as well as the two fields themselves."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"count": value, "unit": "steps"}
        if isinstance(value, str):
            words = value.split()
            unit = {"epoch": "epochs", "step": "steps"}.get(words[1], words[1]) if len(words) == 2 else "steps"
            if len(words) not in (1, 2) or not words[0].isascii() or not words[0].isdigit():
                raise ValueError("expected something like “10 epochs” or “500 steps”")
            if unit not in ("steps", "epochs"):
                raise ValueError("expected something like “10 epochs” or “500 steps”")
            return {"count": int(words[0].lstrip("0")[:12] or 0), "unit": unit}
        return value

    @model_serializer
    def write(self) -> str:
        """Return the text form that :meth:`parse` reads back."""
        return str(self)

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if self.count == 1 else self.unit
        return f"{self.count} {unit}"

    def in_steps(self, steps_per_epoch: int) -> int:
        """Return the length in generator steps, for a data set of ``steps_per_epoch`` batches."""
        return self.count * (steps_per_epoch if self.unit == "epochs" else 1)


class Section(BaseModel):
    """A group of settings: immutable, without infinite values, NaN or unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


def split(value: Any) -> Any:
    """Return a list for a comma-separated text or a tuple; return anything else unchanged."""
    parts = (value.split(",") if value.strip() else []) if isinstance(value, str) else value
    return [part.strip() if isinstance(part, str) else part for part in parts] if isinstance(parts, (list, tuple)) else value


def in_order(value: Any, known: tuple[str, ...]) -> Any:
    """Return known names without repetition and in their usual order, so that equal choices compare equal.

    Anything else is returned unchanged.
    """
    is_known = isinstance(value, list) and all(isinstance(part, str) and part in known for part in value)
    return [name for name in known if name in value] if is_known else value
