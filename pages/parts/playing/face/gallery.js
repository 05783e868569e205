// The board of pictures: 16 generated and 16 real ones, each framed by what the discriminator thinks of it.

const GAP = 8; // pixels between pictures, wide enough for their frames
const TITLE = 24; // height of a heading
const BRIGHTER = [18, 184, 134]; // of the gradient: a brighter pixel would look more real
const DARKER = [230, 73, 128];

/** Switchable layers of pictures: [name, label, mark, what it shows]. */
const PICTURE_LAYERS = [
  ["frames", "D’s opinion", "frame", "Frames: indigo looks real to the discriminator, orange looks generated."],
  ["gradients", "Gradient", "diverging", "Where D would change each picture, while paused: green brighter, pink darker."],
  ["better", "What D would like better", "better", "The generated pictures after a few steps along the gradient, while paused."],
];

class Gallery {
  constructor(canvas) {
    this.canvas = canvas;
    this.cells = [];
    this.focused = null;
    canvas.onpointermove = ({offsetX, offsetY}) => this.focus(this.cells.findIndex(covers(offsetX, offsetY)));
    canvas.onpointerdown = canvas.onpointermove;
    canvas.onpointerleave = () => this.focus(-1);
    canvas.onblur = () => this.focus(-1);
  }

  focus(index) {
    const next = index >= 0 ? index : null;
    if (next === this.focused) return;
    this.focused = next;
    this.redraw?.();
  }

  /** Move the focus by arrow keys; return what is to be read out. */
  move(key) {
    const steps = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -4, ArrowDown: 4};
    if (!(key in steps)) return "";
    const next = this.focused === null ? 0 : this.focused + steps[key];
    this.focus(Math.max(0, Math.min(this.cells.length - 1, next)));
    const cell = this.cells[this.focused];
    return cell ? `${cell.isReal ? "Real" : "Generated"} picture ${cell.index + 1}: ${this.opinion(cell)}` : "";
  }

  /** Place the pictures: both kinds side by side, or one above the other where there is little room. */
  arrange(isNarrow) {
    const width = this.canvas.clientWidth;
    const isBeside = !isNarrow && width >= 460;
    const side = isBeside ? (width - 24) / 2 : width;
    const large = (side - 3 * GAP - 4) / 4;
    const small = isBeside ? large : (width - 7 * GAP - 4) / 8;
    const columns = isBeside ? 4 : 8;
    const below = TITLE + 4 * (large + GAP) + 4;
    const [realLeft, realTop] = isBeside ? [side + 24, 0] : [0, below];
    const grid = (isReal, left, top, size, across) =>
      Array.from({length: 16}, (_, index) => ({
        isReal, index, size,
        x: left + 2 + (index % across) * (size + GAP),
        y: top + TITLE + Math.floor(index / across) * (size + GAP),
      }));
    this.cells = [...grid(false, 0, 0, large, 4), ...grid(true, realLeft, realTop, small, columns)];
    this.titles = [["Generated", 2, 0], ["Real", realLeft + 2, realTop]];
    this.canvas.style.height = `${Math.ceil(isBeside ? below : below + TITLE + 2 * (small + GAP))}px`;
  }

  draw({arrays, reals, numbers, layers, look, isNarrow}) {
    this.arrange(isNarrow);
    const {context, width} = begin(this.canvas);
    this.opinions = [numbers?.opinions ?? [], numbers?.reals ?? []];
    const known = this.opinions.flat().filter((value) => value !== null);
    this.range = this.isProbability || !known.length ? [0, 1] : [Math.min(...known), Math.max(...known)];
    context.font = `600 14px ${look.font}`;
    context.fillStyle = look.text;
    context.textAlign = "left";
    context.textBaseline = "top";
    const isBetter = layers.has("better") && arrays.better;
    for (const [text, x, y] of this.titles) context.fillText(text === "Generated" && isBetter ? "What D would like better" : text, x, y + 2);
    const sheets = [sheetOf(isBetter || arrays.fakes), sheetOf(reals)];
    const over = layers.has("gradients") && arrays.gradients ? sheetOf(arrays.gradients) : null;
    context.imageSmoothingEnabled = false;
    for (const cell of this.cells) {
      const sheet = sheets[Number(cell.isReal)];
      if (!sheet) continue;
      const size = sheet.height;
      const place = [cell.index * size, 0, size, size, cell.x, cell.y, cell.size, cell.size];
      context.drawImage(sheet, ...place);
      if (over && !cell.isReal) context.drawImage(over, ...place);
      if (layers.has("frames")) this.frame(context, cell, look);
    }
    const cell = this.cells[this.focused];
    if (cell) label(context, this.opinion(cell), cell.x + cell.size / 2, cell.y + cell.size / 2 + 12, width, look);
  }

  frame(context, cell, look) {
    const value = this.opinions[Number(cell.isReal)][cell.index];
    const [low, high] = this.range;
    context.strokeStyle = mixed(value === null || value === undefined ? null : (value - low) / (high - low || 1), look);
    context.lineWidth = cell.size > 40 ? 4 : 3;
    context.strokeRect(cell.x - 0.5, cell.y - 0.5, cell.size + 1, cell.size + 1);
  }

  opinion(cell) {
    const value = this.opinions?.[Number(cell.isReal)][cell.index];
    if (value === null || value === undefined) return "no opinion yet";
    return this.isProbability ? `${Math.round(100 * value)} % real` : short(value);
  }
}

function covers(x, y) {
  return (cell) => x >= cell.x && y >= cell.y && x < cell.x + cell.size && y < cell.y + cell.size;
}

/** Return a canvas with all pictures of an array in a row: [n, h, w, 1 | 3] of bytes, or [n, h, w] of signed gradients. */
function sheetOf(array) {
  if (!array) return null;
  const {shape: [count, height, width, channels], values} = array;
  const sheet = make("canvas", {width: count * width, height});
  const brush = sheet.getContext("2d");
  for (let index = 0; index < count; index++) {
    const from = index * height * width * (channels ?? 1);
    const pixels = values.subarray(from, from + height * width * (channels ?? 1));
    brush.putImageData(channels ? pictured(pixels, width, height, channels) : coloured(pixels, width, height), index * width, 0);
  }
  return sheet;
}

function pictured(pixels, width, height, channels) {
  const image = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * place + channel] = pixels[place * channels + (channel % channels)];
    image.data[4 * place + 3] = 255;
  }
  return image;
}

/** Return a gradient as an overlay: the colour says in which direction, the opacity how much. */
function coloured(pixels, width, height) {
  const image = new ImageData(width, height);
  pixels.forEach((value, place) => {
    image.data.set([...(value > 0 ? BRIGHTER : DARKER), Math.round(220 * (Math.abs(value) / 127) ** 1.4)], 4 * place);
  });
  return image;
}
