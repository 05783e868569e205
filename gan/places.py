"""Where the program, its runs and its data lie: default folders and the environment variables that move them."""

from __future__ import annotations

import contextlib
import os
import re
from functools import lru_cache
from pathlib import Path

#: File systems that several hosts share, as Linux names them.
_SHARED = ("nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "afs")

PROJECT = Path(__file__).resolve().parents[1]


def default_root() -> Path:
    """Return the folder of all runs: ``GAN_RUNS``, or ``checkpoints/`` in the project folder."""
    chosen = os.environ.get("GAN_RUNS")
    return Path(chosen).expanduser() if chosen else PROJECT / "checkpoints"


def is_shared(root: Path) -> bool:
    """Return whether several hosts may use a folder: ``GAN_SHARED`` is 1, or it is on a file system of a network (on Linux)."""
    chosen = os.environ.get("GAN_SHARED", "")
    return chosen == "1" if chosen else _file_system(root) in _SHARED


@lru_cache(maxsize=8)
def _file_system(root: Path) -> str:
    """Return the kind of file system that a folder is on; empty if the system does not tell."""
    kind, longest = "", -1
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text("utf-8", "replace").splitlines():
            _, place, found, *_ = line.split(" ")
            if len(place) > longest and root.resolve().is_relative_to(place):
                kind, longest = found, len(place)
    return kind


def data_root() -> Path:
    """Return the folder for downloaded, imported and prepared data: ``GAN_DATA``, else ``data/`` next to the program."""
    chosen = os.environ.get("GAN_DATA")
    return Path(chosen).expanduser() if chosen else PROJECT / "data"


_FLAGS = re.IGNORECASE if os.name == "nt" else re.NOFLAG


def without_folders(sentence: str) -> str:
    """Return a sentence for people who only see pages: the folders of runs and data, of the program and the home folder left out.

    A file is then named by its place in its folder.
    """
    named = {
        default_root(): ("the folder of runs", ""),
        data_root(): ("the data folder", ""),
        PROJECT: ("the folder of the program", ""),
        Path(os.path.expanduser("~")): ("the home folder", "~/"),  # noqa: PTH111  # which never raises
    }
    found = {str(path): told for folder, told in named.items() for path in (folder, folder.resolve()) if path.is_absolute()}
    for path in sorted(found, key=len, reverse=True):  # the folder of runs may be in that of the program
        alone, start = found[path]
        if path != "/":
            between = r"[/\\]+"  # as in a message of Windows, which may show each backslash twice
            before = rf"(?<![\w/\\.-]){between.join(map(re.escape, re.split(between, path)))}"
            sentence = re.sub(before + between, start, sentence, flags=_FLAGS)
            sentence = re.sub(rf"{before}(?![\w-]|\.\w)", alone, sentence, flags=_FLAGS)
    return sentence
