import { HoneError, random } from '../base/index.ts'
import { toRow } from '../data/index.ts'
import { isFields } from '../data/messages.ts'
import { atRow, type PreferenceRow, type RawRow, rowError } from '../data/row.ts'
import type {
  Comparison,
  Judge,
  JudgeCallOptions,
  JudgedPair,
  JudgePrompt,
  PairVerdict,
  Settled,
} from '../rewards/index.ts'
import type { Message } from '../text/index.ts'
import { type Interval, wilson } from './bootstrap.ts'

/** A pair and what people, or whoever is trusted, say of it. */
export interface LabelledPair {
  pair: JudgedPair
  label: PairVerdict
  /** Where it was read. */
  line: number
}

/** What a judge said of a labelled pair; `orders` as in `Comparison`. */
export interface LabelledVerdict {
  label: PairVerdict
  verdict: PairVerdict
  orders?: readonly [PairVerdict, PairVerdict] | null
}

type Share = Interval & { n: number }

export interface JudgeAgreement {
  /** Share of pairs with the label's verdict; a tie of one side alone counts half. */
  accuracy: Share
  /** Cohen's κ of the three verdicts; null where chance alone would agree always. */
  kappa: number | null
  /** Share of pairs that the judge calls even. */
  ties: Share
  /** Of label → of verdict → pairs. */
  confusion: Record<PairVerdict, Record<PairVerdict, number>>
  /** How much the place of an answer counts; null for judges that see answers alone, or were asked in one order. */
  position: {
    /** Share of pairs whose two orders gave different verdicts. */
    contradictory: Share
    /** Share of decisions, both orders apart, for the answer shown first: one half without a bias. Null where there is none. */
    first: Share | null
  } | null
}

const verdicts: readonly PairVerdict[] = ['first', 'second', 'tie']

/**
 * The agreement of a judge with labels. κ needs labels of both kinds: where the better answer always stands first it is 0 whatever
 * the judge says; `labelledPairs` places them evenly.
 * @throws HoneError E_EMPTY without pairs
 */
export function judgeAgreement(rows: readonly LabelledVerdict[]): JudgeAgreement {
  if (rows.length === 0) throw new HoneError('E_EMPTY', 'the judge has judged no pair, expected at least one')
  const row = () => ({ first: 0, second: 0, tie: 0 })
  const confusion: Record<PairVerdict, Record<PairVerdict, number>> = { first: row(), second: row(), tie: row() }
  for (const { label, verdict } of rows) confusion[label][verdict]++
  const right = rows.reduce((sum, { label, verdict }) => {
    if (label === verdict) return sum + 1
    return label === 'tie' || verdict === 'tie' ? sum + 0.5 : sum
  }, 0)
  const asked = rows.flatMap(({ orders }) => (orders ? [orders] : []))
  // Of the second order the answer shown first is the second one.
  const decisions = asked.flatMap(([given, swapped]) => [given, mirrored[swapped]]).filter((place) => place !== 'tie')
  return {
    accuracy: share(right, rows.length),
    kappa: cohenKappa(verdicts.map((label) => verdicts.map((verdict) => confusion[label][verdict]))),
    ties: share(rows.filter(({ verdict }) => verdict === 'tie').length, rows.length),
    confusion,
    position:
      asked.length === 0
        ? null
        : {
            contradictory: share(asked.filter(([given, swapped]) => given !== swapped).length, asked.length),
            first:
              decisions.length === 0
                ? null
                : share(decisions.filter((place) => place === 'first').length, decisions.length),
          },
  }
}

const mirrored: Record<PairVerdict, PairVerdict> = { first: 'second', second: 'first', tie: 'tie' }
const share = (count: number, n: number): Share => ({ ...wilson(count, n), n })

