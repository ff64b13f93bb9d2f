// On a narrow screen each row of a table is read as a card (see baybridge.css): this names every cell by its column's heading.
// Pages work without it; tables then scroll sideways.
for (const table of document.querySelectorAll("table")) {
  const head = table.tHead && table.tHead.rows[0];
  if (!head) continue;
  const headings = [];
  for (const cell of head.cells) for (let n = 0; n < cell.colSpan; n++) headings.push(cell.textContent.trim());
  table.classList.add("cards-when-narrow");
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
}
