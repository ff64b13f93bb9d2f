// The form of a drug shows the boxes of the dose once a drug is named: those that its units need, and its name where it is not of the list. Without scripts all stay.
// A box in which something stands is never hidden: what is sent is what is seen.
const boxes = JSON.parse(document.getElementById("dose-boxes").dataset.boxes);
const drug = document.querySelector("[name=atc]");
const rows = ["name", "dose_mg", "mg_per_kg", "amount", "unit"].map((name) => document.querySelector(`[name=${name}]`)).filter(Boolean);
const show = () => {
  const called = drug.value.trim().toLowerCase();
  const wanted = called ? boxes[called] : [];
  for (const box of rows) {
    const asked = !wanted || wanted.includes(box.name === "unit" ? "amount" : box.name);
    box.closest(".row").hidden = !asked && !box.value && !box.hasAttribute("aria-invalid");
  }
};
drug.addEventListener("input", show);
drug.addEventListener("change", show);
show();
