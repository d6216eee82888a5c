"""Write the chosen set as a run file, with the sweep's verdict in its first comment."""

import io
from collections.abc import Sequence

from ruamel.yaml import YAML

from engine.config.sweep_file import SweepFile, key_path
from engine.config.yaml_source import with_values
from engine.formatting import wrapped
from engine.sweep.axes import ParameterSet

VENUE = "venue"


def best_text(file: SweepFile, item: ParameterSet, verdict: Sequence[str]) -> str:
    """Return the YAML of the base with the values of a set; ``verdict`` becomes its comment."""
    given = [(key_path(path), value, "") for path, value in item.values.items()]
    document = dict(with_values(file.base, given).data)
    document["name"] = f"{file.config.name}_best"
    swept = {key_path(path)[0] for path in (*item.values, *file.config.settings)}
    if file.venue is not None and VENUE not in swept:
        document[VENUE] = file.venue
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    yaml.dump(document, stream)
    lines = [line for sentence in verdict for line in wrapped(sentence)]
    return "".join(f"# {line.strip()}\n" for line in lines) + stream.getvalue()
