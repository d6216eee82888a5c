"""Define the closed sets of texts in decisions, ends of orders, guard events and the journal.

Each member is stored as its text, in Parquet as in JSON.
"""

from enum import StrEnum


class IntentKind(StrEnum):
    """Name the intent of a decision, or the act of a guard."""

    ENTER = "enter"
    ADD = "add"
    EXIT = "exit"
    MOVE_STOP = "move_stop"
    REBALANCE = "rebalance"
    HEDGE = "hedge"
    TRANSFER = "transfer"
    GUARD = "guard"


# Intents that ask for more risk: an entry, a tranche, weights, a hedge.
RISK_ADDING = frozenset({IntentKind.ENTER, IntentKind.ADD, IntentKind.REBALANCE, IntentKind.HEDGE})


class DecisionOutcome(StrEnum):
    """Name the outcome: approved, rejected by a rule, or blocked by a guard or a tier."""

    APPROVED = "approved"
    REJECTED = "rejected"
    BLOCKED = "blocked"


class RefusalRule(StrEnum):
    """Name the rules by which the risk module rejects an intent."""

    BAD_FRACTION = "bad fraction"
    BAD_LEVEL = "bad level"
    BELOW_MAINTENANCE = "below maintenance"
    DELISTED = "delisted"
    EXPIRED = "expired"
    LIQUIDATION_DISTANCE = "liquidation distance"
    MINIMUM_SIZE = "minimum size"
    MINIMUM_TICKET = "minimum ticket"
    NO_CASH = "no cash"
    NO_EQUITY = "no equity"
    NO_POSITION = "no position"
    NO_SHORT = "no short"
    NO_STOP = "no stop"
    NOT_AT_PAR = "not at par"
    NOT_BEGUN = "not begun"
    PLAN_EXISTS = "plan exists"
    PLAN_IS_LEAVING = "plan is leaving"
    PRICE_UNKNOWN = "price unknown"
    SALE_WORKS = "sale works"
    STOP_SIDE = "stop side"
    STOP_WOULD_WIDEN = "stop would widen"
    TARGET_SIDE = "target side"
    TRANCHE_WORKS = "tranche works"
    VOLATILITY_UNKNOWN = "volatility unknown"
    VOLUME_UNKNOWN = "volume unknown"
    WORTHLESS = "worthless"


class EndReason(StrEnum):
    """Name the reasons for which an order ended; "" while it works."""

    WORKING = ""
    FILLED = "filled"
    MOVED = "moved"
    STOP_TRIGGERED = "stop triggered"
    STOP_ALREADY_TRIGGERED = "stop already triggered"
    TARGET_REACHED = "target reached"
    BELOW_ONE_LOT = "below one lot"
    EXIT_REQUESTED = "exit requested"
    NOTHING_FILLED = "nothing was filled"
    ENTRY_REJECTED = "entry rejected"
    FREE_CASH = "free cash does not carry the rest"
    BUDGET = "the budget does not carry the rest"
    RISK_ASKED = "the risk asked for does not carry the rest"
    FLAT_AFTER_STOP = "flat after stop"
    FLAT_AFTER_TARGET = "flat after target"
    FLAT_AFTER_EXIT = "flat after exit"
    FLAT_AFTER_GUARD = "flat after guard"
    LIQUIDATION = "liquidation"
    EXPIRED = "expired"
    DELISTED = "delisted"

    @classmethod
    def flat_after(cls, role: str) -> "EndReason":
        """Return the end of a plan's other orders when an order of this role closed it."""
        return cls(f"flat after {role}")


class GuardName(StrEnum):
    """Name the guards of a sleeve and of the account above it."""

    DAILY_LOSS = "daily loss"
    WEEKLY_LOSS = "weekly loss"
    DRAWDOWN_HALT = "drawdown halt"
    COOL_DOWN = "cool-down"
    MAX_TRADES = "max trades a day"
    ACCOUNT_DAILY_LOSS = "account daily loss"
    ACCOUNT_WEEKLY_LOSS = "account weekly loss"
    ACCOUNT_DRAWDOWN_HALT = "account drawdown halt"


