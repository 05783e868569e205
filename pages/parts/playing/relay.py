"""The websocket of live games: passes messages between browser and worker, and never looks into a frame."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from gan.access.people import TEACHER
from gan.errors import InputError
from gan.play import messages, wire
from gan.play.messages import Open
from pages.parts.door.hosts import is_own_origin
from pages.parts.playing.pool import Game, pool

_MOST_A_SECOND = 100  # messages of a browser; a game at full speed needs 30
_POLICY, _TOO_LARGE = 1008, 1009  # codes with which a socket is closed, RFC 6455


async def serve(socket: WebSocket) -> None:
    """Serve one browser until it leaves."""
    if not is_own_origin(socket.headers.get("origin"), socket.headers.get("host")):
        await socket.close(_POLICY)
        return
    await socket.accept()
    outbox: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def deliver(payload: bytes) -> None:
        with contextlib.suppress(RuntimeError):  # the server is ending
            loop.call_soon_threadsafe(outbox.put_nowait, payload)

    sending = asyncio.create_task(_send_all(socket, outbox))
    game: Game | None = None
    pace = _Pace()
    try:
        while True:
            text = await socket.receive_text()
            await pace.keep()
            if len(text) > messages.MOST_BYTES:
                await socket.close(_TOO_LARGE, "The message is too large.")
                return
            try:
                message = messages.read(text)
                if isinstance(message, Open):
                    if game is not None:
                        pool.close(game)
                        game = None
                    person = socket.scope.get("person", TEACHER)  # the door has put it there
                    game = await asyncio.to_thread(pool.open, message.token, message.setup.model_dump(mode="json"), deliver, person)
                elif game is None:
                    raise InputError("There is no game yet; reload the page.")
                else:
                    game.send(message.model_dump(mode="json"))
            except InputError as error:
                outbox.put_nowait(_sentence(str(error), is_end=game is None))
            except LookupError as error:
                outbox.put_nowait(_sentence(str(error.args[0]), is_end=True))
    except (WebSocketDisconnect, KeyError, TypeError, RuntimeError):
        pass  # it has left, or sent a binary message, which no page of ours does
    finally:
        sending.cancel()
        if game is not None:
            pool.leave(game, deliver)


class _Pace:
    """Lets a browser send only so many messages a second; those beyond wait in its socket."""

    def __init__(self) -> None:
        self._since, self._count = 0.0, 0

    async def keep(self) -> None:
        """Count a message, and wait if there were too many."""
        now = time.monotonic()
        if now - self._since > 1:
            self._since, self._count = now, 0
        self._count += 1
        if self._count > _MOST_A_SECOND:
            await asyncio.sleep(1 - (now - self._since))


async def _send_all(socket: WebSocket, outbox: asyncio.Queue[bytes]) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.send_bytes(await outbox.get())


def _sentence(sentence: str, *, is_end: bool) -> bytes:
    head: dict[str, Any] = {"kind": "sentence", "sentence": sentence, "is_end": is_end}
    return wire.pack(head)
