/** A piece of HTML that is safe to put into a page. */
export interface Html {
  readonly html: string
}
type Part = Html | string | number | null | undefined | false | readonly Part[]

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
// Of the control characters only tab and line feeds may stand in HTML.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g

/** Text with nothing left in it that HTML reads as markup, in content as in a quoted attribute. */
export const escapeHtml = (text: string): string =>
  text
    .toWellFormed()
    .replace(forbidden, '\ufffd')
    .replace(/[&<>"']/g, (sign) => entities[sign])

function render(part: Part): string {
  if (part === null || part === undefined || part === false) return ''
  if (Array.isArray(part)) return part.map(render).join('')
  if (typeof part === 'object') return (part as Html).html
  return escapeHtml(String(part))
}

/** Template tag: everything put in is escaped, except pieces that this tag or `trusted` made. */
export const html = (strings: TemplateStringsArray, ...parts: Part[]): Html => ({
  html: strings.reduce((text, piece, i) => text + render(parts[i - 1]) + piece),
})

/** Marks markup that was made by a library of ours as safe. */
export const trusted = (markup: string): Html => ({ html: markup })
