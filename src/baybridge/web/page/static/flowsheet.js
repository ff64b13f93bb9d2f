// Pointing at a chart of the flowsheet shows the nearest value in words, and one line through all charts at its moment. Without scripts each mark says its own (its title).
const charts = [...document.querySelectorAll("svg.chart")];
const words = document.createElement("p");
words.className = "pointed";
words.hidden = true;
if (charts.length) {
  const box = document.querySelector(".charts");
  box.append(words);
  box.scrollLeft = box.scrollWidth; // on a narrow screen the newest is seen first
}

const rule = (svg) => {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  line.setAttribute("class", "rule");
  line.setAttribute("y1", "0");
  line.setAttribute("y2", String(svg.viewBox.baseVal.height));
  line.setAttribute("visibility", "hidden");
  svg.append(line);
  return line;
};
const rules = charts.map(rule);

for (const svg of charts) {
  const marks = [...svg.querySelectorAll("[data-x]")];
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const away = (mark) => Math.abs(Number(mark.dataset.x) - x);
    const nearest = marks.reduce((best, mark) => (best === null || away(mark) < away(best) ? mark : best), null);
    if (!nearest) return;
    for (const line of rules) for (const end of ["x1", "x2"]) line.setAttribute(end, nearest.dataset.x);
    for (const line of rules) line.setAttribute("visibility", "visible");
    words.textContent = marks.filter((mark) => mark.dataset.x === nearest.dataset.x).map((mark) => mark.dataset.said).join(" | ");
    words.hidden = false;
  });
  svg.addEventListener("pointerleave", () => {
    for (const line of rules) line.setAttribute("visibility", "hidden");
    words.hidden = true;
  });
}
