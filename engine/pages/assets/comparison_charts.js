// The chart of each episode: price with fills and stops of one playbook, then results, drawdowns,
// exposure and the market state. Colours come from the stylesheet, so that they follow the theme.
"use strict";
(() => {
  const { page, open } = comparison;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");
  // Pixels of a chart that fits a printed page with its heading and note.
  const PRINTED = { width: 660, height: 720 };
  let printing = false;
  const style = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const colour = (row) => style(`row-${page.rows.findIndex((r) => r.name === row) % 10}`);
  const instant = (minute) => new Date(minute * 60000).toISOString();
  const instants = (minutes) => minutes.map(instant);
  const titleOf = (row) => page.rows.find((r) => r.name === row).title;
  // Plotly reads a little HTML in texts: names of runs are text, not HTML.
  const safe = (text) =>
    text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const wrapped = (line) =>
    line.replace(isNarrow() ? /(.{1,34})(\s+|$)/g : /(.{1,70})(\s+|$)/g, "$1<br>");
  const lines = (text) => safe(text).split("\n").map(wrapped).join("");
  const isNarrow = () => narrow.matches || printing;

  // Tops and bottoms of the panels; without prices the others take their place.
  const PANELS = {
    priced: { price: [0.68, 1], result: [0.42, 0.65], drawdown: [0.28, 0.4], exposure: [0.15, 0.26], strips: [0, 0.12] },
    plain: { result: [0.58, 1], drawdown: [0.38, 0.56], exposure: [0.19, 0.36], strips: [0, 0.15] },
  };

  function layout(drawing, panel) {
    const [ink, grid] = [style("ink"), style("line")];
    const panels = panel ? PANELS.priced : PANELS.plain;
    const axis = (domain, title) => ({
      domain, title: { text: isNarrow() ? "" : title, font: { size: 12 } },
      gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true,
    });
    const isDark = dark.matches && !printing;
    // White would be grey over a dark page.
    const phases = drawing.phases.filter((p) => p.shade !== "#ffffff").map((p) => ({
      type: "rect", xref: "x", yref: "paper", x0: instant(p.start), x1: instant(p.end),
      y0: panels.exposure[0], y1: 1, fillcolor: p.shade, opacity: isDark ? 0.16 : 0.4,
      line: { width: 0 }, layer: "below",
    }));
    let before = -Infinity;
    let level = 0;
    const names = drawing.phases.map((p) => {
      const place = (p.start - drawing.start) / (drawing.end - drawing.start);
      level = place - before < (isNarrow() ? 0.3 : 0.12) ? (level + 1) % 3 : 0;
      before = place;
      return {
        x: instant(p.start), xref: "x", y: 1 - 0.022 * level, yref: "paper", text: p.name,
        showarrow: false, xanchor: "left", yanchor: "top", font: { size: 11, color: ink },
      };
    });
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "Helvetica Neue, Arial, sans-serif", size: 12 },
      margin: { l: isNarrow() ? 34 : 62, r: 10, t: 8, b: 30 },
      hovermode: "closest", hoverlabel: { align: "left", bgcolor: style("soft"), bordercolor: style("muted"), font: { color: ink } },
      ...(printing ? PRINTED : {}),
      legend: { orientation: "h", y: -0.05, itemsizing: "constant" },
      xaxis: {
        anchor: "y4", range: [instant(drawing.start), instant(drawing.end)], gridcolor: grid,
        linecolor: grid, type: "date",
      },
      yaxis: axis(panels.result, "result, %"),
      yaxis2: axis(panels.drawdown, "drawdown, %"),
      yaxis3: axis(panels.exposure, "gross / equity"),
      yaxis4: { ...axis(panels.strips, ""), autorange: "reversed", showgrid: false, fixedrange: true },
      ...(panel ? { yaxis5: axis(panels.price, `${panel.instrument}, ${panel.quote}`) } : {}),
      shapes: phases, annotations: names,
    };
  }

  function traces(drawing, panel) {
    const made = panel ? priceTraces(panel) : [];
    for (const [name, market] of Object.entries(drawing.markets)) {
      made.push({
        x: instants(market.at), y: market.result, name: `${name} itself`, mode: "lines",
        line: { color: style("muted"), width: 1, dash: name === "BTC" ? "dot" : "dash" },
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
        colorscale: [0, 1, 2, 3].map((harm) => [harm / 3, style(`harm-${harm}`)]),
        zmin: 0, zmax: 3, showscale: false,
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
        line: { width: 1, color: style("paper") } },
    });
    const ended = trades.filter((t) => t.out !== null);
    return [
      mark((t) => t.in, (t) => t.at_in, trades, (t) => (t.long ? "triangle-up" : "triangle-down"), 9),
      mark((t) => t.out, (t) => t.at_out, ended, () => "x", 7),
    ];
  }

  // --- prices ---

  const SYMBOLS = { stop: "square", exit: "x" };
  const symbol = (mark) =>
    mark.kind === "entry" ? (mark.long ? "triangle-up" : "triangle-down") : SYMBOLS[mark.kind];
  function priceTraces(panel) {
    const shared = { yaxis: "y5", showlegend: false };
    const at = instants(panel.at);
    const edge = { ...shared, x: at, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
    const stops = panel.stops.flatMap(([from, until, price]) =>
      [[instant(from), price], [instant(until), price], [null, null]]);
    return [
      { ...edge, y: panel.low },
      { ...edge, y: panel.high, fill: "tonexty", fillcolor: `rgba(${style("size")}, 0.3)` },
      { ...shared, x: at, y: panel.close, mode: "lines", name: safe(panel.instrument),
        line: { color: style("ink"), width: 1 }, hovertemplate: "%{y}<extra>%{fullData.name}</extra>" },
      { ...shared, x: stops.map(([x]) => x), y: stops.map(([, y]) => y), mode: "lines",
        line: { color: style("alarm-line"), width: 1.5, dash: "dot" }, connectgaps: false,
        hovertemplate: "stop %{y}<extra></extra>" },
      { ...shared, x: panel.marks.map((m) => instant(m.at)), y: panel.marks.map((m) => m.price),
        mode: "markers", text: panel.marks.map((m) => lines(m.text)),
        customdata: panel.marks.map((_, i) => i), hovertemplate: "%{text}<extra></extra>",
        marker: { color: colour(panel.row), size: 11, symbol: panel.marks.map(symbol),
          line: { width: 1, color: style("paper") } } },
    ];
  }

  // --- one chart an episode ---

  const charts = [...document.querySelectorAll(".chart")].map((place) => {
    const drawing = page.drawings[place.dataset.episode];
    const parts = place.closest("section");
    return { place, drawing, choice: parts.querySelector(".price-choice"),
      told: parts.querySelector(".reason"), steps: parts.querySelectorAll("[data-step]"), mark: -1 };
  });
  const panelOf = (chart) => (chart.choice ? chart.drawing.prices[chart.choice.value] : undefined);
  function draw(chart) {
    const panel = panelOf(chart);
    return window.Plotly.react(chart.place, traces(chart.drawing, panel),
      layout(chart.drawing, panel),
      { displaylogo: false, responsive: !printing, displayModeBar: false });
  }
  // Shows a fill's reason; a step to a fill also zooms in, and none shows the whole window again.
  function tell(chart, number, zooms = true) {
    const panel = panelOf(chart);
    const mark = panel.marks[number];
    chart.mark = mark ? number : -1;
    if (zooms) window.Plotly.relayout(chart.place, mark ? around(chart, panel, mark) : whole(chart));
    chart.told.textContent = mark
      ? `${number + 1} of ${panel.marks.length}, ${titleOf(panel.row)}: ${mark.text}` : "";
    const curve = chart.place.data.findIndex((trace) => trace.yaxis === "y5" && trace.customdata);
    // The others fade; on a phone a label would cover the price, and the text above says the same.
    window.Plotly.restyle(chart.place, { selectedpoints: [mark ? [number] : null] }, [curve]);
    if (mark && !isNarrow()) {
      window.Plotly.Fx.hover(chart.place, [{ curveNumber: curve, pointNumber: number }], ["xy5"]);
    } else window.Plotly.Fx.unhover(chart.place);
  }
  function whole(chart) {
    const { start, end } = chart.drawing;
    return { "xaxis.range": [instant(start), instant(end)], "yaxis5.autorange": true };
  }
  function around(chart, panel, mark) {
    const near = (chart.drawing.end - chart.drawing.start) / 25;
    const inside = panel.at.map((at, i) => i).filter((i) => Math.abs(panel.at[i] - mark.at) < near);
    const low = Math.min(mark.price, ...inside.map((i) => panel.low[i]));
    const high = Math.max(mark.price, ...inside.map((i) => panel.high[i]));
    const room = (high - low) * 0.08;
    return {
      "xaxis.range": [instant(mark.at - near), instant(mark.at + near)],
      "yaxis5.range": [low - room, high + room],
    };
  }
  for (const chart of charts) {
    draw(chart).then(() => {
      chart.place.on("plotly_click", (event) => {
        const known = event.points.find((point) => point.customdata !== undefined);
        if (!known) return;
        if (typeof known.customdata === "number") tell(chart, known.customdata, false);
        else open(`${known.customdata}/${chart.place.dataset.episode}`);
      });
    });
    chart.choice?.addEventListener("change", () => {
      draw(chart);
      tell(chart, -1);
    });
    for (const button of chart.steps) {
      button.addEventListener("click", () => tell(chart, next(chart, Number(button.dataset.step))));
    }
  }
  function next(chart, step) {
    const count = panelOf(chart).marks.length;
    if (!step || !count) return -1;
    if (chart.mark < 0) return step > 0 ? 0 : count - 1;
    return (chart.mark + step + count) % count;
  }
  const again = () => charts.forEach(draw);
  dark.addEventListener("change", again);
  narrow.addEventListener("change", again);
  // Paper is white and narrow; closed parts that belong on it are opened.
  const closed = [];
  const onPaper = (is) => () => {
    printing = is;
    document.documentElement.toggleAttribute("data-printing", is);
    if (is) closed.push(...document.querySelectorAll("details.printed:not([open])"));
    closed.forEach((part) => { part.open = is; });
    if (!is) closed.length = 0;
    again();
  };
  window.addEventListener("beforeprint", onPaper(true));
  window.addEventListener("afterprint", onPaper(false));
})();
