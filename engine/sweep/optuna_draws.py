"""Optuna's samplers behind the sweep's own seam; nothing else imports Optuna.

Sets are asked in batches of a fixed size and told in the order asked, so that the draws depend on
the seed and not on the number of workers. A resumed sweep asks again and finds the stored results.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from engine.config.sweep import SamplerConfig, SamplerKind
from engine.errors import ConfigError
from engine.sweep.axes import ParameterSet, SweepSpace
from engine.sweep.constraints import Constraint
from engine.sweep.samplers import DRAWS_PER_SET, distinct, sobol_points

_SAMPLERS = {
    SamplerKind.TPE: "TPESampler",
    SamplerKind.NSGA2: "NSGAIISampler",
    SamplerKind.CMAES: "CmaEsSampler",
}


class AdaptiveDraws:
    """Draws of an Optuna sampler: first ``explore`` sets of Sobol's sequence, then its own."""

    listens = True

    def __init__(
        self, config: SamplerConfig, space: SweepSpace, rules: Sequence[Constraint]
    ) -> None:
        self._config, self._space, self._rules = config, space, rules
        self._optuna = _optuna()
        sampler = getattr(self._optuna.samplers, _SAMPLERS[config.kind])(seed=config.seed)
        self._study = self._optuna.create_study(direction="maximize", sampler=sampler)
        self.wanted = min(config.sets or 0, space.size)
        self._seen: dict[str, float] = {}
        self._asked: list[tuple[ParameterSet, Any]] = []
        first = min(config.explore, self.wanted)
        self._first = distinct(sobol_points(space, config.seed), space, rules, first)

    @property
    def is_adaptive(self) -> bool:
        """True once results decide which set is drawn."""
        return not self._first

    def ask(self) -> Sequence[ParameterSet]:
        """Return the next batch of new sets, none when enough are done or no new one is found."""
        if self._first:
            self._asked = [(item, None) for item in self._first]
            return self._first
        size = min(self._config.batch, self.wanted - len(self._seen))
        self._asked = []
        for _ in range(max(size, 0) * DRAWS_PER_SET):
            trial = self._study.ask()
            drawn = self._space.at([self._suggested(trial, place) for place in self._places()])
            if not all(rule.holds(drawn.values) for rule in self._rules):
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            elif drawn.set_id in self._seen:
                self._finish(trial, self._seen[drawn.set_id])
            elif drawn.set_id in {item.set_id for item, _ in self._asked}:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            else:
                self._asked.append((drawn, trial))
                if len(self._asked) == size:
                    break
        return [item for item, _ in self._asked]

    def tell(self, numbers: Sequence[float]) -> None:
        """Take the number of each set of the last batch; NaN counts as a failed trial."""
        for (item, trial), number in zip(self._asked, numbers, strict=True):
            self._seen[item.set_id] = number
            if trial is not None:
                self._finish(trial, number)
            elif not np.isnan(number):
                self._study.add_trial(self._stored(item, number))
        self._first = []

    def _places(self) -> range:
        return range(len(self._space.axes))

    def _suggested(self, trial: Any, place: int) -> int:
        axis = self._space.axes[place]
        name = f"{place}"
        if axis.is_ordered:
            return int(trial.suggest_int(name, 0, axis.size - 1))
        return int(trial.suggest_categorical(name, list(range(axis.size))))

    def _finish(self, trial: Any, number: float) -> None:
        if np.isnan(number):
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, number)

    def _stored(self, item: ParameterSet, number: float) -> Any:
        optuna = self._optuna.distributions
        params = {f"{place}": item.places[place] for place in self._places()}
        held = {
            f"{place}": optuna.IntDistribution(0, axis.size - 1)
            if axis.is_ordered
            else optuna.CategoricalDistribution(list(range(axis.size)))
            for place, axis in enumerate(self._space.axes)
        }
        return self._optuna.trial.create_trial(params=params, distributions=held, value=number)


def _optuna() -> Any:
    try:
        optuna = import_module("optuna")
    except ImportError as error:
        raise ConfigError(
            "sampler.kind: tpe, nsga2 and cmaes need Optuna: pip install 'riskoff[optuna]'; or use "
            "random or sobol"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
