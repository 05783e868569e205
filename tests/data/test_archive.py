"""Hostile archives: forged records, shared bytes, oversized content, and files that change while they are read."""

from __future__ import annotations

import os
import struct
import tempfile
import zipfile
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.data import archive
from gan.data.decoder import Refused
from gan.errors import InputError
from tests.data.test_import import PNG, opened, zip_of
from tests.helpers import is_sentence


def repeated(count: int, *, zip64: bool = False) -> bytes:
    """Return a ZIP whose table of contents lists one file ``count`` times, each time under a different name.

    With ``zip64``, a decoy record claims a single entry, and the locator does not point to the real record.
    """
    whole = zip_of({"0000000.png": PNG}).getvalue()
    start = whole.find(b"PK\1\2")
    directory = b"".join(whole[start : start + 46] + b"%07d.png" % number for number in range(count))
    if not zip64:
        said = min(count, 0xFFFF)
        return whole[:start] + directory + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, said, said, len(directory), start, 0)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1)
    decoy = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, 57, start, 0)
    return whole[:start] + directory + record + locator + decoy


@pytest.mark.parametrize("zip64", [False, True])
def test_too_many_entries_are_refused_before_any_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zip64: bool) -> None:
    path = tmp_path / "many.zip"
    path.write_bytes(repeated(5001, zip64=zip64))
    monkeypatch.setattr(archive, "MOST_ENTRIES", 5000)

    def made(*arguments: Any) -> None:
        raise AssertionError("an entry was parsed")

    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZipInfo", made)
        with pytest.raises(InputError, match="more than 5,000 files") as caught, archive.open_source(path):
            pass
    assert is_sentence(str(caught.value))
    monkeypatch.setattr(archive, "MOST_ENTRIES", 5001)
    with archive.open_source(path) as source:
        assert len(source.entries) + len(source.skipped) == 5001


def test_forged_length_of_the_table_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.zip"
    content = bytearray(repeated(100))
    path.write_bytes(content)
    monkeypatch.setattr(archive, "_MOST_TABLE", 1000)
    with pytest.raises(InputError, match="table of contents") as caught, archive.open_source(path):
        pass
    assert is_sentence(str(caught.value))
    content[-10:-6] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"), archive.open_source(path):
        pass


def test_fifty_thousand_entries_that_share_bytes_are_skipped(tmp_path: Path) -> None:
    names, skipped, contents = opened(tmp_path, repeated(50_000))
    assert len(names) == 1
    assert contents == [PNG]
    assert len(skipped) == 49_999
    assert set(skipped.values()) == {"shares its bytes with another file"}


def test_damaged_entries_count_towards_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{index}.png": bytes(50_000) for index in range(10)}
    content = bytearray(zip_of(files, compression=zipfile.ZIP_DEFLATED).getvalue())
    place = -1
    while (place := content.find(b"PK\1\2", place + 1)) >= 0:
        content[place + 16] ^= 0xFF  # a wrong checksum: every entry is damaged
    names, skipped, contents = opened(tmp_path, bytes(content))
    assert set(skipped) == set(names) == set(files)
    assert set(skipped.values()) == {"damaged in the archive"}
    assert not contents
    monkeypatch.setattr(archive, "_PART", 10_000)
    monkeypatch.setattr(archive, "MOST_TOTAL", 200_000)
    with pytest.raises(InputError, match="GB") as caught:
        opened(tmp_path, bytes(content))
    assert is_sentence(str(caught.value))


def test_zip_after_other_bytes_is_read(tmp_path: Path) -> None:
    assert opened(tmp_path, b"#!/bin/sh\n" + zip_of({"cats/a.png": PNG}).getvalue())[2] == [PNG]


def test_zip_with_backslashes_is_read_like_one_with_slashes(tmp_path: Path) -> None:
    names = ["pets\\cats\\a.png", "pets\\dogs\\b.png", "pets\\Thumbs.db", "pets\\.hidden\\c.png", "pets\\empty\\"]
    found, skipped, contents = opened(tmp_path, zip_of(dict.fromkeys(names, PNG)).getvalue())
    assert found == ["pets/cats/a.png", "pets/dogs/b.png"]
    assert not skipped
    assert contents == [PNG, PNG]


