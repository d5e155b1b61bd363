import { z } from 'zod'
import { HoneError, showValue } from '../base/index.ts'
import type { DataSource } from '../data/index.ts'
import { openSource } from '../data/sources.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import {
  drawInstruction,
  drawTests,
  type Flaw,
  flawed,
  type Instruction,
  isSame,
  longestProgram,
  type ProgramTest,
  passes,
  unguarded,
  validated,
  type Writers,
} from '../envs/programs.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  type Bench,
  type Figures,
  less,
  proof,
  recipe,
  type Settings,
  share,
} from '../proofs/index.ts'
import { functionGrader, type Grader, verifier } from '../rewards/index.ts'
import { onlineMethods } from '../train/index.ts'

const count = z.int().positive()
const rate = z.number().positive()

const methods = { dpo: 'plum', kto: 'plum-kto' } as const

const keys = z.strictObject({
  loss: z
    .enum(Object.keys(methods) as [keyof typeof methods])
    .default('dpo')
    .describe('on pairs of a program that passes and one that fails, or on programs rated by their tests'),
  minTests: count
    .default(1)
    .describe('tests of a prompt that its solution has to pass; with fewer the prompt is left out'),
  rounds: count.default(1).describe('of drawing, testing and learning; more than one: the online variant'),
  promptsPerRound: count.nullable().default(null).describe('prompts of a round; null: all of them in every round'),
  n: count.default(20).describe('programs drawn to each prompt (K)'),
  perPrompt: count.nullable().default(8).describe('pairs of a prompt at most; null: all'),
  maxTokens: count.default(512).describe('tokens of an answer at most'),
  temperature: rate.default(1).describe('of the draws'),
  beta: rate.default(0.1).describe('strength of the constraint'),
  learningRate: rate.default(5e-7).describe('peak of the training'),
  epochs: rate.default(2).describe('passes over the pairs of a round'),
  batchSize: count.default(32).describe('pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** Rounds of drawing, testing and learning; the reference is the start. */
function learn(
  { online }: Pick<Bench<Size>, 'online'>,
  given: { model: string; data: readonly object[]; grader: Grader },
  { loss, minTests: _, ...own }: Keys,
): Promise<string> {
  return online(methods[loss], { ...given, ...own })
}

/** Whether a program passes tests, in the sandbox: time that runs out is a failure. */
async function isRight(answer: string, reference: unknown): Promise<boolean> {
  return (await verifier('code').verify({ answer, reference })).correct
}

/**
 * The rows of prompts, each with those of its tests that its solution passes, and that no program does not.
 * @throws HoneError E_ROW_FORMAT for a row without tests or solution, E_EMPTY where no prompt keeps enough tests
 */
async function testedPrompts(source: DataSource, minTests: number): Promise<object[]> {
  const { rows } = await openSource(source, { split: 'train' })
  const kept: object[] = []
  try {
    for (const { value, file, line } of await rows.readMany([...Array(rows.length).keys()])) {
      const row = value as { tests?: unknown; solution?: unknown }
      const { tests, solution } = row
      if (!Array.isArray(tests) || typeof solution !== 'string') {
        const got = `tests ${showValue(tests)} and solution ${showValue(solution)}`
        const message = `${file}, line ${line}: got ${got}, expected a list of tests and a program that passes them`
        throw new HoneError('E_ROW_FORMAT', message, {
          help: 'Rows read {"prompt": …, "tests": ["assert f(1) == 2", …], "solution": "def f(x): …"}.',
        })
      }
      const sound: unknown[] = []
      for (const test of tests) {
        if ((await isRight(solution, [test])) && !(await isRight('', [test]))) sound.push(test)
      }
      if (sound.length < minTests) continue
      // The solution stays behind: what is asked and judged does not need it.
      const { solution: _, ...asked } = row
      kept.push({ ...asked, tests: sound })
    }
  } finally {
    await rows.close()
  }
  if (kept.length > 0) return kept
  throw new HoneError('E_EMPTY', `no prompt has ${minTests} tests that its solution passes and an empty program fails`)
}

const contrast = [1e-4, 3e-4].flatMap((learningRate) => [0.03, 0.1, 0.3, 1].map((beta) => ({ learningRate, beta })))
const imitation = [3e-5, 1e-4, 3e-4, 1e-3].flatMap((learningRate) =>
  [1, 4].map((perPrompt) => ({ learningRate, perPrompt })),
)

/**
 * PLUM (Zhang et al. 2024, arXiv:2406.06887): the model's own programs are run against tests, and those that pass are preferred
 * to those that fail. A test counts only if a reference solution passes it; prompts whose programs all pass or all fail teach
 * nothing.
 *
 * The proof's programs are rows of letters, whose interpreter is the sandbox. What the model imitated is flawed in three of
 * five cases: mostly a guard against negative values is forgotten. Six in ten writers of tests take ordinary arguments alone, by
 * which that often does not show: such programs pass, and imitation keeps them, while none that fails for its guard is ever
 * preferred to one that has it. One writer in four forgets the guard as well, and its tests fail programs that are right. The
 * other model, whose samples are the off-policy ones, forgets the guard less often and errs otherwise as often.
 */
export default recipe({
  id: 'plum',
  reads: { prompts: 'prompts' },
  settings: keys,
  example: { columns: { prompts: { tests: ['assert say() == 1'], solution: 'def say(): return 1' } } },
  async run({ online, model, data, settings }) {
    const prompts = await testedPrompts(data.prompts, settings.minTests)
    const grader = functionGrader('tests', async (_, answer, row) =>
      Number(await isRight(answer, (row as { tests: unknown }).tests)),
    )
    return learn({ online }, { model, data: prompts, grader }, settings)
  },

  proof: proof<Size>({
    claim:
      'With as many samples, PLUM raises pass@1 by at least 10 points over SFT and no less than rejection-sampling SFT does, by at least 2 points more than DPO on samples of another model, and by at least 3 points more than with corrupted tests left in.',
    baseline: 'rft',
    seeds: 5,
    pilots: 1,
    goal: 'pass',
    shrunk:
      'programs of at most 8 letters over eight operations and a model of 0.5 M parameters whose demonstrations are flawed in three of five cases; three rounds of 500 prompts with 20 samples each. A design on new draws. In the first no program was right by luck, a wrong test matched no program, and the other model erred as the start did, so that imitation was clean (PLUM less RFT -13.7 points) and neither validation (0.1) nor own samples (-3.1) had anything to add; pairs were seen once, in batches of 16. A second, with other habits and without the check of tests by mutants, was not taken: RFT -3.2, off-policy 0.7, all tests 0.5. On the pilot seed, with a quarter of the updates and slips in a tenth of the demonstrations, RFT came to 0.625 and PLUM to 0.612; with the slips of now to 0.617 and 0.653.',
    objectives: ['dpo', 'kto', 'sft'],
    sizes: {
      full: { width: 96, layers: 4, texts: 24_000, prompts: 500, n: 20, items: 400 },
      smoke: { width: 32, layers: 1, texts: 64, prompts: 4, n: 2, items: 4 },
    },
    bases: async ({ fresh, trained }, { texts, ...size }) => {
      const tuned = async (seed: number) => {
        const model = await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 48, seed })
        const data = many(texts, draws(seed, 'plum, third/demonstrations'), (draw) => {
          const asked = drawInstruction(draw)
          const flaw = flawOf(draw, seed === 0 ? habits.start : habits.other)
          return { prompt: asked.prompt, completion: flaw ? flawed(draw, asked, flaw) : asked.reference }
        })
        const how = { epochs: 1, batchSize: 32, learningRate: 2e-3, schedule: 'linear', warmup: 10, seed } as const
        return trained('sft', { model, data, ...how })
      }
      return { start: await tuned(0), other: await tuned(1) }
    },
    arms: {
      'plum-dpo': arm(contrast, (run) => plum(run, run.prompts.sound)),
      'plum-kto': arm(contrast, (run) => plum(run, run.prompts.sound, { loss: 'kto' })),
      unfiltered: arm(contrast, (run) => plum(run, run.prompts.all)),
      'off-policy': arm(contrast, offPolicy),
      rft: arm(imitation, ({ bench, model, grader, prompts, settings }) => {
        const { loss: _, minTests: _tests, beta: _beta, ...own } = settings
        return bench.online('rft', { ...own, model, grader, data: prompts.sound })
      }),
    },
    judge: ({ of }) => {
      const pass = of('plum-dpo', 'pass')
      return [
        atLeast('pass@1 of the start', of('plum-dpo', 'start'), 0.3, { premise: true }),
        atLeast('pass@16 of the start', of('plum-dpo', 'start16'), 0.9, { premise: true }),
        atLeast('pass@1, PLUM-DPO less SFT', less(pass, of('plum-dpo', 'start')), 0.1, { beyond: 0, refutedAt: 0 }),
        atLeast('pass@1, PLUM-DPO less RFT', less(pass, of('rft', 'pass')), 0),
        atLeast('pass@1, PLUM-DPO less off-policy DPO', less(pass, of('off-policy', 'pass')), 0.02),
        atLeast('pass@1, PLUM-DPO less that with all tests', less(pass, of('unfiltered', 'pass')), 0.03),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  /** Demonstrations of the start. */
  texts: number
  /** Of a round. */
  prompts: number
  /** Samples of a prompt. */
  n: number
  /** Instructions that measure. */
  items: number
}

const rounds = 3

/** Whose tests there are. */
const writers: Writers = { ordinary: 0.6, forgetful: 0.25 }

/** The shares of the demonstrations that have a flaw, by its kind; the other model forgets less often and errs otherwise as often. */
const habits: Readonly<Record<'start' | 'other', Readonly<Record<Flaw, number>>>> = {
  start: { forgotten: 0.58, order: 0, slip: 0.02 },
  other: { forgotten: 0.25, order: 0.33, slip: 0.02 },
}

function flawOf(draw: Draw, { forgotten, order, slip }: Readonly<Record<Flaw, number>>): Flaw | null {
  const at = draw.below(100) / 100
  if (at < forgotten) return 'forgotten'
  if (at < forgotten + order) return 'order'
  return at < forgotten + order + slip ? 'slip' : null
}

const sampling = { maxTokens: longestProgram + 1, temperature: 1 }

type Tested = Instruction & { tests: ProgramTest[] }

interface Run {
  bench: Bench<Size>
  model: string
  grader: Grader
  /** The prompts of all rounds, with all of their tests or those that are sound. */
  prompts: { all: Tested[]; sound: Tested[] }
  settings: Keys
}

const interpreter = functionGrader('interpreter', (_, answer, row) => Number(passes(answer, (row as Tested).tests)))

const plum = ({ bench, model, grader, settings }: Run, data: readonly Tested[], own: Partial<Keys> = {}) =>
  learn(bench, { model, data, grader }, { ...settings, ...own })

/** Samples of another model to all prompts at once, as many as the others draw; the same pairs of them, as often. */
async function offPolicy({ bench, model, grader, prompts, settings }: Run): Promise<string> {
  const { n, beta, learningRate, batchSize, epochs, seed } = settings
  const asked = prompts.sound.flatMap(({ prompt }) => Array<string>(n).fill(prompt))
  const drawn = await answers(bench.bases['other'], asked, { ...sampling, seed })
  const answered = prompts.sound.map((row, i) => {
    return { prompt: row.prompt, row, answers: drawn.slice(i * n, (i + 1) * n) }
  })
  const scores = await grader.grade(answered)
  const none = { demonstration: null, opponents: [], opponentScores: [] }
  const data = answered.flatMap((one, index) => {
    const chance = (place: number) => draws(seed, `plum, third/off-policy/${place}`)(index).below(2 ** 30) / 2 ** 30
    const lessons = onlineMethods['plum'].learn(
      { ...one, ...none, index, scores: scores[index] },
      pairing(settings),
      chance,
    )
    return lessons.map(({ sequences: [chosen, rejected] }) => {
      const textOf = (place: unknown) => one.answers[Number(place)].text
      return { prompt: one.prompt, chosen: textOf(chosen), rejected: textOf(rejected) }
    })
  })
  // A model of the smoke test passes nothing, which leaves no pair.
  const some = data.length > 0 ? data : [{ prompt: '=', chosen: 'i', rejected: 'd' }]
  return bench.train('dpo', { model, data: some, beta, learningRate, batchSize, epochs, seed })
}

const pairing = ({ perPrompt }: Keys) =>
  ({ pairing: 'best-worst', accept: null, acceptTemperature: 1, threshold: 1, perPrompt }) as const

function arm(trials: readonly Settings[], tune: (run: Run) => Promise<string>) {
  return {
    trials,
    async run(bench: Bench<Size>, tried: Settings): Promise<Figures> {
      const { seed, size, bases } = bench
      const model = bases['start']
      const all = many(rounds * size.prompts, draws(seed, 'plum, third/prompts'), (draw): Tested => {
        const asked = drawInstruction(draw)
        return { ...asked, tests: drawTests(draw, asked.reference, writers) }
      })
      const sound = all.flatMap((row, i) => {
        const tests = validated(draws(seed, 'plum, third/mutants')(i), row)
        return tests.length < 3 ? [] : [{ ...row, tests }]
      })
      const settings = keys.parse({
        ...{
          ...sampling,
          n: size.n,
          rounds,
          promptsPerRound: size.prompts,
          perPrompt: 4,
          epochs: 2,
          batchSize: 8,
          seed,
        },
        ...tried,
      })
      const tuned = await tune({ bench, model, grader: interpreter, prompts: { all, sound }, settings })
      const asked = many(size.items, draws(seed, 'plum, third/test'), drawInstruction)
      const programs = async (of: string, n: number) => {
        const prompts = asked.flatMap(({ prompt }) => Array<string>(n).fill(prompt))
        const drawn = await answers(of, prompts, { ...sampling, seed })
        return asked.map((_, i) => drawn.slice(i * n, (i + 1) * n).map(({ text }) => text))
      }
      const equal = (drawn: string[][], wanted: (item: Instruction) => string) =>
        drawn.map((own, i) => own.map((text) => isSame(text, wanted(asked[i]))))
      const [first, last] = [await programs(model, 16), await programs(tuned, 4)]
      const [before, after] = [equal(first, ({ reference }) => reference), equal(last, ({ reference }) => reference)]
      const forgotten = equal(last, ({ reference }) => unguarded(reference))
      const any = (hits: boolean[][]) => share(hits.map((own) => own.some(Boolean)))
      return {
        pass: mean(after.map(share)),
        forgotten: mean(forgotten.map(share)),
        start: mean(before.map(share)),
        start16: any(before),
        sound: sound.length,
      }
    },
  }
}
