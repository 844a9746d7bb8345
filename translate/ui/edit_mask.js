// A brush over a face: what is painted may change. The canvas holds white strokes on nothing.
const canvas = () => element.querySelector("canvas");
let last = null;
const paint = (event) => {
  const shown = canvas().getBoundingClientRect(), pen = canvas().getContext("2d");
  const scale = canvas().width / shown.width;
  const here = [(event.clientX - shown.left) * scale, (event.clientY - shown.top) * scale];
  pen.strokeStyle = "white";
  pen.lineCap = "round";
  pen.lineWidth = (+element.querySelector("input").value / 100) * canvas().width;
  pen.beginPath();
  pen.moveTo(...(last || here));
  pen.lineTo(...here);
  pen.stroke();
  last = here;
  canvas().dataset.painted = "yes";
};
element.addEventListener("pointerdown", (event) => {
  if (event.target !== canvas()) return;
  last = null;
  paint(event);
  event.preventDefault();
});
addEventListener("pointermove", (event) => { if (last && canvas()) paint(event); });
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { last = null; });
element.addEventListener("click", (event) => {
  if (!event.target.matches(".tr-clear")) return;
  canvas().getContext("2d").clearRect(0, 0, canvas().width, canvas().height);
  delete canvas().dataset.painted;
});
