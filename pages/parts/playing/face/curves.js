// Live curves: losses, and what the discriminator thinks of real and generated data, with a line for each turned knob.

const MOST_POINTS = 500; // of a curve; every other one is dropped beyond that
const KEPT = ["d_loss", "g_loss", "d_real", "d_fake"];

class Curves {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
  }

  clear() {
    this.steps = [];
    this.series = {};
    this.marks = [];
  }

  /** Take the history that the server kept. */
  restore(history, marks) {
    const {step = [], ...series} = history ?? {};
    this.steps = [...step];
    this.series = Object.fromEntries(Object.entries(series).map(([name, values]) => [name, [...values]]));
    this.marks = marks ?? [];
  }

  /** Add the numbers of a frame; a smaller step than before is a game begun again. */
  add(step, boards) {
    const last = this.steps.at(-1);
    if (last !== undefined && step < last) this.clear();
    if (last === step) this.drop((_, index) => index < this.steps.length - 1);
    boards.forEach((numbers, board) => {
      for (const name of KEPT) {
        const values = (this.series[`${board}/${name}`] ??= new Array(this.steps.length).fill(null));
        values.push(numbers[name] ?? null);
      }
    });
    this.steps.push(step);
    if (this.steps.length > MOST_POINTS) this.drop((_, index) => index % 2 === 0 || index === this.steps.length - 1);
  }

  drop(isKept) {
    for (const name of Object.keys(this.series)) this.series[name] = this.series[name].filter(isKept);
    this.steps = this.steps.filter(isKept);
  }

  draw(look, isProbability, boards) {
    const {context, width, height} = begin(this.canvas);
    const half = height / 2;
    const chart = {context, width, look, boards};
    const texts = this.marks.filter(([, , text]) => text);
    this.chart(chart, 0, half - 8, "Losses", [["d_loss", "D", look.indigo], ["g_loss", "G", look.orange]], null, texts);
    const title = isProbability ? "Opinion of D" : "Output of D";
    const scale = isProbability ? [0, 1] : null;
    this.chart(chart, half + 4, half - 8, title, [["d_real", "real", look.indigo], ["d_fake", "generated", look.orange]], scale, texts);
  }

  chart({context, width, look, boards}, top, height, title, lines, scale, marks) {
    const [left, right, upper, lower] = [38, width - 6, top + 22, top + height - 14];
    const drawn = lines.flatMap(([name, , colour]) =>
      Array.from({length: boards}, (_, board) => ({values: this.series[`${board}/${name}`] ?? [], colour, board})));
    const [low, high] = scale ?? rangeOf(drawn.flatMap(({values}) => values));
    const [first, last] = [this.steps[0] ?? 0, Math.max(this.steps.at(-1) ?? 0, (this.steps[0] ?? 0) + 1)];
    const across = (step) => left + ((step - first) / (last - first)) * (right - left);
    const up = (value) => lower - ((value - low) / (high - low)) * (lower - upper);
    const write = (text, x, y, align, colour) => {
      context.textAlign = align;
      context.fillStyle = colour;
      context.fillText(text, x, y);
      return context.measureText(text).width;
    };
    context.font = `600 12px ${look.font}`;
    context.textBaseline = "alphabetic";
    let place = left + write(title, left, top + 12, "left", look.text) + 10;
    for (const [, name, colour] of lines) place += write(name, place, top + 12, "left", colour) + 8;
    context.font = `12px ${look.font}`;
    const quiet = faded(look.text, 0.7);
    write(short(high), left - 5, upper + 4, "right", quiet);
    write(short(low), left - 5, lower + 3, "right", quiet);
    write(first.toLocaleString("en"), left, lower + 13, "left", quiet);
    write(`step ${last.toLocaleString("en")}`, right, lower + 13, "right", quiet);
    context.strokeStyle = look.border;
    context.lineWidth = 1;
    context.strokeRect(left, upper, right - left, lower - upper);
    if (scale) rule(context, left, right, up(0.5));
    this.mark(context, marks, {across, upper, lower, first, right, look});
    for (const {values, colour, board} of drawn) {
      context.strokeStyle = colour;
      context.lineWidth = 1.6;
      context.setLineDash(board ? [5, 3] : []);
      stroke(context, this.steps, values, across, up);
    }
    context.setLineDash([]);
  }

  /** Draw the turned knobs as vertical lines; the newest three with their text, on lines of their own. */
  mark(context, marks, {across, upper, lower, first, right, look}) {
    marks.forEach(([step, , text], index) => {
      if (step < first) return;
      const x = across(step);
      context.strokeStyle = faded(look.text, 0.45);
      context.setLineDash([2, 2]);
      context.beginPath();
      context.moveTo(x, upper);
      context.lineTo(x, lower);
      context.stroke();
      context.setLineDash([]);
      if (index < marks.length - 3) return;
      const wide = context.measureText(text).width;
      context.textAlign = "left";
      context.fillStyle = look.text;
      context.fillText(text, Math.min(x + 3, right - wide - 2), upper + 12 + 12 * (index % 3));
    });
  }
}

function rule(context, left, right, y) {
  context.setLineDash([1, 3]);
  context.beginPath();
  context.moveTo(left, y);
  context.lineTo(right, y);
  context.stroke();
  context.setLineDash([]);
}

/** Draw one curve; where a number is missing, it has a gap. */
function stroke(context, steps, values, across, up) {
  let isOn = false;
  context.beginPath();
  values.forEach((value, index) => {
    if (value !== null) context[isOn ? "lineTo" : "moveTo"](across(steps[index]), up(value));
    isOn = value !== null;
  });
  context.stroke();
}

function rangeOf(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (!known.length) return [0, 1];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const margin = (high - low) * 0.06 || 0.5;
  return [low - (low < 0 ? margin : Math.min(low, margin)), high + margin];
}
