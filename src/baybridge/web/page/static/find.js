// "/" and Ctrl-K lead to the box in which a person or a number is looked for. Pages work without it.
document.addEventListener("keydown", (event) => {
  const box = document.getElementById("find");
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  const wanted = (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) || (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey);
  if (!box || !wanted) return;
  event.preventDefault();
  box.focus();
  box.select();
});
