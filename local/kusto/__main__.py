"""Install the Kusto language service: `python -m local.kusto`."""

import sys

from local.kusto import language

sys.exit(language.install())
