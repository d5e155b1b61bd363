import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { useFixture } from './cli-fixture.ts'

const { at, document, run } = useFixture()

const model = ['--model', 'model']

describe.concurrent('training and what follows it', () => {
  test('train, runs, report, export: the whole path, and what is written can be read again', async () => {
    const line = ['train', 'sft', ...model, '--data', 'chats.jsonl', '--out', 'runs/sft', 'steps=3', 'batchSize=4']
    const trained = await document([...line, 'learningRate=1e-2'])
    expect(trained).toMatchObject({ run: 'runs/sft/run', steps: 3, out: 'runs/sft', tokens: expect.any(Number) })
    for (const key of ['loss', 'seconds', 'tokens_per_second']) expect(trained[key]).toBeGreaterThan(0)
    expect(readdirSync(at.path('runs/sft'))).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'run', 'tokenizer.json', 'tokenizer_config.json']),
    )
    const [listed, reported, exported, again, refused] = await Promise.all([
      document(['runs']),
      document(['report', 'runs/sft']),
      document(['export', '--model', 'runs/sft', '--format', 'hf', '--out', 'copy']),
      document([...line, 'learningRate=1e-2', '--resume']),
      run(line),
    ])
    expect(listed.runs).toMatchObject([
      { run: 'runs/sft', kind: 'sft', state: 'finished', steps: 3, loss: trained.loss },
    ])
    expect(readFileSync(at.path(reported.report), 'utf8')).toMatch(/^<!doctype html>/)
    expect(exported).toEqual({ out: 'copy', format: 'hf' })
    expect(again).toMatchObject({ steps: 3, loss: trained.loss })
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/^error: .*\nhelp: .*--resume/s)])
    const score = (name: string) => document(['score', '--model', name, '--data', 'texts.jsonl'])
    const [original, copy, base] = await Promise.all(['runs/sft', 'copy', 'model'].map(score))
    expect(copy).toEqual(original)
    expect(original.mean_nll).toBeLessThan(base.mean_nll)
  })

  test('an adapter: trained by dpo, sampled from, merged, exported as GGUF', async () => {
    const line = ['train', 'dpo', ...model, '--data', 'pairs.jsonl', '--out', 'lora', '--adapter', 'lora', 'rank=2']
    await document([...line, 'steps=2', 'batchSize=4', 'learningRate=1e-2'])
    expect(existsSync(at.path('lora/adapter_config.json'))).toBe(true)
    const [merged, peft, gguf] = await Promise.all([
      document(['merge-adapter', '--model', 'lora', '--out', 'merged']),
      document(['export', '--model', 'lora', '--format', 'peft', '--out', 'peft']),
      document(['export', '--model', 'lora', '--format', 'gguf', '--out', 'gguf']),
    ])
    expect([merged.out, peft.out, gguf.out]).toEqual(['merged', 'peft', 'gguf/lora-f16.gguf'])
    expect(readFileSync(at.path(gguf.out)).subarray(0, 4).toString()).toBe('GGUF')
    const score = (name: string) => document(['score', '--model', name, '--data', 'texts.jsonl'])
    const [adapter, whole, base] = await Promise.all(['lora', 'merged', 'model'].map(score))
    expect(whole.mean_nll).toBeCloseTo(adapter.mean_nll, 4)
    expect(Math.abs(adapter.mean_nll - base.mean_nll)).toBeGreaterThan(1e-6)
  })

  test('bench measures training and sampling, and draws an update', async () => {
    const line = [
      'bench',
      ...model,
      '--rows',
      '2',
      '--length',
      '40',
      '--rounds',
      '1',
      '--profile',
      '--flame',
      'flame.svg',
    ]
    const { peak, train, decode, kernels } = await document(line)
    for (const value of [peak.f32, peak.bf16, peak.read, train.tokens_per_second, train.share_of_peak]) {
      expect(value).toBeGreaterThan(0)
    }
    expect(decode.tokens_per_second).toBeGreaterThan(0)
    expect(kernels.map(({ kernel }: { kernel: string }) => kernel)).toContain('matmul')
    expect(readFileSync(at.path('flame.svg'), 'utf8')).toMatch(/^<svg .*logprobsWithGrad/s)
  })
})
