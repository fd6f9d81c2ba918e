"""How one kind of registry spells things is known at its own doors, and nowhere else."""

import re
from pathlib import Path

import pytest

PRODUCT = Path(__file__).parents[2] / "operator" / "lockgate"
DOORS = ("registries/wandb/", "fetch/sources/wandb.py")
SPELLING = re.compile(
    r"wandb-registry|wandb-artifact|WANDB_|\bentity\b|versionIndex|artifactCollection|v\[0-9\]|v\\d|"
    # The hex digest of a manifest.
    r"\[0-9a-f\]\{32\}\"|md5\("
)
NAMED = re.compile(r"wandb", re.IGNORECASE)
WHO_NAMES_THE_KIND = {
    "opening.py": "opens its door",
    "registries/configured.py": "the word for it in the file of registries",
    "fetch/sources/__init__.py": "the scheme that chooses it",
    "api/rollout_codec.py": "what an earlier release wrote was of it",
    "settings.py": "an example of an address",
    "telemetry/logs.py": "its client's logger",
}
FILES = {
    name: path
    for path in sorted(PRODUCT.rglob("*.py"))
    if not (name := path.relative_to(PRODUCT).as_posix()).startswith(DOORS)
}


@pytest.mark.parametrize("name", FILES)
def test_nothing_but_its_doors_knows_how_a_kind_of_registry_spells_things(name):
    # MD5 itself is an algorithm like any other.
    text = FILES[name].read_text().replace("hashlib.md5(usedforsecurity=False)", "")
    assert SPELLING.findall(text) == []


def test_whoever_names_the_kind_is_known_and_says_why():
    assert {name for name, path in FILES.items() if NAMED.search(path.read_text())} == set(WHO_NAMES_THE_KIND)


def test_the_doors_do_know_it():
    for name in ("registries/wandb/naming.py", "fetch/sources/wandb.py"):
        assert SPELLING.search((PRODUCT / name).read_text())
