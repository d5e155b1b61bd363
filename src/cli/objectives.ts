import { z } from 'zod'
import { objectives, type ParameterName, parameters } from '../objectives/index.ts'
import { verb } from './verb.ts'

export default verb({
  summary: 'list what a model can be trained by: the data and models it needs, its parameters, its paper',
  options: z.strictObject({}),
  main: [],
  example: ['hone objectives', 'hone objectives --json'],
  async run(_, terminal) {
    const listed = Object.values(objectives).map(({ id, summary, source, form, needs, params }) => ({
      ...{ id, summary, paper: source, data: form, needs },
      parameters: Object.entries(params).map(([name, value]) => ({
        name,
        default: value,
        about: parameters[name as ParameterName].about,
      })),
    }))
    for (const { id, summary, paper, data, needs, parameters } of listed) {
      const settings = parameters.map((parameter) => `${parameter.name}=${parameter.default}`).join(' ')
      terminal.print(`${id}: ${summary}`)
      terminal.print(`  reads ${[data, ...needs].join(', ')}${settings && `; ${settings}`}; ${paper}`)
    }
    return { document: { objectives: listed } }
  },
})
