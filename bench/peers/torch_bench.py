#!/usr/bin/env python3
"""PyTorch as a contestant: a small Llama in plain PyTorch that answers every line on stdin with one measurement.

  torch_bench.py train   --shape a|b|c [--compile] [--autocast] [--rank 16] [--steps 3]
  torch_bench.py sft     --shape b [--head full|answers] [--sorted] [--compile] [--autocast]   padded batches of GSM8K's lengths
  torch_bench.py dpo     --shape b --head full|answers [--compile] [--autocast]   two sequences a pair, cached reference log-probs
  torch_bench.py decode  --shape b --batch 16 [--dtype bf16] [--compile]
  torch_bench.py prefill --shape b [--dtype bf16]

RMSNorm, rotary embedding (halves), grouped heads, SwiGLU, tied embeddings, no biases, no dropout, no recomputation;
scaled_dot_product_attention, fused AdamW.
"""
import argparse, json, math, os, random, resource, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

SHAPES = {
    "a": dict(dim=256, layers=6, heads=8, kv=4, ffn=688, vocab=4096, seq=256, rows=16),
    "b": dict(dim=512, layers=8, heads=8, kv=4, ffn=1376, vocab=32000, seq=512, rows=4),
    "c": dict(dim=768, layers=12, heads=12, kv=6, ffn=2048, vocab=32000, seq=512, rows=2),
}


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-5):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Linear(nn.Linear):
    """Without bias, with a LoRA beside it where the rank is not 0."""

    def __init__(self, inputs, outputs, rank=0, alpha=32):
        super().__init__(inputs, outputs, bias=False)
        self.rank = rank
        if rank:
            self.weight.requires_grad_(False)
            self.a = nn.Parameter(torch.randn(rank, inputs) / math.sqrt(inputs))
            self.b = nn.Parameter(torch.zeros(outputs, rank))
            self.scale = alpha / rank

    def forward(self, x):
        y = F.linear(x, self.weight)
        return y + F.linear(F.linear(x, self.a), self.b) * self.scale if self.rank else y


def tables(width, length, base=10000.0):
    angle = torch.outer(torch.arange(length).float(), base ** -(torch.arange(0, width, 2).float() / width))
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class Block(nn.Module):
    def __init__(self, s, rank):
        super().__init__()
        dim, self.heads, self.kv, self.width = s["dim"], s["heads"], s["kv"], s["dim"] // s["heads"]
        self.norm1, self.norm2 = RMSNorm(dim), RMSNorm(dim)
        self.q, self.o = Linear(dim, dim, rank), Linear(dim, dim, rank)
        self.k, self.v = Linear(dim, self.kv * self.width, rank), Linear(dim, self.kv * self.width, rank)
        self.gate, self.up, self.down = Linear(dim, s["ffn"], rank), Linear(dim, s["ffn"], rank), Linear(s["ffn"], dim, rank)

    def forward(self, x, cos, sin, cache=None, at=0, mask=None):
        rows, length, _ = x.shape
        y = self.norm1(x)
        q = rotate(self.q(y).view(rows, length, self.heads, self.width).transpose(1, 2), cos, sin)
        k = rotate(self.k(y).view(rows, length, self.kv, self.width).transpose(1, 2), cos, sin)
        v = self.v(y).view(rows, length, self.kv, self.width).transpose(1, 2)
        group = self.heads // self.kv
        if cache is not None:
            keys, values = cache
            if mask is None:
                keys[:, :, at : at + length], values[:, :, at : at + length] = k, v
                k, v = keys[:, :, : at + length], values[:, :, : at + length]
            else:  # one shape for every step, for the compiler
                keys.index_copy_(2, at, k)
                values.index_copy_(2, at, v)
                k, v = keys, values
        if cache is not None and length == 1:  # no copies of keys: the group is the length of the query
            scores = (q.view(rows, self.kv, group, self.width) @ k.transpose(-1, -2)) * self.width**-0.5
            if mask is not None:
                scores = scores + mask
            y = (scores.softmax(-1) @ v).reshape(rows, 1, -1)
        else:
            if group > 1:
                k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(rows, length, -1)
        x = x + self.o(y)
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    def __init__(self, s, rank=0, length=None):
        super().__init__()
        self.embedding = nn.Embedding(s["vocab"], s["dim"])
        self.blocks = nn.ModuleList(Block(s, rank) for _ in range(s["layers"]))
        self.norm = RMSNorm(s["dim"])
        cos, sin = tables(s["dim"] // s["heads"], length or s["seq"])
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for p in self.parameters():
            if p.dim() > 1 and p.requires_grad and rank not in p.shape:
                nn.init.normal_(p, std=0.02)
        if rank:
            for name, p in self.named_parameters():
                p.requires_grad_(name.endswith((".a", ".b")))

    def hidden(self, ids, caches=None, at=0, position=None, mask=None):
        x = self.embedding(ids)
        where = slice(at, at + ids.shape[1]) if position is None else position
        cos, sin = self.cos[where], self.sin[where]
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin, caches[i] if caches else None, at if position is None else position, mask)
        return self.norm(x)

    def head(self, x):
        return F.linear(x, self.embedding.weight)

    def forward(self, ids, targets=None, caches=None, at=0, position=None, mask=None):
        x = self.hidden(ids, caches, at, position, mask)
        if targets is None:
            return self.head(x[:, -1])
        logits = self.head(x)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets.reshape(-1), ignore_index=-100)


def optimizer(model):
    parameters = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)


