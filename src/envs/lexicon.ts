import type { Split } from './types.ts'

/**
 * The words that prompts are about: common in English novels, and in no wording. The held-out ones occur in no tuning
 * row and in no synthetic training line, so that a model can know them from running text alone.
 */
const TRAIN = `
  accept accident account act action address admit advice affair afraid age aid air allow aloud anger angry animal
  appear arm arrow attack attempt attic awful baby bad ball bank battle bear beard beast beauty bedroom beg begin
  better big bird bit blame bless blind blow blue board boat body bold born bottle bottom bound bow box brain bread
  break breath bright broad brother brow brown burst bush busy buy call camp cap captain car care careful carry cat
  catch cattle cause chair chap charge charm cheek chest chief child church class clean clear clever close cloud
  coat cold comfort command common company content cook cool corner courage court cover cow creature crew cross cry
  cup dance danger dare dark darkness daughter dawn day deep deeper delight desert desire dim dinner direct distance
  distant doctor dog door doubt dread dream drink drive dry dull dust ear ease east easy edge enter evening excuse
  explain express eye face fact faint fair fairy faith fall farm fast fate father fault fear feel feet fellow fever
  fight figure fill finger fire fish flat flight flower fog follow fond foolish foot force forehead forest forget
  forgive former forward found frame free fresh friend full fun game garden gate general get girl glad glance glass
  glow gold golden good grave gray great greater greatest grey ground grow guard guide habit hair hall hand handsome
  happen happy harm hat head hear heaven heavy height hid high hill hit hole honest honour horrible horror horse
  hotel hound hour house human hungry hurry hut instant interest iron island joy jump justice keep kindness king
  kiss knee knight lad lake late laughter lead learn level life lift light lion listen little live lose lost low
  lower luck mad maid main man manner mark mass master match meal mean meat men mighty mile milk minute miss mist
  mistake moment money month moor morning mountain mouth movement mud native nature neck new night noble noise none
  nose notice notion nurse object offer office older ordinary outside pain pair pale paper part party passion path
  peace pen people perfect picture piece pity plain plan pleasant pleasure pocket point position possible post power
  pray presence present pride promise proper proud prove pure purple queer question quick quiet rain ran rate reader
  ready reason red relief remain remark remember report respect result rich ride ring rise risk river road roar rock
  room rope rough round rude rum rush sad safe salt sand save saw scene school seat secret seek seen send sense
  servant serve service shade shadow shake shame shape sharp sheep ship shock shoot shop shore short side sight sign
  silent silk silver simple single singular sister sit sky sleep slight slip slow small smaller smell smile snake
  snow soft solid son song sooner sort soul sound space spare speak spirit spite square squire stare state station
  stay steady steel step stern stick stiff stop story stout straight stranger street stronger subject sudden
  sunlight supper suppose sure surprise swear sword tail tale talk tall tea teach teeth terrible terror throw thrust
  tide together top touch trouble trust truth try uncle vain vast veil village visible vision visit wait waiter warm
  watch water weak wear weary weather week weight whisper white wild wind window wine wise wish woman women won wood
  wooden work world worse yard year yellow young younger`

const HELD_OUT = `
  art aunt bag bare bed believe bell best bitter black boy brave business carriage chance children city coach colour
  country course deal dear deck dress driver earth eat evident expect fer field flame food fortune gentle grass
  green guess hard haste heap heart heat home hope hot idea inside lady laid land large laugh law leg long lot loud
  love marriage meet mention mind moon mother move nice note odd old pass pause pay person personal play pretty pull
  race reach regard roof run sea seem shoulder shout shut silence skin smoke spear spot spread spring stand stone
  strange strong sum sun sweet thank thick think time tone town tree true view voice walk way wet wide worth wrong
  youth`

const split = (words: string) => words.trim().split(/\s+/)

export const LEXICON: Record<Split, readonly string[]> = { train: split(TRAIN), 'held-out': split(HELD_OUT) }
