// The face of the page Explore: samples of a trained generator, and what lies between, around and behind them.

const SHOWN = 16;
const MODES = [
  ["walk", "Walk", "From one chosen sample to the next. Choose two or more, then move the slider."],
  ["neighbours", "Neighbours", "Latent vectors around the last chosen sample. Small changes of z should make small changes of the picture."],
  ["arithmetic", "Arithmetic", "A − B + C with means of chosen samples, as in “man with glasses − man + woman” (Radford et al. 2016)."],
  ["nearest", "Nearest", "The training pictures nearest to the last chosen sample, pixel by pixel. Twins speak for memorisation."],
  ["film", "Film", "The samples of the whole training, always of the same latent vectors."],
];
const GROUPS = [["picks", "A"], ["minus", "B"], ["plus", "C"]];
const TEMPO = 70; // milliseconds between two pictures of a walk that plays
const ROUND = 6000; // milliseconds of a walk from one chosen sample to the next and back

class Explorer {
  constructor(root, data) {
    Object.assign(this, {root, data, token: newToken(), seed: 0, mode: "walk", picks: [], groups: {picks: [], minus: [], plus: []}});
    Object.assign(this, {share: 0, radius: 0.3, truncation: 1, label: "", ticket: 0, waiting: new Map(), queued: new Map(), known: new Map()});
    this.wire = new Wire((message) => this.receive(message), (state, seconds) => this.connected(state, seconds));
    this.build();
    this.connect();
  }

  connect() {
    this.isOver = false;
    this.wire.connect(() => ({do: "open", token: this.token, setup: this.data.setup}));
  }

  update(data) {
    const isSame = JSON.stringify(data.setup) === JSON.stringify(this.data.setup);
    this.data = data;
    if (isSame) return;
    Object.assign(this, {token: newToken(), picks: [], groups: {picks: [], minus: [], plus: []}, known: new Map(), isOpen: false, label: ""});
    this.stop();
    this.connect();
  }

  connected(state, seconds) {
    if (this.isOver) return;
    if (state === "lost") this.cover(`The connection is lost; trying again in ${seconds} s …`);
    else if (state === "gone") this.cover("The server does not answer.", "Connect again", () => this.connect());
    else if (state === "connecting") this.cover("Loading the generator …");
  }

  // --- questions and answers: one of a kind under way, the newest of the others waits

  ask(mode, more = {}, kind = mode) {
    const message = {do: "draw", mode, ticket: ++this.ticket, truncation: this.truncation, label: this.label, ...more};
    if (this.waiting.has(kind)) this.queued.set(kind, message);
    else this.post(kind, message);
  }

  post(kind, message) {
    this.waiting.set(kind, message.ticket);
    this.wire.send(message);
  }

  receive({head, arrays}) {
    if (head.kind === "opened") return this.opened(head);
    if (head.kind === "sentence") return this.hear(head);
    if (head.kind !== "drawn") return undefined;
    const kind = [...this.waiting].find(([, ticket]) => ticket === head.ticket)?.[0] ?? "samples";
    this.waiting.delete(kind);
    const next = this.queued.get(kind);
    this.queued.delete(kind);
    if (next) this.post(kind, next);
    if (kind === "samples") this.showSamples(arrays.images);
    else this.showAnswer(kind, head, arrays);
    return undefined;
  }

  opened(head) {
    this.about = head;
    this.waiting.clear();
    this.queued.clear();
    this.classes.replaceChildren(make("option", {value: "", textContent: "All classes in turn"}),
      ...head.classes.map((name) => make("option", {value: name, textContent: name})));
    this.classes.parentElement.hidden = !head.classes.length;
    const missing = head.missing ?? {};
    this.tabs.forEach((tab, index) => { tab.hidden = MODES[index][0] in missing; });
    this.lacking.textContent = Object.values(missing).join(" ");
    this.lacking.hidden = !this.lacking.textContent;
    if (this.mode in missing) this.turnTo(MODES[0][0]);
    this.tell(`${head.moment ?? `Step ${head.step.toLocaleString("en")}`}, ${head.weights === "EMA" ? "averaged weights (EMA)" : "weights as trained"}. Choose samples.`);
    this.cover("");
    if (!this.picks.length) this.picks = [[this.seed, 0], [this.seed, 1]];
    this.refresh();
  }

