"use strict";
// Shows only the runs whose row holds every word that was typed; the list is complete without it.
{
  const rows = Array.from(document.getElementById("runs").rows, (row) => [row, row.textContent.toLowerCase()]);
  const input = document.getElementById("filter-text");
  const count = document.getElementById("filter-count");
  document.getElementById("filter").hidden = rows.length < 2;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = words.length ? `${shown} of ${rows.length}` : "";
  });
}
