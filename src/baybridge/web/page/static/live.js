// Open pages of clinical staff learn of calls without being loaded again: the banner is fetched anew, a sound is played where the browser allows one, and the page says
// when it is not live. Without scripts the page refreshes itself. Nothing here knows or shows a name.
const box = document.getElementById("live");
const status = box && box.querySelector(".live");
const title = document.title;
let heard = 0;
let audio = null;

const say = (text) => {
  status.textContent = text;
  status.hidden = !text;
};

const openCalls = () => ((document.getElementById("calls") || {}).dataset || {}).open || "";

const beep = () => {
  for (const start of [0, 0.35, 0.7]) {
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.frequency.value = 880;
    loudness.gain.value = 0.3;
    tone.connect(loudness).connect(audio.destination);
    tone.start(audio.currentTime + start);
    tone.stop(audio.currentTime + start + 0.2);
  }
};

// A browser allows a sound only after somebody has touched the page: until then a button asks for it.
const sound = () => {
  if (!window.AudioContext) return;
  audio = audio || new AudioContext();
  if (audio.state === "running") return beep();
  if (box.querySelector("button.sound")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sound";
  button.textContent = box.dataset.sound;
  button.addEventListener("click", () => audio.resume().then(() => { button.remove(); beep(); }));
  box.append(button);
};
const allowed = () => { if (audio && audio.state !== "running") audio.resume().then(() => { const asked = box.querySelector("button.sound"); if (asked) asked.remove(); }); };
document.addEventListener("click", allowed); // after the tap: what moved under a finger that is still down would lose it
document.addEventListener("keydown", allowed);

const show = async () => {
  const before = new Set(openCalls().split(" "));
  const answer = await fetch(`/live/calls?shown=${encodeURIComponent(box.dataset.shown)}`, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("calls");
  if (!fresh) return;
  document.getElementById("calls").replaceWith(fresh);
  document.title = openCalls() ? `(!) ${title}` : title;
  if (openCalls().split(" ").some((call) => call && !before.has(call))) sound();
};

// The bell counts anew; a failure leaves the number that stood there.
const ring = async () => {
  const answer = await fetch("/notifications/number", { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("bell");
  const old = document.getElementById("bell");
  if (fresh && old) old.replaceWith(fresh);
};
let rings = 0;
document.addEventListener("baybridge:live", () => { clearTimeout(rings); rings = setTimeout(() => ring().catch(() => {}), 300); });

if (box && window.EventSource) {
  const source = new EventSource(`/live?after=${box.dataset.after}`);
  source.addEventListener("open", () => { heard = Date.now(); say(""); });
  source.addEventListener("call", () => { heard = Date.now(); show(); });
  source.addEventListener("reload", () => show());
  for (const kind of ["call", "board", "task", "reload"]) source.addEventListener(kind, () => document.dispatchEvent(new Event("baybridge:live"))); // a page may show more
  source.addEventListener("error", () => say(box.dataset.lost));
  setInterval(() => { if (source.readyState !== EventSource.OPEN) say(box.dataset.lost); else say(""); }, 5000);
  if (openCalls()) { document.title = `(!) ${title}`; sound(); }
} else if (box) {
  say(box.dataset.lost);
}
