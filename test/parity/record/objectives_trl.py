"""Records src/objectives/fixtures/trl.json: the losses of the published TRL on fixed log-probs, and their gradients.

    python test/parity/record/objectives_trl.py

needs torch and trl 1.16. The trainers' own loss functions run, with a model that answers with the given log-probs, in f64.
Log-probs are those of single tokens; the gradient is with respect to them.
"""

import json
import random
import warnings
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import torch
import trl
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.gkd import GKDTrainer
from trl.experimental.orpo import ORPOTrainer
from trl.experimental.tpo import TPOTrainer

warnings.filterwarnings('ignore')
torch.set_default_dtype(torch.float64)
OUT = Path(__file__).resolve().parents[3] / 'src' / 'objectives' / 'fixtures' / 'trl.json'
draw = random.Random(7)


def answers(count, most=5):
    lengths = [1 + draw.randrange(most) for _ in range(count)]
    policy = [[round(-3 * draw.random(), 4) for _ in range(n)] for n in lengths]
    return policy, [[round(p + draw.gauss(0, 0.5), 4) for p in row] for row in policy]


def rows(count, sides):
    made = []
    for _ in range(count):
        policy, reference = answers(sides)
        made.append({'answers': policy, 'reference': reference})
    return made


PAIRS = rows(5, 2)
TRIPLES = rows(4, 3)
RATED = rows(6, 2)  # the second answer is that to another prompt
LABELS = [1, 0, 0, 1, 1, 0]


def pad(lists):
    """[rows, 1 + longest] log-probs and mask; the first place is the prompt's."""
    width = 1 + max(map(len, lists))
    values, mask = torch.zeros(len(lists), width), torch.zeros(len(lists), width, dtype=torch.long)
    for i, row in enumerate(lists):
        values[i, 1 : 1 + len(row)] = torch.tensor(row)
        mask[i, 1 : 1 + len(row)] = 1
    return values, mask


class Metrics(defaultdict):
    def __init__(self):
        super().__init__(lambda: defaultdict(list))


def trainer(**settings):
    same = lambda x: x
    accelerator = SimpleNamespace(device='cpu', gather=same, gather_for_metrics=same, num_processes=1)
    accelerator.unwrap_model = same
    base = dict(accelerator=accelerator, model=SimpleNamespace(training=True), aux_loss_enabled=False, _metrics=Metrics(),
                _total_train_tokens=0, _tp_size=1, f_divergence_type='reverse_kl', f_alpha_divergence_coef=0.5,
                ld_alpha=None, use_weighting=False, label_smoothing=0.0, precompute_ref_logps=True, calculate_KL=True)
    return SimpleNamespace(**{**base, **settings})


def outputs(values):
    """What a model with a fused head gives: log-probs of the tokens after the first."""
    n, width = values.shape
    ones = torch.ones(n, width - 1)
    return SimpleNamespace(log_probs=values[:, 1:], entropy=ones, mean_logits=ones, is_top1=ones.bool())


def gradient(leaf, mask, loss):
    (grad,) = torch.autograd.grad(loss, leaf, allow_unused=True)
    grad = torch.zeros_like(leaf) if grad is None else grad
    return [[round(g.item(), 12) for g in row[m.bool()]] for row, m in zip(grad, mask)]


def by_row(per_sequence, sides):
    count = len(per_sequence) // sides
    return [g for i in range(count) for s in range(sides) for g in per_sequence[s * count + i]]


def pair_case(loss_type, **settings):
    policy, mask = pad([r['answers'][0] for r in PAIRS] + [r['answers'][1] for r in PAIRS])
    reference, _ = pad([r['reference'][0] for r in PAIRS] + [r['reference'][1] for r in PAIRS])
    leaf = policy.requires_grad_()
    sums = reference.sum(1)
    own = dict(beta=0.1, loss_types=[loss_type], loss_weights=[1.0])
    own['args'] = SimpleNamespace(discopop_tau=settings.pop('tau', 0.05))
    inputs = dict(input_ids=mask, attention_mask=mask, completion_mask=mask,
                  ref_chosen_logps=sums[: len(PAIRS)], ref_rejected_logps=sums[len(PAIRS) :])
    loss = DPOTrainer._compute_loss(trainer(**{**own, **settings}), lambda **_: outputs(leaf), inputs, False)
    return loss.item(), by_row(gradient(leaf, mask, loss), 2)


