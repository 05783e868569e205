"""Wording for pages: states, progress, messages and Markdown escaping; re-exports the shared helpers from ``gan.words``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gan import config as configs
from gan import words
from gan.access import people
from gan.execution import ahead, holds
from gan.places import without_folders
from gan.runs import Status
from gan.runs.names import names, on_one_line, short, without_seed
from gan.sweeps.progress import ENDED
from gan.words import count, duration, lowered, megabytes, number, signed, threads

__all__ = [
    "STATES",
    "count",
    "duration",
    "escape",
    "lowered",
    "megabytes",
    "message",
    "names",
    "number",
    "on_one_line",
    "plain",
    "progress",
    "share_done",
    "short",
    "signed",
    "threads",
    "titled",
    "waiting",
    "width_of",
    "without_seed",
]

#: State → (label, icon, colour of the badge).
STATES: dict[str, tuple[str, str, str]] = {
    "queued": ("waiting", ":material/hourglass_empty:", "gray"),
    "starting": ("starting", ":material/rocket_launch:", "blue"),
    "running": ("training", ":material/play_arrow:", "blue"),
    "stopped": ("stopped", ":material/stop:", "orange"),
    "finished": ("finished", ":material/check:", "green"),
    "diverged": ("diverged", ":material/trending_up:", "red"),
    "failed": ("failed", ":material/error:", "red"),
    "interrupted": ("interrupted", ":material/power_off:", "orange"),
}


_LETTER, _LONGEST = 8, 40  # pixels of a letter in a table, and letters of the widest column of names
_KEY = rf"(?:{'|'.join(configs.setting_groups())})\.\w+"
_QUOTED_OR_BARE = re.compile(rf"“({_KEY})”|\b({_KEY})")


def titled(text: str) -> str:
    """Return a message with settings called as on the form: “Batch size” for optimizer.batch_size."""
    return _QUOTED_OR_BARE.sub(_title, text)


def _title(found: re.Match[str]) -> str:
    key = found[1] or found[2]
    return found[0] if (title := configs.title(key)) == key else f"“{title}”"


def message(told: object) -> str:
    """Return an error, or a message from a file, as Markdown: settings by their titles, all other text literally."""
    return escape(plain(told))


def plain(told: object) -> str:
    """Return an error, or a message from a file, as text: settings by their titles, and no folders of the server for students."""
    sentence = titled(str(told))
    return sentence if people.current().is_teacher else without_folders(sentence)


def escape(text: str) -> str:
    """Escape free text so that Markdown shows it literally."""
    return words.escape(text, is_block=True)


def width_of(names: Iterable[str]) -> int:
    """Return the pixels of a table column of names that cuts none of up to 40 letters."""
    return min(_LONGEST, max(map(len, names), default=0)) * _LETTER + 24


def progress(status: Status) -> tuple[float, list[str]]:
    """Return the progress of a run: a share from 0 to 1, and the parts of the text under the bar; the steps are the first."""
    share = min(1.0, status.step / status.total_steps) if status.total_steps else 0.0
    is_whole = status.state == "finished" and status.step == status.total_steps
    steps = f"{status.step:,} steps" if is_whole else f"Step {status.step:,} of {status.total_steps:,}"
    parts = [steps, f"epoch {status.epoch:.1f}"]
    if status.state == "running" and status.images_per_second:
        parts.append(f"{status.images_per_second:,.0f} images/s")
        if status.seconds_left is not None:
            parts.append(f"{duration(status.seconds_left)} left")
    elif status.seconds:
        parts.append(duration(status.seconds) if status.state == "finished" else f"{duration(status.seconds)} of training")
    return share, parts


def share_done(status: Status) -> float:
    """Return the share of a run's steps that are done, from 0 to 1; all of them if it has ended, however it did."""
    return 1.0 if status.state in ENDED else progress(status)[0]


def waiting(reason: str) -> str:
    """Return why a run waits as a sentence, given one of :func:`gan.execution.ahead.reasons`; empty if it just began or ended."""
    held = {
        holds.PAUSED: "Waiting: its sweep is paused.",
        holds.NO_ROOM: "Waiting for disk space.",
        ahead.AT_LIMIT: "Waiting until another run of the same student ends: the limit of trainings at once is reached.",
    }
    if reason.endswith("."):  # what an engine says
        return message(reason)
    return held.get(reason, f"Waiting for free cores: {reason}." if reason else "Waiting for free cores.")
