// The face of the laboratory: digits with something wrong, or truncated latent vectors, and what scores say about them.

class Lab {
  constructor(root, data, tell) {
    Object.assign(this, {root, data, report: tell, token: newToken(), seed: 0, ticket: 0});
    Object.assign(this, {known: new Map(), asked: new Map(), sweep: []});
    this.active = data.controls[0];
    this.chosen = data.scores[0].key;
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
  update(data, tell) {
    Object.assign(this, {data, report: tell});
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
    if (!question) return undefined;
    this.asked.delete(head.ticket);
    this.known.set(this.key(question.values, question.seed), {...question, scores: head.scores});
    paintAll(this.pictures, arrays.images, this.columns());
    this.keep(question, head.scores);
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
    this.basis.textContent = `Compared with ${head.real_images} real digits. Features: the ${head.features} of the ${head.extractor}. `
      + "Floor: real digits against other real digits, five times.";
    this.cover("");
    const isUsual = !this.seed && this.data.controls.every((name) => this.values[name] === CONTROLS[name].usual);
    if (isUsual) this.asked.set(0, {values: {...this.values}, seed: 0}); // the first answer comes by itself
    else this.ask();
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
    this.cases = this.data.cases.map(({name, settings}) => {
      const wanted = {...this.values, ...settings};
      const element = make("button", {className: "case", onclick: () => this.measure(wanted)}, make("span", {textContent: name}));
      return {name, wanted, element, scores: null};
    });
    const elements = (parts) => Object.values(parts).map(({element}) => element);
    const group = (className, label, parts) => make("div", {className, role: "group", "aria-label": label}, ...elements(parts));
    this.sweeper = make("button", {textContent: "Try all values", onclick: () => this.fill()});
    const tools = [
      this.sweeper,
      make("button", {textContent: "Back to normal", title: "All sliders back to where they change nothing", onclick: () => this.reset()}),
      make("button", {textContent: "Another draw", title: "Other random numbers; earlier draws stay as dots", onclick: () => this.reseed()}),
    ];
    this.rows = Object.fromEntries(this.data.scores.map((score) => [score.key, this.row(score)]));
    this.chart = make("canvas", {className: "chart", role: "img"});
    this.basis = make("p", {className: "basis"});
    const terms = this.data.scores.flatMap(({title, meaning, formula, range: bounds, source}) =>
      [make("dt", {textContent: title}), make("dd", {textContent: `${meaning} ${formula}; ${bounds}. ${source}.`})]);
    const help = make("details", {}, make("summary", {textContent: "What the scores mean"}), make("dl", {}, ...terms));
    const left = make("div", {className: "pane"}, this.heading, this.pictures, group("cases", "To measure", this.cases),
      make("div", {className: "sliders"}, ...elements(this.sliders)), make("div", {className: "row"}, ...tools));
    const right = make("div", {className: "pane"}, group("scores", this.isTrade() ? "Scores" : "Scores; choose one for the chart", this.rows),
      this.told, this.chart, this.basis, help);
    this.root.replaceChildren(make("div", {className: "hero"}, make("div", {className: "explorer lab"}, left, right), this.veil));
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
    const input = make("input", {type: "range", min: 0, max: values.length - 1, step: 1, value: values.indexOf(usual), title, "aria-label": text});
    input.setAttribute("aria-valuetext", show(usual));
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
    this.set(name, value);
    this.active = name;
    this.name();
    this.ask();
  }

  /** Set all sliders and ask for the scores; the first that is not as usual is the one of the chart. */
  measure(wanted) {
    this.stop();
    for (const [name, value] of Object.entries(wanted)) this.set(name, value);
    this.active = this.data.controls.find((name) => wanted[name] !== CONTROLS[name].usual) ?? this.active;
    this.name();
    this.ask();
  }

  set(name, value) {
    const {input, shown} = this.sliders[name];
    const {values, show} = CONTROLS[name];
    this.values[name] = value;
    input.value = values.indexOf(value);
    shown.textContent = show(value);
    input.setAttribute("aria-valuetext", show(value));
  }

  name() {
    this.sweeper.title = `Moves the slider “${CONTROLS[this.active].text}” through all its values`;
    for (const [name, {element}] of Object.entries(this.sliders)) element.classList.toggle("active", name === this.active);
  }

  /** Move the slider that was moved last through all its values. */
  fill() {
    this.sweep = [...CONTROLS[this.active].values];
    this.turn(this.active, this.sweep.shift());
  }

  stop() {
    this.sweep = [];
  }

  reseed() {
    this.stop();
    this.seed += 1;
    this.ask();
  }

  reset() {
    this.measure(Object.fromEntries(this.data.controls.map((name) => [name, CONTROLS[name].usual])));
  }

  /** Keep the scores of a case; tell the page when each has some. */
  keep({values}, scores) {
    const isKept = this.cases.every((one) => one.scores);
    for (const one of this.cases) if (JSON.stringify(one.wanted) === JSON.stringify(values)) one.scores = scores;
    if (!isKept && this.cases.every((one) => one.scores)) this.report("reached", {cases: this.cases.map((one) => one.scores)});
  }

  // --- what scores say

  labelOf(score) {
    return score.key === "fid" ? this.about.fid_label : score.title;
  }

  textOf(score, value) {
    if (value === null || value === undefined) return "–";
    return score.is_share ? percent(value) : short(value);
  }

  show(scores, {values}) {
    for (const {score, title, value, against, floor, dot} of Object.values(this.rows)) {
      const [low, mean, high] = this.about.floor[score.key];
      title.textContent = this.labelOf(score);
      value.textContent = this.textOf(score, scores[score.key]);
      against.textContent = `real: ${this.textOf(score, mean)}`;
      const [from, to] = [placeOf(score, low), placeOf(score, high)];
      floor.style.left = `${100 * from}%`;
      floor.style.width = `max(3px, ${100 * (to - from)}%)`;
      dot.style.left = `${100 * placeOf(score, scores[score.key])}%`;
      dot.hidden = scores[score.key] === null;
    }
    const done = Object.entries(values).filter(([name, value]) => this.isTrade() || value !== CONTROLS[name].usual)
      .map(([name, value]) => `${CONTROLS[name].text.toLowerCase()} ${CONTROLS[name].show(value)}`);
    const said = this.data.scores.map((score) =>
      `${this.labelOf(score)} ${this.textOf(score, scores[score.key])}${this.compared(score, scores)}`);
    if (!this.sweep.length) this.tell(`${done.length ? sentenceCase(done.join(", ")) : "Nothing changed"}: ${said.join(", ")}.`);
    this.draw();
  }

  /** Return how FID compares with its floor, for the sentence. */
  compared({key}, scores) {
    if (key !== "fid" || !scores.fid) return "";
    const factor = scores.fid / this.about.floor.fid[1];
    if (factor < 0.5) return " (below the floor)";
    return factor < 1.8 ? " (like the floor)" : ` (${factor < 10 ? factor.toFixed(1) : Math.round(factor)} times the floor)`;
  }

  draw() {
    if (!this.about) return;
    for (const {element, name, wanted, scores} of this.cases) {
      element.setAttribute("aria-pressed", String(JSON.stringify(wanted) === JSON.stringify(this.values)));
      element.setAttribute("aria-label", `${name}${scores ? ", measured" : ""}`);
      element.classList.toggle("done", Boolean(scores));
      element.classList.toggle("main", !scores);
    }
    if (!this.isTrade()) for (const [key, {element}] of Object.entries(this.rows)) element.setAttribute("aria-pressed", String(key === this.chosen));
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

  /** Return whether an answer is the one that is shown, as far as the slider of the chart goes. */
  isNow({values}) {
    return values[this.active] === this.values[this.active];
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

export default mounted((root, data, tell) => new Lab(root, data, tell));
