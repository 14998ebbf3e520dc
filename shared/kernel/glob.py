"""Matches a name against a pattern: `*` stands for any characters, `?` for one."""

import fnmatch
import re
from functools import lru_cache


def fits(name: str, pattern: str, *, ignore_case: bool = False) -> bool:
    """Compare a whole name with a pattern; only `*` and `?` have a meaning."""
    return _compile(pattern, ignore_case).match(name) is not None


@lru_cache(maxsize=1024)
def _compile(pattern: str, ignore_case: bool) -> re.Pattern[str]:  # noqa: FBT001 - a key of the cache
    # fnmatch also knows sets as [a-z], which would make a bracket in a name a surprise. Its translation
    # takes linear time for each star, since it never gives back what a star took (atomic groups).
    text = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.compile(text, re.IGNORECASE if ignore_case else re.NOFLAG)
