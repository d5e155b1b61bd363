/** An expression as the parser gives it: numbers, symbols, and operations by the names of `operations.ts`. */
export type Expression =
  | { kind: 'number'; text: string }
  | { kind: 'symbol'; name: string }
  | { kind: 'apply'; operation: string; args: readonly Expression[] }

export const number = (text: string): Expression => ({ kind: 'number', text })
export const symbol = (name: string): Expression => ({ kind: 'symbol', name })
export const apply = (operation: string, ...args: Expression[]): Expression => ({ kind: 'apply', operation, args })

/** The operations and symbols that occur in an expression. */
export function contents(expression: Expression): { operations: Set<string>; symbols: Set<string> } {
  const operations = new Set<string>()
  const symbols = new Set<string>()
  const walk = (node: Expression) => {
    if (node.kind === 'symbol') symbols.add(node.name)
    if (node.kind !== 'apply') return
    operations.add(node.operation)
    node.args.forEach(walk)
  }
  walk(expression)
  return { operations, symbols }
}
