// The face of the page Play: boards, controls, numbers and curves of a live game; one socket, no re-run of the page per frame.

const SPEEDS = [1, 2, 5, 10, 20, 50];
const QUIET = 2000; // milliseconds between two sentences while playing
const SHOWN = {points: new Set(["reals", "fakes", "heat", "gradients"]), pictures: new Set(["frames"])};
const COMPUTED = ["heat", "gradients", "manifold", "better"]; // layers that the server is asked for
const ICONS = {play: "M6 4l13 8-13 8z", pause: "M6 4h4v16H6zM14 4h4v16h-4z"};

function icon(name) {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  picture.append(path);
  return picture;
}

/** Return what makes two set-ups the same game: all but its seed and the knobs, which change while it goes on. */
function identityOf({setup, knobs}) {
  const fixed = Object.entries(setup.settings).filter(([key]) => !(key in knobs) && key !== "training.seed");
  return JSON.stringify([{...setup, settings: 0}, fixed.sort()]);
}

function freshGame(data) {
  return {identity: identityOf(data), token: newToken(), setup: data.setup, knobs: {...data.knobs}, seed: data.seed};
}

/** Return what is known of the game of this tab, so that it goes on after a change of page. */
function keptGame(store) {
  try {
    return JSON.parse(sessionStorage.getItem(store));
  } catch {
    return null;
  }
}

class Face {
  constructor(root, data, tell) {
    Object.assign(this, {root, data, tell, boards: [], state: "paused", speed: 1, saidAt: 0, unread: 0});
    this.wire = new Wire((message) => this.receive(message), (state, seconds) => this.connected(state, seconds));
    this.build();
    this.watcher = new ResizeObserver(() => this.redraw());
    this.watcher.observe(this.field);
    this.onHidden = () => this.hide(document.hidden);
    document.addEventListener("visibilitychange", this.onHidden);
    const kept = keptGame(data.store);
    this.open(kept?.identity === identityOf(data) ? kept : freshGame(data));
  }

  // --- the game and its socket

  open(game) {
    this.game = game;
    this.isOver = false;
    this.save();
    this.wire.connect(() => {
      this.isOpening = true;
      return {do: "open", token: this.game.token, setup: this.game.setup};
    });
  }

  save() {
    try {
      sessionStorage.setItem(this.data.store, JSON.stringify(this.game));
    } catch {
      // without a store the game only ends with the page
    }
  }

  /** Take new data from the page: another game, turned knobs, or only another theme. */
  update(data, tell) {
    this.tell = tell;
    this.data = data;
    if (identityOf(data) !== this.game.identity) {
      this.own.stop();
      this.open(freshGame(data));
    } else if (this.isOpen) {
      if (!this.veil.hidden) this.say("");
      this.cover("");
      this.turnKnobs();
    }
    this.redraw();
  }

  turnKnobs() {
    const {game, data} = this;
    if (!this.isOpen) return;
    for (const [key, value] of Object.entries(data.knobs)) {
      if (game.knobs[key] === value) continue;
      game.knobs[key] = value;
      for (let board = 0; board < this.about.boards; board++) {
        if (!board || !(key in (data.setup.other ?? {}))) this.wire.send({do: "set", board, key, value});
      }
    }
    if (game.seed !== data.seed) this.wire.send({do: "reset", seed: (game.seed = data.seed)});
    this.save();
  }

  connected(state, seconds) {
    this.isOpen = false;
    if (this.isOver) return;
    if (state === "lost") this.cover(`The connection is lost; trying again in ${seconds} s …`);
    else if (state === "gone") this.cover("The server does not answer.", "Connect again", () => this.open(this.game));
    else this.cover("Setting up the game; the first one takes some seconds …");
  }

  receive({head, arrays}) {
    if (head.kind === "opened") this.opened(head, arrays);
    else if (head.kind === "frame") this.accept(head, arrays);
    else if (head.kind === "judged") this.sketch?.show(head, arrays);
    else if (head.kind === "sentence") this.hear(head);
  }

