"""Records how transformers renders the chat templates of src/text/fixtures/templates, and which characters they mark as generated.

Run with an environment that has transformers and jinja2: python test/parity/record/text_templates.py
"""

import json
from pathlib import Path

import transformers
from transformers.utils.chat_template_utils import render_jinja_template

FIXTURES = Path(__file__).resolve().parents[3] / "src/text/fixtures"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place, \"now\" or later.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "Stadt & Land, z. B. \u201eZürich\u201c <CH>"},
                "days": {"type": "integer", "minimum": 0},
                "units": {"type": "string", "enum": ["°C", "°F"]},
            },
            "required": ["place"],
        },
    },
}
SUM = {
    "type": "function",
    "function": {
        "name": "sum",
        "description": "Adds",
        "parameters": {"type": "object", "properties": {"values": {"type": "array", "items": {"type": "number"}}}},
        "return": {"type": "number"},
    },
}


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def call(name, arguments, id="abc123def"):
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "content": "", "tool_calls": [{"id": id, "type": "function", "function": function}]}


def tool(text, id="abc123def"):
    return {"role": "tool", "content": text, "tool_call_id": id, "name": "get_weather"}


SYSTEM = {"role": "system", "content": "Be brief.\nNever lie."}
CONVERSATIONS = {
    "prompt": [user("What is 2 + 2?")],
    "single": [user("What is 2 + 2?"), assistant("4")],
    "multi": [
        user("  Hallo — wie geht's? \n"),
        assistant("\nGut, danke! 🦙\n\n  - so\n  - la la "),
        user("{% if true %}{{ x }}{% endif %} <|im_end|>"),
        assistant("Nice \"try\" & <try> 'again' \\n"),
    ],
    "system": [SYSTEM, user("Say hi"), assistant("hi")],
    "system-multi": [SYSTEM, user("Say hi"), assistant("hi"), user("Again"), assistant("hi again")],
    "thinking": [user("2 + 2?"), assistant("<think>\nTwo and two.\n</think>\n\n4"), user("+ 1?"), assistant("<think>\nhm\n</think>\n\n5")],
    "tools": [
        user("Weather in Zürich?"),
        call("get_weather", {"place": "Zürich", "days": 2, "units": "°C", "exact": True, "note": None, "f": 0.5}),
        tool('{"sky": "☀"}'),
        assistant("Sunny."),
    ],
    "empty": [user(""), assistant("")],
}
TOOLS = [WEATHER, SUM]


def main():
    cases = []
    for path in sorted((FIXTURES / "templates").glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        marked = "generation %}" in source
        for name, messages in CONVERSATIONS.items():
            for add_generation_prompt in [False, True]:
                for tools in [None, TOOLS] if name == "tools" else [None]:
                    case = {"template": path.stem, "conversation": name, "addGenerationPrompt": add_generation_prompt}
                    if tools:
                        case["tools"] = True
                    try:
                        texts, ranges = render_jinja_template(
                            [messages],
                            tools=tools,
                            chat_template=source,
                            add_generation_prompt=add_generation_prompt,
                            return_assistant_tokens_mask=marked,
                            **TOKENS,
                        )
                        case["text"] = texts[0]
                        if marked:
                            case["generated"] = [texts[0][start:end] for start, end in ranges[0]]
                    except Exception as error:  # the template refuses the conversation
                        case["error"] = str(error)
                    cases.append(case)
    record = {
        "transformers": transformers.__version__,
        "tokens": TOKENS,
        "tools": TOOLS,
        "conversations": CONVERSATIONS,
        "cases": cases,
    }
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=False)
    (FIXTURES / "renderings.json").write_text(text + "\n", encoding="utf-8")


main()
