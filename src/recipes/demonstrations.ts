import { type DataSource, openDataset, type Row } from '../data/index.ts'

/** A demonstration, for recipes that choose among them or put a number beside them. */
export interface Demonstration {
  prompt: string
  completion: string
  /** As it was read. */
  row: Row
  /** What a training takes in its place; further columns may be put beside these. */
  given: Record<string, unknown>
}

/** All rows of a source of demonstrations: what was asked, and what was told, as texts. */
export async function readDemonstrations(source: DataSource): Promise<Demonstration[]> {
  await using dataset = await openDataset(source)
  const read: Demonstration[] = []
  for (let i = 0; i < dataset.length; i++) read.push(demonstration(await dataset.read(i)))
  return read
}

function demonstration(row: Row): Demonstration {
  if (row.kind === 'completion') {
    const { prompt, completion } = row
    return { prompt, completion, row, given: { prompt, completion } }
  }
  if (row.kind === 'text') return { prompt: row.text, completion: row.text, row, given: { text: row.text } }
  const messages = row.kind === 'chat' ? row.messages : []
  const said = (role: string) =>
    messages
      .filter((turn) => turn.role === role)
      .map(({ content }) => content)
      .join('\n')
  const completion = said('assistant')
  return { prompt: said('user') || completion, completion, row, given: { messages } }
}
