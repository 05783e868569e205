// The face of the laboratory: digits with something wrong, or truncated latent vectors, and what scores say about them.

const range = (from, to, steps) => Array.from({length: steps + 1}, (_, index) => Number((from + ((to - from) * index) / steps).toFixed(4)));
const percent = (value) => `${Math.round(100 * value)} %`.replace("-", "−");

/** Sliders: label, explanation, values from left to right, the one that changes nothing, and a value as text. */
const CONTROLS = {
  blur: {text: "Blur", title: "σ of a Gaussian, in pixels; the pictures have 32 × 32", values: range(0, 4, 16), usual: 0, show: (value) => `${value} px`},
  contrast: {
    text: "Contrast", title: "Factor on the difference of each pixel from the picture’s mean",
    values: [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3], usual: 1, show: (value) => `× ${value}`,
  },
  brightness: {
    text: "Brightness", title: "Added to each pixel, as a share of the range from black to white",
    values: range(-0.5, 0.5, 20), usual: 0, show: (value) => `${value > 0 ? "+" : ""}${percent(value)}`,
  },
  noise: {text: "Noise", title: "σ of normal noise, as a share of the range from black to white", values: [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5], usual: 0, show: percent},
  distinct: {
    text: "Different pictures", title: "How many different pictures there are; all classes take turns, and the pictures are repeated equally often",
    values: [898, 500, 300, 200, 100, 50, 20, 10, 5, 2, 1], usual: 898, show: String,
  },
  classes: {text: "Classes left", title: "Only the first classes, from 0 on; their pictures are repeated", values: range(10, 1, 9), usual: 10, show: String},
  copied: {text: "Copies of training pictures", title: "Share of pictures that are training pictures, unchanged", values: range(0, 1, 10), usual: 0, show: percent},
  truncation: {text: "Truncation ψ", title: "Factor on the latent vectors z: 1 as in training, below 1 shorter, above 1 longer", values: range(0, 2, 20), usual: 1, show: String},
};
const LOWEST = 1; // of the axis of FID, which is logarithmic
const HIGHEST = 1000;

