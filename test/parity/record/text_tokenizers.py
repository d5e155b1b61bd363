"""Makes small tokenizers of every kind and records the ids and texts that the reference libraries give for adversarial texts.

Run with an environment that has tokenizers and sentencepiece: python test/parity/record/text_tokenizers.py [--train]
The trainers break ties by the order of a hash table, so the tokenizers are kept as they are unless --train is given.
"""

import base64
import io
import json
import os
import random
import sys
import tempfile
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FIXTURES = Path(__file__).resolve().parents[3] / "src/text/fixtures"
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = {
    "qwen2": QWEN2,
    "o200k": O200K,
    "cl100k": QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|"),
    "possessive": r"(?i:'s|'ll)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    "deepseek": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "cjk": r"[一-龥぀-ゟ゠-ヿ]+",
    "bloom": r" ?[^(\s|[.,!?…。，、।۔،])]+",
    "intersection": r"[\p{L}&&[^\p{Han}a-m]]+|[\p{Han}]+|[[:digit:]_]+",
    "anchors": r"^\w+|\b\d+\b|\w+$|.\z",
    "classes": r"\h+|[\w&&[^\d]]+|\S\s|[^\w\s]|[]a-]",
}

WORDS = (
    "the of and to in a is that it was for on are as with his they at be this from have or by one had not but what all were "
    "when we there can an your which their said if do will each about how up out them then she many some so these would other "
    "into has more her two like him see time could no make than first been its who now people my made over did down only way "
    "find use may water long little very after words called just where most know don't I'm we'll it's 12 345 2024 größer naïve "
    "coöperate Привет мир нещо 你好 世界 日本語 テスト 안녕하세요 नमस्ते مرحبا שלום 🦙 🤗 → ½ … “quote” (x) [y] {z} a_b c-d e/f http://x.y"
).split()


def corpus():
    draw = random.Random(7)
    lines = []
    for _ in range(400):
        words = [draw.choice(WORDS[: draw.randint(8, len(WORDS))]) for _ in range(draw.randint(2, 14))]
        words[0] = words[0].capitalize()
        lines.append(" ".join(words) + draw.choice([".", "!", "?", "...", "\n", ",\n\n"]))
    return lines


TEXTS = [
    "",
    " ",
    "  ",
    "   \t\n ",
    "\n",
    "\n\n\n",
    "\r\n\r\n x",
    "Hello world",
    " Hello world ",
    "the  of   and\n\tto",
    "it's we'll DON'T I'M 'ſ 'K x'S",
    "1234567890 12.5e-3 ½ ² ٣ Ⅷ",
    "Größe naïve coöperate ΟΔΟΣ Σίσυφος İstanbul",
    "e\u0301 é ﬁ ｆｕｌｌ ㍿ Å ẛ̣",
    "Привет, мир! 你好，世界。日本語テスト 안녕하세요",
    "नमस्ते दुनिया مرحبا بالعالم שלום",
    "🦙🤗 👩‍👩‍👧‍👦 🏳️‍🌈 e🇩🇪",
    "a\u200bb\u00a0c\u3000d\ufeffe\u0085f\u2028g",
    "\x00\x01\x7f\x80",
    "<s>hi</s> <unk> <|user|> [SEP] <0x0A> ▁ ▁▁x",
    "x<tag>y <tag> z<tag>",
    "word tagword tag wordtag tag",
    "  <strip>  a <strip>b<strip>",
    "MiXeD CaSe <Norm> <norm> ＜norm＞",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "thethethethethethethethethethethethethethethethethethethethethethethethethethethethethe",
    "http://x.y/a_b?c=d&e=f#g {\"json\": [1, 2, null]} \\n C:\\dir",
    "def f(x):\n    return x ** 2  # comment\n\n\nclass A:\n\tpass\n",
    "!!!??? ... ,,, ;;; --- ___ ''' \"\"\" ``` ~~~ <<< >>>",
    "to be or not to be , that is the question . isn 't it ? I 'm , we 've , they 're ' quoted '",
    "do not do  not",
    "end with spaces   ",
    "“smart” ‘quotes’ — dash – en … ellipsis",
]