def kto_case(loss_type, **settings):
    own_policy, mask = pad([r['answers'][0] for r in RATED])
    own_reference, _ = pad([r['reference'][0] for r in RATED])
    other_policy, _ = pad([r['answers'][1] for r in RATED])
    other_reference, _ = pad([r['reference'][1] for r in RATED])
    leaf = own_policy.requires_grad_()
    stub = trainer(beta=0.1, loss_type=loss_type, desirable_weight=1.0, undesirable_weight=1.0)
    stub.__dict__.update(settings)
    stub.calculate_KL = loss_type == 'kto'
    stub._compute_kl_logps = lambda model, batch: other_policy.sum(1) if stub.calculate_KL else None
    inputs = dict(input_ids=mask, attention_mask=mask, completion_mask=mask, label=torch.tensor(LABELS),
                  ref_logps=own_reference.sum(1), ref_KL_logps=other_reference.sum(1))
    loss = KTOTrainer._compute_loss(stub, lambda **_: outputs(leaf), inputs, False)
    grad = gradient(leaf, mask, loss)
    return loss.item(), [g for row, r in zip(grad, RATED) for g in row + [0.0] * len(r['answers'][1])]


def tpo_case(loss_type, **settings):
    order = [0, 1, 2]  # chosen, rejected, gold
    policy, mask = pad([r['answers'][side] for side in order for r in TRIPLES])
    leaf = policy.requires_grad_()
    # Two words: the one that was said and all others. Logits one place ahead of their words.
    logits = torch.stack([leaf, torch.log(-torch.expm1(leaf.clamp(max=-1e-9)))], -1)
    logits = torch.cat([logits[:, 1:], torch.zeros_like(logits[:, :1])], 1)
    own = dict(beta=0.2, loss_type=loss_type, tpo_alpha=0.9, tpo_l_gamma=0.5)
    inputs = dict(input_ids=torch.zeros_like(mask), attention_mask=mask, completion_mask=mask)
    stub = trainer(**{**own, **settings})
    # Its log-probs count the places outside the answers too: words that are certain add nothing.
    certain = torch.tensor([0.0, -1e9])
    logits = torch.where((torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], 1) == 1)[..., None], logits, certain)
    loss = TPOTrainer._compute_loss(stub, lambda **_: SimpleNamespace(logits=logits), inputs, False)
    return loss.item(), by_row(gradient(leaf, mask, loss), 3)


def method_case(method, averaged, nll, **settings):
    """CPO's and ORPO's loss, which are methods of (chosen, rejected) log-probs."""
    policy, mask = pad([r['answers'][0] for r in PAIRS] + [r['answers'][1] for r in PAIRS])
    leaf = policy.requires_grad_()
    sums = leaf.sum(1) / (mask.sum(1) if averaged else 1)
    chosen, rejected = sums.chunk(2)
    stub = trainer(**settings)
    losses = method(stub, chosen, rejected)[0]
    sign = -1 if method is ORPOTrainer.odds_ratio_loss else 1
    count = len(PAIRS)
    loss = sign * losses.mean() + nll * -(leaf[:count].sum() / mask[:count].sum())
    return loss.item(), by_row(gradient(leaf, mask, loss), 2)