# The name that a sleeve records for each guard of its account.
ACCOUNT_GUARD_OF = {
    GuardName.DAILY_LOSS: GuardName.ACCOUNT_DAILY_LOSS,
    GuardName.WEEKLY_LOSS: GuardName.ACCOUNT_WEEKLY_LOSS,
    GuardName.DRAWDOWN_HALT: GuardName.ACCOUNT_DRAWDOWN_HALT,
}
ACCOUNT_GUARDS = frozenset(ACCOUNT_GUARD_OF.values())


class GuardEventKind(StrEnum):
    """Name the two events of a guard."""

    TRIPPED = "tripped"
    RELEASED = "released"


class CapScope(StrEnum):
    """Name the owner of a cap: an intent, one sleeve's risk rules, a wallet, the account."""

    INTENT = "intent"
    SLEEVE = "sleeve"
    WALLET = "wallet"
    ACCOUNT = "account"


class Cap(StrEnum):
    """Name a limit on the size of a decision; ``cap_<text>`` is its column.

    Attributes
    ----------
    rule : the limit's name inside its scope
    scope : the limit's owner
    """

    rule: str
    scope: CapScope

    def __new__(cls, rule: str, scope: CapScope) -> "Cap":
        """Return the member; only the account's caps carry their scope in the text."""
        text = f"{scope}_{rule}" if scope is CapScope.ACCOUNT else rule
        member = str.__new__(cls, text)
        member._value_ = text
        member.rule, member.scope = rule, scope
        return member

    @classmethod
    def named(cls, text: str) -> "Cap":
        """Return the cap of a text, ``account_net`` for example.

        Raises
        ------
        ValueError : no cap has this text.
        """
        for cap in cls:
            if cap == text:
                return cap
        raise ValueError(f"{text!r} is no cap; known: {', '.join(cls)}")

    RISK = "risk", CapScope.SLEEVE
    VOLATILITY = "volatility", CapScope.SLEEVE
    LEVERAGE = "leverage", CapScope.SLEEVE
    NET = "net", CapScope.SLEEVE
    ASSET = "asset", CapScope.SLEEVE
    CRYPTO = "crypto", CapScope.SLEEVE
    CRYPTO_BETA = "crypto_beta", CapScope.SLEEVE
    GROSS = "gross", CapScope.SLEEVE
    NOTIONAL = "notional", CapScope.SLEEVE
    LIQUIDATION = "liquidation", CapScope.SLEEVE
    PARTICIPATION = "participation", CapScope.SLEEVE
    HEDGE_BUDGET = "hedge_budget", CapScope.SLEEVE
    MARGIN = "margin", CapScope.WALLET
    CASH = "cash", CapScope.WALLET
    TRANCHE = "tranche", CapScope.INTENT
    TARGET = "target", CapScope.INTENT
    COVER = "cover", CapScope.INTENT
    BUDGET = "budget", CapScope.INTENT
    ASKED = "asked", CapScope.INTENT
    ACCOUNT_LEVERAGE = "leverage", CapScope.ACCOUNT
    ACCOUNT_NET = "net", CapScope.ACCOUNT
    ACCOUNT_ASSET = "asset", CapScope.ACCOUNT
    ACCOUNT_CRYPTO = "crypto", CapScope.ACCOUNT


ACCOUNT_CAPS = frozenset(cap for cap in Cap if cap.scope is CapScope.ACCOUNT)


class RiskTier(StrEnum):
    """Name a level of permitted risk, of the account by drawdown or of the market by state."""

    NORMAL = "normal"
    CAUTIOUS = "cautious"
    DEFENSIVE = "defensive"
    HALT = "halt"


class BlockKind(StrEnum):
    """Name the kind of obstacle to an entry at a row of the journal.

    ``PLAYBOOK``: all required conditions held, and the rules asked for nothing.
    """

    NONE = ""
    RISK = "risk"
    ACCOUNT = "account"
    CONDITION = "condition"
    PLAYBOOK = "playbook"
