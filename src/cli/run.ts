import { z } from 'zod'
import { formatDuration, HoneError, platform } from '../base/index.ts'
import { exampleRows } from '../data/index.ts'
import { openVerbs, type Recipe, type RecipeForm, stageFolder } from '../proofs/index.ts'
import { catalogue, recipeIds, recipeOf } from '../recipes/index.ts'
import { checkOutput } from '../runs/index.ts'
import { trainKeys } from '../train/index.ts'
import { type GraderKeys, graderKeys, openGrader, rewardExample } from './grader.ts'
import { openTools, toolsKey } from './programs.ts'
import type { Terminal } from './terminal.ts'
import { type Length, showEvents, trainingKeys } from './train.ts'
import { type Outcome, type Verb, verb } from './verb.ts'
import type { VerbEntry } from './verbs.ts'

/** `hone run <id>` for every recipe. */
export async function runVerbs(): Promise<VerbEntry[]> {
  const lines = new Map((await catalogue()).map(({ id, line }) => [id, line]))
  return recipeIds.map((id) => {
    const line = lines.get(id) ?? ''
    return { name: `run ${id}`, summary: line, load: async () => runVerb(await recipeOf(id), line) }
  })
}

type Target = z.output<z.ZodObject<typeof trainingKeys>>

/** Rows of more than one prompt, for recipes that share these out among stages. */
const promptRows = [{ prompt: 'Say hi.' }, { prompt: 'Say bye.' }]
const pairRows = [...exampleRows('pairs', []), { prompt: 'Say bye.', chosen: 'Bye!', rejected: 'No.' }]

function runVerb(recipe: Recipe, line: string): Verb {
  const { id, reads, settings, judged, turns, example } = recipe
  const names = Object.keys(reads)
  const own = Object.keys(settings.shape).filter((key) => key === 'seed' || !(key in trainKeys)) as []
  const file = (name: string) => `${name}.jsonl`
  const given = names.length === 1 ? file(names[0]) : names.map((name) => `${name}=${file(name)}`).join(' --data ')
  return verb({
    summary: `${line}\n\nReads ${names.map((name) => `${name} (${reads[name]})`).join(', ')}`,
    options: z.strictObject({
      ...{ ...settings.shape, ...trainingKeys },
      ...(judged && graderKeys),
      ...(turns && { tools: toolsKey }),
    }),
    main: [
      'model',
      'data',
      'out',
      ...((judged ? ['reward', 'judge'] : []) as []),
      ...((turns ? ['tools'] : []) as []),
      'resume',
      'overwrite',
      ...own,
    ],
    placeholders: { model: 'MODEL', data: names.length === 1 ? 'FILE' : 'NAME=FILE', out: 'DIR' },
    example: [
      ...names.flatMap((name) =>
        rowsOf(reads[name])
          .map((row) => ({ ...row, ...example?.columns?.[name] }))
          .map((row, i) => `echo '${JSON.stringify(row)}' ${i === 0 ? '>' : '>>'} ${file(name)}`),
      ),
      ...(judged ? rewardExample : []),
      `hone run ${id} --model tiny --data ${given} --out runs/${id}${judged ? ' --reward ./happy.ts' : ''}${example?.keys ? ` ${example.keys}` : ''}`,
    ],
    run: (options, terminal) => run(recipe, options as unknown as Target, terminal),
  })
}

function rowsOf(form: RecipeForm) {
  if (form === 'prompts') return promptRows
  return form === 'pairs' ? pairRows : exampleRows(form, [])
}

async function run(
  recipe: Recipe,
  options: Target & GraderKeys & { tools?: string },
  terminal: Terminal,
): Promise<Outcome> {
  const { model, data, out, resume, overwrite, reward, judge, tools: toolsFile, ...settings } = options
  const { signal } = terminal
  await checkOutput(out, { resume, overwrite })
  const began = platform().elapsed()
  const verbs = openVerbs({
    folderOf: (stage) => stageFolder(out, stage),
    follow: (label, { steps = null, epochs = 1 }) => showEvents(label, { steps, epochs } satisfies Length, terminal),
    ...{ signal, resume, overwrite },
    onProgress: terminal.status,
  })
  await using judging = recipe.judged ? await openGrader({ reward, judge }, `hone run ${recipe.id}`, terminal) : null
  const tools = toolsFile === undefined ? undefined : await openTools(toolsFile)
  const folder = await recipe.run({
    ...verbs,
    model,
    data: named(recipe, [data].flat()),
    settings,
    grader: judging?.grader,
    tools,
  })
  const seconds = platform().elapsed() - began
  terminal.status('')
  terminal.print(`${recipe.id}: ${formatDuration(seconds)}`)
  terminal.print(folder)
  return { document: { id: recipe.id, out: folder, seconds } }
}

/** The files of each data set of a recipe: NAME=FILE, or a bare FILE where there is only one set. */
function named({ id, reads }: Recipe, given: readonly string[]): Record<string, string> {
  const names = Object.keys(reads)
  const entries = given.map((text) => {
    const at = text.indexOf('=')
    const name = text.slice(0, at)
    return names.length === 1 && !names.includes(name) ? [names[0], text] : [name, text.slice(at + 1)]
  })
  const found = Object.fromEntries(entries) as Record<string, string>
  const missing = names.filter((name) => !found[name])
  const unknown = entries.find(([name]) => !names.includes(name))
  if (missing.length === 0 && !unknown && entries.length === names.length) return found
  const what = missing.length > 0 ? `no ${missing.join(', ')}` : `'${(unknown ?? entries.at(-1))?.[0]}' too much`
  const wanted = names.map((name) => `--data ${names.length > 1 ? `${name}=` : ''}FILE with ${reads[name]}`)
  throw new HoneError('E_USAGE', `hone run ${id} got ${what} among its data`, { help: `Give ${wanted.join(', ')}.` })
}
