"""Records how transformers' Jinja environment renders the sources of src/text/fixtures/jinja.json, or that it refuses them.

Run with an environment that has transformers and jinja2: python test/parity/record/text_jinja.py
"""

import json
from pathlib import Path

from transformers.utils.chat_template_utils import _compile_jinja_template

FIXTURE = Path(__file__).resolve().parents[3] / "src/text/fixtures/jinja.json"
VARIABLES = {
    "s": "hello World foo",
    "d": {"a": 1, "b": {"c": [1, 2.5, None, True, "ü"]}},
    "msgs": [{"role": "user", "content": "hé\nx"}, {"role": "assistant", "content": "abcd"}],
}


def rendered(source):
    try:
        return _compile_jinja_template(source).render(**VARIABLES)
    except Exception:
        return None


sources = json.loads(FIXTURE.read_text(encoding="utf-8"))["sources"]
record = {"variables": VARIABLES, "sources": sources, "texts": [rendered(source) for source in sources]}
FIXTURE.write_text(json.dumps(record, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
