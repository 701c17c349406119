"""Made-up sessions of a shop, in Coveo's format: nobody's data, as many as are asked for.

They follow what is published of Coveo's data set: the sessions' numbers of rows (mean, spread and
quantiles), the shares of plain page views and of details among the product events, the shares of
sessions with an add to cart, of those that purchase and of sessions that search, what cart sessions
do before the purchase (events, adds, searches, clicks), how interactions concentrate on few
products, and how many products and pages there are.

What is not published was chosen:

- Of adds, removes and purchases together, two fifths are adds, one half removes, a tenth purchases.
  Sessions that have no add may remove, or purchase, what they put into the cart another day.
- Half of the product pages give a page view of the same time; a removal gives 2.5 equal rows on
  average; the rows of two fifths of the sessions are not in the order of time.
- 91 days, most sessions in the evening (UTC) and on Mondays; pauses of a minute on average.
- The means of cart sessions are of events without such twins and copies.
- A shop of fewer sessions has fewer products and pages: the share to the power of .75, so that
  nearly all of them are seen, too. Who has no price has no category and no vectors either.
- Vectors are noise, and products share a thousand of them. A search phrase always finds the same.

Whether a visitor buys is drawn first, and shows in what they do (`behaviour` has the numbers):
buyers go on to plain pages, such as the checkout's, where others go on to products; they remove
five times less often, pause for a shorter time, look at the added product again, search a little
more and add slightly cheaper products first. Nothing else depends on it, so Bayes' rule gives the
best possible answer: `truth`.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import evidence, log
from .behaviour import STEPS
from .files import Store, Written
from .shop import open_shop

if TYPE_CHECKING:
    import pandas as pd

SECONDS_BETWEEN_WORDS = 10


def write(
    folder: Path,
    sessions: int,
    seed: int,
    written: Written,
    say: Callable[[str], object] = print,
) -> None:
    """Write `browsing_train`, `search_train` and `sku_to_content` into a folder.

    The same sessions, seed and format give the same bytes. Memory does not grow with the sessions;
    beside the files a database of a fraction of their size is needed while they are made. A file
    has its name only when it is whole; files of these names are replaced.

    Args:
        folder: An existing folder.
        sessions: Sessions that browse, at least 1; 4,934,699 are as many as Coveo's.
        seed: At least 0.
        written: "csv" or "parquet".
        say: Takes a sentence now and then, if it takes long.
    """
    shop = open_shop(sessions, seed)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".made_up-") as name:
        unfinished = Path(name)
        with closing(Store(unfinished, seed, shop)) as store:
            spoken = time.monotonic()
            for chunk in log.chunks(sessions, seed):
                store.add(*log.rows(chunk, sessions, shop))
                if time.monotonic() - spoken > SECONDS_BETWEEN_WORDS:
                    spoken = time.monotonic()
                    say(f"Made {chunk.first + len(chunk.start):,} of {sessions:,} sessions.")
            files = store.copy(unfinished, written, say)
        for file in files:
            os.replace(unfinished / file, folder / file)


def truth(sessions: int, seed: int) -> "pd.DataFrame":
    """The best possible answers for the sessions that `write` makes of the same arguments.

    Returns:
        A row for each row of the task, by session in the order of their beginnings and n: `session`
        (the id), `n` (events after the first add), `posterior` (the chance of a purchase given the
        events so far) and `purchased` (bool).
    """
    import pandas as pd

    shop = open_shop(sessions, seed)
    frames = []
    for chunk in log.chunks(sessions, seed):
        carts = chunk.carts(shop)
        posterior, asked = evidence.posteriors(carts, shop)
        row, step = np.nonzero(asked)
        numbers = np.flatnonzero(chunk.has_cart) + chunk.first
        ids = [hashlib.sha256(f"{seed}/session/{place}".encode()).hexdigest() for place in numbers]
        frames.append(
            pd.DataFrame(
                {
                    "session": pd.array(ids, dtype="str").take(row),
                    "n": np.array(STEPS)[step],
                    "posterior": posterior[row, step],
                    "purchased": carts.buyer[row],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
