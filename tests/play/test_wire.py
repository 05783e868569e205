"""Messages of live games: they read back as they were written, and what is malformed is refused."""

from __future__ import annotations

import io
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.errors import InputError
from gan.play import messages, wire
from tests.helpers import is_sentence


@given(text=st.text(), sizes=st.lists(st.integers(0, 9), max_size=3))
def test_frames_read_back(text: str, sizes: list[int]) -> None:
    sent = [(f"a{place}", "uint8", [size], bytes(range(size))) for place, size in enumerate(sizes)]
    message = wire.pack({"text": text}, sent)
    head, arrays = wire.unpack(message)
    assert head["text"] == text
    assert arrays == {name: (dtype, shape, content) for name, dtype, shape, content in sent}
    assert len(message) % 4 == 0


def test_arrays_are_aligned() -> None:
    message = wire.pack({"x": "é"}, [("a", "uint8", [3], b"abc"), ("b", "float32", [1], struct.pack("<f", 1.5))])
    assert message.index(struct.pack("<f", 1.5)) % 4 == 0


def test_not_a_number_is_never_sent() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        wire.pack({"x": float("nan")})


@given(st.binary(max_size=60))
def test_damaged_frames_are_refused(content: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        wire.unpack(content)


def test_pipe_reads_what_was_sent_and_ends() -> None:
    pipe = io.BytesIO()
    wire.send(pipe, 7, b"seven")
    wire.send(pipe, 8, b"")
    pipe.seek(0)
    assert [wire.receive(pipe) for _ in range(3)] == [(7, b"seven"), (8, b""), None]
    assert wire.receive(io.BytesIO(struct.pack("<II", 9, 1) + b"cut")) is None
    with pytest.raises(ValueError, match="bytes"):
        wire.receive(io.BytesIO(struct.pack("<II", 2**31, 1)))


_ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)

_FIELDS = (
    "value",
    "who",
    "key",
    "board",
    "setup",
    "token",
    "layers",
    "count",
    "seed",
    "pixels",
    "until",
    "blur",
    "copied",
    "distinct",
)


@given(
    st.one_of(
        st.binary(max_size=200),
        _ANY.map(json.dumps),
        st.fixed_dictionaries(
            {"do": st.sampled_from(["open", "play", "step", "set", "judge", "speed", "ack", "reset", "show", "draw", "measure"])},
            optional=dict.fromkeys(_FIELDS, _ANY),
        ).map(json.dumps),
    )
)
def test_any_message_is_read_or_refused_in_a_sentence(text: str | bytes) -> None:
    try:
        message = messages.read(text)
    except InputError as error:
        assert is_sentence(str(error))
    else:
        assert messages.read(json.dumps(message.model_dump(mode="json"))) == message


def test_large_messages_are_refused() -> None:
    with pytest.raises(InputError, match="at most"):
        messages.read(" " * (messages.MOST_BYTES + 1))
