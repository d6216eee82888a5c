"""The order of a file's names: part of the rules, though mappings are stored by key."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

WrittenOrder = Mapping[str, tuple[str, ...]]


def completed_order(given: WrittenOrder, found: WrittenOrder) -> dict[str, tuple[str, ...]]:
    """Return the order of each block's names: as given, else as found in the file.

    Raises
    ------
    ValueError : the given order names other blocks or names than the file has.
    """
    for block, names in given.items():
        if sorted(names) != sorted(found.get(block, ())):
            raise ValueError(
                f"written_order: {block} has {', '.join(found.get(block, ())) or 'no names'}, not "
                f"{', '.join(names)}; remove written_order to take the order of this file"
            )
    return {block: tuple(given.get(block, names)) for block, names in sorted(found.items())}


def in_order(model: BaseModel, field: str, names: Sequence[str]) -> None:
    """Put the mapping in a field of a new model into the order of ``names``, its keys."""
    values = getattr(model, field)
    model.__dict__[field] = {name: values[name] for name in names}
