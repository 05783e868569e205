// The board of points: map of the discriminator, manifold, points, and the gradient at each generated point.

const HALF = 127.5; // of the map's values: D = ½
const REAL = {light: "#4037c4", dark: "#a9a4ff"}; // shades of the indigo that stand out from the map
const LONGEST = 0.07; // of an arrow, as a share of the board

/** Switchable layers of points: [name, label, mark, what it shows]. */
const POINT_LAYERS = [
  ["reals", "Real", "dot-real", "Points of the data set."],
  ["fakes", "Generated", "dot-fake", "128 points that the generator makes from noise, always from the same noise."],
  ["heat", "Map of D", "heat", "What the discriminator thinks of each place: indigo looks real, orange looks generated."],
  ["accepted", "Accepted by D", "hatch", "The area that the discriminator takes for real: its border is D = ½."],
  ["gradients", "Gradient", "arrow", "Where the discriminator pushes each generated point, so that it would look more real."],
  ["manifold", "Manifold of G", "grid", "How the generator folds and stretches a square grid of noise over the plane."],
];

class Plane {
  constructor(canvas) {
    this.canvas = canvas;
    this.map = document.createElement("canvas");
    this.reach = 0; // length of a gradient that is drawn as the longest arrow
    canvas.onpointermove = (event) => this.point(event);
    canvas.onpointerleave = () => this.point(null);
  }

  point(event) {
    this.pointed = event && [event.offsetX, event.offsetY];
    this.redraw?.();
  }

  /** Return the place in the plane of a place on the canvas. */
  placeOf(x, y) {
    const [left, right, low, high] = this.bounds;
    const {clientWidth: width, clientHeight: height} = this.canvas;
    return [left + (x / width) * (right - left), high - (y / height) * (high - low)];
  }

  /** Draw one board; `arrays` are those of this board, `reals` the points of the data set. */
  draw({arrays, reals, layers, look, own}) {
    const {context, width, height} = begin(this.canvas);
    const [left, right, low, high] = this.bounds;
    const across = (x) => ((x - left) / (right - left)) * width;
    const up = (y) => height - ((y - low) / (high - low)) * height;
    const sides = {context, width, height, across, up, look};
    if (own) return drawDots(sides, own.flat(), REAL[look.isDark ? "dark" : "light"], 2.6, 0.9);
    const heat = arrays.heat;
    if (heat && layers.has("heat")) this.drawMap(sides, heat);
    if (heat && layers.has("accepted")) drawAccepted(sides, heat);
    if (layers.has("reals")) drawDots(sides, reals, REAL[look.isDark ? "dark" : "light"], 2.2, 0.7);
    if (arrays.manifold && layers.has("manifold")) drawManifold(sides, arrays.manifold);
    if (arrays.fakes && arrays.gradients && layers.has("gradients")) this.drawArrows(sides, arrays.fakes, arrays.gradients);
    if (arrays.fakes && layers.has("fakes")) drawDots(sides, arrays.fakes.values, look.orange, 3.2, 1, look.background);
    if (this.pointed && heat) this.tell(sides, heat);
    return undefined;
  }

