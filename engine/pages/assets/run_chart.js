// The interactive chart of a run's page: the view, its panels, the marks under the pointer, and the
// links between marks and the table of trades. Without this script the page shows a still picture.
"use strict";
(() => {
  const P = ChartPanels, $ = id => document.getElementById(id);
  const data = ChartData.read(JSON.parse($("chart-data").textContent));
  if (!data.instruments.length) return;
  const box = $("chart"), svg = $("chart-svg"), tip = $("chart-tip");
  const DAY = 86400, YEAR = 365 * DAY, FEWEST = 8;
  const prices = data.instruments.map(item => [Math.min(...item.candles.low), Math.max(...item.candles.high)]);
  const isLong = data.end - data.start > 3 * YEAR;
  const state = { place: 0, from: data.start, until: data.end, log: isLong && prices.some(([low, high]) => high / low > 3), hidden: new Set(), pinned: null };
  const item = () => data.instruments[state.place];
  let view = null, placed = [], waiting = false;

  // -- layout -------------------------------------------------------------------------------------
  const panelLines = data.lines.filter(line => line.as === "panel");
  const priceLines = () => data.lines.filter(line => line.as !== "panel"
    && (line.instrument || data.clock) === item().name && !state.hidden.has(line.title));
  const stages = () => data.stages.filter(stage => !stage.instrument || stage.instrument === item().name);
  const events = () => data.events.filter(event => !event.instrument || event.instrument === item().name || event.kind === "option");
  const exposed = Object.entries(data.account.exposure);

  function layout(width) {
    const narrow = width < 560, left = narrow ? 50 : 66, right = Math.max(width - (narrow ? 8 : 14), left + 1);
    const x = at => left + ((at - state.from) / (state.until - state.from)) * (right - left);
    const ticks = P.dateTicks(state.from, state.until, (right - left) / 92);
    const made = { width, left, right, from: state.from, until: state.until, x, ticks, narrow };
    let top = 4;
    const next = (height, gap = 12) => { const begin = top; top += height + gap; return [begin, height]; };
    made.price = next(narrow ? 300 : 400);
    made.values = panelLines.map(() => next(76));
    made.exposure = exposed.length ? next(96) : null;
    made.equity = next(130);
    made.drawdown = next(84, 24);
    made.overview = next(40, 4);
    made.height = top;
    return made;
  }

  // -- drawing ------------------------------------------------------------------------------------
  function extent(pairs, floor) {
    let low = Infinity, high = -Infinity;
    for (const [a, b] of pairs) { low = Math.min(low, a); high = Math.max(high, b); }
    if (low === Infinity) [low, high] = [0, 1];
    const pad = (high - low) * 0.05 || Math.abs(high) * 0.01 || 1;
    return [floor === undefined ? low - pad : Math.min(low, floor), high + pad];
  }
  function visible(at, values) {
    const first = Math.max(ChartData.lastUntil(at, state.from), 0), last = Math.min(ChartData.firstFrom(at, state.until), at.length - 1);
    const found = [];
    for (let i = first; i <= last; i++) if (values[i] !== null) found.push([values[i], values[i]]);
    return found;
  }
  const inView = (from, until) => until >= state.from && from <= state.until;

  const plain = (value, ticks) => P.grouped(value, P.decimals(ticks));
  const share = (value, ticks) => P.percent(value, Math.max(P.decimals(ticks) - 2, 0));
  function pricePanel() {
    const own = item(), [top, height] = view.price;
    const shown = P.shownCandles(own.candles, state.from, state.until, (view.right - view.left) / 4);
    const marks = own.marks.filter(mark => inView(mark.at, mark.at));
    const levels = own.levels.filter(level => inView(level.from, level.until) && !state.hidden.has(level.role === "stop" ? "stops" : "targets"));
    let [low, high] = extent([...shown.map(c => [c.low, c.high]), ...marks.map(m => [m.price, m.price])]);
    // Levels near the prices widen the panel; far ones would flatten the candles.
    const reach = (high - low) * 0.6, near = levels.filter(l => l.price > low - reach && l.price < high + reach);
    [low, high] = extent([[low, high], ...near.map(l => [l.price, l.price])]);
    // A logarithmic axis begins just below the lowest price, since the room below it is a share of it.
    const lane = 22, scale = P.scale(state.log ? Math.max(low, Math.min(...shown.map(c => c.low)) * 0.95) : low, high, top + lane, height - lane - 12, state.log);
    const { y } = scale, parts = [], lines = [], words = [];
    parts.push(P.frame({ scale, room: 0, title: `${own.name}, ${own.quote}${state.log ? ", logarithmic" : ""}` }, view, plain));
    parts.push(stageBands(top, height));
    parts.push(P.candlePaths(shown, view, y));
    placed = marks.map(mark => ({ mark, x: view.x(mark.at), y: y(mark.price) }));
    const boxes = shown.map(c => ({ left: view.x(c.opened), right: view.x(c.closed), top: y(c.high), bottom: y(c.low) }));
    boxes.push(...near.map(l => ({ left: view.x(l.from), right: view.x(l.until), top: y(l.price) - 1, bottom: y(l.price) + 1 })));
    const bounds = { left: view.left, right: view.right, top: top + lane + 18, bottom: top + height - 28 };
    const label = P.labels(placed, boxes, bounds), ends = [];
    for (const line of priceLines()) {
      const name = `line-${data.lines.indexOf(line) % 6}`;
      lines.push(`<path class="value ${line.as} ${name}" d="${P.valueLine(line, view, y, line.as === "level")}"/>`);
      const end = P.lastStretch(line, view);
      if (end && end.value > low && end.value < high && end.width > 30) ends.push([y(end.value), line.title, name, end.x]);
    }
    // Names of lines at their ends, from above.
    for (const [at, title, name, x] of ends.sort((a, b) => a[0] - b[0])) {
      const fits = x + title.length * 6.2 < view.right;
      words.push(label(title, fits ? x + 4 : x - 4, at + 4, !fits, name));
    }
    const byRole = role => near.filter(level => level.role === role);
    for (const role of ["stop", "target", "entry"]) lines.push(`<path class="level-${role}" data-count="${byRole(role).length}" d="${P.steps(byRole(role), view, y)}"/>`);
    // The first level of a plan carries the name; its moves follow it.
    const plans = new Set();
    for (const level of near) {
      const name = level.role === "stop" ? "stop" : "resting entry", key = `${name} ${level.plan}`;
      if (level.role === "target" || plans.has(key) || view.x(level.until) - view.x(level.from) < 30) continue;
      plans.add(key);
      words.push(label(name, Math.max(view.x(level.from), view.left) + 4, y(level.price) - 4, false));
    }
    const above = events().filter(event => inView(event.at, event.at)).map(event => ({ mark: event, x: view.x(event.at), y: top + 12 }));
    words.push(`<rect class="lane" x="${view.left}" y="${top}" width="${view.right - view.left}" height="${lane}"/>`);
    placed.push(...above);
    return `<g id="price-panel" clip-path="url(#plot)">${parts.slice(1).join("")}${clipped("prices", scale, lines)}${words.join("")}</g>${parts[0]}<g id="marks" data-count="${marks.length}">${P.markPaths(placed)}</g>`;
  }
  function stageBands(top, height) {
    if (state.hidden.has("stages")) return "";
    return stages().filter(stage => inView(stage.from, stage.until)).map(stage => {
      const begin = Math.max(view.x(stage.from), view.left), width = Math.max(Math.min(view.x(stage.until), view.right) - begin, 1.2);
      const rect = (y, tall, name) => `<rect class="stage ${name} stage-${stage.place % 4}" x="${P.px(begin)}" y="${y}" width="${P.px(width)}" height="${tall}"/>`;
      const words = width > stage.title.length * 6.4 ? `<text class="label" x="${P.px(begin + 3)}" y="${top + height - 16}">${P.escaped(stage.title)}</text>` : "";
      return rect(top + height - 10, 8, "strip") + (width > 3 ? rect(top + 22, height - 34, "band") : "") + words;
    }).join("");
  }
  function linePanel([top, height], title, lines, text, options = {}) {
    const [low, high] = extent(lines.flatMap(line => visible(line.at, line.value)), options.floor);
    // Above the lines stands the title, except where zero is the top.
    const room = options.ceiling === undefined ? 18 : 0;
    const scale = P.scale(low, options.ceiling ?? high, top + room, height - room, options.log && low > 0), parts = [];
    for (const line of lines) {
      const path = P.valueLine(line, view, scale.y, line.steps);
      if (options.area && path) parts.push(`<path class="area ${line.name}" d="${path}V${P.px(scale.y(0))}H${P.px(view.x(Math.max(line.at[0], state.from)))}Z"/>`);
      parts.push(`<path class="value ${line.name}" d="${path}"/>`);
    }
    return clipped(`panel-${Math.round(top)}`, scale, parts) + P.frame({ scale, title, room }, view, text);
  }
  // Lines end at the edge of their own panel; one pixel more leaves a line on the edge its width.
  function clipped(id, { top, height }, lines) {
    return `<clipPath id="${id}"><rect x="${view.left}" y="${top - 1}" width="${view.right - view.left}" height="${height + 2}"/></clipPath><g clip-path="url(#${id})">${lines.join("")}</g>`;
  }
  const held = at => exposed.map(([name, value]) => {
    const last = value[ChartData.lastUntil(data.account.exposureAt, at)] ?? null;
    return `${name} ${last === null ? "n/a" : P.percent(last, 0)}`;
  }).join(", ");
  function exposurePanel() {
    const lines = exposed.map(([name, value], i) => ({ at: data.account.exposureAt, value, steps: true, name: `line-${i % 6}${name === item().name ? " chosen" : ""}` }));
    return linePanel(view.exposure, `position, share of equity${view.narrow ? "" : `; at the right edge, ${P.iso(state.until)}: ${held(state.until)}`}`, lines, share, { floor: 0 });
  }
  function render() {
    waiting = false;
    // Hidden, on paper for one: the box shows again with a change of its size, which draws.
    if (!box.clientWidth) return;
    view = layout(box.clientWidth);
    svg.setAttribute("viewBox", `0 0 ${box.clientWidth} ${view.height}`);
    svg.style.height = `${view.height}px`;
    const { at, equity, drawdown } = data.account, [overTop] = view.overview;
    const number = (value, ticks) => Math.abs(value) >= 1e6 ? `${P.grouped(value / 1e6, P.decimals(ticks.map(tick => tick / 1e6)))}M` : plain(value, ticks);
    const parts = [
      `<defs><clipPath id="plot"><rect x="${view.left}" y="0" width="${view.right - view.left}" height="${view.height}"/></clipPath></defs>`,
      P.dates(view, view.price[0], overTop - 24), shades(overTop - 24), pricePanel(),
      ...panelLines.map((line, i) => linePanel(view.values[i], line.title, [{ ...line, name: "line-0", steps: true }], line.unit === "fraction" ? share : plain)),
      view.exposure ? exposurePanel() : "",
      linePanel(view.equity, `equity, ${data.currency}${state.log ? ", logarithmic" : ""}`, [{ at, value: equity, name: "equity" }], number, { log: state.log }),
      linePanel(view.drawdown, "drawdown", [{ at, value: drawdown, name: "drawdown" }], share, { area: true, ceiling: 0 }),
      overview(view.overview), `<g id="over"></g>`,
    ];
    svg.innerHTML = parts.join("");
    $("chart-range").textContent = `${P.iso(state.from)} to ${P.iso(state.until)}`;
    ring();
  }
  function shades(bottom) {
    return data.sellOffs.filter(([high, , end]) => inView(high, end)).map(([high, confirmed, end]) => {
      const edge = at => Math.min(Math.max(view.x(at), view.left), view.right);
      const rect = (from, until, name) => `<rect class="${name}" x="${P.px(edge(from))}" y="${view.price[0]}" width="${P.px(edge(until) - edge(from))}" height="${bottom - view.price[0]}"/>`;
      return rect(high, confirmed, "run-up") + rect(confirmed, end, "sell-off");
    }).join("");
  }
  function overview([top, height]) {
    const all = item().candles, [low, high] = prices[state.place], span = data.end - data.start, width = view.right - view.left;
    const x = at => view.left + ((at - data.start) / span) * width;
    const { y } = P.scale(low, high, top + 2, height - 4, state.log);
    const every = Math.max(1, Math.floor(all.close.length / 500));
    let path = "";
    for (let i = 0; i < all.close.length; i += every) path += `${path ? "L" : "M"}${P.px(x(all.closed[i]))} ${P.px(y(all.close[i]))}`;
    view.over = { top, height, at: position => data.start + ((position - view.left) / width) * span };
    return `<rect class="frame" x="${view.left}" y="${top}" width="${width}" height="${height}"/><path class="value whole" d="${path}"/>`
      + `<rect class="window" x="${P.px(x(state.from))}" y="${top}" width="${P.px(Math.max(x(state.until) - x(state.from), 3))}" height="${height}"/>`;
  }
  const soon = () => { if (!waiting) { waiting = true; requestAnimationFrame(render); } };

  // -- the view -----------------------------------------------------------------------------------
  function show(from, until) {
    const { closed, opened } = item().candles, bar = Math.min(closed[0] - opened[0], DAY);
    const least = FEWEST * bar, whole = data.end - data.start;
    const length = Math.min(Math.max(until - from, least), whole);
    const middle = (from + until) / 2;
    state.from = Math.min(Math.max(middle - length / 2, data.start), data.end - length);
    state.until = state.from + length;
    soon();
  }
  const middle = () => (state.from + state.until) / 2;
  const centre = () => state.pinned?.at ?? middle();
  function zoom(factor, around = inView(centre(), centre()) ? centre() : middle()) {
    show(around - (around - state.from) * factor, around + (state.until - around) * factor);
  }
  const pan = share => show(state.from + (state.until - state.from) * share, state.until + (state.until - state.from) * share);
  function choose(place) {
    state.place = place;
    const select = $("chart-instrument");
    if (select) select.value = String(place);
  }
  function showAround(from, until) {
    const { closed, opened } = item().candles;
    const i = Math.max(ChartData.lastUntil(opened, from), 0), bar = closed[i] - opened[i];
    const around = Math.max((until - from) * 0.5, 30 * bar);
    show(from - around, until + around);
  }
  function showTrade(id) {
    const trade = data.byTrade.get(id), place = data.instruments.findIndex(own => own.name === trade?.instrument);
    if (place < 0) return;
    choose(place);
    showAround(trade.entered, trade.exited ?? data.end);
    pin(item().marks.find(mark => mark.trade === id) ?? null);
    $("chart-trade").value = String(id);
  }

  // -- marks --------------------------------------------------------------------------------------
  const say = (tag, text, className) => { const node = document.createElement(tag); node.textContent = text; if (className) node.className = className; return node; };
  const EVENTS = { guard: "Guard", refused: "Refused or put off", option: "Option" };
  function headline(mark) {
    if (mark.kind) return `${EVENTS[mark.kind]}${mark.instrument ? `, ${mark.instrument}` : ""}, ${P.iso(mark.at)}`;
    const side = mark.direction > 0 ? "long" : "short", way = mark.side > 0 ? "buy" : "sell";
    return `${mark.trade ? `Trade ${mark.trade}, ` : ""}${side}: ${mark.role}${mark.part ? " (part)" : ""}, ${way} ${Number(mark.quantity.toPrecision(6))} at ${P.grouped(mark.price, item().digits > 4 ? 4 : 2)}`;
  }
  function pin(mark) {
    state.pinned = mark;
    const detail = $("chart-detail");
    detail.replaceChildren();
    if (!mark) { detail.append(say("p", "Choose a mark, a trade, or move with the buttons, to read its reason.", "note")); soon(); return; }
    detail.append(say("h3", headline(mark)), say("p", mark.reason));
    if (mark.cap) detail.append(say("p", mark.cap));
    for (const line of mark.lines ?? []) detail.append(say("p", line, "note"));
    const row = mark.trade && $(`trade-${mark.trade}`);
    if (row) {
      const link = say("a", `row ${mark.trade} in the table of trades`);
      link.href = `#trade-${mark.trade}`;
      detail.append(link);
    }
    soon();
  }
  function ring() {
    const found = state.pinned && placed.find(({ mark }) => mark === state.pinned);
    $("over").innerHTML = found ? `<circle id="ring" cx="${P.px(found.x)}" cy="${P.px(found.y)}" r="13"/>` : "";
  }
  function nearest(x, y) {
    let best = null, least = 18 ** 2;
    for (const one of placed) {
      const distance = (one.x - x) ** 2 + (one.y - y) ** 2;
      if (distance < least) { least = distance; best = one; }
    }
    return best;
  }
  function stepMark(way) {
    const all = [...item().marks, ...events()].sort((a, b) => a.at - b.at);
    if (!all.length) return;
    const now = all.indexOf(state.pinned);
    const mark = all[now < 0 ? (way > 0 ? 0 : all.length - 1) : (now + way + all.length) % all.length];
    const length = state.until - state.from;
    if (length >= data.end - data.start) showAround(mark.at, mark.at);
    else if (!inView(mark.at, mark.at)) show(mark.at - length / 2, mark.at + length / 2);
    pin(mark);
  }

  // -- pointer and keys ---------------------------------------------------------------------------
  const spot = event => { const area = svg.getBoundingClientRect(); return [event.clientX - area.left, event.clientY - area.top]; };
  const timeAt = x => state.from + ((x - view.left) / (view.right - view.left)) * (state.until - state.from);
  function readout(x) {
    const at = timeAt(x), { closed, open, high, low, close, opened } = item().candles, digits = Math.min(item().digits, 4);
    const i = Math.min(ChartData.firstFrom(closed, at), closed.length - 1), a = data.account, row = ChartData.lastUntil(a.at, at);
    const stage = stages().find(one => one.from <= at && at <= one.until);
    const parts = [`${P.iso(opened[i])} to ${P.iso(closed[i])}`, `open ${P.grouped(open[i], digits)}, high ${P.grouped(high[i], digits)}, low ${P.grouped(low[i], digits)}, close ${P.grouped(close[i], digits)}`];
    if (row >= 0) parts.push(`equity ${P.grouped(a.equity[row], 0)}, drawdown ${P.percent(a.drawdown[row], 2)}`);
    if (exposed.length) parts.push(`position ${held(at)}`);
    if (stage) parts.push(stage.title);
    return parts.join("; ");
  }
  function hover(event) {
    const [x, y] = spot(event), found = nearest(x, y);
    svg.style.cursor = found ? "pointer" : "crosshair";
    $("chart-readout").textContent = x >= view.left && x <= view.right ? readout(x) : "";
    const over = $("over");
    over.querySelector("#cross")?.remove();
    if (x >= view.left && x <= view.right) over.insertAdjacentHTML("beforeend", `<line id="cross" x1="${P.px(x)}" x2="${P.px(x)}" y1="${view.price[0]}" y2="${view.overview[0] - 24}"/>`);
    tip.hidden = !found;
    if (!found) return;
    tip.replaceChildren(say("strong", headline(found.mark)), say("span", found.mark.reason), ...(found.mark.cap ? [say("span", found.mark.cap)] : []));
    tip.style.left = `${Math.min(Math.max(found.x - 140, 4), box.clientWidth - 290)}px`;
    tip.style.top = `${found.y + 20}px`;
  }
  const fingers = new Map();
  let drag = null;
  svg.addEventListener("pointerdown", event => {
    const [x, y] = spot(event);
    fingers.set(event.pointerId, x);
    const over = view.over, inOverview = y >= over.top && y <= over.top + over.height;
    drag = { x, y, from: state.from, until: state.until, moved: false, inOverview, begin: over.at(x) };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", event => {
    if (!drag) { hover(event); return; }
    const [x] = spot(event);
    if (fingers.size === 2) {
      const before = [...fingers.values()], apart = Math.abs(before[0] - before[1]);
      fingers.set(event.pointerId, x);
      const now = [...fingers.values()];
      if (apart > 10) zoom(apart / Math.max(Math.abs(now[0] - now[1]), 10), timeAt((now[0] + now[1]) / 2));
      drag.moved = true;
      return;
    }
    fingers.set(event.pointerId, x);
    if (Math.abs(x - drag.x) < 4 && !drag.moved) return;
    drag.moved = true;
    if (drag.inOverview) { const now = view.over.at(x); show(Math.min(drag.begin, now), Math.max(drag.begin, now)); return; }
    const moved = ((drag.x - x) / (view.right - view.left)) * (drag.until - drag.from);
    show(drag.from + moved, drag.until + moved);
  });
  const release = event => {
    fingers.delete(event.pointerId);
    if (drag && !drag.moved && event.type === "pointerup") {
      const [x, y] = spot(event), found = nearest(x, y);
      if (drag.inOverview) { const half = (state.until - state.from) / 2, middle = view.over.at(x); show(middle - half, middle + half); } else if (found) pin(found.mark);
    }
    if (!fingers.size) drag = null;
  };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);
  svg.addEventListener("pointerleave", () => { tip.hidden = true; $("over").querySelector("#cross")?.remove(); });
  svg.addEventListener("dblclick", () => show(data.start, data.end));
  svg.addEventListener("wheel", event => {
    // The wheel alone scrolls the page; with Ctrl, as a pinch on a touchpad sends it, it zooms.
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, timeAt(spot(event)[0]));
  }, { passive: false });
  const KEYS = {
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6),
    Home: () => show(data.start, data.end), n: () => stepMark(1), p: () => stepMark(-1),
  };
  box.addEventListener("keydown", event => {
    if (event.target !== box || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  // -- controls -----------------------------------------------------------------------------------
  document.querySelectorAll("[data-span]").forEach(button => button.addEventListener("click", () => {
    const days = Number(button.dataset.span), half = (days * DAY) / 2;
    if (days) show(centre() - half, centre() + half); else show(data.start, data.end);
  }));
  const ACTS = { in: () => zoom(0.5), out: () => zoom(2), next: () => stepMark(1), previous: () => stepMark(-1) };
  document.querySelectorAll("[data-act]").forEach(button => button.addEventListener("click", () => ACTS[button.dataset.act]()));
  document.querySelectorAll("[data-toggle]").forEach(box => box.addEventListener("change", () => {
    state.hidden[box.checked ? "delete" : "add"](box.dataset.toggle);
    soon();
  }));
  $("chart-log").checked = state.log;
  $("chart-log").addEventListener("change", event => { state.log = event.target.checked; soon(); });
  $("chart-instrument")?.addEventListener("change", event => { choose(Number(event.target.value)); pin(null); });
  $("chart-trade").addEventListener("change", event => { if (event.target.value) showTrade(Number(event.target.value)); else { pin(null); show(data.start, data.end); } });
  document.querySelectorAll("a[data-trade]").forEach(link => link.addEventListener("click", () => showTrade(Number(link.dataset.trade))));
  const asked = () => Number(/^#trade-(\d+)$/.exec(location.hash)?.[1] ?? 0);
  addEventListener("hashchange", () => { if (asked()) showTrade(asked()); });

  document.querySelectorAll("[data-shape]").forEach(entry => {
    const [shape] = entry.dataset.shape.split(" "), name = entry.dataset.shape.replace(/^up|^down/, "$& won");
    entry.insertAdjacentHTML("afterbegin", `<svg viewBox="-11 -9 22 18" aria-hidden="true"><path class="mark event ${name}" d="${P.SHAPES[shape](0, shape === "up" ? -5 : shape === "down" ? 5 : 0)}"/></svg>`);
  });
  document.querySelectorAll("[data-stage]").forEach(entry => entry.insertAdjacentHTML("afterbegin",
    `<svg viewBox="-11 -9 22 18" aria-hidden="true"><rect class="stage strip stage-${entry.dataset.stage % 4}" x="-9" y="-5" width="18" height="10"/></svg>`));

  document.documentElement.classList.add("has-chart");
  new ResizeObserver(soon).observe(box);
  pin(null);
  render();
  if (asked()) {
    showTrade(asked());
    // After the browser's own jump to the row of the table.
    addEventListener("load", () => setTimeout(() => $("chart-part").scrollIntoView()));
  }
})();
