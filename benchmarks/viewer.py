"""A dashboard client without rendering: requests a page, its updates and its pictures as a browser does.

Without rendering, a benchmark measures the server alone. The client exchanges Streamlit's messages over its websocket.
"""

from __future__ import annotations

import threading
import time
import urllib.request
from contextlib import suppress
from urllib.error import HTTPError
from urllib.parse import parse_qs

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Slider_pb2 import Slider
from websockets.sync.client import ClientConnection, connect

_LONGEST = 60.0  # seconds to wait for a page
_PATIENCE = 0.05  # seconds to wait for a message before checking for due updates


class Viewer:
    """A page that is open inside the context; ``cookie`` passes the door of a class.

    ``updates`` counts its requests for updates, ``scripts_done`` the runs of its script, ``exceptions`` tracebacks on the page.
    """

    def __init__(self, address: str, page: str, query: str, cookie: str = "") -> None:
        self.address, self.page, self.query, self.cookie = address, page, query, cookie
        self.updates = self.pictures = self.scripts_done = self.exceptions = 0
        self._due: dict[str, tuple[float, float]] = {}  # fragment → seconds between two updates, time of the next
        self._buttons: dict[str, tuple[str, str]] = {}  # label → widget, fragment
        self._sliders: dict[str, list[float]] = {}  # widget → values
        self._choices: dict[str, list[str]] = {}  # the same of sliders that choose among given options
        self._script = ""  # the server's hash of the page; empty until received
        self._click: str | None = None
        self._seen: set[str] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Viewer:
        self._thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._is_over.set()
        self._thread.join()

    def click(self, label: str) -> None:
        """Press the button with this label as soon as it appears."""
        self._click = label

    def connected(self) -> ClientConnection:
        """Return a connection to the server, to be closed by the caller."""
        link = self.address.replace("http", "ws", 1) + "/_stcore/stream"
        return connect(link, subprotocols=["streamlit"], additional_headers=self._headers, max_size=None)  # type: ignore[list-item]

    @property
    def _headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie} if self.cookie else {}

    @property
    def run(self) -> str:
        """Id of the run that the page shows; empty if it shows none."""
        return parse_qs(self.query).get("run", [""])[0]

    def has(self, label: str) -> bool:
        """Return whether the page has shown a button with this label."""
        return label in self._buttons

    def pressing(self, label: str) -> bytes:
        """Return the message that presses a button of the page."""
        widget, fragment = self._buttons[label]
        return self.request(fragment, widget)

    def _look(self) -> None:
        with self.connected() as line:
            self.ask(line)
            while not self._is_over.is_set():
                with suppress(TimeoutError):
                    self.hear(line.recv(timeout=_PATIENCE))
                for fragment, (interval, due) in list(self._due.items()):
                    if time.monotonic() >= due:
                        self._due[fragment] = interval, time.monotonic() + interval
                        self.updates += 1
                        self.ask(line, fragment)
                if self._click in self._buttons:
                    widget, fragment = self._buttons.pop(self._click)
                    self.ask(line, fragment, widget)

    def ask(self, line: ClientConnection, fragment: str = "", pressed: str = "") -> None:
        """Request the page, or one fragment of it."""
        line.send(self.request(fragment, pressed))

    def request(self, fragment: str = "", pressed: str = "") -> bytes:
        """Return the message that requests the page, or one fragment of it."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash, state.fragment_id = self.query, self._script, fragment
        state.page_name = "" if self._script else self.page
        state.is_auto_rerun = bool(fragment) and not pressed
        state.context_info.url = f"{self.address}/{self.page}?{self.query}"
        for name, values in self._sliders.items():
            widget = state.widget_states.widgets.add()
            widget.id = name
            widget.double_array_value.data.extend(values)
        for name, chosen in self._choices.items():
            widget = state.widget_states.widgets.add()
            widget.id = name
            widget.string_array_value.data.extend(chosen)
        if pressed:
            widget = state.widget_states.widgets.add()
            widget.id, widget.trigger_value = pressed, True
        return message.SerializeToString()

    def hear(self, content: str | bytes) -> None:
        """Take in one message of the server, and request the pictures in it."""
        for url in self.take_in(content):
            with suppress(HTTPError):  # the page has replaced the picture meanwhile
                wanted = urllib.request.Request(self.address + url, headers=self._headers)
                urllib.request.urlopen(wanted, timeout=5).read()
                self.pictures += 1

    def take_in(self, content: str | bytes) -> list[str]:
        """Take in one message of the server, and return the addresses of new pictures in it."""
        pictures: list[str] = []
        message = ForwardMsg()
        message.ParseFromString(content if isinstance(content, bytes) else content.encode())
        kind = message.WhichOneof("type")
        if kind == "navigation" and message.navigation.page_script_hash:
            self._script = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string.removeprefix("?")
        elif kind == "script_finished":
            self.scripts_done += message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        elif kind == "auto_rerun":
            every = message.auto_rerun.interval
            self._due[message.auto_rerun.fragment_id] = every, time.monotonic() + every
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._due.pop(fragment, None)
        elif kind == "delta":
            element = message.delta.new_element
            if element.HasField("button"):
                self._buttons[element.button.label] = element.button.id, message.delta.fragment_id
            if element.HasField("slider"):
                self._keep(element.slider)
            for image in element.imgs.imgs if element.HasField("imgs") else ():
                if image.url not in self._seen and image.url.startswith("/"):
                    self._seen.add(image.url)
                    pictures.append(image.url)
            self.exceptions += element.HasField("exception")
        return pictures

    def _keep(self, slider: Slider) -> None:
        """Remember the position of a slider, which a browser sends with each request."""
        if slider.id in self._sliders.keys() | self._choices.keys() and not slider.set_value:
            return
        if slider.type == Slider.SELECT_SLIDER:
            self._choices[slider.id] = list(slider.raw_value) or [slider.options[int(place)] for place in slider.default]
        else:
            self._sliders[slider.id] = list(slider.value if slider.set_value else slider.default)


def first_opening(address: str, page: str, query: str, cookie: str = "") -> float:
    """Return the seconds from the connection of a new visitor to the end of the page's script."""
    viewer = Viewer(address, page, query, cookie)
    began = time.perf_counter()
    with viewer.connected() as line:
        viewer.ask(line)
        while viewer.scripts_done == 0:
            viewer.hear(line.recv(timeout=_LONGEST))
    return time.perf_counter() - began
