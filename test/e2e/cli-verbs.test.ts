import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { useFixture } from './cli-fixture.ts'

const { at, document, run } = useFixture()

const model = ['--model', 'model']
const numbers = expect.arrayContaining([expect.any(Number)])

describe.concurrent('verbs', () => {
  test('sample: completions in the order of the prompts, the same for the same seed', async () => {
    at.jsonl('prompts.jsonl', [
      { prompt: 'red' },
      { messages: [{ role: 'user', content: 'blue' }] },
      { tokens: [5, 6] },
    ])
    const line = ['sample', ...model, '--prompts', 'prompts.jsonl', '--max-tokens', '4', '--n', '2', '--seed', '3']
    const [once, again, other] = await Promise.all([document(line), document(line), document([...line, '--seed', '4'])])
    expect(once.completions.map(({ prompt, sample }: never) => [prompt, sample])).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
    ])
    for (const { prompt_tokens, tokens, logprobs, text, finish } of once.completions) {
      expect([prompt_tokens, tokens]).toEqual([numbers, numbers])
      expect(logprobs).toHaveLength(tokens.length)
      expect(typeof text).toBe('string')
      expect(['eos', 'stop', 'length']).toContain(finish)
    }
    expect(once.completions[4].prompt_tokens).toEqual([5, 6])
    expect(again).toEqual(once)
    expect(other).not.toEqual(once)
  })

  test('papers: all systems as one array, or those that match; prove and run know what is built', async () => {
    const all = await document(['papers'])
    expect(all).toHaveLength(103)
    expect(all[49]).toMatchObject({ n: 50, id: 'rdpo', arxiv: '2403.00409', kind: 'objective' })
    expect(Object.keys(all[0])).toEqual(expect.arrayContaining(['title', 'state', 'figures', 'seconds', 'date']))
    expect((await document(['papers', 'flipped', 'preferences']))[0].id).toBe('rdpo')
    const [unbuilt, unnamed] = await Promise.all([run(['prove', 'inpo']), run(['prove'])])
    expect([unbuilt.code, unnamed.code]).toEqual([2, 2])
    expect(unbuilt.stderr).toContain("there is no recipe 'inpo'")
  })

  test("run: a system on a model and data of one's own; other data is refused with what it reads", async () => {
    const line = ['run', 'rdpo', ...model, '--out', 'robust', 'steps=2', 'epsilon=0.2']
    const { out } = await document([...line, '--data', 'pairs.jsonl'])
    expect(out).toBe('robust')
    expect(existsSync(`${at.folder}/robust/model.safetensors`)).toBe(true)
    const [again, wrong] = await Promise.all([
      run([...line, '--data', 'pairs.jsonl']),
      run(['run', 'rdpo', ...model, '--out', 'other', '--data', 'chats.jsonl']),
    ])
    expect([again.code, wrong.code]).toEqual([2, 2])
    expect(again.stderr).toContain('already holds a run')
    expect(wrong.stderr).toContain('chosen')
    expect(existsSync(`${at.folder}/other`)).toBe(false)
  })

  test('score gives the very log-probs that sample gave', async () => {
    const { completions } = await document(['sample', ...model, '--prompt', 'red lamp', '--max-tokens', '9', '--raw'])
    const [{ prompt_tokens, tokens, logprobs }] = completions
    at.jsonl('drawn.jsonl', [{ tokens: [...prompt_tokens, ...tokens] }])
    const { rows, mean_nll } = await document(['score', ...model, '--data', 'drawn.jsonl'])
    expect(rows[0].logprobs.slice(prompt_tokens.length)).toEqual(logprobs)
    expect(rows[0].logprobs[0]).toBeNull()
    expect(rows[0].n).toBe(rows[0].tokens.length - 1)
    expect(mean_nll).toBeCloseTo(-rows[0].sum / rows[0].n, 12)
  })

  test('score reads chats, prompts and texts from one file', async () => {
    const chat = {
      messages: [
        { role: 'user', content: 'red' },
        { role: 'assistant', content: 'blue' },
      ],
    }
    at.jsonl('mixed.jsonl', [{ text: 'red' }, { prompt: 'red', completion: ' blue' }, chat])
    const { rows } = await document(['score', ...model, '--data', 'mixed.jsonl'])
    expect(rows).toHaveLength(3)
    expect(rows[2].logprobs.slice(0, 3)).toEqual([null, null, null])
  })

  test('eval: figures with intervals, of a task of the project and of a file', async () => {
    at.jsonl(
      'choice.jsonl',
      ['red', 'blue', 'green'].map((prompt) => ({ prompt, choices: ['lamp', 'stone'], answer: 0 })),
    )
    const line = ['eval', ...model, '--task', 'tiny-first,choice.jsonl', '--n', '3', '--samples', '1']
    const { tasks, samples } = await document(line)
    expect(Object.keys(tasks)).toEqual(['tiny-first', 'choice.jsonl'])
    for (const { metric, value, low, high, n } of Object.values<Record<string, never>>(tasks)) {
      expect([metric, n]).toEqual(['accuracy', 3])
      expect(low).toBeLessThanOrEqual(value)
      expect(value).toBeLessThanOrEqual(high)
    }
    expect(samples).toHaveLength(1)
  })

  test('data inspect: what carries loss, and a survey of all rows', async () => {
    const line = ['data', 'inspect', ...model, '--data', 'chats.jsonl', '--rows', '1']
    const [{ rows, statistics }, shown] = await Promise.all([document(line), run(line)])
    const { tokens } = rows[0].segments[0]
    const learnt = tokens.filter(({ loss }: { loss: number }) => loss > 0)
    expect(learnt.map(({ text }: { text: string }) => text).join('')).toBe('red<|im_end|>')
    expect(statistics).toMatchObject({ rows: 12, truncated: 0, dropped: 0 })
    expect(shown.stdout).toContain('⟦red<|im_end|>⟧')
  })

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

  test('chat: the lines of stdin are turns, each answered with all before it', async () => {
    const line = ['sample', ...model, '--chat', '--max-tokens', '3', '--temperature', '0']
    const { messages } = await document(line, { input: 'red\nblue\n/clear\ngreen\n\nnever read\n' })
    expect(messages).toMatchObject([{ role: 'user', content: 'green' }, { role: 'assistant' }])
  })

  test('objectives are listed; graded answers become pairs that dpo reads', async () => {
    const { objectives } = await document(['objectives'])
    const [rdpo] = objectives.filter(({ id }: { id: string }) => id === 'rdpo')
    expect(rdpo).toMatchObject({ paper: 'arXiv:2403.00409, eq. 12', data: 'pairs', needs: ['reference'] })
    expect(rdpo.parameters).toContainEqual({ name: 'epsilon', default: 0.1, about: expect.stringContaining('ε') })
    at.jsonl('graded.jsonl', [{ prompt: 'red', responses: [' lamp', ' blue', ' stone'], scores: [1, 5, 2] }])
    const line = ['data', 'convert', '--data', 'graded.jsonl', '--to', 'pairs', '--out', 'made.jsonl', 'pairs=all']
    expect(await document(line)).toMatchObject({ rows: 3, read: 1, left_out: 0, bad: 0 })
    expect((await run(line)).stderr).toMatch(/made.jsonl exists/)
    const { statistics } = await document(['data', 'inspect', ...model, '--data', 'made.jsonl', '--objective', 'dpo'])
    expect(statistics.rows).toBe(3)
    const refused = await run(['train', 'dpo', ...model, '--data', 'graded.jsonl', '--out', 'none'])
    expect(refused.stderr).toMatch(/hone data convert --to pairs/)
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

  test('doctor finds the kernels right, and never shows a secret', async () => {
    const { stdout } = await run(['doctor', '--json'], {
      env: { HF_TOKEN: 'hf_secret', HF_ENDPOINT: 'https://me:secret@hub.example/' },
    })
    const { checks } = JSON.parse(stdout)
    const find = (name: string) => checks.find((check: { name: string }) => check.name === name)
    expect([find('kernels').ok, find('self-test').ok, find('cache').ok]).toEqual([true, true, true])
    expect(find('HF_TOKEN').found).toBe('set')
    expect(find('HF_ENDPOINT').found).toBe('https://hub.example')
    expect(stdout).not.toContain('secret')
  })
})
