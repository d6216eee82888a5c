"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");
  // Distinct in both modes and to colour-blind readers (after Okabe and Ito).
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8b5a2b", "#7f7f7f", "#6a3d9a", "#e7298a"];
  const HARM = [[0, "#cfd8dc"], [1 / 3, "#f2d492"], [2 / 3, "#d98e04"], [1, "#c0392b"]];
  const colour = (row) => COLOURS[page.rows.findIndex((r) => r.name === row) % COLOURS.length];
  const instants = (minutes) => minutes.map((m) => new Date(m * 60000).toISOString());
  const instant = (minute) => new Date(minute * 60000).toISOString();
  // Plotly reads a little HTML in texts: names of runs are text, not HTML.
  const safe = (text) =>
    text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const lines = (text) => safe(text).replace(/(.{1,70})(\s+|$)/g, "$1<br>");

  // --- the matrix ---

  const says = document.getElementById("says");
  function show(name) {
    const metric = page.metrics.find((m) => m.name === name);
    says.textContent = `${metric.title}: ${metric.says}.`;
    for (const episode of page.episodes) {
      const cells = page.cells.filter((c) => c.episode === episode && c.values);
      const known = cells.map((c) => c.values[name]).filter((v) => v !== null);
      const reach = Math.max(...known.map(Math.abs), 0);
      for (const cell of cells) {
        const place = document.querySelector(`td[data-cell="${cell.key}"]`);
        place.querySelector("button").textContent = cell.texts[name];
        place.style.background = tint(cell.values[name], reach, metric.better);
      }
    }
  }
  function tint(value, reach, better) {
    if (value === null || !better || !reach || !value) return "";
    const good = value * better > 0;
    return `rgba(var(--${good ? "good" : "bad"}), ${0.38 * Math.sqrt(Math.abs(value) / reach)})`;
  }
  const select = document.getElementById("metric");
  select.addEventListener("change", () => show(select.value));
  show(select.value);

  // --- the charts ---

  function layout(drawing) {
    const ink = dark.matches ? "#e6eaef" : "#1d2733";
    const grid = dark.matches ? "#3a444f" : "#e3e7ec";
    const axis = (domain, title) => ({
      domain, title: { text: narrow.matches ? "" : title, font: { size: 12 } },
      gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true,
    });
    const phases = drawing.phases.map((p) => ({
      type: "rect", xref: "x", yref: "paper", x0: instant(p.start), x1: instant(p.end),
      y0: 0.17, y1: 1, fillcolor: p.shade, opacity: dark.matches ? 0.16 : 0.4,
      line: { width: 0 }, layer: "below",
    }));
    let before = -Infinity;
    let level = 0;
    const names = drawing.phases.map((p) => {
      const place = (p.start - drawing.start) / (drawing.end - drawing.start);
      level = place - before < (narrow.matches ? 0.3 : 0.12) ? (level + 1) % 3 : 0;
      before = place;
      return {
        x: instant(p.start), xref: "x", y: 1 - 0.025 * level, yref: "paper", text: p.name,
        showarrow: false, xanchor: "left", yanchor: "top", font: { size: 11, color: ink },
      };
    });
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "Helvetica Neue, Arial, sans-serif", size: 12 },
      margin: { l: narrow.matches ? 34 : 62, r: 10, t: 8, b: 30 },
      hovermode: "closest", hoverlabel: { align: "left" },
      legend: { orientation: "h", y: -0.06, itemsizing: "constant" },
      xaxis: {
        anchor: "y4", range: [instant(drawing.start), instant(drawing.end)], gridcolor: grid,
        linecolor: grid, type: "date",
      },
      yaxis: axis([0.58, 1], "result, %"),
      yaxis2: axis([0.38, 0.56], "drawdown, %"),
      yaxis3: axis([0.19, 0.36], "gross / equity"),
      yaxis4: { ...axis([0, 0.15], ""), autorange: "reversed", showgrid: false, fixedrange: true },
      shapes: phases, annotations: names,
    };
  }

  function traces(drawing) {
    const made = [];
    for (const [name, market] of Object.entries(drawing.markets)) {
      made.push({
        x: instants(market.at), y: market.result, name: `${name} itself`, mode: "lines",
        line: { color: "#8a94a0", width: 1, dash: name === "BTC" ? "dot" : "dash" },
        visible: "legendonly", hoverinfo: "name+y",
      });
    }
    for (const row of page.rows) {
      const curve = drawing.curves[row.name];
      if (!curve) continue;
      const line = { color: colour(row.name), width: row.baseline ? 1.1 : 2,
        dash: row.baseline ? "dash" : "solid" };
      // The reference and the playbooks set the scale; the rest waits in the legend.
      const visible = row.baseline && row.name !== page.reference ? "legendonly" : true;
      const shared = { visible, x: instants(curve.at), mode: "lines", legendgroup: row.name,
        name: safe(row.title), line, hovertemplate: "%{y:.2f}<extra>%{fullData.name}</extra>" };
      made.push({ ...shared, y: curve.result });
      made.push({ ...shared, y: curve.drawdown, yaxis: "y2", showlegend: false });
      made.push({ ...shared, y: curve.exposure, yaxis: "y3", showlegend: false,
        line: { ...line, width: 1, shape: "hv" } });
      made.push(...marks(row, drawing.trades[row.name] || []));
    }
    const strips = drawing.strips;
    if (strips.at) {
      made.push({
        type: "heatmap", x: instants(strips.at), y: strips.names, z: strips.harm, yaxis: "y4",
        text: strips.words, hovertemplate: "%{x|%Y-%m-%d}: %{y} %{text}<extra></extra>",
        colorscale: HARM, zmin: 0, zmax: 3, showscale: false,
      });
    }
    return made;
  }

  function marks(row, trades) {
    const mark = (at, y, which, symbol, size) => ({
      x: which.map((t) => instant(at(t))), y: which.map(y), mode: "markers", showlegend: false,
      legendgroup: row.name, text: which.map((t) => lines(t.text)),
      customdata: which.map(() => row.name), hovertemplate: "%{text}<extra></extra>",
      marker: { color: colour(row.name), size, symbol: which.map(symbol),
        line: { width: 1, color: "#fff" } },
    });
    const ended = trades.filter((t) => t.out !== null);
    return [
      mark((t) => t.in, (t) => t.at_in, trades, (t) => (t.long ? "triangle-up" : "triangle-down"), 9),
      mark((t) => t.out, (t) => t.at_out, ended, () => "x", 7),
    ];
  }

  const charts = [...document.querySelectorAll(".chart")];
  function draw(chart) {
    const drawing = page.drawings[chart.dataset.episode];
    return window.Plotly.react(chart, traces(drawing), layout(drawing), {
      displaylogo: false, responsive: true, displayModeBar: false,
    });
  }
  for (const chart of charts) {
    draw(chart).then(() => {
      chart.on("plotly_click", (event) => {
        const row = event.points[0].customdata;
        if (row) open(`${row}/${chart.dataset.episode}`);
      });
    });
  }
  const again = () => charts.forEach(draw);
  dark.addEventListener("change", again);
  narrow.addEventListener("change", again);

  // --- one cell ---

  const panel = document.getElementById("panel");
  function element(tag, text, name) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  }
  function link(text, href) {
    const made = element("a", text);
    made.href = href;
    return made;
  }
  function open(key) {
    const cell = page.cells.find((c) => c.key === key);
    if (!cell || !cell.values) return;
    document.getElementById("panel-title").textContent = `${cell.title}, ${cell.episode}`;
    const links = document.getElementById("panel-links");
    links.replaceChildren(link("run folder", `${cell.folder}/`));
    if (!cell.no_tearsheet) {
      links.prepend(link("tearsheet", `${cell.folder}/tearsheet.html`), " ");
    }
    for (const [name, file] of cell.files) links.append(" ", link(name, `${cell.folder}/${file}`));
    links.append(element("div", `${cell.label}; audit: ${cell.audit}`, "note"));
    const table = document.createElement("table");
    const heads = table.createTHead().insertRow();
    for (const text of ["number", "", page.interval_head]) {
      const head = element("th", text);
      head.scope = "col";
      heads.append(head);
    }
    const body = table.createTBody();
    for (const metric of page.metrics) {
      const line = body.insertRow();
      const head = element("th", metric.title);
      head.scope = "row";
      line.append(head, element("td", cell.texts[metric.name]),
        element("td", cell.intervals[metric.name] || ""));
    }
    document.getElementById("panel-numbers").replaceChildren(table);
    const drawing = page.drawings[cell.episode];
    const trades = (drawing.trades[cell.row] || []).map((t) =>
      element("div", `#${t.id} ${t.text}`, `trade ${t.won ? "won" : "lost"}`));
    const missing = cell.all_trades - trades.length;
    const more = missing > 0 && trades.length
      ? [element("p", `The ${trades.length} largest of ${cell.all_trades}; the others are in `
          + "trades.parquet.", "note")]
      : [];
    document.getElementById("panel-trades").replaceChildren(
      ...(trades.length ? [...more, ...trades] : [element("p", cell.no_trades, "note")]));
    const answers = cell.why_not.map(({ window, text }) => {
      const answer = document.createElement("details");
      const told = element("pre", text);
      told.tabIndex = 0;
      answer.append(element("summary", window), told);
      return answer;
    });
    document.getElementById("panel-why-not").replaceChildren(
      ...(answers.length ? answers : [element("p", cell.no_why_not, "note")]));
    panel.showModal();
    panel.scrollTop = 0;
  }
  for (const button of document.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => open(button.dataset.open));
  }
})();
