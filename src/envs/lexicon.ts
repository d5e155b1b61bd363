import type { Split } from './types.ts'

/**
 * The words that prompts are about: common in English novels, and in no wording. The held-out ones occur in no tuning
 * row and in no synthetic training line, so that a model can know them from running text alone.
 */
const TRAIN = `
  accept accident account action address admit advice affair afraid age aid allow aloud anger angry animal appear
  arrow attack attempt attic aunt awful baby bad bag ball bank bare battle bear beard beast beauty bed bedroom beg
  begin believe bell best better big bird bit bitter black blame bless blind blow board boat bold born bottle bottom
  bound bow box brain brave bread breath bright broad brow brown burst bush business busy buy camp captain car
  careful carriage carry cat catch cattle cause chair chance charge charm cheek chest chief child children church
  city class clean clever close cloud coach coat cold colour comfort command common company content cook cool corner
  country courage court cover cow creature crew cross cup dance danger dare dark darkness daughter dawn day deck
  deep deeper delight desert desire dim dinner direct distance distant doctor dog door doubt dread dream dress drink
  drive driver dry dull dust earth ease east easy edge enter evident excuse expect explain express face faint fairy
  faith fall farm fast fate fault feet fellow fer fever field fight fill finger fire fish flame flat flight flower
  fog follow fond food foolish foot force forehead forest forgive former fortune found frame free fresh friend full
  fun game garden gate general get girl glad glance glass glow gold golden grass grave gray great greater greatest
  grey grow guard guess guide habit hair hall hand handsome happen happy harm haste hat heap hear heart heat heaven
  heavy height hid hill hit hole honest honour horrible horror hotel hound house human hungry hurry hut idea inside
  instant iron island joy jump justice kindness king kiss knee knight lad lady laid lake large laughter law lead
  learn leg level life lift light lion listen live lose lost lot loud love low lower luck mad maid main manner mark
  marriage mass master match meal meat men mention mighty mile milk mind minute mistake moor morning mountain mouth
  move movement mud native nature neck new nice night noble noise none nose note notice notion nurse object odd
  offer office older ordinary outside pain pair pale part party pass passion path pause pay peace pen people
  personal picture piece pity plain plan play pleasant pleasure pocket position possible post power pray presence
  present pretty pride promise proper proud prove pure purple queer question quiet race rain rate reach reader ready
  red regard relief remain remark remember report respect result rich ride ring rise risk river road roar rock roof
  room rope rough round rude rush sad safe salt sand save saw scene seat seek seen send servant serve service shade
  shadow shake shame shape sharp sheep ship shock shoot shop shore short shoulder shout sight silence silent silk
  silver simple single singular sister sit skin sky slight slip slow smaller smell smile smoke snake snow solid song
  sooner soul sound space spare spear spirit spite spot spread spring square squire stand stare state station steady
  steel step stern stick stiff stop stout strange stranger street stronger subject sun sunlight supper suppose
  surprise swear sweet sword tail tale talk tea teach teeth terrible terror thank throw thrust tide tone touch tree
  trouble true trust truth try uncle vain vast veil view visible vision visit voice wait waiter walk watch weak wear
  weary weather weight wet whisper white wide wild window wine wise women won wood wooden work world worse worth
  wrong yard year yellow young younger youth`

const HELD_OUT = `
  act air arm blue body boy break brother call care clear course cry deal dear ear eat evening eye fact fair fear
  feel figure forget forward gentle good green ground hard head high home hope horse hot hour interest keep land
  late laugh little long man mean meet miss mist moment money month moon old paper perfect person point pull quick
  ran reason run school sea secret seem sense shut side sign sleep small soft son sort speak stay stone story
  straight strong sudden tall thick think time together top town village warm water way week wind wish woman`

const split = (words: string) => words.trim().split(/\s+/)

export const LEXICON: Record<Split, readonly string[]> = { train: split(TRAIN), 'held-out': split(HELD_OUT) }
