// The face's square on a photo: dragged, resized by its corner, or moved and resized by the keyboard.
const root = () => element.querySelector(".tr-crop");
const square = () => root().dataset.square.split(",").map(Number);
const draw = (x, y, side) => {
  const width = +root().dataset.width, height = +root().dataset.height;
  side = Math.round(Math.min(Math.max(side, 16), width, height));
  x = Math.round(Math.min(Math.max(x, 0), width - side));
  y = Math.round(Math.min(Math.max(y, 0), height - side));
  root().dataset.square = [x, y, side].join(",");
  const box = root().querySelector(".tr-box");
  box.style.left = `${(x / width) * 100}%`;
  box.style.top = `${(y / height) * 100}%`;
  box.style.width = `${(side / width) * 100}%`;
  box.setAttribute("aria-valuetext", `${side} pixels wide, ${x} from the left, ${y} from the top`);
  box.setAttribute("aria-valuenow", side);
};
// Of the pointer, in the photo's pixels.
const at = (event) => {
  const shown = root().getBoundingClientRect(), scale = +root().dataset.width / shown.width;
  return [(event.clientX - shown.left) * scale, (event.clientY - shown.top) * scale];
};
let held = null;
element.addEventListener("pointerdown", (event) => {
  if (!root() || !event.target.closest(".tr-crop")) return;
  const [px, py] = at(event);
  let [x, y, side] = square();
  if (!event.target.closest(".tr-box")) draw(px - side / 2, py - side / 2, side);
  [x, y, side] = square();
  held = { resizes: event.target.matches(".tr-grip"), dx: px - x, dy: py - y, x, y, side };
  root().querySelector(".tr-box").focus({ preventScroll: true });
  event.preventDefault();
});
addEventListener("pointermove", (event) => {
  if (!held || !root()) return;
  const [px, py] = at(event);
  if (!held.resizes) return draw(px - held.dx, py - held.dy, held.side);
  const room = Math.min(+root().dataset.width - held.x, +root().dataset.height - held.y);
  draw(held.x, held.y, Math.min(room, held.side + Math.max(px - held.x - held.dx, py - held.y - held.dy)));
});
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { held = null; });
element.addEventListener("keydown", (event) => {
  if (!event.target.matches(".tr-box")) return;
  const [x, y, side] = square(), step = Math.max(1, Math.round(side / 40));
  const moves = { ArrowLeft: [-step, 0, 0], ArrowRight: [step, 0, 0], ArrowUp: [0, -step, 0], ArrowDown: [0, step, 0],
    "+": [-step / 2, -step / 2, step], "=": [-step / 2, -step / 2, step], "-": [step / 2, step / 2, -step] };
  if (!moves[event.key]) return;
  const [dx, dy, ds] = moves[event.key];
  draw(x + dx, y + dy, side + ds);
  event.preventDefault();
});
