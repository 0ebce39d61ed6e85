"""`python -m cli` is `gatewright`."""

import sys

from cli.main import main

sys.exit(main())
