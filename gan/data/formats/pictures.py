"""What every format gives: pictures with their classes, in order and a few at a time; torch-free."""

from __future__ import annotations

import contextlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from gan.data import archive, decoder
from gan.data.archive import Skipped
from gan.data.decoder import Refused
from gan.data.grouping import AUTO, Choice, natural, with_counts
from gan.errors import InputError, nearest, shown

MOST_CLASSES = 10_000
_CHUNK_PICTURES, _CHUNK_BYTES = 256, 8 << 20
_PART = 8 << 20  # bytes read at once, so that a forged size allocates nothing

#: What readers raise for damaged files.
DAMAGE = (
    ValueError, LookupError, EOFError, TypeError, ArithmeticError, RuntimeError, MemoryError, SyntaxError, BufferError, OSError,
    AttributeError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, LZMAError,
)  # fmt: skip

#: A picture file (bytes), pixels (uint8 [H, W, C] with 1 or 3 channels), or the reason to skip the picture.
Content = bytes | np.ndarray | str


@dataclass(frozen=True)
class Opened:
    """A binary file that can be sought, its ``name`` for display, and its ``size`` in bytes (None if it is packed).

    ``container``: the name of the folder or archive that it is in. ``folder``: where a file on disk lies.
    """

    file: BinaryIO
    name: str
    size: int | None
    container: str = ""
    folder: Path | None = None

    @property
    def shown(self) -> str:
        """The name for a sentence."""
        return f"“{shown(self.name)}”"

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return self.name.rpartition(".")[0] or self.name

    def start(self) -> BinaryIO:
        """Return the file, at its beginning."""
        self.file.seek(0)
        return self.file


def together(files: Sequence[Opened]) -> Opened:
    """Return the only one of several files, or their container, to name it in a sentence."""
    return files[0] if len(files) == 1 else replace(files[0], name=files[0].container or files[0].name)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a source: its ``name`` for display, its content, and its class, ``group`` ("" if none)."""

    name: str
    content: Content
    group: str = ""

    def pixels(self) -> np.ndarray:
        """Return uint8 [H, W, C] with 1 or 3 channels. Raises Refused if the picture cannot be read."""
        if isinstance(self.content, np.ndarray):
            return self.content
        if isinstance(self.content, str):
            raise Refused(self.content)
        image = decoder.decode(self.content).image
        return np.asarray(image).reshape(image.height, image.width, -1)

    def encoded(self) -> bytes | str:
        """Return the picture as a file: pixels as PGM or PPM, so that equal pixels are equal bytes; or why it is skipped."""
        if not isinstance(self.content, np.ndarray):
            return self.content
        height, width, channels = self.content.shape
        return b"P%d %d %d 255\n" % (5 if channels == 1 else 6, width, height) + self.content.tobytes()


@dataclass(frozen=True)
class Labels:
    """The class of each picture: ``codes`` (int32 [N], −1 without a class) into ``classes``. ``source``: "the labels in y"."""

    classes: tuple[str, ...]
    codes: np.ndarray
    source: str

    def counts(self) -> dict[str, int]:
        """Return the number of pictures of each class, in natural order, without empty classes."""
        numbers = np.bincount(self.codes[self.codes >= 0], minlength=len(self.classes)).tolist()
        found = dict(zip(self.classes, numbers, strict=True))
        return {name: found[name] for name in sorted(found, key=natural) if found[name]}


@dataclass(frozen=True)
class PictureSource:
    """Pictures in one file or folder. ``found``: a sentence on what was recognised; ``reader``: their contents, in order.

    ``count``: number of pictures, as far as it is known before they are read. ``classes``: a sentence on the classes, set by
    :meth:`grouped`. ``folders``: the classes that could be chosen, with their pictures. ``skipped``: files that are known not to be
    pictures; ``files``: number of contents to read, if others than pictures are among them.
    """

    format: str
    found: str
    count: int
    reader: Callable[[], Iterator[Content]]
    labels: Labels | None = None
    name_of: Callable[[int], str] = lambda place: f"picture {place + 1}"
    skipped: Sequence[Skipped] = ()
    without: str = "the file has no labels"  # why there are no classes
    kept: np.ndarray | None = field(default=None, repr=False)  # bool [N]: the pictures of the chosen classes; None means all
    classes: str = ""
    folders: dict[str, int] = field(default_factory=dict)
    files: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The number of pictures of each class, in natural order; empty without classes."""
        return self.labels.counts() if self.labels is not None else {}

    @property
    def sentence(self) -> str:
        """What was recognised, and what is taken for classes."""
        return f"{self.found} {self.classes or self.grouped().classes}".strip()

    def __iter__(self) -> Iterator[Picture]:
        """Yield the pictures in order. Raises InputError if the file is damaged."""
        labels = self.labels
        for place, content in enumerate(self.reader()):
            if self.kept is not None and not self.kept[place]:
                continue
            code = int(labels.codes[place]) if labels is not None else -1
            yield Picture(self.name_of(place), content, labels.classes[code] if labels is not None and code >= 0 else "")

    def chunks(self) -> Iterator[list[Picture]]:
        """Yield the pictures in lists of at most some 8 MB and 256 pictures."""
        chunk: list[Picture] = []
        size = 0
        for picture in self:
            length = picture.content.nbytes if isinstance(picture.content, np.ndarray) else len(picture.content)
            if chunk and (len(chunk) >= _CHUNK_PICTURES or size + length > _CHUNK_BYTES):
                yield chunk
                chunk, size = [], 0
            chunk.append(picture)
            size += length
        if chunk:
            yield chunk

    def grouped(self, choice: Choice = AUTO) -> PictureSource:
        """Return the source with the classes of a choice. Raises InputError if a chosen class does not exist."""
        if self.labels is None:
            if choice.only:
                raise InputError(f"There is no class “{shown(choice.only[0])}”, as {self.without}; choose none.")
            return replace(self, classes=f"No classes: {self.without}.")
        counts = self.labels.counts()
        if choice.only:
            return replace(self._only(choice.only, counts), folders=counts)
        if choice.folders == "no" or len(counts) < 2:
            why = "as chosen" if choice.folders == "no" else f"all pictures are of the class {with_counts(counts)}"
            return replace(self, labels=None, classes=f"No classes: {why}.", folders=counts)
        return replace(self, classes=f"Classes are {self.labels.source}: {with_counts(counts)}.", folders=counts)

    def _only(self, names: Sequence[str], counts: dict[str, int]) -> PictureSource:
        assert self.labels is not None
        if missing := [name for name in names if name not in counts]:
            raise InputError(f"There is no class “{shown(missing[0])}”; {nearest(missing[0], list(counts)[:12])}")
        kept = np.isin(self.labels.codes, [self.labels.classes.index(name) for name in names])
        about = with_counts({name: counts[name] for name in counts if name in names})
        return replace(self, kept=kept, count=int(kept.sum()), classes=f"Chosen classes: {about}.")


