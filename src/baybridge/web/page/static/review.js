// While a reviewer writes a rule, asks the node what is wrong with it. The page works without: "check" does the same.
"use strict";
for (const form of document.querySelectorAll("form[data-check]")) {
  const waiting = new Map();
  form.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.classList.contains("rule")) return;
    clearTimeout(waiting.get(field));
    waiting.set(field, setTimeout(() => ask(form, field), 400));
  });
}
async function ask(form, field) {
  const list = document.getElementById(field.getAttribute("aria-describedby"));
  const body = new URLSearchParams({ csrf: form.elements.csrf.value, when: field.value });
  const problems = field.value.trim() ? (await (await fetch(form.dataset.check, { method: "POST", body })).json()).problems ?? [] : [];
  list.replaceChildren(...problems.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })));
  field.toggleAttribute("aria-invalid", problems.length > 0);
  if (field.value.trim()) form.querySelector(`[name="${field.name.replace("when", "reading")}"][value="rule"]`).checked = true;
}
