import { z } from 'zod'
import { exampleRows } from '../data/index.ts'
import { objectives } from '../objectives/index.ts'
import { type OnlineMethod, type OnlineOptions, online, onlineConfig, onlineMethods } from '../train/index.ts'
import { type GraderKeys, graderKeys, openGrader, rewardExample } from './grader.ts'
import { openTools, toolsKey } from './programs.ts'
import { follow, trainingKeys } from './train.ts'
import { type Verb, verb } from './verb.ts'
import type { VerbEntry } from './verbs.ts'

/** `hone online <id>` for every way to learn from answers of the model's own. */
export const onlineVerbs: readonly VerbEntry[] = Object.values(onlineMethods).map((method) => ({
  name: `online ${method.id}`,
  summary: method.summary,
  load: async () => onlineVerb(method),
}))

/** For methods that learn from pairs. */
const duelKeys = {
  tournament: z
    .boolean()
    .default(false)
    .describe('compare answers two by two down to the best and the worst, instead of scoring each'),
} as const

type Given = Omit<OnlineOptions, 'tools'> &
  Pick<OnlineOptions, 'model' | 'data' | 'out'> &
  GraderKeys & { tools?: string; rounds: number; tournament?: boolean }

const mainKeys = ['model', 'data', 'out', 'rounds', 'n', 'maxTokens', 'temperature'] as const

function onlineVerb(method: OnlineMethod): Verb {
  const { id, summary, source, reads, judged, duels, objective } = method
  const rows = reads === 'prompts' ? [{ prompt: 'Say hi.' }, { prompt: 'Say bye.' }] : exampleRows('demonstrations', [])
  const own = ['resume', 'overwrite', 'seed', ...Object.keys(objectives[objective].params)]
  return verb({
    summary: `${summary} Reads ${reads}. (${source})`,
    options: onlineConfig(method).extend({
      ...trainingKeys,
      ...(judged && graderKeys),
      ...(duels && duelKeys),
      tools: toolsKey,
    }),
    main: [...mainKeys.slice(0, 3), ...(judged ? ['reward', 'judge'] : []), ...mainKeys.slice(3), ...own] as never,
    placeholders: {
      model: 'MODEL',
      data: 'FILE',
      out: 'DIR',
      tools: 'FILE',
      ...(judged && { reward: 'FILE|MODEL', judge: 'FILE' }),
    },
    example: [
      ...rows.map((row, i) => `echo '${JSON.stringify(row)}' ${i === 0 ? '>' : '>>'} ${reads}.jsonl`),
      ...(judged ? rewardExample : []),
      `hone online ${id} --model tiny --data ${reads}.jsonl --out runs/${id}${judged ? ' --reward ./happy.ts' : ''} maxTokens=16`,
    ],
    async run(options, terminal) {
      const { reward, judge, tournament, tools: toolsFile, ...keys } = options as unknown as Given
      await using opened = judged ? await openGrader({ reward, judge }, `hone online ${id}`, terminal) : null
      const tools = toolsFile === undefined ? undefined : await openTools(toolsFile)
      // Awaited here: the judge closes when this ends.
      return await follow(
        `online ${id}`,
        { epochs: keys.rounds },
        (hooks) => online(id, { ...keys, grader: tournament ? opened?.comparer : opened?.grader, tools }, hooks),
        terminal,
      )
    },
  })
}