/**
 * Cohen's κ = (p_o − p_e) / (1 − p_e) (Cohen 1960, eq. 1): agreement beyond what the raters' own frequencies would give by chance.
 * @param counts [K][K] how often the first rater said the row and the second the column
 * @returns null where p_e is 1, or without counts
 */
export function cohenKappa(counts: readonly (readonly number[])[]): number | null {
  const rows = counts.map((row) => row.reduce((sum, value) => sum + value, 0))
  const columns = counts.map((_, k) => counts.reduce((sum, row) => sum + row[k], 0))
  const n = rows.reduce((sum, value) => sum + value, 0)
  // In counts, not shares: whole numbers, so that a perfect chance agreement is told exactly.
  const observed = n * counts.reduce((sum, row, k) => sum + row[k], 0)
  const expected = rows.reduce((sum, value, k) => sum + value * columns[k], 0)
  return expected === n * n ? null : (observed - expected) / (n * n - expected)
}

/**
 * Pairs out of rows {"prompt", "chosen", "rejected"}, with a "reference" of any kind where they have one. In one half of them, drawn by the
 * seed, the better answer becomes the second; where `score_chosen` equals `score_rejected` the label is a tie.
 * @throws HoneError E_ROW_FORMAT naming file and line
 */
export function labelledPairs(rows: readonly RawRow[], { seed = 0 }: { seed?: number } = {}): LabelledPair[] {
  const places = random(seed, 'labelled pairs').permutation(rows.length)
  return rows.map((raw, i) =>
    atRow({ file: raw.file, line: raw.line }, () => {
      const { row } = toRow(raw)
      if (row.kind !== 'preference') {
        throw rowError(`the row is of the kind ${row.kind}, expected a pair {"prompt", "chosen", "rejected"}`)
      }
      const reference = isFields(raw.value) ? (raw.value['reference'] ?? undefined) : undefined
      const { prompt, answers } = textsOf(row)
      const isSecond = 2 * places[i] < rows.length
      const isEven = row.values?.['score']?.[0] !== undefined && row.values['score'][0] === row.values['score'][1]
      return {
        pair: {
          prompt,
          answers: isSecond ? [answers[1], answers[0]] : answers,
          ...(reference !== undefined && { reference }),
          row: raw.value,
        },
        label: isEven ? 'tie' : isSecond ? 'second' : 'first',
        line: raw.line,
      }
    }),
  )
}

function textsOf(row: PreferenceRow): { prompt: JudgePrompt; answers: [string, string] } {
  if (!row.chat) return { prompt: row.prompt, answers: [row.chosen, row.rejected] }
  return { prompt: row.prompt, answers: [textOf(row.chosen), textOf(row.rejected)] }
}

function textOf(turns: readonly Message[]): string {
  if (turns.length === 1) return turns[0].content
  throw rowError(
    `an answer has ${turns.length} turns, expected one of the assistant`,
    'A judge compares single answers.',
  )
}

export interface JudgedPairs {
  verdicts: Settled<Comparison>[]
  /** Over the pairs that were judged; null where none was. */
  agreement: JudgeAgreement | null
  judged: number
  /** What kept the others from being judged; the code of the last error. */
  status: 'done' | `E_${string}`
}

/** Lets a judge compare labelled pairs, as far as it comes, and measures its agreement with the labels. */
export async function evaluateJudge(
  judge: Pick<Judge, 'compare'>,
  labelled: readonly LabelledPair[],
  options: JudgeCallOptions = {},
): Promise<JudgedPairs> {
  const verdicts = await judge.compare(
    labelled.map(({ pair }) => pair),
    options,
  )
  const rows = verdicts.flatMap((one, i) => (one instanceof HoneError ? [] : [{ ...one, label: labelled[i].label }]))
  const failed = verdicts.findLast((one) => one instanceof HoneError)
  return {
    verdicts,
    agreement: rows.length > 0 ? judgeAgreement(rows) : null,
    judged: rows.length,
    status: failed?.code ?? 'done',
  }
}