  /** Show a game that has been opened, has gone on in a new socket, or was reset. */
  opened(head, arrays) {
    const isReset = !this.isOpening;
    const {lesson} = this.data;
    this.isOpening = false;
    if (!isReset && !head.is_continued && JSON.stringify(this.game.setup) !== JSON.stringify(this.data.setup)) {
      this.open(freshGame(this.data));
      return;
    }
    this.isOpen = true;
    if (lesson) head.names = lesson.names;
    if (lesson && !head.is_continued) this.begin(isReset ? head : lesson);
    const layout = JSON.stringify([head.is_points, head.names, head.is_probability, head.bounds, head.size, head.channels]);
    this.about = head;
    this.reals = arrays.reals;
    this.latest = null;
    this.curves.restore(head.history, head.marks);
    if (layout !== this.layout) this.arrange();
    this.layout = layout;
    this.cover("");
    this.show(head.state, isReset || head.is_continued || !lesson ? head.speed : lesson.speed);
    if (head.is_continued) this.turnKnobs();
    if (!isReset) this.askLayers();
  }

  /** Begin a lesson at its speed; it has not reached its end yet. */
  begin({speed}) {
    this.game.isReached = false;
    this.save();
    this.send("speed", {value: speed});
  }

  /** Tell the page the figures at the end of a lesson, once. */
  finish({step, state, boards}) {
    const goal = this.data.lesson?.goal;
    if (!goal || step < goal || state !== "paused" || this.game.isReached) return;
    this.game.isReached = true;
    this.save();
    this.tell("reached", {step, boards});
  }

  hear({sentence, is_end: isEnd}) {
    this.say(sentence);
    if (!isEnd) return;
    this.isOver = true;
    this.isOpen = false;
    this.wire.close();
    this.cover(sentence, "Start a new game", () => this.open(freshGame(this.data)));
  }

  /** Keep the newest frame; it is drawn, and acknowledged, when the browser draws next. */
  accept(head, arrays) {
    this.latest = {head, arrays};
    this.unread += 1;
    if (head.marks) this.curves.marks = head.marks;
    this.curves.add(head.step, head.boards);
    this.drawing ??= requestAnimationFrame(() => {
      this.drawing = null;
      this.redraw();
      this.report();
      this.finish(head);
      if (this.unread >= 2 || head.state !== "playing" || performance.now() - this.seenAt > 500) {
        this.wire.send({do: "ack", count: Math.min(4, this.unread)});
        this.unread = 0;
      }
      this.seenAt = performance.now();
    });
  }

  /** Do what a control asks for; without a game, do what the button on the veil offers. */
  send(what, more = {}) {
    if (this.wayOut) this.wayOut();
    else this.wire.send({do: what, ...more});
  }

  hide(isHidden) {
    if (isHidden && this.state !== "paused") {
      this.hiddenState = this.state;
      this.send("pause");
    } else if (!isHidden && this.hiddenState) {
      if (this.hiddenState === "slow") this.send("slow");
      else this.play();
      this.hiddenState = "";
    }
  }

  close() {
    document.removeEventListener("visibilitychange", this.onHidden);
    cancelAnimationFrame(this.drawing);
    this.watcher.disconnect();
    this.sketch?.end();
    this.wire.close();
  }

  // --- what is on the page

  build() {
    this.field = make("div", {className: "boards"});
    this.veil = make("div", {className: "veil", hidden: true});
    this.told = make("p", {className: "told", role: "status"});
    this.chart = make("canvas", {className: "curves", role: "img", "aria-label": "Curves of the losses and of D(real) and D(fake)"});
    this.curves = new Curves(this.chart);
    this.table = make("table", {className: "numbers"});
    this.layers = make("div", {className: "layers", role: "group", "aria-label": "Layers"});
    this.own = new OwnPoints(this);
    this.below = make("div");
    const stage = make("div", {className: "stage"},
      make("div", {className: "hero"}, this.field, this.veil), this.controls(), this.told);
    const optional = {numbers: this.table, curves: this.chart, layers: this.layers};
    const shown = Object.keys(optional).filter((name) => this.has(name)).map((name) => optional[name]);
    const side = make("div", {className: "side"}, ...shown, this.own.element);
    this.root.replaceChildren(make("div", {className: "columns"}, stage, side), this.below);
    this.root.onkeydown = (event) => this.press(event);
  }

