import { closest, HoneError } from '../base/index.ts'
import { type Form, forms } from '../batch/index.ts'
import { add, mul, type Tensor } from '../tensor/index.ts'
import { type ParameterName, parameters } from './parameters.ts'
import { tokenLoss } from './reductions.ts'
import type { Views } from './views.ts'

export type Params = Readonly<Record<string, number | string | boolean>>

/**
 * What an objective asks for besides answers: the reference model's log-probs; each prompt with an answer that belongs to
 * another one (`mismatched`); the prompt in a shorter form for the reference (`shortPrompt`); a teacher's most probable tokens,
 * `topK` of them; the model's own guesses blended into its inputs by `guessShare`; rows of label true each with a `partner` of
 * label false, their hidden states mixed by draws of Beta(`mixAlpha`); a `condition` in the prompt that tells the classes of rows
 * apart; or numbers of the row.
 */
export type Need =
  | 'reference'
  | 'mismatched'
  | 'shortPrompt'
  | 'teacher'
  | 'guesses'
  | 'partner'
  | 'condition'
  | 'label'
  | 'baseline'
  | 'score'

/** Scalars. Each already is a mean over the whole optimiser batch, of which the parts' shares add up. */
export interface ObjectiveValue {
  loss: Tensor
  metrics?: Record<string, Tensor>
  /** The running figures after this batch, for an objective that has some. */
  state?: Record<string, number>
}

export interface Objective<P extends Params = Params> {
  id: string
  /** One line of meaning. */
  summary: string
  /** Paper and equation. */
  source: string
  form: Form
  needs: readonly Need[]
  /** What it reads of the model: log-probs of learnt tokens (default), or the score at the end of each sequence. */
  reads: 'logprob' | 'score'
  /** Defaults of its parameters; what they mean, and their ranges, stands in parameters.ts. */
  params: P
  /** The loss is linear in the log-probs, so that its gradient is known before them: the engine saves work. */
  linear: boolean
  /** 'batch' where a row's loss depends on other rows: all micro-batches are read before it is evaluated once. */
  scope: 'row' | 'batch'
  /** Running figures at the start of a run; kept in the checkpoint. Implies scope 'batch'. */
  state?: Readonly<Record<string, number>>
  /** May be asynchronous, where it reads values to sort them. */
  evaluate(views: Views, params: P): ObjectiveValue | Promise<ObjectiveValue>
}

interface Spec<P extends Params> extends Omit<Objective<P>, 'evaluate' | 'scope' | 'linear' | 'reads'> {
  scope?: 'row' | 'batch'
  linear?: boolean
  reads?: 'logprob' | 'score'
  /** The answer that is imitated with the weight `sftWeight`. Absent: the objective has no such term. */
  imitates?: 'chosen' | 'gold' | 'best'
}

type Mixed = { sftWeight: number }

/**
 * Declares an objective. Where it `imitates` an answer, the parameter `sftWeight` (0 unless declared otherwise) adds that
 * multiple of the mean negative log-prob of the answer's tokens: the mixture with supervised tuning.
 */
export function objective<P extends Params>(spec: Spec<P>, evaluate: Objective<P>['evaluate']): Objective<P> {
  const { imitates, ...rest } = spec
  const base: Objective<P> = { scope: 'row', linear: false, reads: 'logprob', ...rest, evaluate }
  if (!imitates) return base
  const place = (forms[spec.form] as readonly string[]).indexOf(imitates)
  const mixed = async (views: Views, params: P & Mixed): Promise<ObjectiveValue> => {
    const value = await evaluate(views, params)
    if (params.sftWeight === 0) return value
    const nll = tokenLoss(views.at(place))
    return { ...value, loss: add(value.loss, mul(params.sftWeight, nll)), metrics: { ...value.metrics, nll } }
  }
  return {
    ...base,
    params: { ...spec.params, sftWeight: spec.params['sftWeight'] ?? 0 } as P,
    evaluate: (views, params) => mixed(views, params as P & Mixed),
  }
}

/**
 * The parameters of an objective with some replaced.
 * @throws HoneError E_CONFIG on a name that it does not have, or a value out of range
 */
export function withParams<P extends Params>(base: Objective<P>, given: Params): P {
  const names = Object.keys(base.params)
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) {
      const near = closest(name, names)
      throw new HoneError('E_CONFIG', `objective '${base.id}' has no parameter '${name}'`, {
        help: near ? `Did you mean ${near}?` : `It has: ${names.join(', ') || 'none'}.`,
      })
    }
    const checked = parameters[name as ParameterName]?.schema.safeParse(value)
    if (checked && !checked.success) {
      throw new HoneError('E_CONFIG', `${name} of '${base.id}' is ${value}: ${checked.error.issues[0].message}`)
    }
  }
  return { ...base.params, ...given }
}
