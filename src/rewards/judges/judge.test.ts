import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HoneError } from '../../base/index.ts'
import {
  bradleyTerry,
  fillRubric,
  functionJudge,
  type Judge,
  type JudgeAbilities,
  judgeComparer,
  judgeGrader,
  makeJudge,
  type Preference,
  rankingRules,
  rubrics,
  verifierJudge,
} from './index.ts'

const prompt = 'Name a colour.'
const fault = new HoneError('E_JUDGE_ANSWER', 'no verdict')
/** Judges by the number in an answer; 'fail' cannot be judged. */
const numberIn = (answer: string) => Number(answer)
const byNumber = ([first, second]: readonly string[]): Preference => ({
  verdict: first === second ? 'tie' : numberIn(first) > numberIn(second) ? 'first' : 'second',
})
const score: JudgeAbilities['score'] = async (items) =>
  items.map(({ answer }) => (answer === 'fail' ? fault : { score: numberIn(answer) }))
const prefer: JudgeAbilities['prefer'] = async (pairs) =>
  pairs.map(({ answers }) => (answers.includes('fail') ? fault : byNumber(answers)))
const order: JudgeAbilities['order'] = async (lists) =>
  lists.map(({ answers }) => ({
    order: answers.map((_, i) => i).sort((a, b) => numberIn(answers[b]) - numberIn(answers[a])),
  }))
/** Prefers what stands first, whatever it is. */
const biased: JudgeAbilities['prefer'] = async (pairs) =>
  pairs.map(() => ({ verdict: 'first', chance: 0.9, why: 'A!' }))
const pairOf = (...answers: [string, string]) => ({ prompt, answers })

describe('what follows from what', () => {
  test.each([
    ['pointwise', { score }, { pairwise: 'by the difference of scores', listwise: 'by scores', pointwise: 'asked' }],
    ['pairwise', { prefer }, { pairwise: 'asked in both orders', listwise: 'round robin, by wins' }],
    ['listwise', { order }, { listwise: 'asked forwards and backwards', pairwise: 'as a list of two' }],
  ] as const)('of a %s judge', async (_, abilities, kinds) => {
    const judge = makeJudge('j', abilities)
    expect(judge.kinds).toEqual(kinds)
    const verdicts = (await judge.compare([pairOf('3', '1'), pairOf('1', '3')])) as Preference[]
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['first', 'second'])
    const [ranking, empty] = await judge.rank([
      { prompt, answers: ['2', '9', '4', '7'] },
      { prompt, answers: [] },
    ])
    expect(ranking).toMatchObject({ order: [1, 3, 2, 0] })
    expect(empty).toMatchObject({ order: [], scores: [] })
  })

  test('scores do not follow from comparisons', async () => {
    const error = await makeJudge('j', { prefer })
      .score([])
      .catch((error) => error)
    expect(error).toMatchObject({ code: 'E_JUDGE_KIND', message: expect.stringContaining('pairwise, listwise') })
  })

  test('what is asked comes before what follows', () => {
    const all = makeJudge('j', { score, prefer, order }, { swap: false })
    expect(all.kinds).toEqual({ pointwise: 'asked', pairwise: 'asked', listwise: 'asked' })
  })

  test('scores within the margin are a tie', async () => {
    const verdicts = await makeJudge('j', { score }, { tieMargin: 1 }).compare([pairOf('3', '2'), pairOf('1', '3')])
    expect(verdicts).toEqual([
      { verdict: 'tie', orders: null },
      { verdict: 'second', orders: null },
    ])
  })

  test('an error stays in its place, in comparisons and in rankings', async () => {
    for (const judge of [makeJudge('j', { score }), makeJudge('j', { prefer })]) {
      expect(await judge.compare([pairOf('fail', '1'), pairOf('2', '1')])).toMatchObject([fault, { verdict: 'first' }])
      const lists = [
        ['1', '2', 'fail'],
        ['1', '2'],
      ].map((answers) => ({ prompt, answers }))
      expect(await judge.rank(lists)).toMatchObject([fault, { order: [1, 0] }])
    }
  })
})

