"""`python -m lockgate_sandbox.registry`: see `cli`."""

import sys

from lockgate_sandbox.registry.cli import main

if __name__ == "__main__":
    sys.exit(main())
