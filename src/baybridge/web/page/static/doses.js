// The form of a drug shows the boxes of the dose that the chosen drug's units need. Without scripts, and for a drug that is not of the list, all of them stay.
// A box in which something stands is never hidden: what is sent is what is seen.
const boxes = JSON.parse(document.getElementById("dose-boxes").dataset.boxes);
const drug = document.querySelector("[name=atc]");
const rows = ["dose_mg", "mg_per_kg", "amount", "unit"].map((name) => document.querySelector(`[name=${name}]`)).filter(Boolean);
const show = () => {
  const wanted = boxes[drug.value.trim().toUpperCase()];
  for (const box of rows) {
    const asked = !wanted || wanted.includes(box.name === "unit" ? "amount" : box.name);
    box.closest(".row").hidden = !asked && !box.value && !box.hasAttribute("aria-invalid");
  }
};
drug.addEventListener("input", show);
drug.addEventListener("change", show);
show();
