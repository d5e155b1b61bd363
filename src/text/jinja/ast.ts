export type Expression =
  | { kind: 'constant'; value: string | number | boolean | null; float?: boolean }
  | { kind: 'name'; name: string }
  | { kind: 'list' | 'tuple'; items: Expression[] }
  | { kind: 'dict'; entries: [Expression, Expression][] }
  | { kind: 'attribute'; of: Expression; name: string }
  | { kind: 'item'; of: Expression; at: Expression }
  | { kind: 'slice'; of: Expression; start?: Expression; stop?: Expression; step?: Expression }
  | { kind: 'call'; callee: Expression; args: Arguments }
  | { kind: 'filter'; of: Expression; name: string; args: Arguments }
  | { kind: 'test'; of: Expression; name: string; args: Arguments; negated: boolean }
  | { kind: 'unary'; operator: '-' | '+' | 'not'; of: Expression }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression }
  | { kind: 'compare'; first: Expression; rest: { operator: string; right: Expression }[] }
  | { kind: 'choice'; test: Expression; then: Expression; otherwise?: Expression }

export interface Arguments {
  positional: Expression[]
  named: [string, Expression][]
  spread?: Expression
  spreadNamed?: Expression
}

export interface Parameter {
  name: string
  fallback?: Expression
}

export type Target =
  | { kind: 'name'; name: string }
  | { kind: 'tuple'; items: Target[] }
  | { kind: 'attribute'; of: string; name: string }

export type Statement =
  | { kind: 'text'; text: string }
  | { kind: 'print'; value: Expression }
  | { kind: 'if'; branches: { test: Expression; body: Statement[] }[]; otherwise: Statement[] }
  | { kind: 'for'; target: Target; over: Expression; filter?: Expression; body: Statement[]; otherwise: Statement[] }
  | { kind: 'set'; target: Target; value: Expression }
  | { kind: 'setBlock'; target: Target; filters: FilterCall[]; body: Statement[] }
  | { kind: 'macro'; name: string; parameters: Parameter[]; body: Statement[] }
  | { kind: 'callBlock'; parameters: Parameter[]; call: Expression; body: Statement[] }
  | { kind: 'filterBlock'; filters: FilterCall[]; body: Statement[] }
  | { kind: 'with'; values: [Target, Expression][]; body: Statement[] }
  | { kind: 'generation'; body: Statement[] }
  | { kind: 'break' | 'continue' }

export interface FilterCall {
  name: string
  args: Arguments
}