  controls() {
    const button = (text, title, onclick, more = {}) => make("button", {textContent: text, title, onclick, ...more});
    this.player = button("", "Play or pause (space bar)", () => this.toggle(), {className: "main"});
    this.slow = button("Slow motion", "Every part of a step on its own, about one a second",
      () => this.send(this.state === "slow" ? "pause" : "slow"), {"aria-pressed": "false"});
    const step = (who, text, title) => button(text, title, () => this.step(who));
    this.speeds = SPEEDS.map((value) =>
      button(`×${value}`, `${value} ${value === 1 ? "step" : "steps"} for each picture`, () => this.send("speed", {value: this.show(this.state, value)}), {"aria-pressed": "false", "data-speed": value}));
    const groups = {
      steps: [
        step("d", "Step D", "One turn of the discriminator (d)"),
        step("g", "Step G", "One turn of the generator (g)"),
        step("both", "Step both", "One whole step (b)"),
      ],
      slow: [this.slow],
      speed: [make("div", {className: "speeds", role: "group", "aria-label": "Speed"}, ...this.speeds)],
      reset: [button("Reset", "Begin again with the same seed", () => this.send("reset"))],
      seed: [button("New seed", "Begin again with other random numbers", () => this.reseed())],
    };
    const shown = Object.keys(groups).filter((name) => this.has(name));
    return make("div", {className: "controls"}, this.player, ...shown.flatMap((name) => groups[name]));
  }

  /** Return whether a group of controls is shown: all of them, unless a lesson names its own. */
  has(group) {
    return this.data.lesson?.controls.includes(group) ?? true;
  }

  /** Lay the page out for the game that has been opened. */
  arrange() {
    const {is_points: isPoints, boards, names, bounds, channels, size} = this.about;
    this.own.stop();
    this.root.className = `play ${isPoints ? "points" : "pictures"} ${boards > 1 ? "two" : "one"}`;
    this.boards = Array.from({length: boards}, (_, index) => {
      const canvas = make("canvas", {tabIndex: 0, role: "img", "aria-label": this.nameOf(index)});
      const board = isPoints ? new Plane(canvas) : new Gallery(canvas);
      Object.assign(board, {bounds, isProbability: this.about.is_probability[index], redraw: () => this.redraw()});
      return board;
    });
    this.field.replaceChildren(...this.boards.map((board, index) =>
      make("figure", {}, ...(names[index] ? [make("figcaption", {textContent: names[index]})] : []), board.canvas)));
    this.rows = new Map();
    const heading = names.length ? [make("tr", {}, make("th"), ...names.map((name) => make("th", {scope: "col", textContent: name, title: name})))] : [];
    this.table.replaceChildren(...heading, this.row("step", "Step", "Updates of the generator so far."),
      ...NUMBERS.filter(([, , , isForPoints]) => isPoints || !isForPoints).map((row) => this.row(...row)));
    this.layers.replaceChildren(...(isPoints ? POINT_LAYERS : PICTURE_LAYERS).map((layer) => this.layerButton(...layer)));
    this.own.offer();
    this.sketch?.end();
    this.sketch = isPoints ? null : new Sketch({size, channels}, this.data.noun, (pixels) => this.send("judge", {pixels}));
    this.below.replaceChildren(...(this.sketch ? [this.sketch.element] : []));
  }

  nameOf(index) {
    const name = this.about.names[index];
    const what = this.about.is_points ? "Generated points among the real ones" : "Generated and real pictures";
    return `${what}${name ? ` (${name})` : ""}; the line below tells how the game stands`;
  }

  row(name, text, title) {
    const cells = Array.from({length: name === "step" ? 1 : this.about.boards}, () => make("td", {textContent: "–"}));
    if (name === "step") cells[0].colSpan = this.about.boards;
    this.rows.set(name, cells);
    return make("tr", {title}, make("th", {scope: "row", textContent: text}), ...cells);
  }

  get shown() {
    return SHOWN[this.about?.is_points ? "points" : "pictures"];
  }

  layerButton(name, text, mark, title) {
    const button = make("button", {title, "aria-pressed": String(this.shown.has(name))}, make("i", {className: `mark ${mark}`, "aria-hidden": "true"}), text);
    button.onclick = () => {
      this.shown[this.shown.has(name) ? "delete" : "add"](name);
      button.setAttribute("aria-pressed", String(this.shown.has(name)));
      this.askLayers();
      this.redraw();
    };
    return button;
  }

