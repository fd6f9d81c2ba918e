"""Entry point of `python -m lockgate_sandbox`."""

import sys

from lockgate_sandbox.commands.parser import main

sys.exit(main(sys.argv[1:]))