@contextlib.contextmanager
def reading(opened: Opened, format: str) -> Iterator[None]:
    """Turn what a reader raises for a damaged file into an InputError."""
    try:
        yield
    except DAMAGE as error:
        raise damaged(opened, format) from error


def exactly(file: BinaryIO, size: int) -> bytes:
    """Return ``size`` bytes of a file. Raises EOFError if there are fewer."""
    parts, left = [], size
    while left and (part := file.read(min(left, _PART))):
        parts.append(part)
        left -= len(part)
    if left:
        raise EOFError("fewer bytes than expected")
    return b"".join(parts)


def damaged(opened: Opened, format: str) -> InputError:
    return InputError(f"{opened.shown} is {format} that is damaged or cut off; save or download it again.")


def require_count(count: int, opened: Opened) -> None:
    """Raise InputError if a file claims more pictures than an import accepts, or none."""
    if count > archive.MOST_ENTRIES:
        raise InputError(
            f"{opened.shown} has {count:,} pictures, more than {archive.MOST_ENTRIES:,}, the limit for one "
            "import; take a part of it."
        )
    if count < 1:
        raise InputError(f"{opened.shown} has no pictures in it; choose a file with at least two.")


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Return RGBA pixels (uint8 [n, H, W, 4]) composited on white, as picture files are: uint8 [n, H, W, 3]."""
    out = np.empty((*pixels.shape[:3], 3), dtype=np.uint8)
    for place, one in enumerate(pixels):
        image = Image.fromarray(one, "RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, (0, 0), image)
        out[place] = np.asarray(white)
    return out


def listed(names: Iterable[str], most: int = 4) -> str:
    """Return "a, b and c", each name safe for a sentence, at most ``most`` of them."""
    some = [shown(name, most=24) for name in dict.fromkeys(names)]
    if len(some) > most:
        some = [*some[:most], f"{len(some) - most:,} more"]
    return " and ".join(filter(None, [", ".join(some[:-1]), *some[-1:]]))
