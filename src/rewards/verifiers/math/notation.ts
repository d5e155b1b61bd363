import { functionNames } from './operations.ts'
import type { Token } from './tokens.ts'

/** A character of typeset mathematics or full width as LaTeX or ASCII. */
export function plainCharacter(character: string): string {
  if (Object.hasOwn(glyphs, character)) return glyphs[character]
  const code = character.charCodeAt(0)
  return code >= 0xff01 && code <= 0xff5e ? String.fromCharCode(code - 0xfee0) : character
}

/** Commands that show nothing of their first argument. */
export const hidden: ReadonlySet<string> = new Set(
  'phantom hphantom vphantom hspace vspace color textcolor tag label'.split(' '),
)

const glyphs: Readonly<Record<string, string>> = {
  '−': '-',
  '–': '-',
  '—': '-',
  '×': '*',
  '·': '*',
  '⋅': '*',
  '∗': '*',
  '÷': '/',
  '⁄': '/',
  '∕': '/',
  π: '\\pi ',
  θ: '\\theta ',
  α: '\\alpha ',
  β: '\\beta ',
  λ: '\\lambda ',
  φ: '\\phi ',
  '√': '\\sqrt ',
  '∞': '\\infty ',
  '∪': '\\cup ',
  '∈': '\\in ',
  '∅': '\\emptyset ',
  ℝ: '\\mathbb{R}',
  '≤': '<=',
  '≥': '>=',
  '≠': '!=',
  '≈': '\\approx ',
  '±': '\\pm ',
  '°': '^\\circ ',
  '½': '\\frac{1}{2}',
  '⅓': '\\frac{1}{3}',
  '⅔': '\\frac{2}{3}',
  '¼': '\\frac{1}{4}',
  '¾': '\\frac{3}{4}',
  '⁰': '^0',
  '¹': '^1',
  '²': '^2',
  '³': '^3',
  '⁴': '^4',
  '⁵': '^5',
  '⁶': '^6',
  '⁷': '^7',
  '⁸': '^8',
  '⁹': '^9',
  '。': '.',
  '＄': '\\$',
  '€': '\\euro ',
  '£': '\\pounds ',
  '\u00a0': ' ',
  '\u2009': ' ',
  '\u202f': ' ',
  '’': "'",
  '′': "'",
}

export const textCommands: ReadonlySet<string> = new Set(
  'text mbox textbf textit textrm textsf texttt textnormal mathrm mathsf mathtt hbox operatorname'.split(' '),
)

const operator = (text: string): Token => ({ kind: 'operator', text })
const command = (text: string): Token => ({ kind: 'command', text })
const each = (names: string, ...tokens: Token[]) => Object.fromEntries(names.split(' ').map((name) => [name, tokens]))

/** Commands that stand for something else, or for nothing; those not listed stay. A table without a prototype's names. */
export const commands: Readonly<Record<string, readonly Token[]>> = Object.assign(Object.create(null), {
  ...each('left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle'),
  ...each('limits nolimits quad qquad , ; : ! > / - mathbf mathit mathcal boldsymbol bm boxed fbox overline underline'),
  ...each('vec hat widehat bar overrightarrow overleftrightarrow angle triangle measuredangle rm bf it displaylimits'),
  ' ': [],
  '\n': [],
  '': [],
  ...each('dfrac tfrac cfrac frac', command('frac')),
  ...each('dbinom tbinom binom', command('binom')),
  ...each('times cdot ast', operator('*')),
  ...each('div', operator('/')),
  ...each('le leq leqslant', operator('<=')),
  ...each('ge geq geqslant', operator('>=')),
  ...each('lt', operator('<')),
  ...each('gt', operator('>')),
  ...each('ne neq', operator('!=')),
  ...each('approx simeq sim doteq', operator('~')),
  ...each('colon', operator(':')),
  ...each('lbrace {', operator('\\{')),
  ...each('rbrace }', operator('\\}')),
  ...each('( ) [ ]'),
  ...each('lbrack', operator('[')),
  ...each('rbrack', operator(']')),
  ...each('langle', operator('(')),
  ...each('rangle', operator(')')),
  ...each('vert lvert rvert mid |', operator('|')),
  ...each('% percent', operator('%')),
  ...each('$', command('currency dollar')),
  ...each('pounds', command('currency pound sterling')),
  ...each('euro', command('currency euro')),
  ...each('\\ cr', command('row')),
  ...each('circ degree', command('circ')),
  ...each('infin infinity', command('infty')),
  ...each('varnothing', command('emptyset')),
  ...each('union bigcup', command('cup')),
  ...each('backslash smallsetminus', command('setminus')),
  ...each('lor vee', operator('or')),
  ...each('varphi', command('phi')),
  ...each('varepsilon', command('epsilon')),
  ...each('mathbb', command('mathbb')),
})

/** Words that mean the same without a backslash. */
export const plainWords: Readonly<Record<string, Token>> = {
  ...Object.fromEntries([...functionNames].map((name) => [name, command(name)])),
  sqrt: command('sqrt'),
  pi: command('pi'),
  theta: command('theta'),
  infinity: command('infty'),
  infty: command('infty'),
  inf: command('infty'),
  and: operator(','),
  or: operator('or'),
  asin: command('arcsin'),
  acos: command('arccos'),
  atan: command('arctan'),
}

/** Words that would else be taken for products of symbols. */
export const shortWords: ReadonlySet<string> = new Set('no is are of at to it am pm not any'.split(' '))
