"""curl may be missing where all else runs: a fresh machine has Python, git and make."""

import shutil

import pytest

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="plays a curl command")
