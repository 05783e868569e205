"""Parquet tables of Hugging Face: a column of picture files, another of labels, names in the metadata; torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gan.data import archive
from gan.data.formats import arrays
from gan.data.formats.arrays import Stored
from gan.data.formats.pictures import Content, Labels, Opened, PictureSource, damaged, listed, reading, require_count, together
from gan.data.grouping import natural
from gan.errors import InputError, shown

MAGIC = b"PAR1"
_FORMAT = "a Parquet table"
_ROWS = 16  # read at once: a picture may have MOST_BYTES
_LABEL_ROWS = 8192
_IMAGES = ("image", "img", "images", "picture", "photo", "pixel_values", "png", "jpg")
_LABELS = ("label", "labels", "fine_label", "class", "target", "y", "category")


def read(files: Sequence[Opened]) -> PictureSource:
    """Return the pictures of Parquet tables. Rows without bytes are skipped."""
    tables = [_Table(opened) for opened in files]
    count = sum(table.rows for table in tables)
    require_count(count, together(files))
    columns = listed(table.image for table in tables)
    title = "A Parquet table" if len(tables) == 1 else f"{len(tables)} Parquet tables"

    def contents() -> Iterator[Content]:
        for table in tables:
            yield from table.contents()

    found = f"{title}: {count:,} pictures as files in the column {columns}."
    return PictureSource("Parquet", found, count, contents, _labels(tables), without="the table has no column of labels")


class _Table:
    """One Parquet file: the columns with pictures and labels, and their names."""

    def __init__(self, opened: Opened) -> None:
        import pyarrow.parquet as pq  # takes long to import

        self.opened = opened
        with reading(opened, _FORMAT):
            self._file = pq.ParquetFile(
                opened.start(),
                pre_buffer=False,
                buffer_size=1 << 20,
                thrift_string_size_limit=64 << 20,
                thrift_container_size_limit=1 << 22,
            )
            self.rows: int = self._file.metadata.num_rows
            schema = self._file.schema_arrow
            features = _features(schema.metadata)
        self.image, self._has_parts = self._column_of_pictures(schema, features)
        self.label = next((name for name in _label_order(schema.names, features) if _is_label(schema.field(name).type)), "")
        names = (features.get(self.label) or {}).get("names") if self.label else None
        self.names = tuple(map(str, names)) if isinstance(names, list) else ()

    def _column_of_pictures(self, schema: Any, features: dict[str, Any]) -> tuple[str, bool]:
        """Return the column of pictures, and whether it consists of bytes and a path."""
        import pyarrow as pa

        def has_parts(kind: Any) -> bool:
            return pa.types.is_struct(kind) and any(kind.field(place).name == "bytes" for place in range(kind.num_fields))

        fields = {field.name: field.type for field in schema}
        ranked = sorted(fields, key=lambda name: ((features.get(name) or {}).get("_type") != "Image", name.lower() not in _IMAGES))
        for name in ranked:
            if has_parts(fields[name]):
                return name, True
        for name in ranked:
            if name.lower() in _IMAGES and (pa.types.is_binary(fields[name]) or pa.types.is_large_binary(fields[name])):
                return name, False
        raise InputError(
            f"{self.opened.shown} is a Parquet table without a column of pictures (columns: {listed(fields)}); expected one named "
            "image with the bytes of picture files."
        )

    def contents(self) -> Iterator[Content]:
        """Yield the picture files of all rows, in order."""
        column = f"{self.image}.bytes" if self._has_parts else self.image
        total = rows = 0
        with reading(self.opened, _FORMAT):
            for batch in self._file.iter_batches(_ROWS, columns=[column]):
                cells = batch.column(0).field("bytes") if self._has_parts else batch.column(0)
                for cell in cells:
                    rows += 1
                    content = cell.as_py()
                    total += len(content or b"")
                    if total > archive.MOST_TOTAL:
                        raise archive.too_large()
                    yield _content(content)
        if rows != self.rows:
            raise damaged(self.opened, _FORMAT)

    def classes(self) -> tuple[tuple[str, ...], np.ndarray] | None:
        """Return the classes and codes of all rows; None if there are no labels that could be classes."""
        if not self.label:
            return None
        with reading(self.opened, _FORMAT):
            parts = [batch.column(0) for batch in self._file.iter_batches(_LABEL_ROWS, columns=[self.label])]
            if sum(len(part) for part in parts) != self.rows or not self.rows:
                raise damaged(self.opened, _FORMAT)
            if any(part.null_count for part in parts):
                return None
            values = np.concatenate([np.asarray(part.to_numpy(zero_copy_only=False)) for part in parts])
            if values.dtype == object:
                values = np.array([str(value)[:200] for value in values])
            return arrays.labels_from(Stored(self.label, values.shape, values.dtype, lambda: iter([values])), self.names)


def _features(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """Return the features in the metadata of Hugging Face, by column; empty if there are none."""
    try:
        found = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {name: feature for name, feature in found.items() if isinstance(feature, dict)} if isinstance(found, dict) else {}


def _label_order(names: Sequence[str], features: dict[str, Any]) -> list[str]:
    """Return the columns that may hold labels, best first: those that say so, then usual names."""
    says = [name for name in names if (features.get(name) or {}).get("_type") == "ClassLabel"]
    usual = [name for wanted in _LABELS for name in names if name.lower() == wanted]
    return sorted(says, key=lambda name: usual.index(name) if name in usual else len(usual)) + usual


def _is_label(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)


def _content(content: Any) -> Content:
    if content is None:
        return "holds only a path"
    if len(content) > archive.MOST_BYTES:
        return f"larger than {archive.MOST_BYTES >> 20} MB"
    return bytes(content)


def _labels(tables: Sequence[_Table]) -> Labels | None:
    found = [table.classes() for table in tables]
    if any(one is None for one in found):
        return None
    known = [one for one in found if one is not None]
    names = sorted({shown(name, most=80) for classes, _ in known for name in classes}, key=natural)
    codes = [np.array([names.index(shown(name, most=80)) for name in classes], dtype=np.int32)[code] for classes, code in known]
    return Labels(tuple(names), np.concatenate(codes), f"the column {listed(table.label for table in tables)}")