SPECIAL = [
    AddedToken("<s>", special=True, normalized=False),
    AddedToken("</s>", special=True, normalized=False),
    AddedToken("<unk>", special=True, normalized=False),
    AddedToken("<tag>", special=False, normalized=False),
    AddedToken("tag", special=False, normalized=False, single_word=True),
    AddedToken("<strip>", special=True, normalized=False, lstrip=True, rstrip=True),
    AddedToken("<norm>", special=False, normalized=True),
    AddedToken("<|user|>", special=True, normalized=False, rstrip=True),
]


def trained(model, trainer, normalizer=None, pre_tokenizer=None, decoder=None, post=None, added=SPECIAL):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_tokens(added)
    if post:
        tokenizer.post_processor = post
    return tokenizer


def bpe_trainer(vocab_size=200, **options):
    return trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"], **options)


def split_bytes(pattern):
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )


def all_tokenizers():
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    begin = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    byte_level = {"decoder": decoders.ByteLevel()}
    yield "bytes-qwen2", trained(
        models.BPE(), bpe_trainer(360, initial_alphabet=alphabet), normalizers.NFC(), split_bytes(QWEN2), post=begin, **byte_level
    )
    yield "bytes-gpt2", trained(
        models.BPE(), bpe_trainer(360, initial_alphabet=alphabet), None, pre_tokenizers.ByteLevel(add_prefix_space=True), **byte_level
    )
    smollm = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    yield "bytes-digits-ignore-merges", trained(
        models.BPE(ignore_merges=True), bpe_trainer(360, initial_alphabet=alphabet), None, smollm, **byte_level
    )
    yield "gpt1", trained(
        models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=False),
        bpe_trainer(end_of_word_suffix="</w>"),
        normalizers.BertNormalizer(lowercase=True),
        pre_tokenizers.BertPreTokenizer(),
        decoders.BPEDecoder("</w>"),
    )
    sentencepiece_decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=420, show_progress=False, special_tokens=["<unk>", "<s>", "</s>", *byte_tokens], limit_alphabet=60
    )
    for scheme in ["first", "always"]:
        yield f"metaspace-{scheme}", trained(
            models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
            trainer,
            None,
            pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False),
            sentencepiece_decoder,
            post=begin,
        )
    yield "prepend", trained(
        models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        trainer,
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        None,
        sentencepiece_decoder,
    )
    yield "unknown-fused", trained(
        models.BPE(unk_token="<unk>", fuse_unk=True),
        bpe_trainer(limit_alphabet=40),
        normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip()]),
        pre_tokenizers.Metaspace(),
        decoders.Metaspace(),
    )
    for name, pre in {
        "punctuation": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous")]),
        "whitespace": pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False)]),
        "split-next": pre_tokenizers.Sequence(
            [pre_tokenizers.Split(" ", "merged_with_next"), pre_tokenizers.Split(Regex(r"\d"), "contiguous")]
        ),
        "split-removed-inverted": pre_tokenizers.Split(Regex(r"[\p{L}']+"), "removed", invert=True),
        "delimiter": pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit("t"), pre_tokenizers.Punctuation("contiguous")]),
    }.items():
        yield name, trained(models.BPE(unk_token="<unk>"), bpe_trainer(limit_alphabet=70), None, pre)
    wordpiece = trainers.WordPieceTrainer(vocab_size=220, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"])
    yield "wordpiece", trained(
        models.WordPiece(unk_token="<unk>", max_input_chars_per_word=20),
        wordpiece,
        normalizers.BertNormalizer(lowercase=False, strip_accents=True, handle_chinese_chars=True, clean_text=True),
        pre_tokenizers.BertPreTokenizer(),
        decoders.WordPiece(),
    )
    unigram = trainers.UnigramTrainer(
        vocab_size=220, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>"
    )
    yield "unigram", trained(
        models.Unigram(),
        unigram,
        normalizers.Sequence([normalizers.NFKC(), normalizers.StripAccents(), normalizers.Replace(Regex(" {2,}"), " ")]),
        pre_tokenizers.Metaspace(),
        decoders.Metaspace(),
    )


def recorded(name, tokenizer):
    cases = []
    for text in TEXTS:
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        case = {"ids": ids}
        decoded = tokenizer.decode(ids, skip_special_tokens=False)
        skipped = tokenizer.decode(ids, skip_special_tokens=True)
        # What equals the text, or the text before it, is left out.
        if decoded != text:
            case["decoded"] = decoded
        if skipped != decoded:
            case["skipped"] = skipped
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        if plain != ids:
            case["plain"] = plain
        cases.append(case)
    tokenizer.encode_special_tokens = False
    return {"name": name, "json": json.loads(tokenizer.to_str()), "cases": cases}


def sentencepiece_models():
    identity = dict(normalization_rule_name="identity", remove_extra_whitespaces=False)
    bpe = dict(model_type="bpe", byte_fallback=True, vocab_size=420)
    unigram = dict(model_type="unigram", character_coverage=0.98)
    with tempfile.TemporaryDirectory() as folder:
        # A small map in place of NFKC, whose map alone has 240 kB: one to one, one to many, many to one, to nothing.
        rules = Path(folder) / "rules.tsv"
        rules.write_text("".join(f"{source}\t{target}\n" for source, target in CHARACTER_MAP), encoding="utf-8")
        for kind, options in {
            "bpe-byte-fallback": bpe | identity,
            "bpe-no-prefix": bpe | identity | dict(add_dummy_prefix=False, user_defined_symbols=["<tag>", "▁▁"]),
            "unigram-mapped": unigram | dict(vocab_size=200, normalization_rule_tsv=str(rules)),
            "unigram-byte-fallback": unigram | identity | dict(vocab_size=400, byte_fallback=True),
        }.items():
            out = io.BytesIO()
            sentences = iter([line.strip() for line in corpus()])
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=sentences, model_writer=out, num_threads=1, minloglevel=2, hard_vocab_limit=False, **options
            )
            model = out.getvalue().replace(str(rules).encode(), b"r" * len(str(rules)))
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            # Sentencepiece itself takes control tokens written out as plain text.
            encoded = [processor.encode(text) for text in TEXTS]
            cases = [{"ids": ids, "decoded": processor.decode(ids)} for ids in encoded]
            yield {"name": kind, "model": base64.b64encode(model).decode(), "cases": cases}


