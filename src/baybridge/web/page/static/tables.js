// On a narrow screen each row of a table is read as a card (see baybridge.css): this names every cell by its column's heading.
// Pages work without it; tables then scroll sideways.
const named = (table) => {
  const head = table.tHead && table.tHead.rows[0];
  if (!head) return;
  const headings = [];
  for (const cell of head.cells) for (let n = 0; n < cell.colSpan; n++) headings.push(cell.textContent.trim());
  if (!table.classList.contains("stack")) table.classList.add("cards-when-narrow"); // a stacked row needs no headings to be understood
  table.setAttribute("role", "table"); // as cards the cells are no longer laid out as a table, and would not be read as one
  for (const row of table.rows) row.setAttribute("role", "row");
  for (const cell of head.cells) cell.setAttribute("role", "columnheader");
  for (const body of table.tBodies) {
    body.setAttribute("role", "rowgroup");
    for (const row of body.rows) {
      let column = 0;
      for (const cell of row.cells) {
        cell.setAttribute("role", cell.tagName === "TH" ? "rowheader" : "cell");
        if (cell.colSpan === 1) cell.dataset.heading = headings[column] || "";
        column += cell.colSpan;
      }
    }
  }
};
for (const table of document.querySelectorAll("table")) named(table);
// What scrolls sideways all the same can be reached and moved with the keyboard, also once it is unfolded.
const reachable = () => {
  for (const box of document.querySelectorAll(".scroll")) if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
};
reachable();
document.addEventListener("toggle", reachable, true);
// Rows that came since the page was loaded.
document.addEventListener("baybridge:rows", () => {
  for (const table of document.querySelectorAll("table:not([role])")) named(table);
  reachable();
});
