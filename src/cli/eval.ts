import { z } from 'zod'
import { evaluate, loadTasks, tasks } from '../evaluate/index.ts'
import { evalText } from '../report/index.ts'
import { modelKeys, openForVerb } from './model.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  ...modelKeys,
  task: z.string().describe('names or .jsonl files, joined by commas'),
  n: z.int().positive().optional().describe("items a task; each task's own number unless given"),
  samples: z.int().nonnegative().default(0).describe('show the first so many answers of each task'),
})

export default verb({
  summary: `measure a model on tasks, each with its 95 % interval.

Tasks: ${tasks.map(({ id }) => id).join(', ')};
or a .jsonl file of {"prompt" or "messages", "answer"}, the same with "choices", {"text"}, or {"messages"}`,
  options,
  main: ['model', 'task', 'n', 'samples', 'seed'],
  placeholders: { model: 'MODEL', task: 'NAME,…' },
  example: ['hone eval --model tiny --task tiny --n 160'],
  async run({ task, n, samples, ...keys }, terminal) {
    const { signal } = terminal
    const wanted = await loadTasks(task.split(',').map((name) => name.trim()))
    await using open = await openForVerb(keys, terminal)
    const onProgress = ({ task, done, total }: { task: string; done: number; total: number }) =>
      terminal.status(`${task}: ${done} of ${total}`)
    const result = await evaluate(open, wanted, { seed: keys.seed, n, signal, onProgress })
    terminal.status('')
    const shown = wanted.flatMap(({ id }) => result.samples.filter((one) => one.task === id).slice(0, samples))
    terminal.print(evalText({ [keys.model]: { tasks: result.tasks } }))
    for (const { task, prompt, answer, score } of shown) {
      terminal.print(`\n── ${task}, score ${score}\n${prompt}\n→ ${answer}`)
    }
    return { document: { tasks: result.tasks, ...(samples > 0 && { samples: shown }) } }
  },
})
