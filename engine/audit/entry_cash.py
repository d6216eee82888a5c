"""The size of an entry that the free cash of its wallet carries, from the audit's own account."""

import math
from dataclasses import dataclass

from engine.audit.backing import PositionBacking
from engine.audit.borrowed_shorts import cash_share
from engine.audit.channels import InstrumentData
from engine.audit.due_fills import BarStage
from engine.audit.fills import OPEN, slipped
from engine.audit.replay import Books, taker_rate
from engine.audit.shared_cash import SharedCash
from engine.audit.venue_formulas import whole_steps
from engine.records import OrderKind, OrderRow
from engine.run_folder.read import RunFolder


@dataclass(frozen=True)
class EntryCash:
    """The cash behind the entries of one instrument."""

    files: RunFolder
    market: InstrumentData
    backing: PositionBacking
    shared: SharedCash

    def carried(
        self,
        entry: OrderRow,
        stage: BarStage,
        raw: float,
        state: Books,
        *,
        wanted: float,
        risked: float,
    ) -> float:
        """Return the size whose margin and taker's fee the free cash carries, base units.

        The order's spending limit and its limit of R (``risked``) bound the size. At an open one
        factor cuts all entries of a wallet.
        """
        instrument, price = self.market.instrument, raw
        lot = instrument.lot_size
        if entry.kind != OrderKind.LIMIT.value:
            _, price = slipped(
                entry,
                raw,
                wanted,
                stage=stage.name,
                market=self.market,
                row=stage.bar.row,
                files=self.files,
            )
        share = cash_share(entry, instrument, self.files.config.account.short_sales)
        each = self.market.rules.value(1.0, price)
        need = each * (share + taker_rate(instrument, self.files))
        free = max(self.backing.free_cash(instrument.id, state, stage.at), 0.0)
        carried = whole_steps(free / need, lot) * lot
        wanted = min(wanted, risked)
        if not math.isnan(entry.spend_limit):
            wanted = min(wanted, whole_steps(entry.spend_limit / need, lot) * lot)
        if stage.name == OPEN:
            factor = self.shared.factor(instrument.id, stage.at)
            wanted = wanted if factor == 1 else whole_steps(wanted * factor, lot) * lot
        return min(carried, wanted)
