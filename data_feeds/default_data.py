"""Where data are by default, and how to get them."""

from pathlib import Path

EMBEDDED = "embedded"
# The folder that `data fetch` and `data import` fill, and that the shipped configs read.
DEFAULT_CATALOG = Path(".data/catalog")


def how_to_get_data(catalog: Path | str = DEFAULT_CATALOG) -> str:
    """Return the three ways to data, for errors that miss some."""
    folder = "" if Path(catalog) == DEFAULT_CATALOG else f" --data {catalog}"
    return (
        f"fill it with 'riskoff data fetch configs/data/episodes.yaml{folder}' (or another plan of "
        f"configs/data), import files of your own with 'riskoff data import MAPPING.yaml{folder}', "
        f"or take the reconstructions inside the package (data.source: {EMBEDDED})"
    )
