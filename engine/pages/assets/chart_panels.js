// Draws the panels of a run's chart as SVG text: axes, candles, levels, stages, marks, lines.
// Colours come from run_chart.css, so that a change of the reader's scheme needs no new drawing.
"use strict";
const ChartPanels = (() => {
  const { firstFrom, lastUntil, shownCandles } = ChartData;
  const DAY = 86400;
  const escaped = text => String(text).replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const px = value => value.toFixed(1);
  const iso = (at, length = 16) => new Date(at * 1000).toISOString().slice(0, length).replace("T", " ") + (length > 10 ? "Z" : "");
  // A small negative number that is shown as zero has no sign.
  const withoutSign = text => text.replace(/^-(?=[0.]*$)/, "");
  const grouped = (value, digits) => withoutSign(value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  // As many decimals as write the step between ticks in full: 0.025 needs three.
  function decimals(ticks) {
    if (ticks.length < 2) return 2;
    const step = Math.min(...ticks.slice(1).map((tick, i) => tick - ticks[i]));
    let digits = 0;
    while (digits < 12 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-4 * step * 10 ** digits) digits++;
    return digits;
  }
  const percent = (value, digits = 1) => `${withoutSign((value * 100).toFixed(digits))}%`;

  // -- axes ---------------------------------------------------------------------------------------
  function niceSteps(low, high, count) {
    const raw = (high - low) / Math.max(count, 1), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map(n => n * power).find(n => n >= raw);
    const ticks = [];
    // The sum with zero turns -0 into 0.
    for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step + 0);
    // One tick alone gives no scale; four steps always hold two ticks.
    return ticks.length < 2 && count < 4 ? niceSteps(low, high, 4) : ticks;
  }
  function logTicks(low, high) {
    if (high / low < 4) return niceSteps(low, high, 5);
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const n of high / low > 100 ? [1, 3] : [1, 2, 5]) {
        const tick = n * 10 ** power;
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    return ticks;
  }
  function scale(low, high, top, height, isLog) {
    const to = isLog ? Math.log : x => x, a = to(low), b = to(high);
    const y = value => top + height - ((to(value) - a) / (b - a)) * height;
    return { y, low, high, top, height, ticks: isLog ? logTicks(low, high) : niceSteps(low, high, height / 34) };
  }
  function dateTicks(from, until, count) {
    const steps = [300, 900, 1800, 3600, 10800, 21600, 43200, DAY, 2 * DAY, 7 * DAY];
    const step = steps.find(length => (until - from) / length <= count);
    const ticks = [];
    if (step) {
      // Weeks begin on Monday; 1970-01-05 was one.
      const shift = step === 7 * DAY ? 4 * DAY : 0;
      for (let at = Math.ceil((from - shift) / step) * step + shift; at <= until; at += step)
        ticks.push([at, at % DAY ? iso(at).slice(11, 16) : iso(at, 10)]);
      return ticks;
    }
    const months = [1, 2, 3, 6, 12, 24, 60, 120].find(n => (until - from) / (n * 30.4 * DAY) <= count) ?? 120;
    const begin = new Date(from * 1000);
    for (let month = begin.getUTCFullYear() * 12; ; month += months) {
      const at = Date.UTC(Math.floor(month / 12), month % 12, 1) / 1000;
      if (at > until) return ticks;
      if (at >= from) ticks.push([at, iso(at, months >= 12 ? 4 : 7)]);
    }
  }
  function frame(panel, view, text) {
    const { left, right } = view, { y, ticks, top, height } = panel.scale;
    const rows = ticks.map(tick => `<line class="grid" x1="${left}" x2="${right}" y1="${px(y(tick))}" y2="${px(y(tick))}"/>`
      + `<text class="tick" x="${left - 6}" y="${px(y(tick) + 4)}" text-anchor="end">${escaped(text(tick, ticks))}</text>`);
    return rows.join("") + `<rect class="frame" x="${left}" y="${top - panel.room}" width="${right - left}" height="${height + panel.room}"/>`
      + `<text class="name" x="${left + 6}" y="${top - panel.room + 14}">${escaped(panel.title)}</text>`;
  }
  function dates(view, top, bottom) {
    return view.ticks.map(([at, words]) => `<line class="grid" x1="${px(view.x(at))}" x2="${px(view.x(at))}" y1="${top}" y2="${bottom}"/>`
      + `<text class="tick date" x="${px(Math.min(view.x(at), view.width - words.length * TEXT.wide / 2))}" y="${bottom + 16}" text-anchor="middle">${words}</text>`).join("");
  }

  // -- prices -------------------------------------------------------------------------------------
  function candlePaths(shown, view, y) {
    const gaps = shown.slice(1).map((candle, i) => candle.closed - shown[i].closed).sort((a, b) => a - b);
    const usual = gaps.length ? gaps[gaps.length >> 1] : view.until - view.from;
    const width = Math.min((usual / (view.until - view.from)) * (view.right - view.left) * 0.7, 14);
    const paths = { wick: "", up: "", down: "" };
    for (const candle of shown) {
      const middle = view.x((candle.opened + candle.closed) / 2), way = candle.close >= candle.open ? "up" : "down";
      const high = y(candle.high), low = y(candle.low), upper = y(Math.max(candle.open, candle.close)), lower = y(Math.min(candle.open, candle.close));
      if (width < 1.6) {
        paths.wick += `M${px(middle)} ${px(high)}V${px(Math.max(low, high + 0.6))}`;
      } else {
        paths.wick += `M${px(middle)} ${px(high)}V${px(upper)}M${px(middle)} ${px(lower)}V${px(low)}`;
        paths[way] += `M${px(middle - width / 2)} ${px(upper)}h${px(width)}V${px(Math.max(lower, upper + 0.6))}h${px(-width)}Z`;
      }
    }
    return Object.entries(paths).filter(([, path]) => path).map(([name, path]) => `<path class="candle ${name}" d="${path}"/>`).join("");
  }
  // A stop or target as steps: level stretches, joined where one follows another of the same plan.
  function steps(levels, view, y) {
    let path = "", before = null;
    for (const level of levels) {
      const follows = before && before.plan === level.plan && before.until === level.from && level.role === "stop";
      path += `${follows ? "L" : "M"}${px(view.x(level.from))} ${px(y(level.price))}H${px(view.x(level.until))}`;
      before = level;
    }
    return path;
  }
  function valueLine(line, view, y, isStep) {
    const first = Math.max(lastUntil(line.at, view.from), 0), last = Math.min(firstFrom(line.at, view.until), line.at.length - 1);
    let path = "", drawing = false;
    for (let i = first; i <= last; i++) {
      const value = line.value[i];
      // A logarithmic axis has no place for zero and below.
      if (value === null || !Number.isFinite(y(value))) { drawing = false; continue; }
      path += `${drawing ? "L" : "M"}${px(view.x(line.at[i]))} ${px(y(value))}`;
      if (isStep) path += `H${px(view.x(line.at[i + 1] ?? view.until))}`;
      drawing = true;
    }
    return path;
  }
  // The last known stretch of a line inside the view: its value, its end and its width in pixels.
  function lastStretch(line, view) {
    let last = lastUntil(line.at, view.until);
    while (last >= 0 && line.value[last] === null) last--;
    if (last < 0) return null;
    const until = line.at[last + 1] ?? view.until;
    let first = last;
    while (first > 0 && line.value[first - 1] !== null && line.at[first] > view.from) first--;
    const x = Math.min(view.x(until), view.right), width = x - Math.max(view.x(line.at[first]), view.left);
    return { value: line.value[last], x, width };
  }

  // -- marks: the shape names the role, a hollow one is a part, the colour is the trade's result ----
  const SHAPES = {
    up: (x, y) => `M${px(x)} ${px(y)}l6 11h-12Z`,
    down: (x, y) => `M${px(x)} ${px(y)}l6 -11h-12Z`,
    target: (x, y) => `M${px(x - 5)} ${px(y)}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0`,
    stop: (x, y) => `M${px(x - 4.5)} ${px(y - 4.5)}h9v9h-9Z`,
    exit: (x, y) => `M${px(x - 5)} ${px(y - 5)}l10 10m0 -10l-10 10`,
    guard: (x, y) => `M${px(x)} ${px(y - 7)}l6 7l-6 7l-6 -7Z`,
    liquidation: (x, y) => `M${px(x - 8)} ${px(y)}h16M${px(x)} ${px(y - 8)}v16M${px(x - 6)} ${px(y - 6)}l12 12m0 -12l-12 12`,
    settlement: (x, y) => `M${px(x - 6)} ${px(y)}h12m-6 -6v12`,
    refused: (x, y) => `M${px(x - 5)} ${px(y)}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0m1.5 -3.5l7 7`,
    option: (x, y) => `M${px(x - 5)} ${px(y + 4)}v-8h5a2.5 2.5 0 0 1 0 5h-5`,
  };
  const shapeOf = mark => mark.kind ?? (mark.adds ? (mark.direction > 0 ? "up" : "down") : mark.role);
  function markPaths(placed) {
    // Many marks are drawn smaller, so that they hide less of each other.
    const paths = new Map(), size = placed.length > 120 ? 0.6 : 1;
    for (const { mark, x, y } of placed) {
      const result = mark.kind ? "event" : mark.won ? "won" : "lost";
      const key = `mark ${shapeOf(mark)} ${result}${mark.part ? " part" : ""}`;
      paths.set(key, (paths.get(key) ?? "") + SHAPES[shapeOf(mark)](x / size, y / size));
    }
    return `<g transform="scale(${size})">${[...paths].map(([key, path]) => `<path class="${key}" d="${path}"/>`).join("")}</g>`;
  }

  // Words beside lines: each stands nearest to its own height where it covers no mark and no other
  // word, if possible no candle and no level, and is left out where there is no such place.
  const TEXT = { high: 12, wide: 6.2, shifts: [0, -12, 12, -20, 20, -28, 28, -36, 36] };
  function labels(marks, drawn, bounds) {
    const taken = marks.map(({ x, y }) => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 12 }));
    const meets = (boxes, box) => boxes.some(one => one.left < box.right && one.right > box.left && one.top < box.bottom && one.bottom > box.top);
    return (words, x, y, isBefore, className = "") => {
      const width = words.length * TEXT.wide, left = isBefore ? x - width : x;
      const boxes = TEXT.shifts.map(shift => ({ left, right: left + width, top: y + shift - 10, bottom: y + shift - 10 + TEXT.high }))
        .filter(box => box.top >= bounds.top && box.bottom <= bounds.bottom && box.left >= bounds.left && box.right <= bounds.right && !meets(taken, box));
      const box = boxes.find(one => !meets(drawn, one)) ?? boxes[0];
      if (!box) return "";
      taken.push(box);
      return `<text class="label ${className}" x="${px(x)}" y="${px(box.top + 10)}" text-anchor="${isBefore ? "end" : "start"}">${escaped(words)}</text>`;
    };
  }

  return { escaped, px, iso, labels, grouped, decimals, percent, scale, dateTicks, frame, dates, candlePaths, steps, valueLine,
    lastStretch, markPaths, shapeOf, SHAPES, shownCandles };
})();
