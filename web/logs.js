"use strict";
(() => {
  const table = document.querySelector("table.log"), tools = document.querySelector(".tools");
  const rows = [...table.tBodies[0].rows].filter(r => !r.classList.contains("gap"));
  const gaps = table.querySelectorAll("tr.gap");
  const control = name => tools.querySelector(`[name="${name}"]`);
  const severity = control("severity"), component = control("component"), text = control("text");
  const status = tools.querySelector("output");

  const names = new Map();
  for (const r of rows) {
    const name = r.cells[3].textContent;
    if (name) names.set(name, (names.get(name) || 0) + 1);
  }
  for (const [name, n] of [...names].sort((a, b) => b[1] - a[1]).slice(0, 500)) {
    const o = document.createElement("option");
    o.value = "=" + name;
    o.textContent = `${name} (${n})`;
    component.append(o);
  }
  component.parentElement.hidden = names.size < 2;
  tools.hidden = false;

  const filter = () => {
    const s = severity.value, c = component.value, t = text.value.toLowerCase();
    let shown = 0;
    for (const r of rows) {
      const fits = (!s || (s === "x" ? r.classList.contains("x") : s.includes(r.cells[1].textContent || "-"))) &&
        (!c || "=" + r.cells[3].textContent === c) && (!t || r.textContent.toLowerCase().includes(t));
      r.hidden = !fits;
      if (fits) shown++;
    }
    for (const g of gaps) g.hidden = !!(s || c || t);
    status.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} records of this page`;
  };
  severity.addEventListener("change", filter);
  component.addEventListener("change", filter);
  let soon = 0;
  text.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(filter, 120);
  });

  // A link to a row that the filter hides shows all rows again.
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const row = target && target.closest("tr");
    if (!row || !row.hidden) return;
    severity.value = component.value = text.value = "";
    filter();
    row.scrollIntoView();
  };
  addEventListener("hashchange", reveal);

  let at = null;
  const step = by => {
    const marked = rows.filter(r => r.classList.contains("x") && !r.hidden);
    const hit = at || (location.hash && document.getElementById(location.hash.slice(1)));
    const here = hit && hit.closest("tr");
    const follows = r => !here || (here.compareDocumentPosition(r) & (by > 0 ? Node.DOCUMENT_POSITION_FOLLOWING : Node.DOCUMENT_POSITION_PRECEDING));
    const next = by > 0 ? marked.find(follows) : marked.findLast(follows);
    status.textContent = next ? `evidence ${marked.indexOf(next) + 1} of ${marked.length} on this page` : "no further evidence on this page";
    if (!next) return;
    at = next;
    next.querySelector("th a").focus({preventScroll: true});
    next.scrollIntoView({block: "center"});
  };
  for (const [name, by] of [["previous", -1], ["next", 1]]) {
    const b = control(name);
    if (b) b.addEventListener("click", () => step(by));
  }
  addEventListener("keydown", e => {
    if (e.ctrlKey || e.altKey || e.metaKey || e.target.closest("input, select, textarea")) return;
    if (e.key === "n") step(1);
    if (e.key === "p") step(-1);
  });

  // A row's time is by the log's clock; where its offset is not the page's it stands behind it.
  const utc = control("utc");
  if (utc) {
    const bias = Number(table.dataset.bias), zone = table.querySelector(".zone"), local = zone.textContent, kept = new Map();
    const shift = cell => {
      const m = /^(\d+-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d:\d\d|\?)?$/.exec(cell.textContent);
      if (!m || m[4] === "?") return;
      let minutes = bias;
      if (m[4]) minutes = (m[4][0] === "-" ? 1 : -1) * (Number(m[4].slice(1, 3)) * 60 + Number(m[4].slice(4)));
      const t = new Date(Date.parse(`${m[1]}T${m[2]}Z`) + minutes * 60000);
      if (isNaN(t)) return;
      kept.set(cell, [...cell.childNodes]);
      cell.textContent = t.toISOString().slice(0, 19).replace("T", " ") + (m[3] || "");
    };
    utc.addEventListener("click", () => {
      const on = utc.getAttribute("aria-pressed") !== "true";
      utc.setAttribute("aria-pressed", on);
      if (on) for (const r of rows) shift(r.cells[2]);
      else for (const [cell, nodes] of kept) cell.replaceChildren(...nodes);
      if (!on) kept.clear();
      zone.textContent = on ? "UTC" : local;
    });
  }
})();
