"""Describe unexpected errors of a training in one sentence."""

from __future__ import annotations

import torch

from gan.errors import explain_os_error


def describe(error: Exception) -> str:
    """Return one sentence for an unexpected error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError):
            return explain_os_error(error, "writing the run")
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return "The machine ran out of memory; choose a smaller batch, fewer filters or smaller images."
    return f"The training failed unexpectedly ({type(error).__name__}: {error}); the log has the details."
