// What a visitor draws: points for a game of their own, and a picture for the discriminator to judge.

const MOST_OWN = 2000; // points of a game
const FEWEST_OWN = 8;
const PUFF = 6; // points for each movement of the pointer
const PUFF_WIDTH = 0.022; // standard deviation of a puff, as a share of the board
const ERASER_WIDTH = 0.05;
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const PATIENCE = 200; // milliseconds between two questions to the discriminator
const SLOWEST = 5000; // milliseconds after which an answer is no longer waited for

/** Sprays points on the board of the real ones, with mouse, pen or finger. */
class Spray {
  constructor(plane, points, onChange) {
    this.plane = plane;
    this.points = points;
    this.onChange = onChange;
    this.isErasing = false;
    const canvas = plane.canvas;
    this.before = [canvas.onpointerdown, canvas.onpointermove, canvas.onpointerup];
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.isDown = true;
      this.puff(event);
    };
    canvas.onpointermove = (event) => {
      for (const one of this.isDown ? (event.getCoalescedEvents?.() ?? [event]) : []) this.puff(one);
    };
    canvas.onpointerup = canvas.onpointercancel = () => (this.isDown = false);
  }

  puff(event) {
    const canvas = this.plane.canvas;
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (this.isErasing) this.erase(x, y, ERASER_WIDTH * canvas.clientWidth);
    else {
      for (let index = 0; index < PUFF && this.points.length < MOST_OWN; index++) {
        const [across, down] = [normal(), normal()].map((value) => value * PUFF_WIDTH * canvas.clientWidth);
        this.points.push(this.plane.placeOf(x + across, y + down).map((value) => Math.round(1e4 * value) / 1e4));
      }
    }
    this.onChange();
  }

  erase(x, y, radius) {
    const [left, low] = this.plane.placeOf(x - radius, y + radius);
    const [right, high] = this.plane.placeOf(x + radius, y - radius);
    this.points = this.points.filter(([a, b]) => a < left || a > right || b < low || b > high);
  }

  end() {
    const canvas = this.plane.canvas;
    [canvas.onpointerdown, canvas.onpointermove, canvas.onpointerup] = this.before;
    canvas.onpointercancel = null;
  }
}

/** Return a random number from the standard normal distribution. */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** "You are the generator": a sheet to draw on, and the discriminator's opinion of the drawing. */
class Sketch {
  constructor({size, channels}, noun, ask) {
    Object.assign(this, {size, channels, noun, ask, answerDue: 0, isBlank: true});
    this.pixels = new Uint8Array(size * size * channels);
    this.build();
    this.paint();
  }

