"""``python -m gan``: hands over to the commands."""

from __future__ import annotations

import sys

from gan.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