def test_name_with_slashes_and_the_same_with_backslashes_clash(tmp_path: Path) -> None:
    names, skipped, _ = opened(tmp_path, zip_of({"cats/a.png": PNG, "cats\\A.png": PNG, "cats\\inner.zip": PNG}).getvalue())
    assert names == ["cats/a.png"]
    assert skipped == {"cats/A.png": "has the same name as an earlier file", "cats/inner.zip": "is an archive itself"}


paths = st.lists(st.sampled_from(["..", ".", "a", "b.png", "", "C:", "a b"]), min_size=1, max_size=5)


@given(paths.filter(any), st.data())
def test_no_name_with_either_separator_leads_outside(parts: list[str], data: st.DataObject) -> None:
    name = parts[0] + "".join(data.draw(st.sampled_from("/\\")) + part for part in parts[1:])
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder, "some.zip")).write_bytes(zip_of({name: PNG}).getvalue())
        with archive.open_source(path) as source:
            for entry in source.entries:
                assert "\\" not in entry.name
                assert not entry.name.startswith("/")
                assert not PureWindowsPath(entry.name).anchor
                assert ".." not in entry.name.split("/")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_file_that_became_a_pipe_or_a_link_is_refused_without_waiting(tmp_path: Path) -> None:
    place = tmp_path / "pictures"
    place.mkdir()
    for name in ("a.png", "b.png", "c.png", "d.png"):
        (place / name).write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    with archive.open_source(place) as source:
        for name in ("a.png", "b.png", "c.png"):
            (place / name).unlink()
        os.mkfifo(place / "a.png")
        (place / "b.png").symlink_to(tmp_path / "secret.png")
        for entry in source.entries[:3]:
            with pytest.raises(Refused):
                source.read(entry)
        assert source.read(source.entries[3]) == PNG


def test_folder_without_permission_is_skipped_and_the_others_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cats/a.png", "locked/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(PNG)
    scandir = os.scandir

    def asked(path: Any) -> Any:
        if Path(path).name == "locked":  # chmod would not stop root
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", asked)
    with archive.open_source(tmp_path) as source:
        assert [entry.name for entry in source.entries] == ["cats/a.png"]
        assert source.skipped == [archive.Skipped("locked", "cannot be read")]
    monkeypatch.setattr(os, "scandir", lambda path: asked("locked"))
    with pytest.raises(InputError, match="permission"), archive.open_source(tmp_path):
        pass


def test_encrypted_and_patched_entries_are_skipped(tmp_path: Path) -> None:
    whole = zip_of({"a.png": PNG, "b.png": PNG}).getvalue()
    for bit in (0x1, 0x20, 0x40):
        content = bytearray(whole)
        content[content.find(b"PK\1\2") + 8] |= bit
        _, skipped, contents = opened(tmp_path, bytes(content))
        assert list(skipped) == ["a.png"], hex(bit)
        assert contents == [PNG]


def test_entry_without_a_name_is_skipped(tmp_path: Path) -> None:
    content = bytearray(zip_of({"a.png": PNG, "b.png": PNG}).getvalue())
    place = content.find(b"PK\1\2")
    content[place + 28 : place + 34] = struct.pack("<HHH", 0, 0, 5)  # turns the name into a comment
    _, skipped, contents = opened(tmp_path, bytes(content))
    assert skipped == {"": "has no name"}
    assert contents == [PNG]


def test_contents_of_any_length_are_read_completely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_PART", 100)
    lengths = (0, 1, 99, 100, 101, 250)
    files = {f"{length}.png": os.urandom(length) for length in lengths}
    path = tmp_path / "folder"
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    (tmp_path / "some.zip").write_bytes(zip_of(files, compression=zipfile.ZIP_DEFLATED).getvalue())
    for source_path in (path, tmp_path / "some.zip"):
        with archive.open_source(source_path) as source:
            assert {entry.name: source.read(entry) for entry in source.entries} == files


def test_closed_source_releases_the_file(tmp_path: Path) -> None:
    path = tmp_path / "some.zip"
    path.write_bytes(zip_of({"a.png": PNG}).getvalue())
    with archive.open_source(path) as source:
        entry = source.entries[0]
    with pytest.raises(Refused):
        source.read(entry)
    path.unlink()
