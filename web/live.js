(() => {
"use strict";
// Keys for those who prefer them; without script nothing is missing. "/" goes to the search field, j and k move through the rows of a list, o opens one.
const rows = [...document.querySelectorAll("[data-row]")];
const target = row => row.querySelector("[data-open]") || row.querySelector("a");
addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select")) return;
  if (e.key === "/") {
    const q = document.getElementById("q");
    if (q) { q.focus(); q.select(); e.preventDefault(); }
    return;
  }
  if (e.key !== "j" && e.key !== "k" && e.key !== "o" || rows.length === 0) return;
  const at = rows.findIndex(r => r.contains(document.activeElement));
  if (e.key === "o") {
    if (at >= 0) target(rows[at]).click();
    return;
  }
  const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + (e.key === "j" ? 1 : -1)))];
  const link = target(next);
  if (link) { link.focus(); next.scrollIntoView({block: "nearest"}); }
});
})();
