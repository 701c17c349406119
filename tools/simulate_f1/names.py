"""The invented circuits, teams and people."""


def read(text: str) -> list[list[str]]:
    """The fields of each line."""
    return [line.split("|") for line in text.strip().splitlines()]


# reference, name, place, country, how much the grid counts, laps, seconds a lap
CIRCUITS = read("""
ardenvale|Ardenvale Park|Ardenvale|UK|medium|52|88
bellacosta|Autodromo di Bellacosta|Bellacosta|Italy|low|54|82
brunnhof|Brunnhof Ring|Brunnhof|Germany|low|60|76
clairmont|Circuit de Clairmont-sur-Lys|Clairmont-sur-Lys|France|medium|53|93
coralbank|Coralbank Street Circuit|Coralbank|Australia|high|58|86
dunmere|Dunmere Raceway|Dunmere|Canada|low|68|74
esteroja|Circuito de Esteroja|Esteroja|Spain|high|66|79
fukahama|Fukahama Circuit|Fukahama|Japan|medium|53|91
kestrelridge|Kestrel Ridge Speedway|Kestrel Ridge|USA|low|56|96
lagunaverdosa|Autódromo Laguna Verdosa|Laguna Verdosa|Mexico|medium|71|78
meerdam|Circuit Meerdam|Meerdam|Netherlands|high|72|72
ostermoor|Ostermoor Ring|Ostermoor|Austria|low|70|67
pedraluz|Autódromo de Pedraluz|Pedraluz|Brazil|low|69|71
portofaro|Porto Faro Harbour Circuit|Porto Faro|Portugal|high|64|80
rochebrune|Circuit de Rochebrune|Rochebrune|Belgium|low|44|106
saltmarsh|Saltmarsh Road Course|Saltmarsh|UK|medium|55|85
tavolara|Tavolara Island Circuit|Tavolara|Italy|high|61|83
wattleford|Wattleford Circuit|Wattleford|Australia|medium|57|89
""")

# reference, name, nationality, first season, last season
CONSTRUCTORS = read("""
alderwick|Alderwick|British|2016|2025
brightwater|Brightwater|British|2016|2025
corvanti|Corvanti|Italian|2016|2025
falkenrode|Falkenrode|German|2016|2025
halvorsen|Halvorsen Dynamics|American|2016|2025
lumiere|Lumière Course|French|2016|2025
meridia|Meridia|Italian|2016|2025
norland|Norland Racing|British|2016|2017
sakuragi|Sakuragi Works|Japanese|2016|2025
stonebridge|Stonebridge|British|2016|2022
tarrant|Tarrant Vale|British|2016|2025
zephyrine|Zephyrine|French|2023|2025
""")

# nationality, forenames, the surname to each
DRIVERS = read("""
American|Casey Dalton Wyatt|Brackenridge Holloman Tillery
Australian|Angus Lachie Rowan|Cobbledick Marrabel Wyndgate
Austrian|Korbinian Leopold|Hochrainer Steinlechner
Belgian|Quentin Wout|Delvaulx Ooststraete
Brazilian|Caio Davi Heitor|Arantesco Figueirol Montalvane
British|Alfie Barnaby Callum Edmund|Ashdowner Birkenthwaite Coldbrook Fenwright
British|Freddie Jasper Rufus|Larkhill Pemberleigh Thornaby
Canadian|Beckett Tristan|Dufresnoy Macallan-Roy
Danish|Anker Villads|Kragsholm Vindelev
Dutch|Daan Jurre Sjoerd|Ijsselmonde Terhaven Zwaluwberg
Finnish|Eetu Onni|Koivurinta Rautalampi
French|Anatole Basile Gaspard Maxence|Aubrecourt Gervaisin Montferval Rocquelaine
German|Bastian Jannik Lennart Thilo|Drostenfeld Eichenlaub Grunwaldt Wetterstein
Italian|Ettore Gualtiero Manlio Tazio|Bellacorte Guarnacci Pontesanto Valdambra
Japanese|Haruto Kaito Sota|Asahikawa Hoshigaki Mizunoe
Mexican|Emiliano Joaquin|Quintaluna Villaseca
Spanish|Gonzalo Iker Unai|Escalera-Rey Navaspina Oroverde
""")
