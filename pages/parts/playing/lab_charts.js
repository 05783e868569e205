// The laboratory’s sliders, and its charts on a canvas.

const percent = (value) => `${Math.round(100 * value)} %`.replace("-", "−");

/** Return values from one number to another, in so many steps. */
function range(from, to, steps) {
  return Array.from({length: steps + 1}, (_, index) => Number((from + ((to - from) * index) / steps).toFixed(4)));
}

/** Sliders: label, explanation, values from left to right, the one that changes nothing, and a value as text. */
const CONTROLS = {
  blur: {
    text: "Blur", title: "σ of a Gaussian, in pixels; the pictures have 32 × 32",
    values: range(0, 4, 16), usual: 0, show: (value) => `${value} px`,
  },
  contrast: {
    text: "Contrast", title: "Factor on the difference of each pixel from the picture’s mean",
    values: [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3], usual: 1, show: (value) => `× ${value}`,
  },
  brightness: {
    text: "Brightness", title: "Added to each pixel, as a share of the range from black to white",
    values: range(-0.5, 0.5, 20), usual: 0, show: (value) => `${value > 0 ? "+" : ""}${percent(value)}`,
  },
  noise: {
    text: "Noise", title: "σ of normal noise, as a share of the range from black to white",
    values: [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5], usual: 0, show: percent,
  },
  distinct: {
    text: "Different pictures", title: "Number of different pictures; the classes take turns, and pictures are repeated equally often",
    values: [898, 500, 300, 200, 100, 50, 20, 10, 5, 2, 1], usual: 898, show: String,
  },
  classes: {
    text: "Classes left", title: "Only the first classes, from 0 on; their pictures are repeated",
    values: range(10, 1, 9), usual: 10, show: String,
  },
  copied: {
    text: "Training copies", title: "Share of pictures that are training pictures, unchanged",
    values: range(0, 1, 10), usual: 0, show: percent,
  },
  truncation: {
    text: "Truncation ψ", title: "Factor on the latent vectors z: 1 as in training, below 1 shorter, above 1 longer",
    values: range(0, 2, 20), usual: 1, show: String,
  },
};

/** Return the ends of the axis of a score; that of FID is logarithmic. */
function axisOf({key}) {
  return {fid: [1, 1000], inception_score: [1, 10], density: [0, 1.5]}[key] ?? [0, 1];
}

/** Return where a value lies on the axis of its score, from 0 to 1. */
function placeOf(score, value) {
  const scaled = score.key === "fid" ? (number) => Math.log(Math.max(number, 1e-9)) : (number) => number;
  const [low, high] = axisOf(score).map(scaled);
  return Math.max(0, Math.min(1, (scaled(value) - low) / (high - low)));
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
    const [x, y] = [index % columns, Math.floor(index / columns)].map((place) => place * (side + gap));
    context.drawImage(sheet, index * side, 0, side, side, x, y, side, side);
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
  const title = `${lab.labelOf(score)}${score.key === "fid" ? " (logarithmic)" : ""}`;
  const place = begin(lab.chart);
  const ends = axisOf(score).map((value) => lab.textOf(score, value));
  const {left, right, upper, lower, write} = frameOf(place, look, title, [text, show(values[0]), show(values.at(-1))], ends);
  const up = (value) => lower - placeOf(score, value) * (lower - upper);
  const [low, , high] = lab.about.floor[score.key];
  place.context.fillStyle = faded(look.indigo, 0.35);
  place.context.fillRect(left, up(high), right - left, Math.max(2, up(low) - up(high)));
  write("real against real", right - 5, up(high) - 5 > upper + 12 ? up(high) - 5 : up(low) + 14, "right", "12px", 0.9);
  const series = lab.series();
  const at = ({index, scores}) => [left + 8 + (index / (values.length - 1)) * (right - left - 16), up(scores[score.key])];
  drawPoints(place.context, look, series, (one) => lab.isNow(one), at);
  const points = series[0].map((one) => `${show(one.values[lab.active])}: ${lab.textOf(score, one.scores[score.key])}`);
  lab.chart.setAttribute("aria-label", `${lab.labelOf(score)} against ${text.toLowerCase()}: ${points.join("; ")}`);
}

/** Draw precision against recall, with the place of real images. */
function drawTrade(lab, look) {
  const place = begin(lab.chart);
  const {context} = place;
  const [fewest, worst] = [0.5, 0.3]; // ends of both axes; below, the curve leaves the chart
  const {left, right, upper, lower, write} = frameOf(
    place, look, "Precision: quality", ["Recall: variety", percent(fewest), "100 %"], [percent(worst), "100 %"],
  );
  const at = ({recall, precision}) => [
    left + ((recall - fewest) / (1 - fewest)) * (right - left),
    lower - ((precision - worst) / (1 - worst)) * (lower - upper),
  ];
  const real = at({precision: lab.about.floor.precision[1], recall: lab.about.floor.recall[1]});
  spot(context, ...real, 6, look.indigo);
  write("real digits", real[0] - 11, real[1] + 4, "right", "12px", 0.9);
  const series = lab.series();
  context.save();
  context.beginPath();
  context.rect(left, upper, right - left, lower - upper);
  context.clip();
  drawPoints(context, look, series, (one) => lab.isNow(one), (one) => at(one.scores));
  for (const one of series[0].filter((found) => lab.isNow(found) || [0.5, 0.6, 1, 2].includes(found.values[lab.active]))) {
    const [x, y] = at(one.scores);
    const value = one.values[lab.active];
    const [aside, down, align] = value < 0.8 ? [-9, -7, "right"] : [8, value > 1.3 ? 14 : -9, "left"];
    write(`ψ ${value}`, x + aside, y + down, align, lab.isNow(one) ? "700 13px" : "12px", 1);
  }
  context.restore();
  const points = series[0].map(({values, scores: {precision, recall}}) =>
    `ψ ${values[lab.active]}: precision ${percent(precision)}, recall ${percent(recall)}`);
  lab.chart.setAttribute("aria-label", `Precision against recall: ${points.join("; ")}`);
}
