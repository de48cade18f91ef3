"""`python -m bridge` is `shelly-bridge`."""

import sys

from bridge.cli import main

sys.exit(main())
