"""Scrapes of a play as the history of a real Prometheus.

promtool writes them into blocks as they would lie there after two hours; Prometheus is started on those. What
is no longer scraped is gone after a moment, as if its target had gone (`--query.lookback-delta`).
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.pictures.play import SCRAPED_EVERY, Scrape

from lockgate_sandbox.binaries import programs_of
from lockgate_sandbox.supervise.components import free_port
from lockgate_sandbox.waiting import until_it_answers

_LINE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_SECONDS: Final = 120


def openmetrics(scrapes: Iterable[Scrape]) -> str:
    """The text that promtool reads: each sample with its moment, one series after the other."""
    series: dict[str, list[str]] = {}
    for scrape in scrapes:
        at = f"{scrape.at.timestamp():.0f}"
        for line in scrape.page.splitlines():
            if line.startswith(("#", "process_")):
                continue
            matched = _LINE.fullmatch(line)
            assert matched is not None, line
            series.setdefault(_named(matched[1], matched[2] or "", scrape.labels), []).append(
                f"{matched[3]} {at}"
            )
    samples = (f"{name} {sample}" for name, known in series.items() for sample in known)
    return "\n".join((*samples, "# EOF", ""))


def _named(metric: str, said: str, target: dict[str, str]) -> str:
    """A series with the labels of its target, of which its own win (honorLabels)."""
    added = [f'{label}="{value}"' for label, value in target.items() if f'{label}="' not in said]
    return f"{metric}{{{','.join(filter(None, (said, *added)))}}}"


@contextmanager
def prometheus_with(scrapes: Iterable[Scrape], directory: Path) -> Iterator[str]:
    """A Prometheus that remembers just this; gives its address on loopback."""
    programs = programs_of(["prometheus", "promtool"])
    source, data, config = directory / "scrapes.om", directory / "data", directory / "prometheus.json"
    source.write_text(openmetrics(scrapes))
    write = ("tsdb", "create-blocks-from", "openmetrics", str(source), str(data))
    done = subprocess.run(
        [programs["promtool"], *write], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    config.write_text(json.dumps({"scrape_configs": []}))
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--query.lookback-delta={SCRAPED_EVERY.total_seconds() + 1:.0f}s",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    with (directory / "prometheus.log").open("w") as log:
        running = subprocess.Popen([programs["prometheus"], *arguments], stdout=log, stderr=log)
        try:
            until_it_answers("Prometheus", f"http://{address}/-/ready")
            yield f"http://{address}"
        finally:
            running.terminate()
            running.wait(timeout=_SECONDS)
