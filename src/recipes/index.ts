export {
  catalogue,
  currentRecord,
  type ListedPaper,
  listPapers,
  type Paper,
  type PaperState,
  searchPapers,
} from './catalogue.ts'
export { renderDocs, writeDocs } from './docs.ts'
export { search } from './search.ts'
export { loadRecipe, recipeIds, recipeOf } from './table.ts'
