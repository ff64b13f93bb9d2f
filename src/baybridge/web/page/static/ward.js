// The board of a ward fetches its beds anew when something changed (live.js tells it) and every half minute, so that clocks go on. Where that fails it says that it is
// not current and goes on trying. Nothing here knows or shows a name. Without scripts the page loads itself again.
const stale = document.getElementById("stale");
const MOST_MS = 75000;
let heard = Date.now();
let asking = false;
let again = false;

const current = () => { stale.hidden = Date.now() - heard < MOST_MS; };

const fetched = async () => {
  const answer = await fetch(document.getElementById("beds").dataset.rows, { headers: { accept: "text/html" } });
  return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("beds") : null;
};

// A link that has the focus has it again in the fresh rows.
const place = (fresh) => {
  const focused = document.activeElement && document.activeElement.closest("#beds") ? document.activeElement.getAttribute("href") : null;
  const scrolled = document.querySelector("#beds .scroll");
  const left = scrolled ? scrolled.scrollLeft : 0;
  document.getElementById("beds").replaceWith(fresh);
  document.dispatchEvent(new Event("baybridge:rows"));
  if (fresh.querySelector(".scroll")) fresh.querySelector(".scroll").scrollLeft = left;
  if (focused) for (const link of fresh.querySelectorAll("a")) if (link.getAttribute("href") === focused) link.focus();
};

const refresh = async () => {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const fresh = await fetched();
    if (fresh) { place(fresh); heard = Date.now(); } else heard = 0; // signed out, or the node cannot say: not current at once
  } catch {
    heard = Math.min(heard, Date.now() - MOST_MS);
  }
  asking = false;
  current();
  if (again) { again = false; setTimeout(refresh, 200); }
};

document.addEventListener("baybridge:live", () => setTimeout(refresh, 100));
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(refresh, 30000);
setInterval(current, 5000);