  hear({sentence, is_end: isEnd}) {
    this.waiting.clear();
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
    this.samples = make("div", {className: "samples", role: "group", "aria-label": "Samples; choose some"});
    this.buttons = Array.from({length: SHOWN}, (_, index) => {
      const canvas = make("canvas", {"aria-hidden": "true"});
      const button = make("button", {"aria-pressed": "false", "aria-label": `Sample ${index + 1}`, onclick: () => this.choose(index)}, canvas, make("span", {className: "badge", hidden: true}));
      return button;
    });
    this.samples.append(...this.buttons);
    this.classes = make("select", {onchange: () => { this.label = this.classes.value; this.known.clear(); this.refresh(); }});
    const truncation = this.slider("Truncation", "Scales z: below 1, more typical and less varied pictures (Brock et al. 2019)", 0, 1.5, 0.05, this.truncation,
      (value) => { this.truncation = value; this.refresh(); });
    const tools = make("div", {className: "row"},
      make("button", {textContent: "Other samples", title: "Sixteen other latent vectors", onclick: () => this.reseed()}),
      make("button", {textContent: "Clear choice", onclick: () => { this.picks = []; this.stop(); this.mark(); this.show(); }}));
    this.tabs = MODES.map(([name, text, title]) => make("button", {textContent: text, title, "aria-pressed": "false", onclick: () => this.turnTo(name)}));
    this.explained = make("p", {className: "explained"});
    this.lacking = make("p", {className: "explained", hidden: true});
    this.result = make("div", {className: "result"});
    const left = make("div", {className: "pane"}, make("h3", {textContent: "Samples"}), this.samples, tools, truncation, make("label", {className: "choice", hidden: true}, "Class ", this.classes));
    const right = make("div", {className: "pane"}, make("div", {className: "row tabs", role: "group", "aria-label": "What to explore"}, ...this.tabs), this.explained, this.result, this.lacking);
    this.root.replaceChildren(make("div", {className: "hero"}, make("div", {className: "explorer"}, left, right), this.veil), this.told);
    this.turnTo(this.mode);
  }

  slider(text, title, min, max, step, value, oninput) {
    const shown = make("output", {textContent: short(value)});
    const input = make("input", {type: "range", min, max, step, value, title, "aria-label": text});
    input.oninput = () => {
      shown.textContent = short(Number(input.value));
      oninput(Number(input.value));
    };
    return make("label", {className: "slide", title}, make("span", {textContent: text}), input, shown);
  }

  reseed() {
    this.seed = (this.seed + 1) % 1000;
    this.refresh();
  }

  /** Ask for everything that is shown. */
  refresh() {
    if (!this.about) return;
    this.ask("samples", {seed: this.seed});
    this.mark();
    this.show();
  }

  choose(index) {
    const place = this.picks.findIndex(([seed, number]) => seed === this.seed && number === index);
    if (place >= 0) this.picks.splice(place, 1);
    else if (this.picks.length < 16) this.picks.push([this.seed, index]);
    this.stop();
    this.mark();
    this.show();
  }

  /** Show on the samples which are chosen, and in which order. */
  mark() {
    this.buttons.forEach((button, index) => {
      const place = this.picks.findIndex(([seed, number]) => seed === this.seed && number === index);
      button.setAttribute("aria-pressed", String(place >= 0));
      button.setAttribute("aria-label", `Sample ${index + 1}${place >= 0 ? `, chosen as number ${place + 1}` : ""}`);
      button.lastChild.hidden = place < 0;
      button.lastChild.textContent = String(place + 1);
    });
  }

