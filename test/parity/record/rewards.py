"""Records src/models/fixtures/reward-*: tiny random reward models with the scores that the reference gives.

    python test/parity/record/rewards.py [NAME …]

needs torch, transformers 5 and peft. Each fixture holds config.json and model.safetensors (or a PEFT adapter with its scalar
head, and its base's name in golden.json) and golden.json: {rows, scores}: the score of each list of ids, alone and in f32.
"""

import json
import shutil
import sys

import torch
from models import ROOT, SMALL, fill, report, write
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForSequenceClassification as Classifier

LENGTHS = [1, 3, 8, 17, 24]
ONE = dict(num_labels=1)

# name → (model_type, stored dtype, config)
MODELS = {
    'reward-llama': ('llama', 'float32', dict(SMALL, tie_word_embeddings=False, num_hidden_layers=2)),
    'reward-gemma2': ('gemma2', 'bfloat16', dict(
        SMALL, head_dim=16, num_hidden_layers=2, sliding_window=6, query_pre_attn_scalar=12,
        attn_logit_softcapping=3.0, final_logit_softcapping=5.0, tie_word_embeddings=True)),
    'reward-gpt2': ('gpt2', 'float32', dict(
        vocab_size=96, n_embd=32, n_layer=2, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2, pad_token_id=0)),
}
ADAPTER = 'reward-lora'
BASE = 'llama'


def rows():
    generator = torch.Generator().manual_seed(17)
    return [torch.randint(3, 96, (length,), generator=generator) for length in LENGTHS]


def golden(model, extra=None):
    model.eval()
    with torch.no_grad():
        scores = [model(input_ids=ids[None], use_cache=False).logits[0, 0].item() for ids in rows()]
        padded = torch.nn.utils.rnn.pad_sequence(rows(), batch_first=True)
        together = model(input_ids=padded, attention_mask=(padded != 0).long(), use_cache=False).logits[:, 0].tolist()
    assert max(abs(a - b) for a, b in zip(scores, together)) < 1e-4, 'padding changes the scores'
    return dict(rows=[ids.tolist() for ids in rows()], scores=[float(f'{s:.9g}') for s in scores], **(extra or {}))


def record_model(name):
    kind, dtype, settings = MODELS[name]
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    model = Classifier.from_config(AutoConfig.for_model(kind, **settings, **ONE), attn_implementation='eager')
    fill(model, kind == 'gemma2')
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    write(folder, golden(Classifier.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager')))
    report(folder)


def record_adapter():
    folder = ROOT / ADAPTER
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.from_pretrained(ROOT / BASE, **ONE)
    model = Classifier.from_pretrained(ROOT / BASE, config=config, dtype=torch.float32, attn_implementation='eager')
    model = get_peft_model(model, LoraConfig(task_type='SEQ_CLS', r=4, lora_alpha=8, target_modules=['q_proj', 'down_proj']))
    generator = torch.Generator().manual_seed(19)
    for key, parameter in model.named_parameters():
        if 'lora_' in key or 'modules_to_save' in key:
            with torch.no_grad():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    model.save_pretrained(folder)
    (folder / 'README.md').unlink(missing_ok=True)
    path = folder / 'adapter_config.json'
    settings = json.loads(path.read_text())
    settings['base_model_name_or_path'] = f'../{BASE}'
    settings['target_modules'] = sorted(settings['target_modules'])
    path.write_text(json.dumps(settings, indent=2) + '\n')
    write(folder, golden(model, {'base': BASE}))
    report(folder)


if __name__ == '__main__':
    torch.set_num_threads(1)
    for each in sys.argv[1:] or [*MODELS, ADAPTER]:
        record_adapter() if each == ADAPTER else record_model(each)
