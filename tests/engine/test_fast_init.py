"""The faster ``__init__`` of frozen rows: nothing but its speed may differ."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from engine.fast_init import fast_init
from engine.records import Decision, Fact, Fill, OrderRequest, OrderRow


@fast_init
@dataclass(frozen=True, slots=True)
class Sample:
    """A row with every kind of field."""

    first: int
    second: float = 2.0
    names: list[str] = field(default_factory=list)
    total: float = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "total", self.first + self.second)


def test_fields_are_set_by_place_by_name_and_by_default():
    row = Sample(1, names=["a"])
    # 1 + 2.0, computed after the fields are set.
    assert (row.first, row.second, row.names, row.total) == (1, 2.0, ["a"], 3.0)
    assert Sample(first=1, second=3.0).total == 4.0


def test_a_default_factory_makes_a_new_value_for_each_row():
    assert Sample(1).names is not Sample(1).names


@pytest.mark.parametrize(("args", "more"), [((), {}), ((1, 2.0, [], 4), {}), ((1,), {"third": 3})])
def test_missing_and_unknown_arguments_are_refused(args, more):
    with pytest.raises(TypeError, match=r"Sample.__init__\(\)"):
        Sample(*args, **more)


def test_a_row_is_frozen_and_of_its_own_class():
    row = Sample(1)
    assert type(row) is Sample
    with pytest.raises(FrozenInstanceError):
        row.first = 2
    with pytest.raises(FrozenInstanceError):
        del row.first


def test_copies_pickles_and_replacements_are_equal_rows():
    fact = Fact(1, 0, "fee", "venue", -1.0)
    for other in (copy.copy(fact), copy.deepcopy(fact), pickle.loads(pickle.dumps(fact))):
        assert type(other) is Fact
        assert repr(other) == repr(fact)
    assert replace(fact, amount=2.0).amount == 2.0


def test_a_subclass_keeps_its_class_and_its_fields():
    @dataclass(frozen=True, slots=True)
    class Longer(Sample):
        """A row with one more field."""

        third: int = 3

    class Plain(Sample):
        """A row with another name."""

    assert (Longer(1, third=4).first, Longer(1, third=4).third) == (1, 4)
    row = Plain(1)
    assert (type(row), row.first, row.names, row.total) == (Plain, 1, [], 3.0)


def test_a_class_with_a_base_is_refused():
    with pytest.raises(TypeError, match="has a base class"):

        @fast_init
        @dataclass(frozen=True, slots=True)
        class Derived(Sample):
            """A row whose first fields are its base's."""

            more: int = 0


@pytest.mark.parametrize("row", [Decision, Fact, Fill, OrderRequest, OrderRow])
def test_the_rows_of_a_run_take_every_field_in_its_order(row):
    made = [item for item in fields(row) if item.init]
    values = list(range(len(made)))
    told = row(*values)
    assert [getattr(told, item.name) for item in made] == values
    assert told == row(**{item.name: i for i, item in enumerate(made)})
