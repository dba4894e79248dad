"""Seeds that are pure functions of names and numbers."""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Hash ``parts`` to a seed in [0, 2**63).

    The same parts give the same seed on every machine and Python version, and parts that differ
    anywhere give unrelated seeds, so that no two streams of a run share random numbers.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