CASES = [
    ('dpo', {}, lambda: pair_case('sigmoid')),
    ('dpo', {'sftWeight': 1}, lambda: tuple_sum(pair_case('sigmoid'), pair_case('sft'))),
    ('hinge', {}, lambda: pair_case('hinge')),
    ('ipo', {}, lambda: pair_case('ipo')),
    ('exo', {'epsilon': 1e-3}, lambda: pair_case('exo_pair', label_smoothing=1e-3)),
    ('nca', {'beta': 0.1}, lambda: pair_case('nca_pair')),
    ('rdpo', {'epsilon': 0.1}, lambda: pair_case('robust', label_smoothing=0.1)),
    ('sppo', {}, lambda: pair_case('sppo_hard')),
    ('aot', {'labelSmoothing': 0.1}, lambda: pair_case('aot', label_smoothing=0.1)),
    ('aot-unpaired', {'labelSmoothing': 0.1}, lambda: pair_case('aot_unpaired', label_smoothing=0.1)),
    ('apo-zero', {}, lambda: pair_case('apo_zero')),
    ('apo-down', {}, lambda: pair_case('apo_down')),
    ('discopop', {'beta': 0.1}, lambda: pair_case('discopop')),
    ('ln-dpo', {'beta': 2}, lambda: pair_case('sigmoid_norm', beta=2)),
    ('dpo', {'divergence': 'forward-kl'}, lambda: pair_case('sigmoid', f_divergence_type='forward_kl')),
    ('dpo', {'divergence': 'jensen-shannon'}, lambda: pair_case('sigmoid', f_divergence_type='js_divergence')),
    # TRL's α is 1 less ours: its f′ is (t^(α−1) − 1)/(α − 1).
    ('dpo', {'divergence': 'alpha', 'divergenceAlpha': 0.3},
     lambda: single(lambda: pair_case('sigmoid', f_divergence_type='alpha_divergence', f_alpha_divergence_coef=0.7))),
    ('kto', {}, lambda: kto_case('kto')),
    ('kto', {'desirableWeight': 1.5, 'undesirableWeight': 0.5},
     lambda: kto_case('kto', desirable_weight=1.5, undesirable_weight=0.5)),
    ('apo-zero-unpaired', {}, lambda: kto_case('apo_zero_unpaired')),
    ('tpo', {}, lambda: tpo_case('sigmoid')),
    ('tpo', {'comparison': 'hinge', 'sftWeight': 0}, lambda: tpo_case_pairs('hinge')),
    ('tpo', {'averaged': True, 'gamma': 0.5}, lambda: tpo_case('tpo-l')),
    ('cpo', {'labelSmoothing': 0.1}, lambda: method_case(CPOTrainer.cpo_loss, False, 1.0, beta=0.1, alpha=0.0,
                                                         loss_type='sigmoid', label_smoothing=0.1)),
    ('simpo', {'beta': 2, 'gamma': 0.5}, lambda: method_case(CPOTrainer.cpo_loss, True, 0.0, beta=2.0, alpha=0.0,
                                                             loss_type='simpo', simpo_gamma=0.5)),
    ('alphapo', {'beta': 2, 'gamma': 0.5, 'shape': 0.2},
     lambda: method_case(CPOTrainer.cpo_loss, True, 0.0, beta=2.0, alpha=0.2, loss_type='simpo', simpo_gamma=0.5)),
    ('orpo', {}, lambda: method_case(ORPOTrainer.odds_ratio_loss, True, 1.0, beta=0.1)),
    ('bco', {}, lambda: bco_case()),
]


def single(run):
    """In f32, which is all that the α-divergence takes."""
    torch.set_default_dtype(torch.float32)
    result = run()
    torch.set_default_dtype(torch.float64)
    return result


def bco_case():
    """The pair form of BCO without its shift: the pairs' answers one by one, each of half the weight."""
    loss, grad = pair_case('bco_pair')
    return loss / 2, [g / 2 for g in grad]


def tuple_sum(a, b):
    return a[0] + b[0], [x + y for x, y in zip(a[1], b[1])]


def tpo_case_pairs(loss_type):
    """With α = 0 the trainer gets no third answer."""
    policy, mask = pad([r['answers'][side] for side in (0, 1) for r in TRIPLES])
    leaf = policy.requires_grad_()
    logits = torch.stack([leaf, torch.log(-torch.expm1(leaf.clamp(max=-1e-9)))], -1)
    logits = torch.cat([logits[:, 1:], torch.zeros_like(logits[:, :1])], 1)
    certain = torch.tensor([0.0, -1e9])
    logits = torch.where((torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], 1) == 1)[..., None], logits, certain)
    inputs = dict(input_ids=torch.zeros_like(mask), attention_mask=mask, completion_mask=mask)
    stub = trainer(beta=0.2, loss_type=loss_type, tpo_alpha=0.0, tpo_l_gamma=0.5)
    loss = TPOTrainer._compute_loss(stub, lambda **_: SimpleNamespace(logits=logits), inputs, False)
    grad = gradient(leaf, mask, loss)
    count = len(TRIPLES)
    return loss.item(), [g for i, r in enumerate(TRIPLES)
                         for g in grad[i] + grad[count + i] + [0.0] * len(r['answers'][2])]


def distillation():
    """Generalised JSD over a whole vocabulary of 6: (divergence, loss per token)."""
    torch.manual_seed(1)
    student, teacher = torch.randn(5, 6), torch.randn(5, 6)
    logs = lambda x: [[round(v, 9) for v in row] for row in torch.log_softmax(x, -1).tolist()]
    losses = {}
    for beta in (0, 0.1, 0.5, 1):
        losses[str(beta)] = GKDTrainer.generalized_jsd_loss(student[None], teacher[None], beta=beta, reduction='sum').item() / 5
    return {'student': logs(student), 'teacher': logs(teacher), 'losses': losses}


def main():
    cases = []
    for objective, params, run in CASES:
        loss, grad = run()
        cases.append({'objective': objective, 'params': params, 'loss': loss, 'gradient': grad})
    for row, label in zip(RATED, LABELS):
        row['label'] = label
    record = {'trl': trl.__version__, 'pairs': PAIRS, 'triples': TRIPLES, 'rated': RATED, 'cases': cases,
              'distillation': distillation()}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(record))
    print(len(cases), OUT.stat().st_size)


main()
