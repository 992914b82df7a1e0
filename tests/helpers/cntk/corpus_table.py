"""Prints what becomes of every case of the corpus:

PYTHONPATH=tests python -m helpers.cntk.corpus_table [names]
"""

from __future__ import annotations

import sys
import traceback
from collections import Counter

from helpers import SHARED
from helpers.cntk import corpus as cntk_corpus
from mmdnn.errors import Error


def main(names: list[str]) -> None:
    count: Counter[str] = Counter()
    for folder in cntk_corpus.folders(SHARED):
        if names and folder.name not in names:
            continue
        try:
            wrong = cntk_corpus.report(folder)
            kind, text = ("wrong", "; ".join(wrong)) if wrong else ("ok", "")
        except Error as error:
            kind, text = "refused", str(error).replace("\n", " ")
        except Exception as error:  # noqa: BLE001
            kind, text = "BROKEN", f"{type(error).__name__}: {error}"
            if names:
                traceback.print_exc()
        count[kind] += 1
        if kind != "ok" or names:
            print(f"{folder.name:28} {kind:8} {text[:230]}")
    print(dict(count))


if __name__ == "__main__":
    main(sys.argv[1:])
