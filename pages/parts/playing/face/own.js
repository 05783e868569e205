// Own points: the button that offers to draw them, and the tools while they are drawn.

class OwnPoints {
  constructor(face) {
    this.face = face;
    this.element = make("div", {className: "own"});
    this.spray = null;
  }

  /** Draw the button, or the tools while drawing. The focus stays. */
  offer() {
    const focused = [...this.element.querySelectorAll("button")].indexOf(this.element.getRootNode().activeElement);
    this.fill();
    if (focused >= 0) this.element.querySelectorAll("button")[this.spray ? focused : 0]?.focus();
  }

  fill() {
    const {face, spray} = this;
    this.element.replaceChildren();
    if (!face.about?.is_points || !face.data.may_draw) return;
    const button = (text, onclick, more) => make("button", {textContent: text, onclick, ...more});
    if (!spray) {
      const title = "Spray points with mouse, pen or finger; both players then train on them";
      this.element.append(button("Draw your own points", () => this.start(), {title}));
      return;
    }
    const count = spray.points.length;
    const isReady = count >= FEWEST_OWN;
    this.element.append(
      make("p", {textContent: `Spray points on the board: ${count.toLocaleString("en")} of ${MOST_OWN.toLocaleString("en")}.`}),
      make("div", {className: "row"},
        button("Use these points", () => this.use(), {className: "main", disabled: !isReady, title: isReady ? "" : `At least ${FEWEST_OWN} points`}),
        button("Eraser", () => this.change(() => (spray.isErasing = !spray.isErasing)), {"aria-pressed": String(spray.isErasing)}),
        button("Clear", () => this.change(() => (spray.points = []))),
        button("Cancel", () => this.stop())));
  }

  change(what) {
    what?.();
    this.offer();
    this.face.redraw();
  }

  start() {
    const {face} = this;
    face.send("pause");
    this.spray = new Spray(face.boards[0], (face.data.setup.points ?? []).slice(), () => {
      this.waiting ??= requestAnimationFrame(() => {
        this.waiting = null;
        this.change();
      });
    });
    face.root.classList.add("drawing");
    this.change();
  }

  stop() {
    if (!this.spray) return;
    this.spray.end();
    this.spray = null;
    this.face.root.classList.remove("drawing");
    this.change();
  }

  use() {
    const points = this.spray.points;
    this.stop();
    this.face.cover("Setting up the game with your points …");
    this.face.tell("points", points);
  }
}
