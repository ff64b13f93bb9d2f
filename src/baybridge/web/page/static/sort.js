// Columns of a list are sorted by their heading: names as the reader's language orders them (by sound in simplified, by strokes in traditional Chinese), numbers as
// numbers. The chosen column stands in the address (#sort=2, #sort=-2), so that it can be kept and sent. Pages work without it, in the order of the server.
const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
const text = (row, column) => row.cells[column].textContent.trim();
const sort = (table, column, down) => {
  const [body] = table.tBodies;
  const rows = [...body.rows].sort((a, b) => order.compare(text(a, column), text(b, column)) * (down ? -1 : 1));
  body.append(...rows);
  [...table.tHead.rows[0].cells].forEach((cell, n) => (n === column ? cell.setAttribute("aria-sort", down ? "descending" : "ascending") : cell.removeAttribute("aria-sort")));
};
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "heading";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      sort(table, column, down);
      history.replaceState(null, "", `#sort=${down ? "-" : ""}${column + 1}`);
    });
  });
  const asked = /^#sort=(-?)(\d+)$/.exec(location.hash);
  const column = asked ? Number(asked[2]) - 1 : -1;
  if (column in table.tHead.rows[0].cells) sort(table, column, asked[1] === "-");
}
