import type { Verb } from './verb.ts'

/** A verb's place in the listing; its file, and all that it needs, is loaded when it is called. */
export interface VerbEntry {
  name: string
  summary: string
  load(): Promise<Verb>
}

const entry = (name: string, summary: string, load: () => Promise<{ default: Verb }>): VerbEntry => ({
  name,
  summary,
  load: async () => (await load()).default,
})

const verbs: readonly VerbEntry[] = [
  entry('objectives', 'list what a model can be trained by', () => import('./objectives.ts')),
  entry('papers', 'list or search the published systems, and what their proofs gave', () => import('./papers.ts')),
  entry('prove', "put a system's claim to the proof", () => import('./prove.ts')),
  entry('sample', 'complete prompts, or chat', () => import('./sample.ts')),
  entry('score', 'log-probs of given texts, token by token', () => import('./score.ts')),
  entry('eval', 'measure a model on tasks, with intervals', () => import('./eval.ts')),
  entry('judge', 'how far a judge agrees with labelled pairs', () => import('./judge.ts')),
  entry('data inspect', 'show rows as the model reads them: tokens, loss, lengths', () => import('./data-inspect.ts')),
  entry('data convert', 'turn answers of one form into another: pairs, rankings, …', () => import('./data-convert.ts')),
  entry('data judgments', 'labelled pairs as questions that teach a judge', () => import('./data-judgments.ts')),
  entry('export', 'write a model for other tools: hf, gguf or peft', () => import('./export.ts')),
  entry('merge-adapter', 'fold an adapter into its base model', () => import('./merge-adapter.ts')),
  entry('runs', 'list runs', () => import('./runs.ts')),
  entry('report', "write a run's report as one HTML file", () => import('./report.ts')),
  entry('bench', 'measure how fast this machine trains and samples a model', () => import('./bench.ts')),
  entry('doctor', 'check this machine and installation', () => import('./doctor.ts')),
]

/** What stands above a group of verbs in the help. */
export const groups: Readonly<Record<string, string>> = {
  train: 'tune a model by one of the objectives: sft, dpo, …',
  online: 'tune a model on answers of its own, round by round: dpo, raft, star, spin, …',
  run: "apply a published system to a model and data of one's own",
  data: 'look at data, and convert it',
}

/** Groups whose verbs are loaded when a line asks for one of them. */
export const openGroups = ['train', 'online', 'run'] as const

/** The verbs, with one for each objective or recipe where the line asks for such: only then are those loaded. */
export async function listVerbs(words: readonly string[]): Promise<readonly VerbEntry[]> {
  if (words[0] === 'train') return [...(await import('./train.ts')).trainVerbs, ...verbs]
  if (words[0] === 'online') return [...(await import('./online.ts')).onlineVerbs, ...verbs]
  if (words[0] === 'run') return [...(await (await import('./run.ts')).runVerbs()), ...verbs]
  return verbs
}
