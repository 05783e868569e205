// The socket of a live game: opens it, unpacks what arrives, and tries again when it is lost.

const KINDS = {float32: Float32Array, uint8: Uint8Array, int8: Int8Array};
const DELAYS = [1, 2, 4, 8]; // seconds before each new try

/** Return head and arrays of one message; an array is {shape, values}. */
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  let place = 4 + length;
  for (const [name, dtype, shape] of head.arrays) {
    const Kind = KINDS[dtype];
    const count = shape.reduce((product, side) => product * side, 1);
    arrays[name] = {shape, values: new Kind(buffer, place, count)};
    place += Math.ceil((count * Kind.BYTES_PER_ELEMENT) / 4) * 4;
  }
  return {head, arrays};
}

/** Return the address of the server's route; this page is "<base>/<name>". */
function addressOf(base) {
  const url = new URL(base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.pathname = `${url.pathname.replace(/\/[^/]*\/*$/, "")}/play/ws`;
  url.search = url.hash = "";
  return url.href;
}

function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One socket at a time. `onMessage({head, arrays})`; `onState("connecting" | "open" | "lost" | "gone", seconds)`. */
class Wire {
  constructor(onMessage, onState) {
    this.onMessage = onMessage;
    this.onState = onState;
    this.tries = 0;
  }

  /** Connect, and send `opening()` first; again after a lost connection. */
  connect(opening) {
    this.close();
    this.opening = opening;
    this.tries = 0;
    this.dial();
  }

  dial() {
    this.onState("connecting");
    const socket = new WebSocket(addressOf(document.baseURI));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      socket.send(JSON.stringify(this.opening()));
      this.onState("open");
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket || typeof event.data === "string") return;
      this.tries = 0;
      this.onMessage(unpack(event.data));
    };
    socket.onclose = () => {
      if (this.socket === socket) this.retry();
    };
    this.socket = socket;
  }

  retry() {
    this.socket = null;
    if (this.tries >= DELAYS.length) return this.onState("gone");
    const seconds = DELAYS[this.tries++];
    this.onState("lost", seconds);
    this.timer = setTimeout(() => this.dial(), 1000 * seconds);
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }
}
