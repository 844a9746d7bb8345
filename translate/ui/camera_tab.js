const at = name => element.querySelector(name);
const video = at("video"), image = at("img"), say = at("[role=status]"), start = at(".tr-start"), stop = at(".tr-stop");
const canvas = document.createElement("canvas"), SIDE = 640, PAUSE = 100;
let stream = null, asked = 0, said = 0;

function end(text) {
  if (stream) stream.getTracks().forEach(track => track.stop());
  stream = null;
  video.srcObject = null;
  start.hidden = false;
  stop.hidden = true;
  say.textContent = text;
}

// One frame is under way at a time; who stops, hides the page or leaves it sends no more.
function next() {
  if (!stream) return;
  if (document.hidden || !element.offsetParent) return end("Stopped, for the camera was out of sight.");
  const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight, 1));
  canvas.width = Math.max(1, Math.round(video.videoWidth * scale));
  canvas.height = Math.max(1, Math.round(video.videoHeight * scale));
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  asked = performance.now();
  trigger("frame", {picture: canvas.toDataURL("image/jpeg", 0.85)});
}

async function open() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: {ideal: "environment"}}});
    video.srcObject = stream;
    await video.play();
    next();
  } catch (error) {
    end("The camera can't be used: " + error.message);
  }
}

start.addEventListener("click", () => {
  if (!navigator.mediaDevices) {
    return end("The browser lends its camera only to pages of this computer and to https.");
  }
  start.hidden = true;
  stop.hidden = false;
  say.textContent = "Measuring how fast this model is on this machine …";
  trigger("begin");
});
stop.addEventListener("click", () => {
  end("Stopped.");
  trigger("stopped");  // what is under way on the server ends as well
});

element.closest("#camera").camera = {
  measured: speed => {
    if (stop.hidden) return;
    if (!speed.quick) return end(speed.text[0].toUpperCase() + speed.text.slice(1) + ".");
    say.textContent = speed.text;
    open();
  },
  answered: picture => {
    if (!stream) return;
    const took = performance.now() - asked;
    image.src = picture;
    if (asked > said + 3000) {  // a screen reader reads it out
      say.textContent = (1000 / Math.max(took, PAUSE)).toFixed(1) + " pictures a second";
      said = asked;
    }
    setTimeout(next, Math.max(0, PAUSE - took));
  },
  failed: () => end("Stopped."),
};
