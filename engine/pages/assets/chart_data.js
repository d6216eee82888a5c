// Reads the compact data of a run's chart (engine/pages/chart_document.py writes them) and answers
// questions about them: which candles, marks and levels lie in a stretch of time. No drawing here.
"use strict";
const ChartData = (() => {
  const expanded = runs => {
    const values = [];
    for (let i = 0; i < runs.length; i += 2)
      for (let n = runs[i + 1]; n > 0; n--) values.push(runs[i]);
    return values;
  };
  const summed = values => {
    let sum = 0;
    return values.map(value => (sum += value));
  };
  // The first place whose value is at least `wanted`.
  const firstFrom = (sorted, wanted) => {
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < wanted) low = middle + 1; else high = middle;
    }
    return low;
  };
  const lastUntil = (sorted, wanted) => firstFrom(sorted, wanted + 1) - 1;

  function candles(packed, digits) {
    const unit = 10 ** digits, closed = summed(expanded(packed.closed));
    const length = expanded(packed.length), closes = summed(packed.close);
    const opens = packed.open.map((value, i) => value + (i ? closes[i - 1] : 0));
    const price = (value) => value / unit;
    return {
      closed,
      opened: closed.map((at, i) => at - length[i]),
      open: opens.map(price),
      high: packed.high.map((value, i) => price(value + Math.max(opens[i], closes[i]))),
      low: packed.low.map((value, i) => price(Math.min(opens[i], closes[i]) - value)),
      close: closes.map(price),
    };
  }

  const MARK = ["at", "price", "quantity", "role", "side", "direction", "adds", "part", "plan",
    "trade", "reason", "cap", "lines"];
  const LEVEL = ["plan", "role", "from", "until", "price"];
  const TRADE = ["id", "instrument", "entered", "exited", "direction", "net", "r", "plan"];
  const named = names => row => Object.fromEntries(names.map((name, i) => [name, row[i]]));

  function read(raw) {
    const text = place => raw.texts[place];
    const trades = raw.trades.map(named(TRADE));
    const byTrade = new Map(trades.map(trade => [trade.id, trade]));
    const instruments = raw.instruments.map(item => ({
      ...item,
      candles: candles(item.candles, item.digits),
      levels: item.levels.map(named(LEVEL)),
      marks: item.marks.map(named(MARK)).map(mark => ({
        ...mark,
        won: (byTrade.get(mark.trade)?.net ?? 0) > 0,
        reason: text(mark.reason), cap: text(mark.cap), lines: mark.lines.map(text),
      })),
    }));
    return {
      ...raw, trades, byTrade, instruments,
      account: { ...raw.account, at: summed(expanded(raw.account.at)), exposureAt: summed(expanded(raw.account.exposureAt)) },
      lines: raw.lines.map(line => ({ ...line, at: summed(expanded(line.at)) })),
      stages: raw.stages.map(([title, place, instrument, from, until]) => ({ title: text(title), place, instrument, from, until })),
      events: raw.events.map(([at, kind, instrument, place, price]) => ({ at, kind, instrument, price, reason: text(place) })),
    };
  }

  const STEPS = [60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000,
    864000, 1728000, 4320000, 8640000];
  // Candles between two instants; where they are narrower than a few pixels, joined on a grid that
  // does not move with the view. Joined ones keep open, high, low and close.
  function shownCandles(all, from, until, most) {
    const first = Math.max(firstFrom(all.closed, from), 0);
    const last = Math.min(firstFrom(all.opened, until), all.closed.length) - 1;
    const step = last - first < most ? 0
      : STEPS.find(length => (until - from) / length <= most) ?? STEPS.at(-1);
    const shown = [];
    let stretch = null;
    for (let i = first; i <= last; i++) {
      const own = step ? Math.floor(all.opened[i] / step) : i;
      const before = shown.at(-1);
      if (own === stretch) {
        before.closed = all.closed[i];
        before.high = Math.max(before.high, all.high[i]);
        before.low = Math.min(before.low, all.low[i]);
        before.close = all.close[i];
      } else {
        shown.push({ opened: all.opened[i], closed: all.closed[i], open: all.open[i],
          high: all.high[i], low: all.low[i], close: all.close[i] });
      }
      stretch = own;
    }
    return shown;
  }

  return { read, shownCandles, firstFrom, lastUntil };
})();
