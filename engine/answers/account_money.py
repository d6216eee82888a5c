"""Amounts of wallets in the account's currency, each at the rate of its instant."""

from collections.abc import Iterable, Mapping

from engine.run_folder.read import Row, RunFolder


def account_currency(run: RunFolder) -> str:
    """Return the name of the currency of equity."""
    return run.config.account.currency or "quote"


def account_rate(fact: Row) -> float:
    """Return the rate of a fact's currency; folders of earlier formats have one currency."""
    return float(fact.get("account_rate", 1.0))


def value_of(fact: Row) -> float:
    """Return a fact's amount in the account's currency."""
    return float(fact["amount"]) * account_rate(fact)


def rates_of_fills(facts: Iterable[Row]) -> Mapping[int, float]:
    """Return the account's currency per unit of each fill's own, by the fill's number."""
    return {fact["fill_id"]: account_rate(fact) for fact in facts if fact["fill_id"]}
