"""`python -m modelserver`: load one model, serve it, and leave without dropping a request."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from .errors import ModelError
from .model import Model
from .server import ModelServer
from .service import Service

_EPILOG = """\
MODEL_PATH, MODEL_NAME and MODEL_VERSION in the environment are the defaults of the first three.
On SIGTERM the server turns not-ready, serves on for the drain period, finishes what is under way
and exits with 0. A second signal ends the drain period at once.
"""


def main() -> int:
    """Exit code 0 after a drain that lost nothing, 1 when the model or the port cannot be used."""
    args = _parser().parse_args()
    stopping, hurry = threading.Event(), threading.Event()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        (hurry if stopping.is_set() else stopping).set()

    # First of all: as a container's first process we would otherwise not feel SIGTERM while loading.
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        model = Model.load(args.model_dir, args.model_name, args.model_version)
        service = Service(model, args.max_body_bytes, tells_answers=args.log_answers)
        server = ModelServer((args.host, args.port), service)
    except (ModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    threading.Thread(target=server.serve_forever, args=(0.1,), name="accept", daemon=True).start()
    host, port = server.server_address[:2]
    print(f"serving {model.name} {model.version} on {host!s}:{port}", flush=True)
    stopping.wait()
    print(f"draining for {args.drain_seconds:g} s", flush=True)
    finished = server.drain(args.drain_seconds, hurry)
    print("stopped" if finished else "stopped with requests under way", flush=True)
    return 0 if finished else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelserver",
        description="Serve one ONNX model over the Open Inference Protocol (v2, HTTP).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    env = os.environ
    parser.add_argument(
        "--model-dir",
        type=Path,
        default=Path(env.get("MODEL_PATH", "/mnt/models")),
        help="directory with exactly one *.onnx file (default: %(default)s)",
    )
    parser.add_argument("--model-name", default=env.get("MODEL_NAME", "model"), help="its name in paths")
    parser.add_argument(
        "--model-version",
        default=env.get("MODEL_VERSION", "unknown"),
        help="what answers carry as model_version",
    )
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: %(default)s)")  # noqa: S104
    parser.add_argument(
        "--port", type=int, default=8080, help="port; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--drain-seconds",
        type=float,
        default=5.0,
        help="how long to serve on after SIGTERM (default: %(default)s)",
    )
    parser.add_argument(
        "--max-body-bytes", type=int, default=8 * 2**20, help="largest request body (default: %(default)s)"
    )
    parser.add_argument(
        "--log-answers",
        action="store_true",
        help="log each answer to a request that has an X-Request-Id, as a line of JSON",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