class Lab {
  constructor(root, data) {
    Object.assign(this, {root, data, token: newToken(), seed: 0, ticket: 0, known: new Map(), asked: new Map(), sweep: []});
    this.active = data.controls[0];
    this.chosen = data.score;
    this.values = Object.fromEntries(data.controls.map((name) => [name, CONTROLS[name].usual]));
    this.wire = new Wire((message) => this.receive(message), (state, seconds) => this.connected(state, seconds));
    this.build();
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.chart);
    this.connect();
  }

  connect() {
    this.isOver = false;
    this.wire.connect(() => ({do: "open", token: this.token, setup: this.data.setup}));
  }

  /** Take new data from the page: only another theme, because another laboratory is another component. */
  update(data) {
    this.data = data;
    this.draw();
  }

  connected(state, seconds) {
    if (this.isOver) return;
    if (state === "lost") this.cover(`The connection is lost; trying again in ${seconds} s …`);
    else if (state === "gone") this.cover("The server does not answer.", "Connect again", () => this.connect());
    else if (state === "connecting") this.cover("Preparing the pictures and their floor …");
  }

  // --- questions and answers: one under way, the newest waits

  key(values = this.values, seed = this.seed) {
    return JSON.stringify({...values, seed});
  }

  ask() {
    if (this.asked.size) this.isStale = true;
    else {
      this.asked.set(++this.ticket, {values: {...this.values}, seed: this.seed});
      this.wire.send({do: "measure", ticket: this.ticket, seed: this.seed, ...this.values});
    }
  }

  receive({head, arrays}) {
    if (head.kind === "opened") return this.opened(head);
    if (head.kind === "sentence") return this.hear(head);
    if (head.kind !== "measured") return undefined;
    const question = this.asked.get(head.ticket);
    if (!question) return undefined; // the first picture, before anything was asked
    this.asked.delete(head.ticket);
    this.known.set(this.key(question.values, question.seed), {...question, scores: head.scores});
    paintAll(this.pictures, arrays.images, this.columns());
    this.show(head.scores, question);
    if (this.isStale) {
      this.isStale = false;
      this.ask();
    } else if (this.sweep.length) this.turn(this.active, this.sweep.shift());
    return undefined;
  }

  opened(head) {
    this.about = head;
    this.asked.clear();
    const pictures = this.data.setup.lab === "truncation" ? "generated pictures" : "pictures";
    this.heading.textContent = `36 of ${head.images} ${pictures}`;
    this.basis.textContent = `Compared with ${head.real_images} real digits. Features: the ${head.features} of the ${head.extractor}. Floor: real digits against other real digits, five times.`;
    this.cover("");
    this.ask();
  }

  hear({sentence, is_end: isEnd}) {
    this.asked.clear();
    this.sweep = [];
    this.tell(sentence);
    if (!isEnd) return;
    this.isOver = true;
    this.wire.close();
    this.cover(sentence, "Try again", () => this.connect());
  }

  // --- what is on the page

  build() {
    this.veil = make("div", {className: "veil", hidden: true});
    this.told = make("p", {className: "told", role: "status"});
    this.heading = make("h3", {textContent: "Pictures"});
    this.pictures = make("canvas", {className: "sheet", role: "img", "aria-label": "Pictures that are measured"});
    this.sliders = Object.fromEntries(this.data.controls.map((name) => [name, this.slider(name)]));
    this.sweeper = make("button", {className: "main", onclick: () => this.fill()});
    const tools = make("div", {className: "row"},
      this.sweeper,
      make("button", {textContent: "Back to normal", title: "All sliders back to where they change nothing", onclick: () => this.reset()}),
      make("button", {textContent: "Another draw", title: "Divide the real digits, or draw latent vectors, anew; earlier draws stay as dots", onclick: () => { this.seed += 1; this.stop(); this.ask(); }}));
    this.rows = Object.fromEntries(this.data.scores.map((score) => [score.key, this.row(score)]));
    const scores = make("div", {className: "scores", role: "group", "aria-label": this.isTrade() ? "Scores" : "Scores; choose one for the chart"}, ...Object.values(this.rows).map(({element}) => element));
    this.chart = make("canvas", {className: "chart", role: "img"});
    this.basis = make("p", {className: "basis"});
    const terms = this.data.scores.map((score) => [make("dt", {textContent: score.title}), make("dd", {textContent: `${score.meaning} ${score.formula}; ${score.range}. ${score.source}.`})]);
    const help = make("details", {}, make("summary", {textContent: "What the scores mean"}), make("dl", {}, ...terms.flat()));
    const left = make("div", {className: "pane"}, this.heading, this.pictures, ...Object.values(this.sliders).map(({element}) => element), tools);
    const right = make("div", {className: "pane"}, scores, this.chart, this.basis, help);
    this.root.replaceChildren(make("div", {className: "hero"}, make("div", {className: "explorer lab"}, left, right), this.veil), this.told);
    this.name();
  }

  isTrade() {
    return this.data.chart === "trade-off";
  }

  columns() {
    return this.root.clientWidth < 640 ? 9 : 6;
  }

  slider(name) {
    const {text, title, values, usual, show} = CONTROLS[name];
    const shown = make("output", {textContent: show(usual)});
    const input = make("input", {type: "range", min: 0, max: values.length - 1, step: 1, value: values.indexOf(usual), title, "aria-label": text, "aria-valuetext": show(usual)});
    input.oninput = () => { this.sweep = []; this.turn(name, values[Number(input.value)]); };
    return {element: make("label", {className: "slide", title}, make("span", {textContent: text}), input, shown), input, shown};
  }

  row(score) {
    const title = make("span", {className: "title", textContent: score.title});
    const value = make("output", {textContent: "–"});
    const against = make("small");
    const [floor, dot] = [make("i"), make("b")];
    const parts = [title, value, make("span", {className: "track", "aria-hidden": "true"}, floor, dot), against];
    const tip = `${score.meaning} ${score.formula}`;
    const element = this.isTrade()
      ? make("div", {className: "score", title: tip}, ...parts)
      : make("button", {className: "score", title: tip, onclick: () => { this.chosen = score.key; this.draw(); }}, ...parts);
    return {element, score, title, value, against, floor, dot};
  }

  /** Set one slider and ask for the scores. */
  turn(name, value) {
    const {input, shown} = this.sliders[name];
    const {values, show} = CONTROLS[name];
    this.values[name] = value;
    this.active = name;
    input.value = values.indexOf(value);
    shown.textContent = show(value);
    input.setAttribute("aria-valuetext", show(value));
    this.name();
    this.ask();
  }

  name() {
    this.sweeper.textContent = `Try all: ${CONTROLS[this.active].text.toLowerCase().replace("ψ", "ψ")}`;
    this.sweeper.title = "Moves this slider through all its values";
  }

  /** Move the slider that was moved last through all its values. */
  fill() {
    this.sweep = [...CONTROLS[this.active].values];
    this.turn(this.active, this.sweep.shift());
  }

  stop() {
    this.sweep = [];
  }

  reset() {
    this.stop();
    const {active} = this;
    for (const name of this.data.controls) this.turn(name, CONTROLS[name].usual);
    this.active = active;
    this.name();
  }

  // --- what scores say

  labelOf(score) {
    return score.key === "fid" ? this.about.fid_label : score.title;
  }

  textOf(score, value) {
    if (value === null || value === undefined) return "–";
    return score.is_share ? percent(value) : short(value);
  }

  /** Return where a value lies on the axis of its score, from 0 to 1. */
  place({key, is_share: isShare}, value) {
    const share = {
      fid: () => Math.log(value / LOWEST) / Math.log(HIGHEST / LOWEST),
      inception_score: () => (value - 1) / (this.about.classes.length - 1),
      classes_covered: () => value / this.about.classes.length,
      density: () => value / 1.5,
    }[key] ?? (() => (isShare ? value : value / 2));
    return Math.max(0, Math.min(1, value > 0 || key !== "fid" ? share() : 0));
  }

  show(scores, {values}) {
    for (const {score, title, value, against, floor, dot} of Object.values(this.rows)) {
      const [low, mean, high] = this.about.floor[score.key];
      title.textContent = this.labelOf(score);
      value.textContent = this.textOf(score, scores[score.key]);
      against.textContent = `real: ${this.textOf(score, mean)}`;
      const [from, to] = [this.place(score, low), this.place(score, high)];
      floor.style.left = `${100 * from}%`;
      floor.style.width = `max(3px, ${100 * (to - from)}%)`;
      dot.style.left = `${100 * this.place(score, scores[score.key])}%`;
      dot.hidden = scores[score.key] === null;
    }
    const done = Object.entries(values).filter(([name, value]) => value !== CONTROLS[name].usual)
      .map(([name, value]) => `${CONTROLS[name].text.toLowerCase()} ${CONTROLS[name].show(value)}`);
    const said = this.data.scores.map((score) => `${this.labelOf(score)} ${this.textOf(score, scores[score.key])}${this.compared(score, scores)}`);
    if (!this.sweep.length) this.tell(`${done.length ? sentenceCase(done.join(", ")) : "Nothing changed"}: ${said.join(", ")}.`);
    this.draw();
  }

  /** Return how FID compares with its floor, for the sentence. */
  compared({key}, scores) {
    if (key !== "fid" || !scores.fid) return "";
    const factor = scores.fid / this.about.floor.fid[1];
    if (factor < 0.5) return " (below the floor)";
    return factor < 1.8 ? " (like the floor)" : ` (${factor < 10 ? short(Number(factor.toPrecision(2))) : Math.round(factor)} times the floor)`;
  }

  draw() {
    if (!this.about) return;
    for (const {element, score} of Object.values(this.rows)) if (!this.isTrade()) element.setAttribute("aria-pressed", String(score.key === this.chosen));
    const look = lookOf(this.root, this.data.colours);
    this.root.style.setProperty("--indigo", look.indigo);
    this.root.style.setProperty("--orange", look.orange);
    (this.isTrade() ? drawTrade : drawStrength)(this, look);
  }

  /** Return what is known of the slider that was moved last, all others being as now: of this draw, and of earlier ones. */
  series() {
    const {values} = CONTROLS[this.active];
    const isSame = (one) => this.data.controls.every((name) => name === this.active || one.values[name] === this.values[name]);
    const found = [...this.known.values()].filter(isSame).map((one) => ({...one, index: values.indexOf(one.values[this.active])}));
    found.sort((one, other) => one.index - other.index);
    return [found.filter((one) => one.seed === this.seed), found.filter((one) => one.seed !== this.seed)];
  }

  tell(sentence) {
    if (this.told.textContent !== sentence) this.told.textContent = sentence;
  }

  cover(sentence, action, onclick) {
    cover(this.veil, sentence, action, onclick);
  }

  close() {
    this.stop();
    this.watcher.disconnect();
    this.wire.close();
  }
}

