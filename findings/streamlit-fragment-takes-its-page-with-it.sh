#!/usr/bin/env bash
# Streamlit 1.67.0: a rerun of a fragment that was asked for while the whole app reran takes away what that rerun drew in the
# fragment, if it has not been sent yet. The whole rerun is still reported as successful, so a browser removes the fragment's
# element and moves those below it up; the fragment's own rerun then draws at the old place, over one of them. With two such
# fragments, the second place is beyond the end: "Bad delta path index". It was met with `st.fragment(run_every=1)` on a busy
# machine; a click in a fragment does the same.
#
# Seen with Linux x86-64, Python 3.11, in 14 to 17 of 20 reruns on a busy machine. The client below speaks Streamlit's own
# protocol, as a browser does.
set -euo pipefail

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q streamlit==1.67.0 websockets==15.0.1

cat > "$folder/app.py" <<'PYTHON'
import time

import streamlit as st


@st.fragment
def part():
    st.text("inside")


time.sleep(0.2)
st.text("above")
part()
st.text("below")
PYTHON

cat > "$folder/client.py" <<'PYTHON'
import sys
import time

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


def ask(fragment=""):
    message = BackMsg()
    message.rerun_script.query_string = ""
    message.rerun_script.fragment_id = fragment
    browser.send(message.SerializeToString())


def next_rerun():
    """Return how the next rerun ended, and what it drew: (text, fragment) by place."""
    drawn = {}
    while True:
        message = ForwardMsg.FromString(browser.recv(timeout=30))
        if message.HasField("delta") and message.delta.new_element.text.body:
            drawn[tuple(message.metadata.delta_path)] = message.delta.new_element.text.body, message.delta.fragment_id
        if message.HasField("script_finished"):
            return ForwardMsg.ScriptFinishedStatus.Name(message.script_finished), [drawn[place] for place in sorted(drawn)]


for _ in range(150):
    try:
        browser = connect(f"ws://127.0.0.1:{sys.argv[1]}/_stcore/stream", subprotocols=["streamlit"], max_size=None)
        break
    except (OSError, WebSocketException):
        time.sleep(0.2)
ask()
_, first = next_rerun()
print("alone:", [text for text, _ in first])
(fragment,) = {fragment for _, fragment in first if fragment}
lost = 0
for _ in range(20):
    ask()
    time.sleep(0.1)
    ask(fragment)
    ended, drawn = next_rerun()
    lost += ended == "FINISHED_SUCCESSFULLY" and [text for text, _ in drawn] == ["above", "below"]
    next_rerun()
print(f"with a rerun of the fragment behind it: above and below only, but finished successfully, {lost} times of 20")
if [text for text, _ in first] != ["above", "inside", "below"] or not lost:
    raise SystemExit("This is not as described.")
PYTHON

port=$("$folder/venv/bin/python" -c "import socket; free = socket.socket(); free.bind(('127.0.0.1', 0)); print(free.getsockname()[1])")
"$folder/venv/bin/python" -m streamlit run "$folder/app.py" --server.headless true --server.port "$port" \
    --browser.gatherUsageStats false > "$folder/server.log" 2>&1 &
server=$!
"$folder/venv/bin/python" "$folder/client.py" "$port"
echo "As described."
