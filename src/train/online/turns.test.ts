import { expect, test } from 'vitest'
import { packTree } from '../../batch/index.ts'
import type { Engine } from '../../engine/index.ts'
import type { Completion, Prompt, Sampling } from '../../generate/index.ts'
import type { Tokenizer } from '../../text/index.ts'
import { drawTurns, type Tools } from './turns.ts'

/** A letter is a token. */
const codes = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0))
const tokenizer = {
  decode: (ids: number[]) => String.fromCharCode(...ids),
  encodeParts: (parts: string[]) => parts.map(codes),
} as unknown as Tokenizer

const calls: { asked: string; id?: number; round: number }[] = []

/** Says what the script has for a path; a turn ends behind '='. */
function engineOf(script: Record<string, string>): Engine {
  calls.length = 0
  async function* sample(
    prompts: readonly Prompt[],
    { round = 0, stop = [] }: Partial<Sampling>,
  ): AsyncGenerator<Completion> {
    // As an engine does: not in the order of the prompts.
    for (const [place, { tokens, id }] of [...prompts.entries()].reverse()) {
      const asked = String.fromCharCode(...Array.from(tokens))
      calls.push({ asked, id, round })
      const said = script[asked]
      const finish = stop.some((text) => said.endsWith(text)) ? 'stop' : 'eos'
      yield {
        ...{ prompt: place, sample: 0, promptTokens: [], logprobs: [], sampledLogprobs: [], weightsVersion: 0, finish },
        tokens: codes(said),
        text: finish === 'stop' ? said.slice(0, -1) : said,
      }
    }
  }
  return { sample } as unknown as Engine
}

const calculator: Tools = {
  id: 'calculator',
  stop: ['='],
  maxTurns: 3,
  respond: (_, said) => {
    const [, a, b] = /(\d)\+(\d)=$/.exec(said) ?? []
    return a === undefined ? null : `${Number(a) + Number(b)};`
  },
}
const prompt = (text: string, index = 0) => ({
  index,
  tokens: codes(text),
  demonstration: null,
  prompt: text,
  row: null,
})
const sampling = { n: 1, round: 5, maxTokens: 20 }

test('what a tool says enters the path and is not learnt', async () => {
  const engine = engineOf({ 'Q:': '1+2=', 'Q:1+2=3;': '3+4=', 'Q:1+2=3;3+4=7;': 'So 7.' })
  const [[answer]] = await drawTurns({ engine, tokenizer }, [prompt('Q:')], sampling, calculator)
  expect(answer.text).toBe('1+2=3;3+4=7;So 7.')
  expect(answer.finish).toBe('eos')
  expect(String.fromCharCode(...answer.tokens)).toBe(answer.text)
  const learnt = answer.tokens.filter((_, i) => answer.loss?.[i])
  expect(String.fromCharCode(...learnt)).toBe('1+2=3+4=So 7.')
  // As a row of a batch: no target lies in what came back, and what follows it sees it.
  const tree = packTree([
    { id: 0, segments: [{ tokens: codes('Q:') }, { tokens: answer.tokens, loss: answer.loss, parent: 0 }] },
  ])
  expect(String.fromCharCode(...tree.targets.map((t) => tree.tokens[t]))).toBe('1+2=3+4=So 7.')
})

test('answers that end early wait for nobody; each turn of each sample has draws of its own', async () => {
  const engine = engineOf({ 'A:': '1+1=', 'A:1+1=2;': 'ok', 'B:': 'no' })
  const prompts = [prompt('A:', 3), prompt('B:', 8)]
  const answers = await drawTurns({ engine, tokenizer }, prompts, { ...sampling, n: 2 }, calculator)
  expect(answers.map((list) => list.map(({ text }) => text))).toEqual([
    ['1+1=2;ok', '1+1=2;ok'],
    ['no', 'no'],
  ])
  const keys = calls.map(({ id, round }) => `${id} ${round}`)
  expect(new Set(keys).size).toBe(keys.length)
  expect(calls).toHaveLength(6)
})

test('a limit holds for the whole answer, what came back included', async () => {
  const script = { 'Q:': '1+2=', 'Q:1+2=3;': '3+4=', 'Q:1+2=3;3+4=7;': 'So 7.' }
  const drawn = async (maxTokens: number) =>
    (
      await drawTurns({ engine: engineOf(script), tokenizer }, [prompt('Q:')], { ...sampling, maxTokens }, calculator)
    )[0][0]
  for (const maxTokens of [3, 4, 5, 6, 8, 11, 14, 16]) {
    const { tokens, loss, finish } = await drawn(maxTokens)
    expect(tokens.length).toBeLessThanOrEqual(maxTokens)
    expect(loss).toHaveLength(tokens.length)
    expect(finish).toBe('length')
  }
  expect((await drawn(17)).finish).toBe('eos')
})

test('turns are counted, and a tool that has nothing to say ends the answer', async () => {
  const again = engineOf({ 'Q:': '1+2=', 'Q:1+2=3;': '1+2=', 'Q:1+2=3;1+2=3;': '1+2=' })
  const [[long]] = await drawTurns(
    { engine: again, tokenizer },
    [prompt('Q:')],
    { ...sampling, maxTokens: 99 },
    calculator,
  )
  expect(long.text).toBe('1+2=3;1+2=3;1+2=3;')
  const odd = engineOf({ 'Q:': 'x=' })
  const [[short]] = await drawTurns({ engine: odd, tokenizer }, [prompt('Q:')], sampling, calculator)
  expect(short).toMatchObject({ text: 'x=', finish: 'stop' })
})