def timed(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def train(a, s):
    model = Llama(s, a.rank)
    step_of, opt = (torch.compile(model) if a.compile else model), optimizer(model)
    data = torch.randint(0, s["vocab"], (s["rows"], s["seq"] + 1))

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.autocast):
            loss = step_of(data[:, :-1], data[:, 1:])
        loss.backward()
        opt.step()
        opt.zero_grad(set_to_none=True)

    return lambda: a.steps * s["rows"] * s["seq"] / timed(lambda: [step() for _ in range(a.steps)])


def sft(a, s):
    """
    64 rows an update in padded micro-batches of 8: in random order, or (--sorted) the update's rows of like length
    together, which pads little. --head answers computes logits where they are learnt alone. Compiled for all lengths at
    once: a compilation for each takes minutes and gigabytes.
    """
    model = Llama(s, 0, 1024)
    opt = optimizer(model)

    def answers_loss(ids, where, targets):
        logits = model.head(model.hidden(ids).flatten(0, 1)[where])
        return F.cross_entropy(logits.float(), targets)

    loss_of = answers_loss if a.head == "answers" else model
    if a.compile:
        loss_of = torch.compile(loss_of, dynamic=True)
    lengths = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "gsm8k-lengths.json")))
    state = {"at": 0}

    def backward(part):
        most = max(p + n for p, n in part)
        ids = torch.randint(0, s["vocab"], (8, most))
        targets = torch.full((8, most), -100)
        for r, (prompt, answer) in enumerate(part):
            targets[r, prompt - 1 : prompt + answer - 1] = ids[r, prompt : prompt + answer]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.autocast):
            if a.head == "answers":
                where = (targets.view(-1) != -100).nonzero()[:, 0]
                loss = loss_of(ids, where, targets.view(-1)[where])
            else:
                loss = loss_of(ids, targets)
        loss.backward()

    def go():
        rows = [lengths[(state["at"] + i) % len(lengths)] for i in range(64)]
        state["at"] += 64
        learnt = sum(answer for _, answer in rows)
        if a.sorted:
            rows.sort(key=sum)

        def update():
            for i in range(0, 64, 8):
                backward(rows[i : i + 8])
            opt.step()
            opt.zero_grad(set_to_none=True)

        return learnt / timed(update)

    return go


def dpo(a, s):
    """4 pairs an update; each side is a sequence of its own, prompt 512 and answer 64."""
    model = Llama(s, 0, 1024)
    opt = optimizer(model)
    prompt, answer = 512, 64
    prompts = torch.randint(0, s["vocab"], (4, 1, prompt)).expand(4, 2, prompt)
    ids = torch.cat([prompts, torch.randint(0, s["vocab"], (4, 2, answer))], -1).view(8, -1)
    reference = torch.randn(8)

    def loss_of(ids):
        x = model.hidden(ids[:, :-1])
        if a.head == "answers":
            logits, targets = model.head(x[:, prompt - 1 :]).float(), ids[:, prompt:]
            logp = torch.log_softmax(logits, -1).gather(-1, targets[..., None])[..., 0].sum(-1)
        else:
            logits = model.head(x).float()
            logp = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0][:, prompt - 1 :].sum(-1)
        ratio = (logp - reference).view(4, 2)
        return (-F.logsigmoid(0.1 * (ratio[:, 0] - ratio[:, 1]))).mean()

    if a.compile:
        loss_of = torch.compile(loss_of)

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.autocast):
            loss = loss_of(ids)
        loss.backward()
        opt.step()
        opt.zero_grad(set_to_none=True)

    return lambda: 4 / timed(step)


def sampler(a, s, prompt, most):
    dtype = torch.bfloat16 if a.dtype == "bf16" else torch.float32
    model = Llama(s, 0, prompt + most).eval().to(dtype)
    width = s["dim"] // s["heads"]
    caches = [tuple(torch.zeros(a.batch, s["kv"], prompt + most, width, dtype=dtype) for _ in "kv") for _ in range(s["layers"])]
    ids = torch.randint(0, s["vocab"], (a.batch, prompt))
    return model, caches, ids, dtype


def decode(a, s):
    prompt, most = 16, 128
    model, caches, ids, dtype = sampler(a, s, prompt, most)
    step = torch.compile(model) if a.compile else model

    def go():
        with torch.no_grad():
            token = model(ids, caches=caches).argmax(-1, keepdim=True)
            begun = time.perf_counter()
            for at in range(prompt, prompt + most - 1):
                if a.compile:
                    mask = torch.full((prompt + most,), float("-inf"), dtype=dtype)
                    mask[: at + 1] = 0
                    token = step(token, caches=caches, position=torch.tensor([at]), mask=mask).argmax(-1, keepdim=True)
                else:
                    token = step(token, caches=caches, at=at).argmax(-1, keepdim=True)
            return a.batch * (most - 1) / (time.perf_counter() - begun)

    return go


def prefill(a, s):
    model, caches, ids, _ = sampler(a, s, 512, 1)

    def go():
        with torch.no_grad():
            return ids.numel() / timed(lambda: model(ids, caches=caches).argmax(-1))

    return go


p = argparse.ArgumentParser()
p.add_argument("what", choices=["train", "sft", "dpo", "decode", "prefill"])
p.add_argument("--shape", default="b")
p.add_argument("--compile", action="store_true")
p.add_argument("--autocast", action="store_true")
p.add_argument("--rank", type=int, default=0)
p.add_argument("--batch", type=int, default=1)
p.add_argument("--dtype", default="f32")
p.add_argument("--head", default="full")
p.add_argument("--sorted", action="store_true")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--steps", type=int, default=1, help="training steps of a measurement")
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)
measure = globals()[a.what](a, SHAPES[a.shape])
measure(), measure()
print("{}", flush=True)
for _ in sys.stdin:
    rate = measure()
    print(json.dumps({"rate": rate, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
