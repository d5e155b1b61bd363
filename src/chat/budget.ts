import { formatCount, HoneError } from '../base/index.ts'
import type { BudgetLimits, Spent, Usage } from './types.ts'

export interface Budget {
  readonly spent: Spent
  /**
   * Lets one HTTP request begin; what it returns is called at its end, with what its answer cost, null where none came.
   * @throws HoneError E_BUDGET when nothing is left
   */
  begin(expectedTokens: number): Promise<(usage: Usage | null) => void>
}

/**
 * Counts what is spent. Requests never exceed their limit. Those under way are counted with what they are expected to cost:
 * while that alone reaches the limit, others wait for the true figure. So, where the expectation holds, only the last answer
 * goes over the limit of tokens, by less than its own length, however many are under way.
 */
export function openBudget({
  requests = Number.POSITIVE_INFINITY,
  tokens = Number.POSITIVE_INFINITY,
}: BudgetLimits = {}): Budget {
  const spent: Spent = { requests: 0, promptTokens: 0, completionTokens: 0, cached: 0 }
  let reserved = 0
  let ended: (() => void)[] = []
  const used = () => spent.promptTokens + spent.completionTokens

  const refuse = (limit: string): HoneError => {
    const told = `${spent.requests} requests, ${formatCount(used())} tokens`
    return new HoneError('E_BUDGET', `the budget of ${limit} is spent (${told})`, {
      help: 'What was answered is kept. With a cache the same call goes on from there, once the budget is raised.',
    })
  }
  return {
    spent,
    async begin(expected) {
      for (;;) {
        if (spent.requests >= requests) throw refuse(`${requests} requests`)
        if (used() >= tokens) throw refuse(`${tokens} tokens`)
        if (used() + reserved < tokens) break
        await new Promise<void>((resolve) => ended.push(resolve))
      }
      spent.requests++
      reserved += expected
      let isOver = false
      return (usage) => {
        if (isOver) return
        isOver = true
        reserved -= expected
        spent.promptTokens += usage?.promptTokens ?? 0
        spent.completionTokens += usage?.completionTokens ?? 0
        const waiting = ended
        ended = []
        for (const go of waiting) go()
      }
    },
  }
}