  build() {
    const {size} = this;
    this.paper = make("canvas", {width: size, height: size, className: "paper", role: "img", tabIndex: 0,
      "aria-label": "Your drawing. Arrow keys draw, with Shift they only move the pencil.", title: "Draw with mouse, pen, finger, or the arrow keys (with Shift they only move)"});
    this.over = make("canvas", {width: size, height: size, className: "paper over", "aria-hidden": "true"});
    this.better = make("canvas", {width: size, height: size, className: "paper", role: "img",
      "aria-label": "Your drawing, changed to what the discriminator would like better"});
    this.tool = "pencil";
    this.colour = make("input", {type: "color", value: "#ffffff", title: "Colour of the pencil", "aria-label": "Colour of the pencil"});
    const tool = (name, label) =>
      make("button", {textContent: label, onclick: () => this.choose(name), "aria-pressed": String(name === this.tool), "data-tool": name});
    this.hint = make("button", {textContent: "Show its wishes", "aria-pressed": "true", title: "Where the discriminator would change your drawing: green brighter, pink darker."});
    this.hint.onclick = () => {
      const isShown = this.hint.getAttribute("aria-pressed") !== "true";
      this.hint.setAttribute("aria-pressed", String(isShown));
      this.over.hidden = !isShown;
    };
    const clear = make("button", {textContent: "Clear", onclick: () => this.clear()});
    this.tools = make("div", {className: "row"}, tool("pencil", "Pencil"), tool("eraser", "Eraser"), clear, this.hint);
    if (this.channels === 3) this.tools.append(this.colour);
    this.number = make("div", {className: "opinion", textContent: "–"});
    this.bar = make("i");
    this.rank = make("p", {textContent: "Draw something."});
    const verdict = make("div", {className: "verdict"},
      make("small", {textContent: "The discriminator’s opinion"}), this.number, make("div", {className: "bar"}, this.bar), this.rank);
    verdict.setAttribute("aria-live", "polite");
    this.element = make("section", {className: "judge", "aria-label": "You are the generator"},
      make("h3", {textContent: "You are the generator"}),
      make("p", {textContent: `Draw one of the ${this.noun}. The discriminator says at once how real it looks.`}),
      make("div", {className: "sheets"},
        make("figure", {}, make("div", {className: "stack"}, this.paper, this.over), make("figcaption", {textContent: "Your drawing"})),
        make("figure", {}, this.better, make("figcaption", {textContent: "What D would like better"})), verdict),
      this.tools);
    this.paper.onpointerdown = (event) => {
      this.paper.setPointerCapture(event.pointerId);
      this.last = this.placeOf(event);
      this.stroke(this.last, this.last);
    };
    this.paper.onpointermove = (event) => {
      if (!this.last) return;
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        const next = this.placeOf(one);
        this.stroke(this.last, next);
        this.last = next;
      }
    };
    this.paper.onpointerup = this.paper.onpointercancel = () => (this.last = null);
    this.paper.onkeydown = (event) => this.press(event);
    this.paper.onblur = () => this.paint();
  }

  /** Draw by arrow keys; with Shift, only move the pencil. */
  press(event) {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    event.stopPropagation();
    const from = this.pen ?? [this.size / 2, this.size / 4];
    this.pen = from.map((value, axis) => Math.max(0.5, Math.min(this.size - 0.5, value + ARROWS[event.key][axis])));
    if (event.shiftKey) this.paint();
    else this.stroke(from, this.pen);
    this.mark();
  }

  /** Show where the pencil of the arrow keys is. */
  mark() {
    const context = this.paper.getContext("2d");
    context.fillStyle = "#f97316";
    context.fillRect(Math.floor(this.pen[0]), Math.floor(this.pen[1]), 1, 1);
  }

  choose(name) {
    this.tool = name;
    for (const button of this.tools.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  }

  clear() {
    this.isBlank = true;
    this.isStale = false;
    this.pixels.fill(0);
    this.over.getContext("2d").clearRect(0, 0, this.size, this.size);
    this.better.getContext("2d").clearRect(0, 0, this.size, this.size);
    this.number.textContent = "–";
    this.bar.style.width = "0";
    this.rank.textContent = "Draw something.";
    this.paint();
  }

  placeOf(event) {
    const box = this.paper.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.size, ((event.clientY - box.top) / box.height) * this.size];
  }

  /** Draw a line with a soft edge. */
  stroke([x0, y0], [x1, y1]) {
    const isEraser = this.tool === "eraser";
    const radius = (this.size / 28) * (isEraser ? 2 : 1);
    const ink = isEraser ? [0, 0, 0] : this.channels === 3 ? rgb(this.colour.value) : [255];
    const length = (x1 - x0) ** 2 + (y1 - y0) ** 2 || 1;
    for (let y = 0; y < this.size; y++) {
      for (let x = 0; x < this.size; x++) {
        const along = Math.max(0, Math.min(1, ((x + 0.5 - x0) * (x1 - x0) + (y + 0.5 - y0) * (y1 - y0)) / length));
        const away = Math.hypot(x + 0.5 - x0 - along * (x1 - x0), y + 0.5 - y0 - along * (y1 - y0));
        const strength = Math.max(0, Math.min(1, radius + 0.6 - away));
        if (strength) this.dye((y * this.size + x) * this.channels, ink, strength, isEraser);
      }
    }
    this.paint();
    this.judge();
  }

  dye(place, ink, strength, isEraser) {
    for (let channel = 0; channel < this.channels; channel++) {
      const old = this.pixels[place + channel];
      const blended = Math.round(old + (ink[channel] - old) * strength);
      this.pixels[place + channel] = isEraser || this.channels === 3 ? blended : Math.max(old, Math.round(255 * strength));
    }
  }

  paint() {
    this.paper.getContext("2d").putImageData(pictured(this.pixels, this.size, this.size, this.channels), 0, 0);
  }

  /** Ask the discriminator, at most five times a second and one question at a time; the newest drawing is asked about in the end. */
  judge() {
    this.isBlank = false;
    if (this.timer || performance.now() < this.answerDue) return void (this.isStale = true);
    this.isStale = false;
    this.ask(btoa(String.fromCharCode(...this.pixels)));
    this.answerDue = performance.now() + SLOWEST;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.isStale) this.judge();
    }, PATIENCE);
  }

  /** Show the answer, unless the drawing has been cleared meanwhile. */
  show(head, {better, gradients}) {
    this.answerDue = 0;
    if (this.isBlank) return;
    if (this.isStale) this.judge();
    const percent = Math.round(100 * (head.rank ?? 0));
    const isKnown = head.opinion !== null;
    this.number.textContent = !isKnown ? "–" : head.is_probability ? `${Math.round(100 * head.opinion)} % real` : short(head.opinion);
    this.bar.style.width = `${head.is_probability && isKnown ? 100 * head.opinion : percent}%`;
    this.rank.textContent = head.sentence || `Looks more real to the discriminator than ${percent} % of the real ${this.noun}.`;
    if (better) this.better.getContext("2d").putImageData(pictured(better.values, this.size, this.size, this.channels), 0, 0);
    if (gradients) this.over.getContext("2d").putImageData(coloured(gradients.values, this.size, this.size), 0, 0);
  }

  end() {
    clearTimeout(this.timer);
  }
}
