(() => {
"use strict";
// Adds to a page what needs script: copying, sorting and filtering of tables, and a filter by machine. Text of the report is only ever set as text.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (name, properties, ...children) => {
  const e = document.createElement(name);
  Object.assign(e, properties);
  e.append(...children);
  return e;
};
const copy = async (text, button) => {
  const label = button.textContent;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", {value: text});
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "Copied" : "Select the text and copy it";
  setTimeout(() => { button.textContent = label; }, 2000);
};
const button = (label, act) => {
  const b = make("button", {type: "button"}, label);
  b.addEventListener("click", () => act(b));
  return b;
};

for (const pre of all("[data-copy]")) {
  const b = button(pre.dataset.copy, () => copy(pre.textContent.trim() + "\n", b));
  const bar = make("div", {className: "bar"}, b);
  const note = pre.closest(".note");
  if (note) note.before(bar); else pre.after(bar);
}

for (const table of all("table.sheet")) {
  const rows = () => all("tbody > tr:not(.fold)", table);
  if (rows().length < 2) continue;
  const place = table.closest(".scroll") || table;
  const name = place.getAttribute("aria-label") || "table";
  const status = make("span", {role: "status"});
  const bar = make("div", {className: "bar sheetbar"});
  if (rows().length > 8) {
    const filter = make("input", {type: "search", placeholder: "Filter", autocomplete: "off"});
    filter.setAttribute("aria-label", "Filter: " + name);
    filter.addEventListener("input", () => {
      const want = filter.value.toLowerCase();
      let shown = 0;
      for (const r of rows()) {
        r.hidden = want !== "" && !r.textContent.toLowerCase().includes(want);
        if (!r.hidden) shown++;
      }
      for (const fold of all(".fold", table)) {
        fold.hidden = !all("tr:not(.fold)", fold.parentNode).some(r => !r.hidden);
      }
      status.textContent = want === "" ? "" : shown + " of " + rows().length;
    });
    bar.append(filter, status);
  }
  const b = button("Copy table", () => {
    const cells = r => all(":scope > th, :scope > td", r).map(c => c.innerText.replace(/\s+/g, " ").trim()).join("\t");
    copy(all("tr:not(.fold)", table).filter(r => !r.hidden).map(cells).join("\n") + "\n", b);
  });
  b.setAttribute("aria-label", "Copy table: " + name);
  bar.append(b);
  place.before(bar);

  all("thead th", table).forEach((th, at) => {
    const sort = make("button", {type: "button", className: "sort"});
    sort.append(...th.childNodes);
    th.append(sort);
    sort.addEventListener("click", () => {
      const down = th.getAttribute("aria-sort") === "ascending";
      for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = r => {
        const c = r.children[at];
        if (!c) return "";
        const s = c.dataset.v ?? c.innerText.trim();
        const n = Number(s.replaceAll(",", ""));
        return s !== "" && !Number.isNaN(n) ? n : s.toLowerCase();
      };
      const keyed = rows().map(r => [key(r), r]);
      keyed.sort(([a], [b]) => {
        const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
        return down ? -order : order;
      });
      table.tBodies[0].append(...keyed.map(([, r]) => r));
      table.classList.add("flat");
    });
  });
}

const hosts = document.querySelector(".hosts");
const picks = hosts ? all("[data-pick]", hosts) : [];
if (picks.length > 1) {
  const select = make("select", {}, make("option", {value: ""}, "all machines"), ...picks.map(a => make("option", {value: a.dataset.pick}, a.textContent.trim())));
  select.addEventListener("change", () => {
    for (const e of all("[data-host]")) {
      e.hidden = select.value !== "" && e.dataset.host !== "" && e.dataset.host !== select.value;
    }
  });
  hosts.append(make("div", {className: "bar"}, make("label", {}, "Findings of ", select)));
}

// What a link leads to must not stay folded.
const unfold = () => {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id && document.getElementById(id);
  if (!target) return;
  for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  const inner = target.querySelector(":scope > details");
  if (inner) inner.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", unfold);
unfold();
})();
