"""structlog for everything, JSON lines or, for people at a terminal, colours.

What the standard library's loggers say (kopf, aiohttp) goes the same way.
"""

import logging
import sys

import structlog


def set_up_logs(level: str, fmt: str) -> None:
    """Configure structlog and the root logger; `fmt` is json or console, `level` as in logging."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _what_people_look_for_first,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if fmt == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # kopf says at INFO what happens to every object; our own passes say what matters.
    for noisy in ("kopf", "asyncio", "aiohttp.access", "wandb", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It says of every request that failed what our own session for it says of the first.
    logging.getLogger("kopf._cogs.clients").setLevel(logging.CRITICAL)
    # It warns that it does not handle signals in a thread, which is what we want.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)


def _what_people_look_for_first(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    first = {name: event[name] for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}
