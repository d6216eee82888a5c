// The matrix, the pictures of risk, the phases and the panel of one cell. comparison_charts.js draws
// the episodes.
"use strict";
const comparison = (() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const cells = page.cells.filter((cell) => cell.values);
  const byId = (id) => document.getElementById(id);
  function element(tag, text, name) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  }
  // A number without a better direction has a tint of its own, which tells its size alone.
  function tint(value, reach, better) {
    if (value === null || !reach || !value) return "";
    const kind = !better ? "size" : value * better > 0 ? "good" : "bad";
    return `rgba(var(--${kind}), ${(0.38 * Math.sqrt(Math.abs(value) / reach)).toFixed(3)})`;
  }
  const largest = (values) =>
    Math.max(...values.filter((value) => value !== null).map(Math.abs), 0);

  // --- the matrix ---

  const metric = byId("metric");
  const beside = byId("beside");
  const metricOf = (name) => page.metrics.find((one) => one.name === name);
  const shown = (cell, name) => (name in cell.too_few ? null : cell.values[name]);
  function showMatrix() {
    const chosen = [...new Set([metric.value, beside.value])].filter(Boolean).map(metricOf);
    byId("says").textContent = chosen.map((one) => `${one.title}: ${one.says}.`).join(" ");
    for (const episode of page.episodes) {
      const column = cells.filter((cell) => cell.episode === episode);
      const reach = largest(column.map((cell) => shown(cell, metric.value)));
      for (const cell of column) {
        const place = document.querySelector(`td[data-cell="${CSS.escape(cell.key)}"]`);
        const button = place.querySelector("button");
        const texts = chosen.map((one, i) => {
          const blank = one.name in cell.too_few;
          const text = blank ? "too few" : cell.texts[one.name];
          return element(i ? "small" : "span", text, blank ? "blank" : "");
        });
        button.replaceChildren(...texts.flatMap((one, i) => (i ? [" ", one] : [one])));
        const reasons = chosen.filter((one) => one.name in cell.too_few)
          .map((one) => `${one.title}: ${cell.too_few[one.name]}`);
        // A screen reader reads the title after the number.
        button.title = reasons.join(". ");
        place.style.background = tint(shown(cell, metric.value), reach, chosen[0].better);
      }
    }
  }
  metric.addEventListener("change", showMatrix);
  beside.addEventListener("change", showMatrix);

  // --- risk, phases ---

  const risk = byId("risk");
  function showRisk() {
    for (const figure of document.querySelectorAll("[data-risk]")) {
      figure.hidden = figure.dataset.risk !== risk.value;
    }
  }
  risk.addEventListener("change", showRisk);

  const phaseNumber = byId("phase-number");
  function showPhases() {
    const number = page.phase_numbers.find((one) => one.name === phaseNumber.value);
    const found = page.phase_cells;
    byId("phase-says").textContent = `${number.title}: ${number.says}.`;
    const reach = largest(found.map((cell) => (cell ? cell.values[number.name] : null)));
    document.querySelectorAll("#phase-map td.phase").forEach((place, i) => {
      if (!found[i]) return;
      place.textContent = found[i].texts[number.name];
      place.style.background = tint(found[i].values[number.name], reach, number.better);
    });
  }
  phaseNumber.addEventListener("change", showPhases);

  // --- one cell ---

  const panel = byId("panel");
  function link(text, href) {
    const made = element("a", text);
    made.href = href;
    return made;
  }
  function links(cell) {
    const made = [link("run folder", `${cell.folder}/`)];
    if (!cell.no_tearsheet) made.unshift(link("page of the run", `${cell.folder}/tearsheet.html`));
    for (const [name, file] of cell.files) made.push(link(name, `${cell.folder}/${file}`));
    return made.flatMap((one) => [one, " "])
      .concat(element("span", `${cell.label}; audit: ${cell.audit}`, "note"));
  }
  function numbers(cell) {
    const table = document.createElement("table");
    const heads = table.createTHead().insertRow();
    for (const text of ["number", "", page.interval_head]) {
      const head = element("th", text);
      head.scope = "col";
      heads.append(head);
    }
    const body = table.createTBody();
    for (const one of page.metrics) {
      const line = body.insertRow();
      const head = element("th", one.title);
      head.scope = "row";
      const blank = cell.too_few[one.name];
      line.append(head, element("td", blank ? "too few" : cell.texts[one.name]),
        element("td", [cell.intervals[one.name], blank].filter(Boolean).join("; ")));
    }
    return table;
  }
  function trades(cell) {
    const listed = page.drawings[cell.episode].trades[cell.row] || [];
    if (!listed.length) return [element("p", cell.no_trades, "note")];
    const told = listed.map((trade) =>
      element("div", `#${trade.id} ${trade.text}`, `trade ${trade.won ? "won" : "lost"}`));
    if (cell.all_trades > listed.length) {
      told.unshift(element("p", `The ${listed.length} largest of ${cell.all_trades}; the others `
        + "are in trades.parquet.", "note"));
    }
    return told;
  }
  function whyNot(cell) {
    if (!cell.why_not.length) return [element("p", cell.no_why_not, "note")];
    return cell.why_not.map(({ window: span, text }) => {
      const answer = document.createElement("details");
      const told = element("pre", text);
      told.tabIndex = 0;
      answer.append(element("summary", span), told);
      return answer;
    });
  }
  function neighbour(id, cell, words) {
    const button = byId(id);
    button.hidden = !cell;
    button.textContent = cell ? words(`${cell.title}, ${cell.episode}`) : "";
    button.onclick = () => open(cell.key);
  }
  function open(key) {
    const place = cells.findIndex((cell) => cell.key === key);
    const cell = cells[place];
    if (!cell) return;
    byId("panel-title").textContent = `${cell.title}, ${cell.episode}`;
    neighbour("panel-before", cells[place - 1], (name) => `\u2190 ${name}`);
    neighbour("panel-after", cells[place + 1], (name) => `${name} \u2192`);
    byId("panel-links").replaceChildren(...links(cell));
    byId("panel-numbers").replaceChildren(numbers(cell));
    byId("panel-trades").replaceChildren(...trades(cell));
    byId("panel-why-not").replaceChildren(...whyNot(cell));
    if (!panel.open) panel.showModal();
    panel.scrollTop = 0;
    // The address leads back to this cell.
    history.replaceState(null, "", `#cell/${key}`);
  }
  panel.addEventListener("close", () => history.replaceState(null, "", "#matrix"));
  for (const opener of document.querySelectorAll("[data-open]")) {
    opener.addEventListener("click", (event) => {
      event.preventDefault();
      open(opener.dataset.open);
    });
  }
  const asked = () => {
    // An address that others wrote may hold a percent sign that decodes to nothing.
    const key = cells.find((cell) => location.hash === `#cell/${encodeURI(cell.key)}`
      || location.hash === `#cell/${cell.key}`)?.key;
    if (key !== undefined) open(key);
  };
  window.addEventListener("hashchange", asked);

  showMatrix();
  showRisk();
  showPhases();
  asked();
  return { page, open };
})();