function sentenceCase(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Draw all pictures of an array [n, h, w, 1] on one canvas, in columns, a pixel apart. */
function paintAll(canvas, images, columns) {
  const sheet = sheetOf(images);
  const [count, side] = [images.shape[0], images.shape[1]];
  const gap = Math.ceil(side / 12);
  canvas.width = columns * (side + gap) - gap;
  canvas.height = Math.ceil(count / columns) * (side + gap) - gap;
  canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
  const context = canvas.getContext("2d");
  for (let index = 0; index < count; index++) {
    context.drawImage(sheet, index * side, 0, side, side, (index % columns) * (side + gap), Math.floor(index / columns) * (side + gap), side, side);
  }
}

/** Draw the frame of a chart, its title and its axes; return its edges. */
function frameOf({context, width, height}, look, title, [under, low, high], [bottom, top]) {
  const edges = {left: 44, right: width - 10, upper: 26, lower: height - 34};
  const write = (text, x, y, align, font, alpha) => {
    context.font = `${font} ${look.font}`;
    context.textAlign = align;
    context.fillStyle = faded(look.text, alpha);
    context.fillText(text, x, y);
  };
  context.textBaseline = "alphabetic";
  write(title, edges.left, 14, "left", "600 13px", 1);
  write(top, edges.left - 5, edges.upper + 8, "right", "12px", 0.75);
  write(bottom, edges.left - 5, edges.lower, "right", "12px", 0.75);
  write(low, edges.left, edges.lower + 14, "left", "12px", 0.75);
  write(high, edges.right, edges.lower + 14, "right", "12px", 0.75);
  write(under, (edges.left + edges.right) / 2, edges.lower + 30, "center", "12px", 0.9);
  context.strokeStyle = look.border;
  context.lineWidth = 1;
  context.strokeRect(edges.left, edges.upper, edges.right - edges.left, edges.lower - edges.upper);
  return {...edges, write};
}

function spot(context, x, y, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** Draw points: earlier draws pale, this one as a line, the newest large. */
function drawPoints(context, look, [mine, others], isNow, at) {
  for (const one of others) spot(context, ...at(one), 3, faded(look.orange, 0.4));
  context.strokeStyle = look.orange;
  context.lineWidth = 2;
  context.beginPath();
  mine.forEach((one, index) => context[index ? "lineTo" : "moveTo"](...at(one)));
  context.stroke();
  for (const one of mine) spot(context, ...at(one), isNow(one) ? 6 : 3.5, look.orange);
}

/** Draw the chosen score against the slider that was moved last, with the floor as a band. */
function drawStrength(lab, look) {
  const {score} = lab.rows[lab.chosen];
  const {text, values, show} = CONTROLS[lab.active];
  const place = begin(lab.chart);
  const [bottom, top] = {fid: [LOWEST, HIGHEST], inception_score: [1, lab.about.classes.length], density: [0, 1.5], classes_covered: [0, 10]}[score.key] ?? [0, 1];
  const title = `${lab.labelOf(score)}${score.key === "fid" ? " (logarithmic)" : ""}`;
  const edges = frameOf(place, look, title, [text, show(values[0]), show(values.at(-1))], [bottom, top].map((value) => (score.is_share ? percent(value) : String(value))));
  const {left, right, upper, lower, write} = edges;
  const across = (index) => left + 8 + (index / (values.length - 1)) * (right - left - 16);
  const up = (value) => lower - lab.place(score, value) * (lower - upper);
  const [low, , high] = lab.about.floor[score.key];
  place.context.fillStyle = faded(look.indigo, 0.35);
  place.context.fillRect(left, up(high), right - left, Math.max(2, up(low) - up(high)));
  write("real against real", right - 5, up(high) - 5 > upper + 12 ? up(high) - 5 : up(low) + 14, "right", "12px", 0.9);
  const series = lab.series();
  drawPoints(place.context, look, series, (one) => one.values[lab.active] === lab.values[lab.active], (one) => [across(one.index), up(one.scores[score.key])]);
  lab.chart.setAttribute("aria-label", `${lab.labelOf(score)} against ${text.toLowerCase()}: ${series[0].map((one) => `${show(one.values[lab.active])}: ${lab.textOf(score, one.scores[score.key])}`).join("; ")}`);
}

/** Draw precision against recall, with the place of real images. */
function drawTrade(lab, look) {
  const place = begin(lab.chart);
  const {left, right, upper, lower, write} = frameOf(place, look, "Precision: quality", ["Recall: variety", "0 %", "100 %"], ["0 %", "100 %"]);
  const at = (recall, precision) => [left + recall * (right - left), lower - precision * (lower - upper)];
  const {precision, recall} = lab.about.floor;
  const [x, y] = at(recall[1], precision[1]);
  spot(place.context, x, y, 6, look.indigo);
  write("real digits", x - 10, y + 4, "right", "12px", 0.9);
  const series = lab.series();
  const isNow = (one) => one.values[lab.active] === lab.values[lab.active];
  drawPoints(place.context, look, series, isNow, (one) => at(one.scores.recall, one.scores.precision));
  const marked = series[0].filter((one) => isNow(one) || [0.4, 1, 2].includes(one.values[lab.active]));
  for (const one of marked) write(`ψ ${one.values[lab.active]}`, at(one.scores.recall, one.scores.precision)[0] - 9, at(one.scores.recall, one.scores.precision)[1] + 5, "right", isNow(one) ? "600 12px" : "12px", 0.9);
  const points = series[0].map((one) => `ψ ${one.values[lab.active]}: precision ${percent(one.scores.precision)}, recall ${percent(one.scores.recall)}`);
  lab.chart.setAttribute("aria-label", `Precision against recall: ${points.join("; ")}`);
}

export default mounted((root, data) => new Lab(root, data));
