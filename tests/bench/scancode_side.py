"""What does ScanCode make of some texts? Run by the interpreter of an environment that has scancode-toolkit; nothing else is needed.

    PYTHON tests/bench/scancode_side.py < texts.json > answers.json

A list of texts in; {"load": seconds, "seconds": [for each], "answers": [[SPDX expression, ...], ...]} out.

Not here: the comparison (`licences`).
"""

import json
import sys
import time

from licensedcode.cache import build_spdx_license_expression, get_index
from licensedcode.detection import detect_licenses


def main() -> None:
    texts = json.load(sys.stdin)
    begun = time.perf_counter()
    get_index()
    list(detect_licenses(query_string="warm up"))
    load = time.perf_counter() - begun
    answers, seconds = [], []
    for text in texts:
        begun = time.perf_counter()
        keys = [found.license_expression for found in detect_licenses(query_string=text) if found.license_expression]
        answers.append(list(dict.fromkeys(build_spdx_license_expression(key) for key in keys)))
        seconds.append(time.perf_counter() - begun)
    json.dump({"load": load, "seconds": seconds, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
