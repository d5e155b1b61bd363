import { LineCounter, parseDocument } from 'yaml'
import { HoneError, platform, showValue } from '../base/index.ts'
import type { Json } from './verb.ts'

/**
 * Reads the keys in a YAML (or JSON) file.
 * @throws HoneError E_NOT_FOUND, E_CONFIG naming file and line
 */
export async function readConfigFile(path: string): Promise<Json> {
  const lines = new LineCounter()
  const document = parseDocument(await platform().readText(path), { lineCounter: lines, prettyErrors: false })
  const [fault] = document.errors
  if (fault) {
    const { line } = lines.linePos(fault.pos[0])
    throw new HoneError('E_CONFIG', `${path}:${line}: ${fault.message}`, {
      help: 'Write one key a line, for example learningRate: 1e-4.',
    })
  }
  const content: unknown = document.toJS({ maxAliasCount: 100 })
  if (content === null) return {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new HoneError('E_CONFIG', `${path} holds ${showValue(content)}, expected keys with values`, {
      help: 'Write one key a line, for example learningRate: 1e-4.',
    })
  }
  return content as Json
}
