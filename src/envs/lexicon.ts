import type { Split } from './types.ts'

/**
 * The words that prompts are about: common in English novels, and in no wording. The held-out ones occur in no tuning
 * row and in no synthetic training line, so that a model can know them from running text alone.
 */
const TRAIN = `
  abide aboard absence absent abuse accent accept accident account act action active actor actual addition address
  admire admit advance advantage adventure advice advise affair affection afford afoot afore afraid afresh aft
  afternoon afterward age agent aim air alert alley allow aloud alter amazement amount ample amuse ancient anger
  angle angry animal anyway apparent appear apple approach approve apt arch area arise arm armour army arrest
  arrival arrive arrow art artist ash asleep aspect assist assure attack attempt attend attention attic attire
  audience aught aunt awe awful awhile baby backward bag bald ball band bang bank bare bark basket battle bay beach
  beak beam bear bearer beast beautiful beauty bed bedroom bedside beer beg beggar behave belief believe belong belt
  beneath best better big bill bin bird bit bitter black blackness blade blank blast blew blind bliss block blow
  blown blue board boat body bog bold bone boom boot born bosom bother bottle bottom bound bow box boy boyish brain
  branch brass brave bread break breakfast breath breathe brick bride bridge bright brighter brisk broad brook
  brother brow brown brush brute buck build bull bun burn burst bush business busy butler butter buy cab cabin cable
  cage cake call calm camp canal candle cane canst captain car card care career careful carriage carry cart caste
  castle cat catch cattle cause cease cell centre certainty chain chair chairman chamber charge charity charm chart
  chase cheek cheer cheerful cheery chief child childish children chill choose church circle city clad claim clap
  class clay clean clear clearer clerk clever click client cliff climb cloak close closer cloth cloud club clue
  clump coal coast coat cod coin cold color colour comfort comic command commit common companion company compare
  compass complete condition confess consent consult contain contempt contrary convey cook cool cord corn corner
  corpse cost cough country county couple courage course court cousin cow crack cream creation creature creep crest
  crew cross crow crowd cruel cry cup curate current curtain curve dad danger dark darker darkness dash date
  daughter dawn day daylight deaf deal dealt dear decay decent decide deck deep deeper deepest delay delicate
  delight deliver dense depart desert design desire desk despair desperate detail detect detective dew didst
  different difficult dig dim dinner direct direction dirt dirty disaster discover dish dislike distance distant
  distress doctor dog doll door doorway dost doubt doubtful doubtless dozen drag draught drawer dread dreadful dream
  dress drift drink drive driver dull dumb dust duty ear earl earn earth ease easier easy eat edge effect effort egg
  eland elephant eleven elsewhere empty enable endless endure enemy enjoy enter entertain entrance equal evening
  event evidence evident exact example exception excuse existence exit expense explain express extent extra extreme
  eye face fact fail faint fair fairy faith fall fame famine fancy fare farm farmer fashion faster fate father fault
  favour fear fearful feast feather feel feet fellah feller fellow fence fetch fever field fierce fifty fight figure
  file final finer finest finger fire fix flag flame flash flesh flock flood flower flown flush fog fold folk follow
  fond food foolish foot footman force forehead foreign foremost forest forge forget forgive fork formal formation
  former fortnight fortune forward foul found fourth frail frame free fresh friend fright frock frog frost fruit
  full fun fury future gain gale game gang garden gardener gather gaunt gaze gel general gentle gentleman gentlemen
  gesture giant gift girl glad glance glass gloom glory glow goal goat gold golden goodness gout gown grace grain
  grant grass grassy grate grave gray great greatest greatness green greet grey grim groom gross ground group grow
  guard guest guide habit hail hair hairy hall halt hand handful handsome handy happen happier happiness hard harder
  harm harsh haste hasty hat haul hay head headman health heap hear heart hearth hearty heat heath heather heave
  heaven heavier heavy heel height heir herd hero hev high higher hill hillside hint history hit hive hole hollow
  home honest honey honor honour hood hook hope hopeful horn horrible horror horse horsemen host hot hotel hound
  hour house hove howl hue huge hum human humanity humble humor hunger hungry hunt hurry hush ice idea ideal illness
  image imagine important inch incident income inform ink inn inner inquire insane inside insist instance instant
  insult intend intense intent intention interest interview invite iron island jail jam jar jaw job joke journey joy
  judge jump justice keen keep keeper ken kick kinder kindness king kiss knee kneel knight knit knock knot knowest
  knowledge lace lack lad laden lady laid lake land lane lap large larger late laugh laughter law lead leader leaf
  lean learn leather lee leg legal lend leper lesson level liar lid life lift light lighter lion lip listen live
  loaf lock loft log long loose lordship lose loss lost lot loud love lover low lower lowest luck lump lust mad
  madam madness magic maid main mair mama man manage manner marble march mare mark marriage marsh marvel mask mast
  master mat meal meet melt memory men mend mention merit merry mess message metal mice middle midst mighty mild
  mile milk mind minister minute mire miserable misery miss mission mist mistake mistaken moat mob modern moment
  momentary money monkey monster month mood moon moonlight moor moreover morning morrow moss mother mount mountain
  mouse mouth mouthful move movement mud mug mum mun music mute mystery narrow nation native nature nearby nearest
  neat necessary neck needle net nice nigh night noble nod noise none noon north nose note notice notion novel
  nowhere nurse oak oar oath occasion occur odd offence office officer oil old older oldest opinion opposite orange
  ordinary otherwise outer outright outside outward overhead owe owner pace pack pain painful paint pale pane pang
  paper pardon parent park part partner party pass passenger passion patch path patience patient pause paw peace
  peak peep people perfect perform peril perish person personage personal picture pie piece pier pig pin pine pink
  pipe pit pity plain plan plank plateau play pleasant pleasure plenty plot pluck plump pocket poet point poison
  pole polite pond pony pool position possess possible post pound pour power powerful presence present press
  pretence pretend pretty prey pride prince princess print prison private process promise proof proper property
  propose proud prove public pull pure purple purpose purse quaint quarter queen queer quest question quick quiet
  quilt quit quiver rabbit race rag rail rain raise ran range rank rash rat rate rattle raw ray reach reader
  readiness ready reality rear reason recall receive recent recess recover red refer refuse regiment region regret
  regular reign relation relative relief remain remark remember remind remote render rent report repose resist
  respect restless restore result retire retreat rich ride rider ring rise risk road roar rob robe rock rocky roll
  rood roof room rope rough round rub rude rug ruin rule run rush sack safe sail salt sand satin savage saw sayest
  scale scarf scarlet scene school science score scorn scream screw sea seal search season seat secret secretary
  secure seek seem seest self send sense senseless sentence sentry servant serve service settle sex shade shadow
  shaft shake shallow shame shape sharp sheet shelf shell shield shift ship shirt shiver shock shoot shop shore
  short shoulder shout shower shrew shut side sigh sight sign signal silence silk silver silvery simple sincere
  single singular sink sister sit situation sixty skiff skin skip skirt skull sky skylight slab slate slaughter
  slave sleep sleepy slender slew slide slight slim slip slope slow small smaller smallest smart smell smelt smile
  smoke smooth smote snail snake snow snuff soap sob sober sofa soft soil soldier sole solid solitary solve son song
  sooner sooth sorrow sorry sort soul sound sour south space spade span spare speak speaker spear special speech
  spirit spit spite spot spray spread spring sprung spun spur spy square squire stage stair stall stamp stand star
  stare state stay steady steal steam steep step stern stick stiff stillness stir stock stole stone stony stool stop
  story stout stove straight strain strange stranger straw street strength strict stride strong stronger strongest
  struggle study stuff stung subject sudden sum sun sunlight sunset sunshine supper support suppose surf surface
  surprise swamp sway swear sweat sweep sweet sweetness swell swept swift swim sword sworn tail tale talk tall
  taller taste tea teach teacher tear teeth temper tender term terrible terror thank thatch theme theory thereby
  therein thereof thick thicker thicket thief think thirst thirty thither thread thrill throat throne thrust thud
  thumb thunder thyself tide tie tight time tin tip toast together token tomb tone tongue tonight top topic torch
  tore torment torrent touch tough town toy trace trail tramp trap travel tray tread treasure treat tree trial tribe
  trip trot trouble trunk trust truth try tune twelve twist uncle union unknown unlike upright upward useful useless
  utmost utter vain vast veil veld view vile village villain visible vision visit voice void waist wait waiter walk
  ward warm warmth warn wash waste watch watchful water wave wax way wayside wealth weary web week weep weird wept
  west wheel wherefore wherein whereon whip whisper white wick wider wild win wind window wing wink winter wire wise
  wish wit wolf woman women won wonderful wood wooden work world worry worse worth wouldst wrath wrist wrought wrung
  yard year yell yellow yer yesterday young younger youth`

const HELD_OUT = `
  aid ale bath beard bell bend bite blame bless careless cheap chest clan clock coach cover crash crown cure
  damp dance dare deer dine doom dory dry east entire exist finish fish fist flap flight flow forty frank gate
  gay glare greater grin guess handle hare hid humour hut inward jest lame lass leap lent load male mass
  meat mock nail offer pay pen pet pile plant plate port pray price rage rare regard reward rid root sad save scent
  sell sheep sheer shine shy silent sore spell spend station steel store tent track trick weak wear
  weather weight wet wide wine`

const split = (words: string) => words.trim().split(/\s+/)

export const LEXICON: Record<Split, readonly string[]> = { train: split(TRAIN), 'held-out': split(HELD_OUT) }
