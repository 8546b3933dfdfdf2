"""Lets `python -m at_client` be the command line."""

import sys

from at_client.cli import main

sys.exit(main())
