import type { Split } from './types.ts'

/**
 * The words that prompts are about: common in English novels, and in no wording. The held-out ones occur in no tuning
 * row and in no synthetic training line, so that a model can know them from running text alone.
 */
const TRAIN = `
  abide aboard absence absent abuse accent accept accident account act action active actor actual addition address
  admit advance advantage adventure advice advise affair affection afford afoot afore afraid afresh aft afterward
  agent aid aim air ale alert alley allow aloud alter amazement amount ample ancient anger angle angry animal anyway
  apparent appear apple apt arch area arise arm armour army arrest arrival arrive arrow art artist ashore asleep
  aspect assist assure attack attempt attend attention attic attire audience aught awe awful awhile baby backward
  bag ball band bang bank bare bark basket bath battle bay beach beak beam bear beard bearer beast beautiful beauty
  bed bedside beer beg beggar behave belief believe bell belong belt bend beneath best better big bill bin bird bit
  bite bitter black blackness blade blame blank blast bless blew blind bliss block blow blown blue board boat body
  bog bold bone boom boot born bosom bother bottle bottom bound bow box boy boyish brain branch brass brave bread
  break breakfast breath breathe brick bride bridge bright brighter brisk broad brook brother brow brown brush brute
  buck build bull bun burn burst bush business busy butler butter buy cab cabin cable cake call calm canal candle
  cane canst captain car care career careful careless carriage carry cart caste castle cat catch cattle cause cease
  cell centre certainty chain chair chairman chamber charge charity charm chart cheap cheek cheer cheerful cheery
  chest chief child childish children choose chose church circle city clad clan clap clean clear clearer clerk
  clever client cliff climb cloak clock close closer cloth cloud club clue clump coach coal coast cod coin cold
  color colour comfort comic command commit common companion company compare compass complete condition confess
  consent consult contain contrary convey cook cool cord corn corner corpse cough country county couple courage
  course court cousin cover cow crack crash cream creation creature creep crest crew cross crow crowd crown cruel
  cry cup curate cure current curtain curve dad damp dance danger dare dark darker darkness dash date daughter dawn
  day daylight deaf deal dealt dear decent decide deck deep deeper deepest delay delicate delight deliver dense
  depart desert design desire despair desperate detail detect detective dew didst different difficult dig dim dine
  dinner direct direction dirt dirty disaster discover dish dislike distance distant distress doctor dog doll doom
  door doorway dory dost doubt doubtful doubtless dozen drag draught drawer dread dreadful dream dress drift drink
  drive driver dry dull dumb duty ear earl earn earth ease east easy eat edge effect effort egg eland elephant
  eleven elsewhere empty enable endless endure enemy enjoy enter entertain entire entrance equal evening event
  evidence evident exact example exception excuse exist existence exit expense explain express extent extra extreme
  eye face fact fail fain faint fair fairy faith fall fame famine fancy fare farm farmer fashion faster fate father
  fault favour fear fearful feast feather feel feet fellah feller fellow fer fetch fever field fierce fifty figure
  file final finer finest finger finish fire fish fist fix flag flame flap flash flesh flock flood flow flower flown
  flush fog fold folk follow fond food foolish foot force forehead foreign foremost forest forge forget forgive fork
  formal formation former fortnight fortune forty forward foul found frail frame frank free fresh friend fright
  frock frog frost fruit full fun fury future gain game gang garden gardener gather gaunt gay gaze gel general
  gentle gentleman gentlemen gesture giant gift girl glad glance glass gloom glory glow goal goat gold golden
  goodness gout gown grace grain grant grass grassy grate grave gray great greater greatest greatness green grey
  grim grin groom gross ground group grow guard guess guest guide habit hail hair hairy hall halt hand handful
  handle handy happen happier happiness hard harder harm harsh haste hasty hat haul hay head headman health heap
  hear heart hearth hearty heat heath heather heave heaven heavier heavy heel height heir hero hev hid high higher
  hill hillside hint history hit hive hole hollow home honest honey honor honour hood hook hope horn horrible horror
  horse horsemen host hot hotel hour house hove howl hue huge hum human humanity humour hungry hunt hurry hush hut
  ice idea ideal illness image imagine important incident income inform ink inn inner inquire insane inside insist
  instance instant insult intend intense intention interest interview invite iron island jail jam jaw jest job joke
  journey joy judge jump justice keen keep keeper ken kick kinder king kiss knee kneel knight knit knock knot
  knowest knowledge lace lack lad laden lady laid lain lake lame land lane lap large larger lass late laugh laughter
  lead leader leaf lean leant leap leapt learn leather leg legal lend lent leper lesson level liar life lift light
  lion lip listen live load loaf lock loft log long loose lordship loss lost loud love lover low lower lowest luck
  lump lust mad madam madness magic maid main mair male mama man manner marble march mark marsh marvel mask mass
  mast master mat meal meat meet melt memory men mend mention merit merry mess message metal middle midst mighty
  mild mile milk mind minister minute mire miserable misery miss mission mist mistake mistaken moat mob mock modern
  moment momentary money monkey monster month mood moon moonlight moreover morning morrow moss mother mount mountain
  mouth mouthful move movement mud mug mum mun music mute mystery nail narrow nation native nay nearby nearest neat
  necessary neck needle net nice nigh night noble nod noise none noon north nose note notice notion novel nowhere
  oak oar oath occasion occur odd offence offer office officer old older oldest opinion opposite orange ordinary
  otherwise outer outright outside outward overhead owe owner pace pain painful pale pane paper pardon parent park
  part partner party pass passenger passion patch path patience patient pause paw pay peace peak peep pen people
  perfect perform peril perish person personage personal pet pie piece pig pile pine pink pipe pit pity plain plan
  plank plant plate plateau play pleasant pleasure plenty plot pluck plump pocket poet point poison pole polite pond
  pony pool position possess possible post pour power powerful pray presence present press pretend pretty prey price
  pride prince princess print prison private process promise proper property propose proud prove public pull pure
  purple purpose purse quaint quarter quest question quick quiet quilt quit quiver rabbit race rag rage rail raise
  ran range rank rare rash rat rate rattle raw ray reach reader ready reality rear reason recall receive recent
  recover red refer refuse regard regiment region regret regular reign relation relative remain remark remember
  remind remote render rent report resist respect restless restore result retire retreat reward rich rid rider rise
  risk road roar rob robe rock rocky roll rood roof room root rope rough round rub rude rug ruin rule run rush
  sack sad safe sail salt sand satin savage save saw sayest scale scarf scarlet scene scent school science scorn
  scream sea seal search season seat secret secretary secure seek seem seest self sell send sense senseless sentence
  sentry servant serve service settle sex shade shadow shaft shake shallow shame shape sharp sheer sheet shelf shell
  shield shift shine ship shirt shock shoot shop shore short shoulder shout shower shrew shut side sigh sight sign
  signal silence silent silver silvery simple single singular sink sister sit situation sixty skiff skin skip skirt
  skull sky skylight slab slate slaughter slave sleep sleepy slender slew slide slight slim slip slope slow small
  smaller smart smell smelt smile smoke smooth smote snail snake snow snuff soap sob sober sofa soft soil soldier
  sole solid solitary solve son song sooner sooth sore sorrow sorry sort soul sound sour south space spade span
  spare speak speaker spear special speech spell spend spirit spit spite spot spray spread spring sprung spun spur
  spy square squire stage stair stall stamp stand star stare state station stay steady steep step stern stiff
  stillness stock stole stone stony stool stop store story stout stove straight strain strange stranger straw street
  strength stride strong stronger strongest struggle study stuff stung subject sudden sum sun sunlight sunset
  sunshine supper suppose surf surface surprise swam swamp sway swear sweat sweep sweet sweetness swell swept swift
  swim sword sworn tale talk tall taste tea teach teacher tear teeth temper tender tent term terrible terror thank
  thatch theme theory thereby therein thereof thick thicker thicket thief think thirty thither thread thrice thrill
  throat throne thrust thud thumb thyself tide tie tight time tin tip toast together token tomb tone tongue tonight
  top topic torch tore torment torrent touch tough town track trail tramp trap travel tray tread treasure treat tree
  trial tribe trick trip trot trouble trunk trust truth try tune twelve twist uncle union unknown unlike upright
  upward useful useless utter vain vast veld view vile village villain visible vision visit voice waist wait waiter
  walk ward warm warmth warn wash wast waste watch watchful water wave wax way wayside weak wealth wear weary
  weather web week weight weird wept west wet wheel wherefore wherein whereon wherever whip whisper white wick wide
  wild win wind window wine wing wink winter wise wish wit wolf woman won wonderful wood wooden work world worry
  worse worth wot wouldst wrath wrist wrought wrung yard year yell yellow yer yesterday yon yonder young younger
  youth`

const HELD_OUT = `
  admire afternoon age amuse approach approve ash aunt bald bedroom cage camp card chase chill claim
  class clay click coat contempt cost decay deer desk dust easier fence fight flight footman fourth gale gate glare
  greet handsome hare herd hopeful hound humble humor hunger inch intent inward jar kindness law lee lid lighter
  lose lot manage mare marriage mice moor mouse nature nurse oil pack paint pang picture pier pin port pound
  pretence proof queen queer rain readiness recess relief repose ride ring score screw sheep shiver shy
  silk sincere smallest steal steam steel stick stir strict support tail taller thirst
  thunder toy trace utmost veil void weep wider wire women`

const split = (words: string) => words.trim().split(/\s+/)

export const LEXICON: Record<Split, readonly string[]> = { train: split(TRAIN), 'held-out': split(HELD_OUT) }
