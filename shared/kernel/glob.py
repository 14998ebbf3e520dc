"""Name patterns: `*` stands for any characters, `?` for one."""

import fnmatch
import re
from functools import lru_cache


def fits(name: str, pattern: str, *, ignore_case: bool = False) -> bool:
    """Return whether the whole name matches the pattern; only `*` and `?` are special."""
    return _compile(pattern, ignore_case).match(name) is not None


@lru_cache(maxsize=1024)
def _compile(pattern: str, ignore_case: bool) -> re.Pattern[str]:  # noqa: FBT001 - a key of the cache
    # fnmatch also has sets such as [a-z]; here a bracket stands for itself. Its translation takes linear time for
    # each star, because its groups are atomic: no backtracking.
    text = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.compile(text, re.IGNORECASE if ignore_case else re.NOFLAG)
