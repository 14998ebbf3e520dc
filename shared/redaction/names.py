"""Names that mark their value as a secret."""

import re
from functools import lru_cache
from itertools import pairwise, product
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: A name that has one of these words names a secret.
WORDS: Final = _words("""
    password passwords passwd pwd passphrase secret secrets token tokens key keys sas sig
    credential credentials creds connectionstring connectionstrings authorization
""")

#: Unlike "key", these keep their meaning inside any longer word: `dbpassword`, `storageconnectionstring`.
ROOTS: Final = ("password", "passwd", "credential", "connectionstring")

#: These keep it at the end of a word: `clientsecret`, `accesstoken`, but not `secretary` or `tokenizer`;
#: `storageaccountkey`, but not `monkey`.
ENDINGS: Final = (
    "secret", "secrets", "token", "tokens", "accesskey", "accesskeys", "accountkey", "accountkeys", "apikey",
    "apikeys", "accesssignature", "connstring", "connstr",
)  # fmt: skip

#: Names written without a word border (`apikey`, `SASURL`), or with one too many (`connection_string`).
#: "key" alone at a word's end would also match `monkey`, so it needs a word for what it opens.
COMPOUNDS: Final = frozenset(
    use + word
    for use, word in product(
        _words("""
            access account admin api app auth client consumer db encryption function host hmac license
            master primary private secondary secret shared sharedaccess signing ssh storage subscription
        """),
        ("key", "keys"),
    )
) | _words("""
    sasurl sasuri sasquery sassignature accesssignature passphrase password passwords
    connectionstring connectionstrings connstring connstrings connstr
""")

#: Pairs of words that together name no secret: a column, a place in a vault, a count. `primaryKey` is not among
#: them: it is Azure's name for the first of an account's two access keys.
EXCEPTIONS: Final = frozenset(
    pair
    for before, after in (
        (
            """
            business cache cluster clustering composite dedup distribution foreign group idempotency join
            lookup merge natural partition partitioning range row shard sort surrogate unique
            """,
            "key keys",
        ),
        ("key keys", "column columns field fields name names type vault version"),
        ("secret", "name names scope version"),
        ("credential", "name type"),
        ("token", "count endpoint limit type"),
        ("max", "token tokens"),
    )
    for pair in product(_words(before), _words(after))
)

# `APIKey` is API and Key, but `DBkey` is DB and key: capitals before a lower-case letter are split both ways,
# the second only if the first finds no secret word.
_BORDERS: Final = (
    re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+"),
    re.compile(r"[A-Z]{2,}|[A-Z]?[a-z]+|[A-Z]"),
)


def is_secret(name: str) -> bool:
    """Return whether a word of the name, in any common spelling (camelCase, snake_case, …), stands for a secret."""
    # A very long name is content: it is judged as well, but must not fill the cache.
    return _judge_again(name) if len(name) <= 100 else _judge(name)


def _judge(name: str) -> bool:
    for border in _BORDERS:
        words = ["", *(word.lower() for word in border.findall(name)), ""]
        found = [at for at, word in enumerate(words) if _is_secret_word(word)]
        if _has_compound(words) or any(not _is_excepted(words, at) for at in found):
            return True
        if found:
            return False
    return False


_judge_again: Final = lru_cache(maxsize=4096)(_judge)


@lru_cache(maxsize=4096)
def _is_secret_word(word: str) -> bool:
    return (
        word in WORDS
        or word in COMPOUNDS
        or word.endswith(ENDINGS)
        or any(root in word for root in ROOTS)
    )


def _has_compound(words: list[str]) -> bool:
    # A word that is secret by itself is left to its exceptions: `primaryKeyColumn` is no secret.
    return any(
        a + b in COMPOUNDS
        for a, b in pairwise(words)
        if a and b and not _is_secret_word(a) and not _is_secret_word(b)
    )


def _is_excepted(words: list[str], at: int) -> bool:
    before, word, after = words[at - 1 : at + 2]
    return (before, word) in EXCEPTIONS or (word, after) in EXCEPTIONS
