// Shared by all drawings: elements, numbers, colours, canvases.

/** Return a new element; names with a hyphen, and role, become attributes, all others properties. */
function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Return a number with three digits, or a dash. */
function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e5)) return value.toExponential(1).replace("-", "−");
  return String(size < 1 ? Math.round(value * 1000) / 1000 : Number(value.toPrecision(3))).replace("-", "−");
}

/** Return the colours of this moment: the theme's and the program's. */
function lookOf(element, colours) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const background = of("background-color") || "#ffffff";
  const [red, green, blue] = rgb(background);
  return {
    ...colours,
    background,
    surface: of("secondary-background-color") || "#f1f2f7",
    border: of("border-color") || "#dfe1ea",
    text: of("text-color") || "#1f2333",
    font: of("font") || "sans-serif",
    isDark: 0.3 * red + 0.6 * green + 0.1 * blue < 128,
  };
}

/** Return the three numbers of a colour such as "#6c63ff" or "rgb(1, 2, 3)". */
function rgb(colour) {
  if (!colour.startsWith("#")) return (colour.match(/[\d.]+/g) ?? [255, 255, 255]).slice(0, 3).map(Number);
  const digits = colour.length < 6 ? [...colour.slice(1, 4)].map((digit) => digit + digit).join("") : colour.slice(1, 7);
  return [0, 2, 4].map((place) => parseInt(digits.slice(place, place + 2), 16));
}

function faded(colour, alpha) {
  return `rgba(${rgb(colour).join(", ")}, ${alpha})`;
}

/** Return the colour of a share from 0 ("generated", orange) over ½ (grey) to 1 ("real", indigo), as on the Watch page. */
function mixed(share, look) {
  if (share === null || Number.isNaN(share)) return "#888888";
  const strength = Math.min(1, Math.abs(2 * share - 1)) ** 0.6;
  const end = rgb(share > 0.5 ? look.indigo : look.orange);
  return `rgb(${end.map((value) => Math.round(144 + (value - 144) * strength)).join(", ")})`;
}

/** Fit a canvas to its place on the page; return its context, in CSS pixels, cleared, with width and height. */
function begin(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return {context, width, height};
}

/** Draw a small label with its own background, inside the canvas. */
function label(context, text, x, y, width, look) {
  context.font = `600 13px ${look.font}`;
  const wide = context.measureText(text).width + 12;
  const left = Math.max(2, Math.min(width - wide - 2, x - wide / 2));
  const top = Math.max(2, y - 22);
  context.fillStyle = "rgba(17, 17, 17, 0.86)";
  context.beginPath();
  context.roundRect(left, top, wide, 20, 4);
  context.fill();
  context.fillStyle = "#ffffff";
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(text, left + 6, top + 10.5);
}

/** Cover what lies below a veil with a sentence and perhaps a button; uncover it if the sentence is empty. */
function cover(veil, sentence, action, onclick) {
  veil.hidden = !sentence;
  veil.replaceChildren(make("p", {textContent: sentence}), ...(action ? [make("button", {textContent: action, onclick, className: "main"})] : []));
}

/** Return the function of a component that keeps one face for each place: made by `create`, told of new data by `update`. */
function mounted(create) {
  const faces = new WeakMap();
  return ({parentElement, data: [data], setTriggerValue}) => {
    const root = parentElement.querySelector(".play");
    const face = faces.get(root);
    if (face) face.update(data, setTriggerValue);
    else faces.set(root, create(root, data, setTriggerValue));
    return () => {
      faces.get(root)?.close();
      faces.delete(root);
    };
  };
}
