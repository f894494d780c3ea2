"""Check whether the time of a rejection reveals how much of a signature was right.

The script sends two kinds of wrong signatures, in random order: wrong from the first digit,
and wrong only in the last. It compares their times by Welch's t, cropped as dudect does
(Reparaz, Balasch, Verbauwhede 2017). |t| above 4.5 is a leak.

    python -m scripts.timing [--runs 300000]
"""

from __future__ import annotations

import argparse
import contextlib
import math
import random
import statistics
import sys
import time

from flask_ycloud import SignatureMismatch, sign, verify

SECRET = "whsec_of_the_timing"  # noqa: S105
LEAK = 4.5
CROPPED = 0.9  # the slowest tenth is noise of the machine
DIFFERENT = 1000  # deliveries: the place of a body in memory affects the time, too


def changed(header: str, position: int) -> str:
    # A random wrong digit: the parser is faster with some, which reveals no secret.
    others = set("0123456789abcdef") - {header[position]}
    digits = bytearray(header, "ascii")
    digits[position] = ord(random.choice(sorted(others)))  # noqa: S311
    return digits.decode()


def wrong_signatures(body: bytes) -> tuple[bytes, tuple[str, str]]:
    """Return a body, and headers with both kinds of wrong signatures."""
    right = sign(body, SECRET)
    return body, (changed(right, right.index("s=") + 2), changed(right, len(right) - 1))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=300_000)
    runs = parser.parse_args().runs
    times: tuple[list[int], list[int]] = ([], [])
    deliveries = [wrong_signatures(random.randbytes(64)) for _ in range(DIFFERENT)]  # noqa: S311
    for _ in range(runs):
        body, headers = random.choice(deliveries)  # noqa: S311
        kind = random.getrandbits(1)
        header = headers[kind].encode().decode()  # a new object, in the CPU cache
        started = time.perf_counter_ns()
        with contextlib.suppress(SignatureMismatch):
            verify(body, header, SECRET)
        took = time.perf_counter_ns() - started
        times[kind].append(took)
    limit = sorted(times[0] + times[1])[int(runs * CROPPED)]
    first, last = ([each for each in kind if each < limit] for kind in times)
    spread = statistics.variance(first) / len(first) + statistics.variance(last) / len(last)
    t = (statistics.mean(first) - statistics.mean(last)) / math.sqrt(spread)
    print(f"t = {t:.2f} over {runs} runs; above {LEAK} or below -{LEAK} is a leak")
    return 0 if abs(t) < LEAK else 1


if __name__ == "__main__":
    sys.exit(main())
