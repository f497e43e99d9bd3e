(() => {
"use strict";
// Zooms the charts, filters their logs, and switches between UTC and a machine's local time.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (name, properties, ...children) => {
  const e = document.createElement(name);
  Object.assign(e, properties);
  e.append(...children);
  return e;
};
const drawing = "http://www.w3.org/2000/svg";
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 345600, 604800, 1209600];
const spans = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600]; // in months
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

for (const chart of all(".chart.zoom")) {
  const begin = Number(chart.dataset.from), end = Number(chart.dataset.to), utc = chart.dataset.utc === "true";
  let from = begin, to = end, clock = null; // seconds ahead of UTC, each with the time from which on; null for UTC, or for the logs' own clocks
  const least = Math.min(10, end - begin);
  const shift = at => clock === null ? 0 : clock.findLast(([from]) => at >= from)[1];
  const shown = at => new Date((at + shift(at)) * 1000);
  const instant = reading => { // when the clock shows it; what is left out in spring counts as an hour later
    const at = reading - shift(reading - shift(from));
    return reading - shift(at);
  };
  const two = n => String(Math.floor(n)).padStart(2, "0");
  const zone = at => {
    if (clock === null) return utc ? " UTC" : "";
    const minutes = Math.abs(shift(at) / 60);
    return " UTC" + (shift(at) < 0 ? "−" : "+") + two(minutes / 60) + ":" + two(minutes % 60);
  };
  const written = at => shown(at).toISOString().slice(0, 19).replace("T", " ") + zone(at);
  const label = (at, step) => {
    const t = shown(at), iso = t.toISOString();
    if (step === 0) return months[t.getUTCMonth()] + " " + t.getUTCFullYear();
    if (iso.slice(11, 19) === "00:00:00") return t.getUTCDate() + " " + months[t.getUTCMonth()];
    return step < 60 ? iso.slice(11, 19) : iso.slice(11, 16);
  };
  const reading = make("output", {className: "reading"});
  const draw = () => {
    const span = to - from, x = at => (at - from) / span * 100 + "%";
    for (const svg of all(".bars", chart)) {
      svg.setAttribute("viewBox", `${(from - begin) / (end - begin) * 1000} 0 ${span / (end - begin) * 1000} 38`);
    }
    for (const mark of all(".mk", chart)) {
      const at = begin + parseFloat(mark.dataset.x) / 100 * (end - begin);
      mark.setAttribute("x", x(at));
      mark.setAttribute("visibility", at >= from && at <= to ? "visible" : "hidden");
    }
    const most = Math.max(2, Math.min(8, Math.floor(chart.querySelector(".axis").clientWidth / 80)));
    const step = steps.find(s => span / s <= most) || 0, ticks = [];
    if (step > 0) {
      for (let reading = Math.ceil((from + shift(from)) / step) * step; reading <= to + shift(to); reading += step) {
        const at = instant(reading);
        if (at >= from && at <= to && at > (ticks[ticks.length - 1] ?? -Infinity)) ticks.push(at);
      }
    } else {
      const by = spans.find(n => span / (n * 2592000) <= most) || spans[spans.length - 1], first = shown(from).getUTCFullYear();
      for (let n = 0; ; n += by) {
        const at = instant(Date.UTC(first - first % Math.max(1, by / 12), n, 1) / 1000);
        if (at > to) break;
        if (at >= from) ticks.push(at);
      }
    }
    for (const axis of all(".axis", chart)) {
      axis.replaceChildren();
      axis.classList.add("live");
      for (const at of ticks) {
        const line = document.createElementNS(drawing, "line"), text = document.createElementNS(drawing, "text");
        line.setAttribute("x1", x(at));
        line.setAttribute("x2", x(at));
        line.setAttribute("y2", "5");
        text.setAttribute("x", x(at));
        text.setAttribute("y", "16");
        if ((at - from) / span < 0.05) text.setAttribute("class", "first"); // not over the name before the axis
        text.textContent = label(at, step);
        axis.append(line, text);
      }
    }
    reading.textContent = written(from) + " to " + written(to);
  };
  const zoom = (factor, at = 0.5) => {
    const span = Math.min(end - begin, Math.max(least, (to - from) * factor)), middle = from + (to - from) * at;
    from = Math.max(begin, Math.min(end - span, middle - span * at));
    to = from + span;
    draw();
  };
  const move = share => {
    const span = to - from;
    from = Math.max(begin, Math.min(end - span, from + span * share));
    to = from + span;
    draw();
  };
  const actions = [
    ["−", "Zoom out", "-", () => zoom(2)], ["+", "Zoom in", "+", () => zoom(0.5)],
    ["◀", "Earlier", "ArrowLeft", () => move(-0.25)], ["▶", "Later", "ArrowRight", () => move(0.25)],
    ["All", "The whole time", "0", () => { from = begin; to = end; draw(); }],
  ];
  const bar = make("div", {className: "bar"});
  for (const [text, name, , act] of actions) {
    const b = make("button", {type: "button", title: name}, text);
    b.setAttribute("aria-label", name);
    b.addEventListener("click", act);
    bar.append(b);
  }
  bar.addEventListener("keydown", e => {
    if (e.target.tagName !== "BUTTON") return;
    const action = actions.find(([, , key]) => key === e.key);
    if (action) { action[3](); e.preventDefault(); }
  });
  const zones = chart.dataset.zones ? chart.dataset.zones.split("\n") : [];
  if (zones.length > 0) {
    const select = make("select", {}, make("option", {value: ""}, "UTC"), ...zones.map(s => make("option", {value: s.slice(0, s.indexOf("|"))}, s.slice(s.indexOf("|") + 1))));
    select.addEventListener("change", () => {
      clock = select.value === "" ? null : select.value.split(",").map(s => s.split(":").map(Number)).map(([a, b]) => b === undefined ? [-Infinity, a * 60] : [a, b * 60]);
      for (const name of all(".band > .name.quiet", chart)) name.textContent = select.selectedIndex === 0 ? "UTC" : "local time";
      draw();
    });
    bar.append(make("label", {}, "Time ", select));
  }
  const logs = all(".one", chart);
  if (logs.length > 1) {
    const filter = make("input", {type: "search", placeholder: "Filter logs", autocomplete: "off"});
    filter.setAttribute("aria-label", "Filter logs by name");
    const only = make("select", {}, ...[["", "all logs"], ["warnings", "with warnings or errors"], ["errors", "with errors"]].map(([value, text]) => make("option", {value}, text)));
    only.setAttribute("aria-label", "Filter logs by severity");
    const sift = () => {
      for (const log of logs) {
        const bad = Number(log.dataset.errors), warned = bad + Number(log.dataset.warnings);
        log.hidden = !log.textContent.toLowerCase().includes(filter.value.toLowerCase()) || only.value === "errors" && bad === 0 || only.value === "warnings" && warned === 0;
      }
    };
    filter.addEventListener("input", sift);
    only.addEventListener("change", sift);
    bar.append(filter, only);
  }
  bar.append(reading);
  chart.prepend(bar);
  // Dragging over a plot zooms to what was dragged over.
  let start = null;
  const share = e => {
    const r = e.target.getBoundingClientRect();
    return Math.max(0, Math.min(1, (e.clientX - r.left) / r.width));
  };
  chart.addEventListener("pointerdown", e => { start = e.target.closest(".bars") && e.button === 0 ? share(e) : null; });
  chart.addEventListener("pointermove", e => {
    if (e.target.closest(".bars")) reading.textContent = written(from + share(e) * (to - from));
  });
  chart.addEventListener("pointerup", e => {
    if (start === null || !e.target.closest(".bars")) return;
    const stop = share(e), a = Math.min(start, stop), b = Math.max(start, stop);
    start = null;
    if (b - a < 0.02) return;
    const span = Math.max(least, (to - from) * (b - a));
    from += (to - from) * a;
    to = Math.min(end, from + span);
    draw();
  });
  draw();
  addEventListener("resize", draw);
}
})();