  drawMap({context, width, height, look}, {shape: [rows, columns], values}) {
    [this.map.width, this.map.height] = [columns, rows];
    const brush = this.map.getContext("2d");
    const image = brush.createImageData(columns, rows);
    const [real, fake] = [rgb(look.indigo), rgb(look.orange)];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const value = values[(rows - 1 - row) * columns + column] / HALF - 1;
        const alpha = Math.round((look.isDark ? 150 : 125) * Math.abs(value) ** 0.8);
        image.data.set([...(value > 0 ? real : fake), alpha], 4 * (row * columns + column));
      }
    }
    brush.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.map, 0, 0, width, height);
  }

  drawArrows({context, width, across, up, look}, {values: fakes}, {values: pushes}) {
    const sizes = [];
    for (let place = 0; place < pushes.length; place += 2) sizes.push(Math.hypot(pushes[place], pushes[place + 1]));
    const large = sizes.slice().sort((a, b) => a - b)[Math.floor(0.9 * sizes.length)] || 0;
    this.reach = Math.max(large, 0.98 * this.reach); // falls slowly, so that a gradient that vanishes is seen to vanish
    if (!this.reach) return;
    context.strokeStyle = context.fillStyle = faded(look.text, 0.75);
    context.lineWidth = 1.3;
    for (let index = 0; index < sizes.length; index++) {
      const long = Math.min(1, sizes[index] / this.reach) * LONGEST * width;
      if (long < 2) continue;
      const [x, y] = [across(fakes[2 * index]), up(fakes[2 * index + 1])];
      const [dx, dy] = [pushes[2 * index] / sizes[index], -pushes[2 * index + 1] / sizes[index]];
      const [endX, endY] = [x + dx * long, y + dy * long];
      const head = Math.min(5, long / 2);
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(endX, endY);
      context.stroke();
      context.beginPath();
      context.moveTo(endX + dx * 2, endY + dy * 2);
      context.lineTo(endX - dx * head - dy * head * 0.55, endY - dy * head + dx * head * 0.55);
      context.lineTo(endX - dx * head + dy * head * 0.55, endY - dy * head - dx * head * 0.55);
      context.fill();
    }
  }

  tell({context, width, height, look}, {shape: [rows, columns], values}) {
    const [x, y] = this.pointed;
    const column = Math.min(columns - 1, Math.max(0, Math.floor((x / width) * columns)));
    const row = Math.min(rows - 1, Math.max(0, Math.floor((1 - y / height) * rows)));
    const share = values[row * columns + column] / 255;
    const text = this.isProbability ? `D = ${share.toFixed(2)}` : share > 0.5 ? "D leans to real" : "D leans to generated";
    label(context, text, x, y - 8, width, look);
  }
}

function drawDots({context, across, up}, values, colour, radius, alpha, outline) {
  context.fillStyle = faded(colour, alpha);
  context.strokeStyle = outline ?? "transparent";
  context.lineWidth = 1;
  for (let place = 0; place + 1 < values.length; place += 2) {
    context.beginPath();
    context.arc(across(values[place]), up(values[place + 1]), radius, 0, 7);
    context.fill();
    if (outline) context.stroke();
  }
}

function drawManifold({context, across, up, look}, {shape: [rows, columns], values}) {
  context.strokeStyle = faded(look.orange, look.isDark ? 0.6 : 0.75);
  context.lineWidth = 1;
  context.beginPath();
  const line = (start, step, count) => {
    for (let index = 0; index < count; index++) {
      const place = 2 * (start + index * step);
      context[index ? "lineTo" : "moveTo"](across(values[place]), up(values[place + 1]));
    }
  };
  for (let row = 0; row < rows; row++) line(row * columns, 1, columns);
  for (let column = 0; column < columns; column++) line(column, columns, rows);
  context.stroke();
}

/** Hatch the area where D > ½, and draw its border. */
function drawAccepted({context, width, height, look}, {shape: [rows, columns], values}) {
  const {area, edge} = outline(values, rows, columns, width, height);
  const colour = look.isDark ? "#b9b5ff" : "#3d34c9";
  context.save();
  context.clip(area);
  context.strokeStyle = faded(colour, 0.4);
  context.lineWidth = 1;
  context.beginPath();
  for (let start = -height; start < width; start += 9) {
    context.moveTo(start, height);
    context.lineTo(start + height, 0);
  }
  context.stroke();
  context.restore();
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke(edge);
}

/** Return the area where the map exceeds ½ and its border (marching squares between the centres of the cells). */
function outline(values, rows, columns, width, height) {
  const [area, edge] = [new Path2D(), new Path2D()];
  const corners = [[0, 0], [1, 0], [1, 1], [0, 1]];
  for (let row = 0; row < rows - 1; row++) {
    for (let column = 0; column < columns - 1; column++) {
      const at = corners.map(([right, up]) => ({
        value: values[(row + up) * columns + column + right] - HALF,
        x: ((column + right + 0.5) / columns) * width,
        y: height - ((row + up + 0.5) / rows) * height,
      }));
      const [shape, crossings] = [[], []];
      at.forEach((from, index) => {
        const to = at[(index + 1) % 4];
        if (from.value > 0) shape.push(from);
        if (from.value > 0 !== to.value > 0) {
          const share = from.value / (from.value - to.value);
          const crossing = {x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y)};
          shape.push(crossing);
          crossings.push(crossing);
        }
      });
      shape.forEach(({x, y}, index) => area[index ? "lineTo" : "moveTo"](x, y));
      if (shape.length) area.closePath();
      crossings.forEach(({x, y}, index) => edge[index % 2 ? "lineTo" : "moveTo"](x, y));
    }
  }
  return {area, edge};
}
