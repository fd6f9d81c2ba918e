"""Draws the dashboards into docs/pictures: `python -m tests.pictures`, or `make pictures`.

Without an address a fleet is played and its history given to a Prometheus of the sandbox; with one, what is
there is drawn: `--prometheus http://127.0.0.1:9090 --minutes 30 --namespace growth --name churn`.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.pictures.drawing import draw, svg
from tests.pictures.history import prometheus_with
from tests.pictures.play import BEGIN, END, SHOWN, play
from tests.pictures.reading import View, dashboard

PLACE: Final = Path(__file__).parents[2] / "docs" / "pictures"


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("--prometheus", metavar="URL", help="draw what this one knows, up to now")
    parser.add_argument("--minutes", type=int, default=30, help="how far back, with --prometheus")
    parser.add_argument("--namespace", default=SHOWN[0])
    parser.add_argument("--name", default=SHOWN[1])
    parser.add_argument("--into", type=Path, default=PLACE, help="where to put fleet.svg and deployment.svg")
    parser.add_argument("--png", action="store_true", help="also as PNG")
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    with _looked_at(asked) as (url, since, until):
        for name in ("fleet", "deployment"):
            one = {"namespace": asked.namespace, "name": asked.name}
            chosen = {"namespace": ".*"} if name == "fleet" else one
            figure = draw(View(url=url, since=since, until=until, chosen=chosen), dashboard(name))
            place = asked.into / f"{name}.svg"
            place.write_text(svg(figure))
            if asked.png:
                figure.savefig(asked.into / f"{name}.png", dpi=100)
            print(f"pictures: {place} ({place.stat().st_size // 1000} kB)", file=sys.stderr)


@contextmanager
def _looked_at(asked: argparse.Namespace) -> Iterator[tuple[str, datetime, datetime]]:
    if asked.prometheus:
        until = datetime.now(UTC).replace(microsecond=0)
        yield asked.prometheus.rstrip("/"), until - timedelta(minutes=asked.minutes), until
        return
    print("pictures: playing a fleet (a minute)", file=sys.stderr)
    scraped = asyncio.run(play())
    with tempfile.TemporaryDirectory() as directory, prometheus_with(scraped, Path(directory)) as url:
        yield url, BEGIN, END


if __name__ == "__main__":
    main()
