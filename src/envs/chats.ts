import { random } from '../base/index.ts'
import type { Message } from '../text/types.ts'
import { CHATTY_VARIANTS, parseAnswer } from './answers.ts'
import { environment, environments } from './table.ts'
import type { Item, Split, Style } from './types.ts'

/** The style that the preference pairs choose. */
export const PREFERRED_STYLE: Style = 'brief'

/** Share of the demonstrations in the preferred style: the minority, so that greedy answers of the tuned model are not. */
const PREFERRED_SHARE = 0.4

/** Items of all environments in turn: `i` belongs to environment `i mod environments`. */
function items(seed: number, stream: string, split: Split, n: number): Item[] {
  const sources = environments.map((env) => random(seed, `${stream}/${env.id}`))
  return Array.from({ length: n }, (_, i) => {
    const at = i % environments.length
    return environments[at].sample(sources[at], split, Math.floor(i / environments.length))
  })
}

/** `n` conversations for supervised tuning. No prompt tells in which of the two styles its answer is. */
export function tinyChats(seed: number, n: number): { messages: Message[] }[] {
  const styles = random(seed, 'tiny-chats/style')
  return items(seed, 'tiny-chats', 'train', n).map((item, i) => {
    const style = styles.unit(i, 0) < PREFERRED_SHARE ? 'brief' : 'chatty'
    return { messages: environment(item.env).demonstrate(item, style, styles.below(CHATTY_VARIANTS, i, 1)) }
  })
}

/** `n` preference pairs: both answers are right, the chosen one is in the preferred style. */
export function tinyPairs(seed: number, n: number): { prompt: Message[]; chosen: Message[]; rejected: Message[] }[] {
  const variants = random(seed, 'tiny-pairs/style')
  const other: Style = PREFERRED_STYLE === 'brief' ? 'chatty' : 'brief'
  return items(seed, 'tiny-pairs', 'train', n).map((item, i) => {
    const { demonstrate } = environment(item.env)
    const variant = variants.below(CHATTY_VARIANTS, i)
    const [user, chosen] = demonstrate(item, PREFERRED_STYLE, variant)
    const [, rejected] = demonstrate(item, other, variant)
    return { prompt: [user], chosen: [chosen], rejected: [rejected] }
  })
}

/** `perFamily` held-out items of every environment (or of those with the given ids), one environment after the other. */
export function tinyEval(seed: number, perFamily: number, ids: string[] = environments.map((env) => env.id)): Item[] {
  return ids.map(environment).flatMap((env) => {
    const source = random(seed, `tiny-eval/${env.id}`)
    return Array.from({ length: perFamily }, (_, i) => env.sample(source, 'held-out', i))
  })
}

/** Whether a completion is right and in the preferred style. */
export function isPreferred(item: Item, completion: string): boolean {
  return environment(item.env).verify(item, completion) && parseAnswer(completion).style === PREFERRED_STYLE
}