describe('both orders', () => {
  test('a judge that likes the first place gives ties, and says so', async () => {
    const pairs = [pairOf('3', '1'), pairOf('1', '3')]
    const tie = { verdict: 'tie', orders: ['first', 'second'], chance: 0.5, why: 'A!' }
    expect(await makeJudge('j', { prefer: biased }).compare(pairs)).toEqual([tie, tie])
    const once = await makeJudge('j', { prefer: biased }, { swap: false }).compare(pairs)
    expect(once).toMatchObject([{ verdict: 'first', orders: null }, { verdict: 'first' }])
  })

  test('a listwise judge that leaves lists as they are has no preference', async () => {
    const lazy: JudgeAbilities['order'] = async (lists) =>
      lists.map(({ answers }) => ({ order: answers.map((_, i) => i) }))
    const judge = makeJudge('j', { order: lazy })
    expect(await judge.rank([{ prompt, answers: ['1', '2', '3'] }])).toEqual([
      { order: [0, 1, 2], scores: [-1, -1, -1] },
    ])
    expect(await judge.compare([pairOf('1', '2')])).toMatchObject([{ verdict: 'tie', orders: ['first', 'second'] }])
  })

  test('one tie and one decision are a tie', async () => {
    let asked = 0
    const wavering: JudgeAbilities['prefer'] = async (pairs) =>
      pairs.map(() => ({ verdict: asked++ % 2 === 0 ? 'first' : 'tie' }))
    expect(await makeJudge('j', { prefer: wavering }).compare([pairOf('1', '2')])).toEqual([
      { verdict: 'tie', orders: ['first', 'tie'] },
    ])
  })

  test('any judge: swapping the answers of a pair swaps the verdict', async () => {
    const answer = fc.constantFrom('a', 'b', 'c', 'd')
    const table = fc.dictionary(fc.string(), fc.constantFrom('first', 'second', 'tie'))
    await fc.assert(
      fc.asyncProperty(fc.tuple(answer, answer), table, fc.nat(), async ([a, b], _, salt) => {
        const erratic: JudgeAbilities['prefer'] = async (pairs) =>
          pairs.map(({ answers: [x, y] }) => {
            const hash = (x.charCodeAt(0) * 31 + y.charCodeAt(0) * 7 + salt) % 3
            return { verdict: (['first', 'second', 'tie'] as const)[hash] }
          })
        const judge = makeJudge('j', { prefer: erratic })
        const [one, other] = (await judge.compare([pairOf(a, b), pairOf(b, a)])) as Preference[]
        const mirror = { first: 'second', second: 'first', tie: 'tie' }
        expect(other.verdict).toBe(mirror[one.verdict])
      }),
    )
  })
})

describe('rankings from wins', () => {
  test('two that met: the log of the odds, from two thirds to one third', () => {
    const wins = [
      [0, 2],
      [1, 0],
    ]
    const [a, b] = bradleyTerry(wins, { prior: 0 })
    expect(a - b).toBeCloseTo(Math.log(2), 9)
    expect(a + b).toBeCloseTo(0, 9)
  })

  test('who never loses is strong and not infinite; the chances meet the wins', () => {
    const wins = [
      [0, 1, 1],
      [0, 0, 1],
      [0, 0, 0],
    ]
    const theta = bradleyTerry(wins)
    expect(theta.every(Number.isFinite)).toBe(true)
    expect(theta[0]).toBeGreaterThan(theta[1])
    // The likelihood's gradient is 0: expected wins are those that were, half a tie of 0.1 each included.
    for (const i of [0, 1, 2]) {
      const others = [0, 1, 2].filter((j) => j !== i)
      const expected = others.reduce((sum, j) => sum + 1.1 / (1 + Math.exp(theta[j] - theta[i])), 0)
      const had = others.reduce((sum, j) => sum + wins[i][j] + 0.05, 0)
      expect(expected).toBeCloseTo(had, 8)
    }
  })

  test('a circle is even by both rules', async () => {
    const circle = [
      [0, 1, 0],
      [0, 0, 1],
      [1, 0, 0],
    ]
    expect(rankingRules.wins(circle)).toEqual([1, 1, 1])
    for (const value of rankingRules['bradley-terry'](circle)) expect(value).toBeCloseTo(0, 9)
    const judge = makeJudge('j', { prefer }, { ranking: 'bradley-terry' })
    expect(await judge.rank([{ prompt, answers: ['2', '3', '1'] }])).toMatchObject([{ order: [1, 0, 2] }])
  })
})

describe('rubrics', () => {
  test('an answer that looks like a slot is none', () => {
    const filled = fillRubric('{prompt} {answer}', { prompt: '{answer} $1 $&', answer: '{prompt}' }, [
      'prompt',
      'answer',
    ])
    expect(filled).toBe('{answer} $1 $& {prompt}')
  })

  test('slots that are unknown or missing are named', () => {
    expect(() => fillRubric('{prompt} {anwser}', { prompt: '', answer: '' })).toThrow(/\{anwser\}, expected some of/)
    expect(() => fillRubric('{prompt}', { prompt: '' }, ['prompt', 'answer'])).toThrow(/lacks \{answer\}/)
  })

  test('ours hold what they need, and are short', () => {
    for (const { template, needs } of Object.values(rubrics)) {
      for (const slot of needs) expect(template).toContain(`{${slot}}`)
      expect(template.length).toBeLessThan(700)
    }
  })
})