  showSamples(images) {
    this.buttons.forEach((button, index) => paint(button.firstChild, images, index));
  }

  turnTo(mode) {
    this.stop();
    this.mode = mode;
    this.tabs.forEach((tab, index) => tab.setAttribute("aria-pressed", String(MODES[index][0] === mode)));
    this.explained.textContent = MODES.find(([name]) => name === mode)[2];
    this.arrange();
    this.show();
  }

  /** Lay out the result of a mode. */
  arrange() {
    const wide = (className, count) => {
      const pictures = Array.from({length: count}, () => make("canvas", {role: "img"}));
      return [make("div", {className}, ...pictures), pictures];
    };
    this.pictures = [];
    if (this.mode === "walk") {
      [this.strip, this.pictures] = wide("strip", 12);
      this.big = make("canvas", {className: "big", role: "img", "aria-label": "The picture at this place of the walk"});
      this.player = make("button", {className: "main", textContent: "Play", onclick: () => (this.playing ? this.stop() : this.play())});
      this.place = make("input", {type: "range", min: 0, max: 1, step: 0.005, value: 0, "aria-label": "Place on the walk"});
      this.place.oninput = () => { this.stop(); this.walkTo(Number(this.place.value)); };
      this.result.replaceChildren(this.big, make("div", {className: "row walk"}, this.player, this.place), this.strip);
    } else if (this.mode === "neighbours") {
      const [grid, pictures] = wide("grid16", SHOWN);
      this.pictures = pictures;
      this.result.replaceChildren(grid, this.slider("Distance", "From 0, the same latent vector, to 1, any other", 0, 1, 0.02, this.radius, (value) => { this.radius = value; this.show(); }));
    } else if (this.mode === "arithmetic") {
      this.terms = Object.fromEntries(GROUPS.map(([name, letter]) => {
        const canvas = make("canvas", {role: "img", "aria-label": `Mean of group ${letter}`});
        const count = make("span");
        const set = make("button", {textContent: `Set ${letter}`, title: `The chosen samples become group ${letter}`, onclick: () => { this.groups[name] = this.picks.slice(); this.picks = []; this.mark(); this.show(); }});
        return [name, {canvas, count, set}];
      }));
      this.big = make("canvas", {className: "big", role: "img", "aria-label": "A − B + C"});
      const term = (name, sign) => make("div", {className: "term"}, make("b", {textContent: sign}), this.terms[name].canvas, this.terms[name].count, this.terms[name].set);
      this.result.replaceChildren(make("div", {className: "terms"}, term("picks", "A"), term("minus", "− B"), term("plus", "+ C"), make("div", {className: "term"}, make("b", {textContent: "="}), this.big)));
    } else if (this.mode === "nearest") {
      this.big = make("canvas", {className: "big", role: "img", "aria-label": "The chosen sample"});
      this.near = make("div", {className: "near"});
      this.result.replaceChildren(this.big, this.near);
    } else {
      this.film = make("img", {className: "film", alt: "Samples of the whole training, one snapshot after the other"});
      this.save = make("a", {textContent: "Save the film", download: "training.webp", hidden: true});
      this.result.replaceChildren(this.film, make("div", {className: "row"}, this.save));
    }
  }

  /** Ask for what the mode shows, or say what is missing. */
  show() {
    if (!this.about) return;
    const last = this.picks.slice(-1);
    const isMissing = {walk: this.picks.length < 2, neighbours: !last.length, nearest: !last.length, arithmetic: !this.groups.picks.length, film: false}[this.mode];
    this.result.classList.toggle("empty", isMissing);
    this.player?.toggleAttribute("disabled", isMissing);
    if (isMissing) {
      this.tell({walk: "Choose two or more samples.", arithmetic: "Choose one or more samples, then set them as A; the same for B and C."}[this.mode] ?? "Choose a sample.");
    } else if (this.mode === "walk") {
      this.ask("walk", {picks: this.picks}, "strip");
      this.walkTo(this.share);
    } else if (this.mode === "neighbours") this.ask("neighbours", {picks: last, radius: this.radius});
    else if (this.mode === "nearest") this.ask("nearest", {picks: last});
    else if (this.mode === "film") {
      this.tell("Making the film …");
      this.ask("film");
    }
    if (this.mode === "arithmetic") {
      for (const [name, letter] of GROUPS) {
        const count = this.groups[name].length;
        this.terms[name].count.textContent = count ? `mean of ${count}` : "empty";
        this.terms[name].set.disabled = !this.picks.length;
        this.terms[name].set.textContent = `Set ${letter}`;
      }
      if (!isMissing) this.ask("arithmetic", this.groups);
    }
  }

