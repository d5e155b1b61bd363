"""Records src/models/fixtures: a tiny random checkpoint of every decoder family with the logits that the reference gives.

    python test/parity/record/models.py [NAME …]

needs torch, transformers 5 and peft. Weights are drawn at a scale at which attention, norms and soft caps matter.
Each fixture holds config.json, model.safetensors and golden.json: {ids, rows, logits, logprobs}; logits are those of the
given rows in f32, logprobs those of every id given the ones before it. Adapter fixtures name their base in golden.json.
"""

import json
import math
import shutil
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[3] / 'src' / 'models' / 'fixtures'
LENGTH = 24
ROWS = [0, 1, 7, 12, 18, 23]

SMALL = dict(
    vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0,
)
LONG_SHORT = [1.0, 1.1, 1.3, 1.7]

# name → (model_type, stored dtype, config, whether config.json is rewritten with the keys of older versions)
MODELS = {
    'llama': ('llama', 'float32', dict(SMALL, tie_word_embeddings=False, num_hidden_layers=2, head_dim=12), False),
    'llama3-rope': ('llama', 'bfloat16', dict(
        SMALL, tie_word_embeddings=True, eos_token_id=[2, 5],
        rope_parameters=dict(rope_type='llama3', rope_theta=500.0, factor=8.0, low_freq_factor=1.0,
                             high_freq_factor=4.0, original_max_position_embeddings=16)), False),
    'llama-linear-biases': ('llama', 'float16', dict(
        SMALL, tie_word_embeddings=False, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type='linear', rope_theta=1000.0, factor=2.5)), True),
    'mistral': ('mistral', 'bfloat16', dict(SMALL, sliding_window=7, tie_word_embeddings=False), False),
    'qwen2': ('qwen2', 'bfloat16', dict(
        SMALL, use_sliding_window=True, sliding_window=6, max_window_layers=2, tie_word_embeddings=True), False),
    'qwen2-full': ('qwen2', 'bfloat16', dict(
        SMALL, use_sliding_window=False, sliding_window=6, max_window_layers=2, tie_word_embeddings=False), True),
    'qwen3': ('qwen3', 'bfloat16', dict(SMALL, head_dim=16, tie_word_embeddings=True), False),
    'gemma2': ('gemma2', 'bfloat16', dict(
        SMALL, head_dim=16, num_hidden_layers=4, sliding_window=6, query_pre_attn_scalar=12,
        attn_logit_softcapping=3.0, final_logit_softcapping=5.0, tie_word_embeddings=True), False),
    'phi3': ('phi3', 'bfloat16', dict(
        SMALL, sliding_window=9, partial_rotary_factor=0.5, tie_word_embeddings=False), False),
    'phi3-longrope': ('phi3', 'bfloat16', dict(
        SMALL, tie_word_embeddings=False, original_max_position_embeddings=32, max_position_embeddings=64,
        rope_parameters=dict(rope_type='longrope', rope_theta=10000.0, short_factor=LONG_SHORT,
                             long_factor=[4.0, 5.0, 6.0, 8.0])), True),
    'gpt2': ('gpt2', 'float32', dict(
        vocab_size=96, n_embd=32, n_layer=2, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2), False),
    'gpt2-variant': ('gpt2', 'bfloat16', dict(
        vocab_size=96, n_embd=32, n_layer=3, n_head=2, n_inner=40, n_positions=32, bos_token_id=1, eos_token_id=2,
        scale_attn_by_inverse_layer_idx=True, activation_function='gelu', tie_word_embeddings=False), False),
}

# name → (base, config)
ADAPTERS = {
    'lora-llama': ('llama', dict(r=4, lora_alpha=6, use_rslora=True, lora_dropout=0.1,
                                 target_modules=['q_proj', 'v_proj', 'o_proj', 'down_proj'])),
    'lora-gpt2': ('gpt2', dict(r=3, lora_alpha=6, target_modules=['c_attn', 'mlp.c_proj'], fan_in_fan_out=True)),
}


def fill(model, gemma):
    generator = torch.Generator().manual_seed(7)
    draw = lambda shape: torch.randn(shape, generator=generator)
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if parameter.dim() == 2:
                embedding = 'embed' in name or '.wte.' in name or '.wpe.' in name
                parameter.copy_(draw(parameter.shape) * (0.7 if embedding else 1.3 / math.sqrt(parameter.shape[-1])))
            elif name.endswith('.bias'):
                parameter.copy_(draw(parameter.shape) * 0.3)
            else:
                parameter.copy_(draw(parameter.shape) * 0.2 + (0 if gemma else 1))


def golden(model, vocab, extra=None):
    generator = torch.Generator().manual_seed(11)
    ids = torch.randint(3, vocab, (1, LENGTH), generator=generator)
    ids[0, 0] = 1
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0].float()
    logprobs = torch.log_softmax(logits.double(), -1)
    picked = [logprobs[t, ids[0, t + 1]].item() for t in range(LENGTH - 1)]
    assert logits.std() > 0.5, 'logits too small to prove anything'
    return dict(
        ids=ids[0].tolist(), rows=ROWS, **(extra or {}),
        logits=[[float(f'{value:.9g}') for value in logits[row].tolist()] for row in ROWS],
        logprobs=[float(f'{value:.9g}') for value in picked],
    )


def write(folder, value):
    (folder / 'golden.json').write_text(json.dumps(value, separators=(',', ':')) + '\n')


def spell_older(path):
    """config.json as versions before 5 wrote it: torch_dtype, rope_theta, rope_scaling with `type`."""
    config = json.loads(path.read_text())
    config['torch_dtype'] = config.pop('dtype')
    rope = config.pop('rope_parameters')
    config['rope_theta'] = rope.pop('rope_theta')
    rope.pop('partial_rotary_factor', None)
    rope.pop('original_max_position_embeddings', None)
    kind = rope.pop('rope_type')
    config['rope_scaling'] = None if kind == 'default' else {'type': kind, **rope}
    config.pop('layer_types', None)
    path.write_text(json.dumps(config, indent=2) + '\n')


def record_model(name):
    kind, dtype, settings, older = MODELS[name]
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.for_model(kind, **settings)
    model = AutoModelForCausalLM.from_config(config, attn_implementation='eager')
    fill(model, kind == 'gemma2')
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    if older:
        spell_older(folder / 'config.json')
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()
    write(folder, golden(reference, settings['vocab_size']))
    report(folder)


def record_adapter(name):
    base, settings = ADAPTERS[name]
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(ROOT / base, dtype=torch.float32, attn_implementation='eager')
    model = get_peft_model(model, LoraConfig(task_type='CAUSAL_LM', **settings)).eval()
    generator = torch.Generator().manual_seed(13)
    for key, parameter in model.named_parameters():
        if 'lora_' in key:
            with torch.no_grad():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    model.save_pretrained(folder)
    (folder / 'README.md').unlink(missing_ok=True)
    path = folder / 'adapter_config.json'
    config = json.loads(path.read_text())
    config['base_model_name_or_path'] = f'../{base}'
    config['target_modules'] = sorted(config['target_modules'])
    path.write_text(json.dumps(config, indent=2) + '\n')
    write(folder, golden(model, 96, {'base': base}))
    report(folder)


def report(folder):
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size <= 300_000, f'{folder.name}: {size} bytes'
    print(f'{folder.name}: {size} bytes')


if __name__ == '__main__':
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or [*MODELS, *ADAPTERS]
    for each in wanted:
        (record_model if each in MODELS else record_adapter)(each)
