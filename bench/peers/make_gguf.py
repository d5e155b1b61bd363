#!/usr/bin/env python3
"""A Llama of random weights as GGUF, for llama.cpp: make_gguf.py a|b|c f32|bf16|q8_0 OUT (needs the PyPI packages gguf, numpy)."""
import sys

import gguf
import numpy as np

SHAPES = {
    "a": dict(dim=256, layers=6, heads=8, kv=4, ffn=688, vocab=4096),
    "b": dict(dim=512, layers=8, heads=8, kv=4, ffn=1376, vocab=32000),
    "c": dict(dim=768, layers=12, heads=12, kv=6, ffn=2048, vocab=32000),
}
TYPES = {"f32": (0, None), "bf16": (32, gguf.GGMLQuantizationType.BF16), "q8_0": (7, gguf.GGMLQuantizationType.Q8_0)}

s, (file_type, kind), rng = SHAPES[sys.argv[1]], TYPES[sys.argv[2]], np.random.default_rng(0)
dim, key_width = s["dim"], s["kv"] * s["dim"] // s["heads"]
w = gguf.GGUFWriter(sys.argv[3], "llama")
w.add_name("random")
w.add_context_length(4096)
w.add_embedding_length(dim)
w.add_block_count(s["layers"])
w.add_feed_forward_length(s["ffn"])
w.add_head_count(s["heads"])
w.add_head_count_kv(s["kv"])
w.add_layer_norm_rms_eps(1e-5)
w.add_rope_dimension_count(dim // s["heads"])
w.add_rope_freq_base(10000.0)
w.add_vocab_size(s["vocab"])
w.add_file_type(file_type)

# A vocabulary that nobody reads: special tokens, bytes, then made-up words.
tokens = [b"<unk>", b"<s>", b"</s>"] + [b"<0x%02X>" % i for i in range(256)]
kinds = [2, 3, 3] + [6] * 256
while len(tokens) < s["vocab"]:
    tokens.append(f"\u2581w{len(tokens)}".encode())
    kinds.append(1)
w.add_tokenizer_model("llama")
w.add_token_list(tokens)
w.add_token_scores([-float(i) for i in range(len(tokens))])
w.add_token_types(kinds)
w.add_bos_token_id(1)
w.add_eos_token_id(2)
w.add_unk_token_id(0)


def add(name, *shape):
    if len(shape) == 1:
        return w.add_tensor(name, np.ones(shape, np.float32))
    x = rng.standard_normal(shape, dtype=np.float32) * 0.02
    if kind is None:
        w.add_tensor(name, x)
    else:
        w.add_tensor(name, gguf.quants.quantize(x, kind), raw_dtype=kind)


add("token_embd.weight", s["vocab"], dim)
add("output_norm.weight", dim)
for i in range(s["layers"]):
    add(f"blk.{i}.attn_norm.weight", dim)
    add(f"blk.{i}.ffn_norm.weight", dim)
    add(f"blk.{i}.attn_q.weight", dim, dim)
    add(f"blk.{i}.attn_k.weight", key_width, dim)
    add(f"blk.{i}.attn_v.weight", key_width, dim)
    add(f"blk.{i}.attn_output.weight", dim, dim)
    add(f"blk.{i}.ffn_gate.weight", s["ffn"], dim)
    add(f"blk.{i}.ffn_up.weight", s["ffn"], dim)
    add(f"blk.{i}.ffn_down.weight", dim, s["ffn"])
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