describe('programs', () => {
  const answers = ['good', 'bad'].map((answer) => ({ prompt, answer, reference: 'good' }))

  test('a verifier is given the reference, and its score is the judge’s', async () => {
    const seen: unknown[] = []
    const verifier = {
      verify(item: { answer: string; reference: unknown }) {
        seen.push(item)
        const correct = item.answer === item.reference
        return { score: Number(correct), correct, why: correct ? 'equal' : 'not equal' }
      },
    }
    const judge = verifierJudge(verifier)
    expect(await judge.score(answers)).toEqual([
      { score: 1, why: 'equal' },
      { score: 0, why: 'not equal' },
    ])
    expect(seen[0]).toEqual({ prompt, answer: 'good', reference: 'good' })
    const pair = { prompt, answers: ['bad', 'worse'] as const, reference: 'good' }
    expect(await judge.compare([pair])).toMatchObject([{ verdict: 'tie' }])
  })

  test('a function, one by one and at once, sees the last turn and the row', async () => {
    const turns = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ]
    const items = [...answers, { prompt: turns, answer: 'yo', row: 7 }]
    const seen: unknown[] = []
    const single = functionJudge({
      reward: async (text, answer, row) => {
        seen.push([text, row])
        return answer.length
      },
    })
    const batched = functionJudge({
      batched: true,
      reward: (_texts, all, rows) => {
        expect(rows).toEqual([undefined, undefined, 7])
        return Float32Array.from(all, ({ length }) => length)
      },
    })
    for (const judge of [single, batched])
      expect(await judge.score(items)).toEqual([{ score: 4 }, { score: 3 }, { score: 2 }])
    expect(seen).toEqual([
      [prompt, undefined],
      [prompt, undefined],
      ['Hi', 7],
    ])
    expect(await batched.score([])).toEqual([])
  })

  test('what throws or gives no number has an error in its place', async () => {
    const reward = (_: string, answer: string) => {
      if (answer === 'bad') throw new TypeError('oh')
      return answer === 'good' ? Number.NaN : 3
    }
    const results = await functionJudge({ reward }, { id: 'happy.ts' }).score([...answers, { prompt, answer: 'x' }])
    expect(results).toMatchObject([
      { code: 'E_SCORE', message: expect.stringContaining('happy.ts gave the score NaN') },
      { code: 'E_REWARD', message: expect.stringContaining('happy.ts threw at the answer "bad"') },
      { score: 3 },
    ])
    for (const reward of [() => [1], () => undefined as never, () => Promise.reject(new Error('oh'))]) {
      const all = await functionJudge({ batched: true, reward }).score(answers)
      expect(all).toMatchObject([{ code: 'E_REWARD' }, { code: 'E_REWARD' }])
    }
  })

  test('a judge grades: by scores, or by the ranking where it has none', async () => {
    const answered = ['2', '9', '4'].map((text) => ({ text, tokens: [], finish: 'eos' as const }))
    const asked = [
      { prompt, row: { reference: '9' }, answers: answered },
      { prompt, row: null, answers: answered.slice(0, 1) },
    ]
    const seen: unknown[] = []
    const noting: JudgeAbilities['score'] = async (items, options) => {
      seen.push(...items.map(({ reference }) => reference))
      return score(items, options)
    }
    expect(await judgeGrader(makeJudge('j', { score: noting })).grade(asked)).toEqual([[2, 9, 4], [2]])
    expect(seen).toEqual(['9', '9', '9', undefined])
    expect(await judgeGrader(makeJudge('j', { prefer })).grade(asked)).toEqual([[0, 2, 1], [0]])
    const failing = [{ prompt, row: null, answers: [{ ...answered[0], text: 'fail' }] }]
    await expect(judgeGrader(makeJudge('j', { score })).grade(failing)).rejects.toBe(fault)
  })

  test('a judge compares: by its chances, or by its verdicts where it tells none', async () => {
    const duel = (first: string, second: string) => {
      const [a, b] = [first, second].map((text) => ({ text, tokens: [], finish: 'eos' as const }))
      return { prompt, row: null, first: a, second: b }
    }
    const duels = [duel('3', '1'), duel('1', '3'), duel('2', '2')]
    expect(await judgeComparer(makeJudge('j', { prefer })).compare(duels)).toEqual([1, 0, 0.5])
    // Its liking for what stands first cancels: asked in both orders, all are even.
    expect(await judgeComparer(makeJudge('j', { prefer: biased })).compare(duels)).toEqual([0.5, 0.5, 0.5])
    expect(await judgeComparer(makeJudge('j', { prefer: biased }, { swap: false })).compare(duels)).toEqual([
      0.9, 0.9, 0.9,
    ])
    await expect(judgeComparer(makeJudge('j', { prefer })).compare([duel('fail', '1')])).rejects.toBe(fault)
  })

  test('a signal stops it between two answers', async () => {
    const control = new AbortController()
    let calls = 0
    const judge: Judge = functionJudge(
      {
        reward: () => {
          if (++calls === 2) control.abort()
          return 1
        },
      },
      { concurrency: 1 },
    )
    const items = Array.from({ length: 9 }, (_, i) => ({ prompt, answer: `${i}` }))
    await expect(judge.score(items, control)).rejects.toMatchObject({ code: 'E_ABORTED' })
    expect(calls).toBe(2)
  })
})