  showAnswer(kind, head, arrays) {
    const {images} = arrays;
    if (kind === "strip") this.mode === "walk" && this.pictures.forEach((canvas, index) => paint(canvas, images, index));
    else if (kind !== this.mode) return;
    else if (kind === "walk") {
      paint(this.big, images, 0);
      if (!this.playing) this.tell(`${Math.round(100 * this.share)} % of the way through ${this.picks.length} samples.`);
    } else if (kind === "neighbours") {
      this.pictures.forEach((canvas, index) => paint(canvas, images, index));
      this.tell("First the chosen sample, then fifteen neighbours.");
    } else if (kind === "arithmetic") {
      const named = GROUPS.filter(([name]) => this.groups[name].length);
      named.forEach(([name], index) => paint(this.terms[name].canvas, images, index));
      paint(this.big, images, named.length);
      this.tell("Means of latent vectors, brought to the usual length.");
    } else if (kind === "nearest") this.showNearest(head, images);
    else this.showFilm(head, arrays.film);
  }

  showNearest({distances, searched}, images) {
    paint(this.big, images, 0);
    this.near.replaceChildren(...distances.map((distance, index) => {
      const canvas = make("canvas", {role: "img", "aria-label": `Training picture ${index + 1}`});
      paint(canvas, images, index + 1);
      return make("figure", {}, canvas, make("figcaption", {textContent: short(distance)}));
    }));
    this.tell(`Nearest of ${searched.toLocaleString("en")} ${this.about.reals ?? "training pictures"}; below each the root mean squared difference of pixels, 0 to 255.`);
  }

  showFilm({steps}, film) {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(new Blob([film.values], {type: "image/webp"}));
    this.film.src = this.save.href = this.address;
    this.save.hidden = false;
    this.tell(`${steps.length} snapshots, from step ${steps[0].toLocaleString("en")} to ${steps.at(-1).toLocaleString("en")}.`);
  }

  // --- a walk that plays

  walkTo(share) {
    this.share = share;
    if (this.mode === "walk") this.place.value = share;
    if (this.picks.length > 1) this.ask("walk", {picks: this.picks, share});
  }

  play() {
    const began = performance.now() - (ROUND / 2) * this.share;
    this.player.textContent = "Pause";
    this.playing = setInterval(() => {
      const turn = ((performance.now() - began) / ROUND) % 1;
      this.walkTo(turn < 0.5 ? 2 * turn : 2 - 2 * turn);
    }, TEMPO);
  }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
    if (this.player) this.player.textContent = "Play";
  }

  tell(sentence) {
    if (this.told.textContent !== sentence) this.told.textContent = sentence;
  }

  cover(sentence, action, onclick) {
    cover(this.veil, sentence, action, onclick);
  }

  close() {
    this.stop();
    if (this.address) URL.revokeObjectURL(this.address);
    this.wire.close();
  }
}

/** Draw one picture of an array [n, h, w, 1 | 3] at its own size; the page enlarges it. */
function paint(canvas, {shape: [, height, width, channels], values}, index) {
  const from = index * height * width * channels;
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(pictured(values.subarray(from, from + height * width * channels), width, height, channels), 0, 0);
}

export default mounted((root, data) => new Explorer(root, data));
