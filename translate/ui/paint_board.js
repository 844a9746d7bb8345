// The drawing board of the Paint tab. Its truth is an array of class numbers, so every edge is hard; the canvas shows
// it in the classes' colours. What is given by the server comes in props.value, what is drawn goes back the same way.
const find = (selector) => element.querySelector(selector);
const canvas = find("canvas"), pen = find(".tr-paint-pen"), status = find(".tr-paint-status");
const size = find(".tr-paint-size"), classBox = find(".tr-paint-classes");
const context = canvas.getContext("2d");
const VOID = 255, STEPS = 60, WAIT = 120;
let width = 0, height = 0, pixels = new Uint8Array(0), classes = [], colours = [];
let undone = [], done = [], stroke = null, timer = 0, at = { x: 0, y: 0 }, seen = false;

const tool = () => find("[name=tr-paint-tool]:checked").value;
const chosen = () => tool() === "eraser" ? 0 : Number((find("[name=tr-paint-class]:checked") || { value: 0 }).value);
const words = (value) => value === VOID ? "void" : classes[value][0];

function unpack(text) {
  const [sides, body] = text.split(":");
  [width, height] = sides.split("x").map(Number);
  pixels = new Uint8Array(width * height);
  const runs = atob(body);
  for (let i = 0, place = 0; i < runs.length; i += 3) {
    const count = runs.charCodeAt(i + 1) + 256 * runs.charCodeAt(i + 2) + 1;
    pixels.fill(runs.charCodeAt(i), place, place += count);
  }
}

function pack() {
  let runs = "";
  for (let i = 0; i < pixels.length;) {
    let end = i + 1;
    while (end < pixels.length && pixels[end] === pixels[i] && end - i < 65536) end++;
    runs += String.fromCharCode(pixels[i], (end - i - 1) & 255, (end - i - 1) >> 8);
    i = end;
  }
  return width + "x" + height + ":" + btoa(runs);
}

function show() {
  const picture = context.createImageData(width, height);
  const view = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < view.length; i++) view[i] = colours[pixels[i]];
  context.putImageData(picture, 0, 0);
}

function offer() {
  find("[data-do=undo]").disabled = !done.length;
  find("[data-do=redo]").disabled = !undone.length;
  clearTimeout(timer);
  timer = setTimeout(() => {
    props.value = { drawing: pack(), classes: classes };
    trigger("input");
  }, WAIT);
}

function keep(before) {
  if (before.length === pixels.length && before.every((value, i) => value === pixels[i])) return;
  done.push(before);
  if (done.length > STEPS) done.shift();
  undone = [];
  offer();
}

function step(from, to) {
  if (stroke || !from.length) return;
  to.push(pixels);
  pixels = from.pop();
  show();
  offer();
}

function box(x0, y0, x1, y1, value) {
  const left = Math.max(0, Math.min(x0, x1)), right = Math.min(width - 1, Math.max(x0, x1));
  for (let y = Math.max(0, Math.min(y0, y1)); y <= Math.min(height - 1, Math.max(y0, y1)); y++)
    if (left <= right) pixels.fill(value, y * width + left, y * width + right + 1);
}

function line(from, to, value) {
  const side = Number(size.querySelector("input").value), half = side >> 1;
  const count = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1);
  for (let i = 0; i <= count; i++) {
    const x = Math.round(from.x + (to.x - from.x) * i / count) - half;
    const y = Math.round(from.y + (to.y - from.y) * i / count) - half;
    box(x, y, x + side - 1, y + side - 1, value);
  }
}

function flood(from, value) {
  const old = pixels[from.y * width + from.x], waiting = [from.y * width + from.x];
  if (old === value) return;
  pixels[waiting[0]] = value;
  while (waiting.length) {
    const i = waiting.pop(), x = i % width;
    for (const j of [x > 0 ? i - 1 : -1, x < width - 1 ? i + 1 : -1, i - width, i + width])
      if (j >= 0 && j < pixels.length && pixels[j] === old) { pixels[j] = value; waiting.push(j); }
  }
}

function begin(place) {
  stroke = { before: pixels.slice(), from: place, last: place, tool: tool(), value: chosen() };
  if (stroke.tool === "fill") { flood(place, stroke.value); end(); return; }
  move(place);
}