CHARACTER_MAP = [
    ("FF54", "74"),  # a full-width t
    ("FB01", "66 69"),  # the ligature fi
    ("65 301", "E9"),  # e and an acute accent become one letter
    ("41 30A", "C5"),
    ("9", "20"),
    ("A", "20"),
    ("200B", ""),
    ("2026", "2E 2E 2E"),
    ("1F999", "6C 6C 61 6D 61"),
]


def main():
    splits = {
        name: [[piece for piece, _ in pre_tokenizers.Split(Regex(pattern), "isolated").pre_tokenize_str(text)] for text in TEXTS]
        for name, pattern in PATTERNS.items()
    }
    kept = FIXTURES / "tokenizers.json"
    if "--train" in sys.argv or not kept.exists():
        made = list(all_tokenizers())
    else:
        made = [
            (entry["name"], Tokenizer.from_str(json.dumps(entry["json"])))
            for entry in json.loads(kept.read_text(encoding="utf-8"))["recorded"]
        ]
    files = {
        "tokenizers.json": {
            "tokenizers": tokenizers.__version__,
            "texts": TEXTS,
            "recorded": [recorded(name, tokenizer) for name, tokenizer in made],
        },
        "sentencepiece.json": {"sentencepiece": sentencepiece.__version__, "models": list(sentencepiece_models())},
        "patterns.json": {"patterns": PATTERNS, "splits": splits},
        "corpus.json": corpus(),
    }
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        (FIXTURES / name).write_text(text + "\n", encoding="utf-8")


main()
