"""What can be said of the chart's files without helm."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from lockgate import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "helm" / "lockgate"


def test_the_charts_crds_are_the_contract_byte_by_byte() -> None:
    contract = {path.name: path.read_bytes() for path in (REPOSITORY / "crds").glob("*.yaml")}
    assert {path.name: path.read_bytes() for path in (CHART / "crds").iterdir()} == contract


def test_the_chart_is_of_the_operators_version() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__


def test_the_default_values_satisfy_the_schema_and_the_schema_is_one() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text()), schema)


def test_every_value_is_explained_and_has_a_place_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    text = (CHART / "values.yaml").read_text()
    for path in _leaves(yaml.safe_load(text)):
        place = schema
        for name in path:
            place = _resolved(place, schema).get("properties", {}).get(name)
            assert place is not None, f"values.schema.json does not know {'.'.join(path)}"
    explained = len(re.findall(r"^\s*# -- \S.*", text, re.MULTILINE))
    # `resources` is explained as one value.
    assert explained == len([path for path in _leaves(yaml.safe_load(text)) if path[0] != "resources"]) + 1


def _leaves(values: dict[str, Any], at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, value in values.items():
        nested = isinstance(value, dict) and value and name != "resources"
        found += _leaves(value, (*at, name)) if nested else [(*at, name)]
    return found


def _resolved(place: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return schema["$defs"][place["$ref"].rpartition("/")[2]] if "$ref" in place else place
