"""The largest value that a schema allows, as far as its bounds say so."""

from typing import Any

WIDE = "\U0001f6a2"  # four bytes


def widest(node: dict[str, Any], number: int = 0) -> Any:
    """As many properties, entries, characters and digits as may be; `number` tells entries apart."""
    if "enum" in node:
        return node["enum"][number % len(node["enum"])]
    match node["type"]:
        case "object":
            return {name: widest(child, number) for name, child in node["properties"].items()}
        case "array":
            return [widest(node["items"], index) for index in range(_entries(node))]
        case "boolean":
            return True
        case "integer":
            return node.get("maximum", 2**31 - 1 if node.get("format") == "int32" else 2**63 - 1)
        case "string" if node.get("format") == "date-time":
            return "9998-12-31T23:59:59Z"
        case "string":
            mark = str(number)
            return mark + WIDE * (node["maxLength"] - len(mark))
    raise AssertionError(f"no bound is known for {node}")


def _entries(node: dict[str, Any]) -> int:
    """Entries of a list that is a map are told apart by their keys, and an enumeration has few."""
    keys = [node["items"]["properties"][name] for name in node.get("x-kubernetes-list-map-keys", ())]
    return min([node["maxItems"], *(len(key["enum"]) for key in keys if "enum" in key)])