function move(place) {
  if (!stroke) return;
  if (stroke.tool === "rectangle") {
    pixels.set(stroke.before);
    box(stroke.from.x, stroke.from.y, place.x, place.y, stroke.value);
  } else line(stroke.last, place, stroke.value);
  stroke.last = place;
  show();
}

function end() {
  if (!stroke) return;
  const before = stroke.before;
  stroke = null;
  show();
  keep(before);
}

function drop() {
  if (!stroke) return;
  pixels = stroke.before;
  stroke = null;
  show();
}

function place(event) {
  const frame = canvas.getBoundingClientRect(), inside = (value, most) => Math.max(0, Math.min(most - 1, Math.floor(value)));
  return { x: inside((event.clientX - frame.left) / frame.width * width, width),
    y: inside((event.clientY - frame.top) / frame.height * height, height) };
}

function point() {
  pen.hidden = false;
  pen.style.left = (at.x + 0.5) / width * 100 + "%";
  pen.style.top = (at.y + 0.5) / height * 100 + "%";
  status.textContent = "Pen at " + at.x + ", " + at.y + ", on " + words(pixels[at.y * width + at.x])
    + (stroke ? "; drawing " + words(stroke.value) : "");
}

function legend() {
  classBox.querySelectorAll("label").forEach((label) => label.remove());
  classes.forEach(([name, colour], number) => {
    const label = document.createElement("label"), input = document.createElement("input");
    const swatch = document.createElement("i"), text = document.createElement("span");
    Object.assign(input, { type: "radio", name: "tr-paint-class", value: number, checked: number === Math.min(2, classes.length - 1) });
    swatch.className = "tr-swatch";
    swatch.style.background = colour;
    text.textContent = name;
    label.append(input, swatch, text);
    classBox.append(label);
  });
}

function load() {
  const value = props.value;
  if (!value || !value.drawing) return;
  const isNew = JSON.stringify(value.classes) !== JSON.stringify(classes);
  stroke = null;
  classes = value.classes;
  colours = new Uint32Array(256).fill(0xff000000);
  classes.forEach(([, colour], number) => {
    const rgb = parseInt(colour.slice(1), 16);
    colours[number] = 0xff000000 | (rgb & 255) << 16 | rgb & 0xff00 | rgb >> 16;
  });
  const before = pixels, old = canvas.width + "x" + canvas.height;
  unpack(value.drawing);
  canvas.width = width;
  canvas.height = height;
  at = { x: width >> 1, y: height >> 1 };
  if (isNew) legend();
  if (isNew || old !== width + "x" + height) done = [], undone = [];
  show();
  if (!isNew && old === width + "x" + height) keep(before);
  if (seen) offer();
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  pen.hidden = true;
  canvas.setPointerCapture(event.pointerId);
  begin(place(event));
});
canvas.addEventListener("pointermove", (event) => {
  if (!stroke || !canvas.hasPointerCapture(event.pointerId)) return;
  for (const part of event.getCoalescedEvents?.() || []) if (stroke.tool !== "rectangle") move(place(part));
  move(place(event));
});
canvas.addEventListener("pointerup", end);
canvas.addEventListener("pointercancel", drop);
canvas.addEventListener("blur", () => { pen.hidden = true; drop(); });
canvas.addEventListener("keydown", (event) => {
  const by = event.shiftKey ? 1 : 8;
  const way = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
  if (way) {
    at = { x: Math.max(0, Math.min(width - 1, at.x + way[0])), y: Math.max(0, Math.min(height - 1, at.y + way[1])) };
    move(at);
  } else if (event.key === " " || event.key === "Enter") {
    if (stroke) end(); else begin(at);
  } else if (event.key === "Escape") drop();
  else return;
  event.preventDefault();
  point();
});
element.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || !"zy".includes(event.key.toLowerCase())) return;
  event.preventDefault();
  if (event.key.toLowerCase() === "y" || event.shiftKey) step(undone, done); else step(done, undone);
});
element.addEventListener("click", (event) => {
  const what = event.target.closest("[data-do]")?.dataset.do;
  if (what === "undo") step(done, undone);
  if (what === "redo") step(undone, done);
});
element.addEventListener("change", () => { size.hidden = !["brush", "eraser"].includes(tool()); });
// A visitor who never opens the tab costs no computation.
new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  seen = true;
  if (width) offer();
}).observe(canvas);
watch("value", load);
load();
