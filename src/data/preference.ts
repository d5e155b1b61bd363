/** What preference data comes as: how the prompt is found that the better and the worse answer share. */
import { showValue } from '../base/index.ts'
import type { Message } from '../text/index.ts'
import { isFields, sameMessage, toConversation } from './messages.ts'
import { rowError } from './row.ts'

/** One side of a pair: plain text, or turns. */
export type Answer = string | Message[]
/** A prompt and the answers to it, in one form. */
export type Prompted =
  | { chat: false; prompt: string; answers: string[] }
  | { chat: true; prompt: Message[]; answers: Message[][] }

/** A text, a list of turns, or a single turn (LLaMA-Factory's `chosen: {from, value}`). */
export function toAnswer(value: unknown, name: string): { answer: Answer; tools?: unknown[] } {
  if (typeof value === 'string') return { answer: value }
  if (!Array.isArray(value) && !isFields(value)) {
    throw rowError(`${name} is ${showValue(value)}, expected a text or a list of turns`)
  }
  const { messages, tools } = toConversation(Array.isArray(value) ? value : [value], name)
  return { answer: messages, tools }
}

const turn = (role: 'user' | 'assistant', content: string): Message[] => [{ role, content }]

/**
 * Brings prompt and answers to one form: all text, or all turns. Where turns repeat those of the prompt (the form of
 * UltraFeedback) they are cut from the answers; where no prompt is given it is what the answers begin with alike.
 *
 * Without `chat`, texts stay text, save dialogues in the form of HH-RLHF, which become turns; with `chat: true` every text
 * becomes a turn, with `false` none does.
 */
export function sharePrompt(prompt: Answer | undefined, answers: Answer[], chat?: boolean): Prompted {
  const texts = answers.filter((answer) => typeof answer === 'string')
  if (texts.length === answers.length && (prompt === undefined || typeof prompt === 'string')) {
    if (chat !== false && texts.every(isDialogue) && (!prompt || isDialogue(prompt))) {
      return shareTurns(prompt ? parseDialogue(prompt) : undefined, texts.map(parseDialogue))
    }
    const shared = shareText(prompt, texts)
    if (!chat) return { chat: false, ...shared }
    const spoken = shared.answers.map((text) => turn('assistant', text))
    return { chat: true, prompt: turn('user', shared.prompt), answers: spoken }
  }
  const turns = answers.map((answer) => (typeof answer === 'string' ? turn('assistant', answer) : answer))
  if (typeof prompt !== 'string') return shareTurns(prompt?.length ? prompt : undefined, turns)
  // A prompt of text beside whole conversations only repeats their first turn.
  const whole = turns.every((messages) => messages.length > 0 && messages[0].role !== 'assistant')
  return shareTurns(whole ? undefined : turn('user', prompt), turns)
}

function shareText(prompt: string | undefined, answers: string[]): { prompt: string; answers: string[] } {
  // Answers that happen to begin with the prompt's words are not taken for a repetition of it.
  if (prompt !== undefined) return { prompt, answers }
  let length = 0
  const shortest = Math.min(...answers.map((answer) => answer.length))
  while (length < shortest && answers.every((answer) => answer[length] === answers[0][length])) length++
  // Back to a word's border: half a word is not a prompt, and the space belongs to the word after it.
  while (length > 0 && !/\s/.test(answers[0][length])) length--
  return { prompt: answers[0].slice(0, length), answers: answers.map((answer) => answer.slice(length)) }
}

function shareTurns(prompt: Message[] | undefined, answers: Message[][]): Prompted {
  if (answers.some((answer) => answer.length === 0)) throw rowError('an answer has no turns, expected at least one')
  if (prompt && !answers.every((answer) => repeats(answer, prompt))) return { chat: true, prompt, answers }
  if (
    prompt &&
    answers.every((answer) => answer.length > prompt.length && prompt.every((m, i) => sameMessage(m, answer[i])))
  ) {
    return { chat: true, prompt, answers: answers.map((answer) => answer.slice(prompt.length)) }
  }
  const shortest = Math.min(...answers.map((answer) => answer.length))
  let length = 0
  while (length < shortest - 1 && answers.every((answer) => sameMessage(answer[length], answers[0][length]))) length++
  if (length === 0) {
    throw rowError(
      `the answers begin with different turns (${answers.map((answer) => showValue(answer[0])).join(' and ')})`,
      'a pair shares its prompt: give it as "prompt", or as the first turns of both "chosen" and "rejected"',
    )
  }
  return { chat: true, prompt: answers[0].slice(0, length), answers: answers.map((answer) => answer.slice(length)) }
}

/** Whether an answer is a whole conversation that begins as its prompt does, or with a system turn that the prompt lacks. */
function repeats(answer: Message[], prompt: Message[]): boolean {
  return sameMessage(answer[0], prompt[0]) || (answer[0].role === 'system' && prompt[0].role !== 'system')
}

const SPEAKER = /\n\n(Human|Assistant):/g

function isDialogue(text: string): boolean {
  return /^\s*Human:/.test(text) && /\n\nAssistant:/.test(text)
}

/** "\n\nHuman: … \n\nAssistant: …" (HH-RLHF) as turns; the white space around each is not content. */
function parseDialogue(text: string): Message[] {
  const whole = `\n\n${text.trimStart()}`
  const marks = [...whole.matchAll(SPEAKER)]
  return marks.map((mark, i) => ({
    role: mark[1] === 'Human' ? 'user' : 'assistant',
    content: whole.slice(mark.index + mark[0].length, marks[i + 1]?.index ?? whole.length).trim(),
  }))
}
