"""Install the test group with every run-time dependency at its lowest version."""

import re
import subprocess
import sys
from importlib.metadata import requires


def lowest(requirement: str) -> str:
    """Return `urllib3==2.6.3` for `urllib3<3,>=2.6.3`."""
    return re.sub(r"^([\w.-]+).*>=\s*([\w.]+).*$", r"\1==\2", requirement)


# What the metadata of the installed package says, less the optional extras.
pins = [lowest(line) for line in requires("at-client") or () if "extra ==" not in line]
pip = [sys.executable, "-m", "pip"]

# One solve for all, so that what the tests need steps down along with the pins.
subprocess.run([*pip, "install", "-qq", "--group", "test", *pins], check=True)

check = subprocess.run([*pip, "check"], check=False, stdout=subprocess.PIPE, text=True)
if check.returncode:
    sys.exit(check.stdout)