  askLayers() {
    const wanted = new Set(this.shown);
    if (wanted.has("accepted")) wanted.add("heat");
    const computed = this.about.is_points ? COMPUTED.slice(0, 3) : ["gradients", "better"];
    this.wire.send({do: "show", layers: computed.filter((name) => wanted.has(name))});
  }

  redraw() {
    const look = lookOf(this.root, this.data.colours);
    for (const [name, colour] of Object.entries(this.data.colours)) this.root.style.setProperty(`--${name}`, colour);
    if (!this.about) return;
    const {head, arrays = {}} = this.latest ?? {};
    this.boards.forEach((board, index) => {
      const own = Object.fromEntries(Object.entries(arrays).filter(([name]) => name.startsWith(`${index}/`)).map(([name, array]) => [name.slice(2), array]));
      const reals = this.about.is_points ? (this.reals?.values ?? []) : this.reals;
      board.draw({arrays: own, reals, numbers: head?.boards[index], layers: this.shown, look,
        own: index === 0 ? this.own.spray?.points : null, isNarrow: this.about.boards > 1});
    });
    this.curves.draw(look, this.about.is_probability.every(Boolean), this.about.boards);
    if (head) this.fill(head);
  }

  fill({step, boards, state}) {
    this.show(state, this.speed);
    const write = (cell, text) => cell.textContent !== text && (cell.textContent = text);
    write(this.rows.get("step")[0], step.toLocaleString("en"));
    for (const [name] of NUMBERS) {
      this.rows.get(name)?.forEach((cell, index) => {
        const value = boards[index]?.[name];
        write(cell, Array.isArray(value) ? value.join(" of ") : short(value));
      });
    }
  }

  /** Show state and speed on the buttons; return the speed. The last frame of a game that has ended may say that it plays. */
  show(told, speed) {
    const state = this.wayOut ? "paused" : told;
    if (this.shownState !== state) {
      const isPaused = state === "paused";
      this.player.replaceChildren(icon(isPaused ? "play" : "pause"), isPaused ? "Play" : "Pause");
      this.slow.setAttribute("aria-pressed", String(state === "slow"));
    }
    this.shownState = this.state = state;
    for (const button of this.speeds) button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === speed));
    this.speed = speed;
    return speed;
  }

  /** Say what has just happened: every part of a step by hand, and now and then how the game stands. */
  report() {
    const {head} = this.latest;
    const trouble = head.boards.map((board) => board.sentence).find(Boolean);
    if (trouble) return this.say(trouble);
    const facts = {isPoints: this.about.is_points, batch: this.data.knobs["optimizer.batch_size"], isGradientShown: this.shown.has("gradients")};
    const part = tellPart(head.part, facts);
    if (part) return this.say(part);
    if (head.state !== "playing" || performance.now() - this.saidAt > QUIET) this.say(summarise(head, this.about));
    return undefined;
  }

  say(sentence) {
    if (this.told.textContent === sentence) return;
    this.told.textContent = sentence;
    this.saidAt = performance.now();
  }

  /** Cover the boards with a sentence and perhaps a button; uncover them if it is empty. */
  cover(sentence, action, onclick) {
    cover(this.veil, sentence, action, onclick);
    this.wayOut = onclick;
    if (onclick) this.show("paused", this.speed);
    if (sentence) this.say(sentence);
  }

  // --- what a visitor does

  toggle() {
    this.own.stop();
    if (this.state === "paused") this.play();
    else this.send("pause");
  }

  /** Play on; in a lesson up to its end, and beyond it without one. */
  play() {
    const [goal, step] = [this.data.lesson?.goal, this.latest?.head.step ?? 0];
    this.send("play", goal > step ? {until: goal} : {});
  }

  step(who) {
    this.own.stop();
    this.send("step", {who});
  }

  reseed() {
    const seed = Math.floor(10000 * Math.random());
    this.game.seed = seed;
    this.save();
    this.send("reset", {seed});
    this.tell("seed", seed);
  }

  press(event) {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches?.("input")) return;
    if (event.key === " " && !target.matches?.("button")) this.toggle();
    else if (["d", "g", "b"].includes(event.key) && this.has("steps")) this.step(event.key === "b" ? "both" : event.key);
    else {
      const told = this.boards.find((board) => board.canvas === target)?.move?.(event.key);
      if (!told) return;
      this.say(told);
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

export default mounted((root, data, tell) => new Face(root, data, tell));
