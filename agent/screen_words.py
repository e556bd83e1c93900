"""The words of the screen, in Spanish, Portuguese and English: data, on `agent.folding.words_of` text.

Whole messages come from Twilio's and the carriers' lists and their everyday translations. The phrases are how
people ask in their own words; each needs a wish to stop *and* that it is about being written to.
"""

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split("|"))


OPT_OUT_WORDS = _set(
    "stop|stop all|stopall|stop it|stop now|unsubscribe|unsubscribe me|unsub|cancel|end|quit|revoke|"
    "opt out|optout|opt me out|remove|remove me|no more|take me off|stop texting|"
    "alto|parar|para|paren|detener|basta|baja|dar de baja|darme de baja|dame de baja|cancelar|"
    "cancelar suscripcion|no mas|no mas mensajes|ya no mas|salir|eliminar|eliminarme|desuscribir|"
    "desuscribirme|borrarme|borrame|"
    "pare|parem|sair|quero sair|remover|remova|remover da lista|descadastrar|descadastre|"
    "cancelar inscricao|nao quero mais|chega|me remove|me remova|me tira|me tire"
)

OPT_IN_WORDS = _set(
    "start|unstop|subscribe|resubscribe|opt in|optin|iniciar|inicio|comenzar|reanudar|alta|darme de alta|"
    "suscribir|volver|comecar|retomar|voltar|inscrever|reativar"
)
HELP_WORDS = frozenset({"help", "ayuda", "ajuda"})
SMS_HELP_WORDS = frozenset({"info"})

COURTESIES = re.compile(
    r"^(?:(?:please|pls|plz|por favor|pf|pfv|pfvr|porfa|porfavor|xfa|hola|ola|oi|hi|hello|ok|ya|ja) )+"
    r"|(?: (?:please|pls|plz|por favor|pf|pfv|pfvr|porfa|porfavor|xfa|gracias|obrigad[oa]|thanks|thank you"
    r"|thx|ya|ja|now))+$"
)

NOT_AN_OPT_OUT = re.compile(
    r"\b(?:mejor (?:por|al|llam\w+|escrib\w+)|prefiero (?:por|que|whats\w*|correo|llamada)|prefiro (?:por"
    r"|que|whats\w*|email)|melhor (?:por|pelo|no|ligar)"
    r"|(?:call|email|text|whatsapp|message) me instead|instead of|only by|solo por|so por|apenas por"
    r"|mas (?:tarde|temprano|adelante|de las?)|mais (?:tarde|cedo)|later than"
    r"|(?:old|previous|wrong|new|viejo|anterior|antiguo|antigo|nuevo|novo) (?:number|phone|address|numero"
    r"|telefono|correo)"
    r"|(?:update|change|replace|cambi\w+|actualiz\w+|atualiz\w+|troc\w+)(?: \w+){0,3} (?:number|phone"
    r"|email|numero|telefono"
    r"|correo|dados|datos)|tarjeta|cartao|credit card|my card|lista de espera|wait(?:ing )?list|do you "
    r"(?:delete|keep|store|erase))\b"
)
"""Wishing to be reached another way, at another hour or under other data is not an opt-out."""

_MESSAGES_ES = (
    r"(?:mensaj\w*|sms|msj\w*|mail\w*|correos?|ofertas?|promo\w*|publicidad|llamadas?|recordatorios?"
    r"|whats\w*|newsletters?|avisos?|fotos?)"
)
_MESSAGES_PT = (
    r"(?:mensag\w*|msgs?|sms|e ?mails?|ofertas?|promo\w*|propagandas?|ligac\w*|newsletters?|avisos?|contatos?|zaps?)"
)
_MESSAGES_EN = (
    r"(?:text\w*|messag\w*|msgs?|msging|sms|e ?mail\w*|mails?|calls?|calling|promo\w*|ads?|offers?"
    r"|reminders?|newsletters?|spam\w*|updates|notifications|pics|follow ups?)"
)
_WRITE_ES = r"(?:escrib\w+|contact\w+|mand\w+|envi\w+|llam\w+|molest\w+|marqu\w+|insist\w+|llegu\w+|spame\w+)"
_WRITE_PT = (
    r"(?:mand\w*|envi\w+|escrev\w+|lig(?:a|ar|ue|uem|uem)|contact\w+|contat\w+|procur\w+|incomod\w+"
    r"|perturb\w+|encher|abord\w+|cham\w+)"
)
_DATA = (
    r"(?:numer\w*|number|contact\w*|contato|dat[oa]s|dados|data|info\w*|e ?mail|correo|cadastro"
    r"|nombre|nome|name|ficha|details|record\w*|telefon\w*|phone|cell|address)"
)
_LIST = (
    r"(?:list\w*|base\w*|sistema|difusion|secuencia|distribucion|transmiss\w*|grupo de|bbdd|fichero"
    r"|crm|mailing|marketing|database|system|books|newsletter\w*|promo\w*|spam)"
)

_ENGLISH = (
    rf"(?<! did you) (?:stop|cease)(?! by| in| at| and| for| to)(?: \w+){{0,5}} {_MESSAGES_EN} ",
    rf" (?:forget|lose|block|drop) my {_DATA} ",
    rf" (?:remove|delete|erase|wipe|scrub)(?: \w+){{0,3}} (?:my|our|this)(?: \w+)? {_DATA} ",
    (
        rf" (?:remove|take|drop|strike|get) (?:me|us|my \w+|this \w+)(?: \w+){{0,2}} (?:off|from|out)"
        rf"(?: \w+){{0,3}} {_LIST} "
    ),
    (
        r" (?:don t|dont|do not|never) (?:ever )?(?:contact|text|message|write|reach out|bother|email|mail"
        r"|call)(?: \w+){0,3} (?:again|any ?more|ever|any further) "
    ),
    (
        r" (?:stop|quit|cease) (?:texting|messaging|messging|msging|mailing|emailing|calling|contacting"
        r"|writing|sending|spamming|bothering|harassing|bugging) (?:me|us|this|to|my) "
    ),
    r" cease (?:all )?(?:contact|communication\w*) ",
    (
        r" (?:do not|dont|don t|never|not to|kindly don t|please no)(?: ever)? (?:contact|text|message|msg"
        r"|bother|write to|spam) (?:me|us|this number|my number)? ?(?:again|any ?more|ever|about|for marketing"
        r"|at this|on this|by) "
    ),
    r" (?:do not|dont|don t|never)(?: ever)? (?:contact|text|message|write to|spam|bother) (?:me|us) $",
    (
        r" (?:do not|dont|don t|not) (?:send|follow)(?: \w+)? ?(?:any|up|me)? ?(?:more|further|again|anymore)"
        rf"(?: {_MESSAGES_EN})? "
    ),
    rf" no more (?:of )?(?:these |your |the |those )?{_MESSAGES_EN} ",
    (
        r" (?:do not|dont|don t|no longer) (?:want|wish|need|like)(?: to)?(?: (?:receive|get|be|any|more"
        rf"|further|these|your|the|those|of|contacted|by|hear)){{1,5}} (?:{_MESSAGES_EN}|from you|contacted"
        r"|again|anymore) "
    ),
    r" (?:not|no longer) (?:want|wish) to be contacted ",
    r" (?:remove|delete|erase|scrub)(?: all)? (?:the |any )?personal (?:data|information) ",
    rf" (?:remove|take|drop|get) me (?:off|from|out of|of)(?: \w+){{0,3}} {_LIST} ",
    r" (?:remove|unsubscribe) me(?: please| pls| asap| now| immediately)? $",
    r" (?:take|get) me off (?:this|your|the|that|of) ",
    r" get off (?:whatever|this|your|the)(?: \w+)? list ",
    r" (?<!not )(?:unsubscribe|unsub) (?:me|please|pls|this|my|from(?! the (?:\w+ )?(?:plan|course|class))|now|us) ",
    r" (?:want|like|wish|need|how do i|how to|how can i|to|please|pls|can i|can you) unsubscribe ",
    r" (?:opt me out|opting out|opt out of|(?:want|wish|like) to opt out|i opt out) ",
    r" do not call (?:list|registry) ",
    (
        r" (?:turn|switch|shut) (?:off )?(?:these|this|the|your|those|all)? ?(?:messages|texts|notifications"
        r"|promos|emails) ?off "
    ),
    r" turn off (?:this|these|(?:the|your|these|those) (?:messages|texts|notifications|promos|emails)) $",
    (
        r" (?:make sure|ensure) (?:nothing|no more|i (?:dont|don t)|we (?:dont|don t))(?: \w+){0,4} (?:comes?"
        r"|sent|messages?|texts?|again|get) "
    ),
    (
        r" (?:who gave you|where did you get|how did you get) my (?:number|e ?mail|contact).{0,20}(?: lose it"
        r"| delete it| remove it| forget it) "
    ),
    r" lose it $",
    rf" (?:enough|done) with (?:the|your|these|all the) {_MESSAGES_EN} ",
    r" leave me (?:alone|in peace) ",
    r" this (?:ends|stops) (?:today|now) ",
)
_SPANISH = (
    (
        rf" (?:dejen|dejad|deje|paren|parad|pare|cesen|basta)(?: ya)? (?:de|con)(?: \w+){{0,2}} "
        rf"(?:mandar\w*|escribir\w*|enviar\w*"
        rf"|llamar\w*|molestar\w*|contactar\w*|{_MESSAGES_ES}) "
    ),
    (
        r" no (?:quiero|deseo|queremos|deseamos|me interesa|quisiera|necesito)(?: \w+){0,3} (?:recibir"
        r"(?:l[oa]s)?|recibiendo)"
        rf"(?: mas)?(?: (?:sus|tus|esos|estos|ningun\w*|de))?(?: {_MESSAGES_ES}| nada| informacion| $|$)"
    ),
    (
        r" (?:elimin|borr|sac|quit|retir|suprim)\w*(?: \w+){0,2} (?:mi|mis|este|nuestro|nuestros) (?:numero"
        r"|datos|contacto|correo|telefono|mail|email|celular)(?: \w+){0,2} "
    ),
    rf" (?:elimin|borr|sac|quit|retir|suprim)\w*(?:me|nos)(?: \w+){{0,2}} (?:de|del)(?: \w+){{0,3}} {_LIST} ",
    rf" no (?:me|nos) (?:vuelv\w+|volv\w+) a {_WRITE_ES} ",
    (
        r" (?:no|que no) (?:volviera|vuelv\w+|vuelvan|volviesen)(?: \w+)? a (?:contact\w+|escrib\w+|mandar\w*"
        r"|enviar\w*|llamar\w*) "
    ),
    (
        rf" (?:ya )?no (?:me |nos |le |les )?{_WRITE_ES}(?: {_MESSAGES_ES}| sms| nada)? (?:mas|nunca|jamas"
        r"|de nuevo|nuevamente|otra vez) "
    ),
    (
        r" ya no (?:me|nos) (?:manden?|mandes|escriban?|escribas|envien?|envies|contacten?|contactes|llamen"
        r"|molesten?|escribai\w*) "
    ),
    (
        r" no (?:me|nos) (?:escriban|escribas|escriba|escribais|escribai|contacten|contactes|molesten|molestes"
        r"|spameen) (?:mas|$)"
    ),
    (
        r" no (?:quiero|queremos|deseo|deseamos)(?: seguir| volver a)? (?:recib\w+|que me (?:manden|envien"
        rf"|escriban|lleguen|contacten)|saber)(?: \w+){{0,2}} (?:{_MESSAGES_ES}|nada|de ustedes|mas) "
    ),
    rf" no (?:quiero|deseo|queremos) mas {_MESSAGES_ES} ",
    rf" ya no quiero(?: que)?(?: me| nos)? ?(?:recib\w+|lleguen|escriban|manden|contacten|{_MESSAGES_ES}) ",
    r" prefiero (?:no|ya no) recibir ",
    (
        r" (?:dejen|deja|deje|dejad|paren|para|pare|parad|basta|cesen|corten) (?:ya )?(?:de|con) (?:mandar\w*"
        rf"|escribir\w*|enviar\w*|llamar\w*|molestar\w*|contactar\w*|spam\w*|tant\w+ {_MESSAGES_ES}"
        rf"|los {_MESSAGES_ES}|l[ao]s {_MESSAGES_ES}|{_MESSAGES_ES}) "
    ),
    r" (?:no|ni)(?: \w+)? (?:enviar|mandar|escribir|contactar)(?:me|nos)? mas ",
    r" no (?:me )?(?:manden|envien|mandes|envies|mande|envie) mas ",
    (
        r" (?:me|nos) (?:pued\w+ |podr\w+ |podes )?(?:sa[cq]\w+|quit\w+|borr\w+|elimin\w+|retir\w+|dan"
        r"|den) de (?:la|su|tu|esta|esa|vuestra|las|sus|ahi|baja) "
    ),
    (
        r" (?:sac|quit|borr|elimin|retir|suprim)\w* (?:de inmediato |todos |por favor )?(?:mis?|el|los|este"
        rf"|nuestro|este) (?:datos (?:personales|de|que|mios)|numero|contacto|ficha|{_DATA} de (?:su|la"
        r"|todas)) "
    ),
    r" (?:eliminacion|supresion|borrado|cancelacion) de (?:todos )?(?:los|mis) datos ",
    (
        r" (?:darme|darnos|denme|dame|deme|dadme|me den|me dan|me des|solicito la|quiero la|pido la) "
        r"(?:de )?baja (?:de|del|en)(?: \w+)? (?:la |las |los |su |sus |tu |esta |este )?(?:list\w*|envio\w*"
        r"|correo\w*|mensaj\w*|newsletter\w*|publicidad|promo\w*|notific\w*|base\w*|sms|whats\w*|boletin\w*) "
    ),
    r" (?:darme|denme|deme|dame|dadme) de baja(?: por favor| porfa| ya| gracias)? $",
    r" (?:desuscri\w+|dessuscri\w+|desinscri\w+)(?:me|rme|banme|bame)\b",
    (
        r" (?:borren|elimina|eliminen|borra|quiten|quita|saquen|saca) (?:mi|este|ese) (?:numero|contacto"
        r"|telefono|celular|correo|mail) "
    ),
    (
        r" (?:saquenme|sacame|quitenme|quitadme|quitame|sacadme|borrenme|borrame|eliminenme|eliminame) (?:del?"
        r"|ya|por favor|porfa|$)"
    ),
    r" (?:borrenlo|eliminenlo|quitenlo|borrenla|eliminenla) (?:ya |por favor |porfa )?$",
    r" (?:eliminar|borrar|quitar) (?:el |mi |este )?(?:numero|contacto|telefono) (?:de|ya|por favor|$)",
    r" (?:corten|cortenla|cortala|cortar) (?:con )?(?:eso|esto|ya)(?: por favor)? $",
    r" (?:parenle|parale)(?: ya)? (?:con|a los|$)",
    (
        r" (?:me vuelv\w+|vuelv\w+|volv\w+|siguen|sigue|sigues) (?:a )?(?:escrib\w+|mand\w+|insist\w+|envi\w+"
        r"|contactar\w*)(?: \w+){0,4} (?:report\w+|denunci\w+|bloque\w+) "
    ),
    r" (?:dejenme|dejame|deje?nme|dejadme) (?:ya )?(?:en paz|tranquil[oa]) ",
    rf" (?:basta|chega) (?:ya )?(?:de|con) (?:tant\w+ |los |l[ao]s |sus )?{_MESSAGES_ES} ",
    r" (?:olvid\w+|pierdan) (?:de )?mi numero ",
    r" (?:me bloque\w+ o te|bloqueen mi numero) ",
)
_PORTUGUESE = (
    (
        rf" (?:parem|pare|para|deixem|deixe)(?: ja| logo)? de(?: me| nos| ficar){{0,2}} (?:mandar\w*|enviar\w*"
        rf"|escrever|ligar|chamar|{_MESSAGES_PT}) "
    ),
    (
        r" (?:nao|n) (?:quero|desejo|queremos|gostaria|tenho interesse)(?: \w+){0,3} (?:receber|recebendo)"
        rf"(?: mais)?(?: (?:seus|suas|essas|esses|nenhum\w*|de))?(?: {_MESSAGES_PT}| nada| informac\w+| $|$)"
    ),
    (
        rf" (?:tir|remov|retir|exclu|apag|delet|descadastr)\w*(?: \w+){{0,3}} (?:meus?|minhas?|nossos?|este"
        rf"|esse) (?:\w+ )?{_DATA} "
    ),
    (
        r" (?:tir|remov|retir|exclu|descadastr)\w* (?:me|eu|a gente|nos)?(?: \w+)? ?(?:da|do|das|dos|dessa"
        rf"|desta|desse|de)(?: \w+){{0,2}} {_LIST} "
    ),
    rf" (?:nao|n|nunca|nem) (?:me |nos )?{_WRITE_PT}(?: \w+)? (?:mais|nunca mais|de novo|novamente) ",
    rf" (?:nao|n) (?:me |nos )?{_WRITE_PT} mais(?: {_MESSAGES_PT}| nada)? ",
    (
        r" (?:nao|n) (?:quero|desejo|queremos|gostaria de)(?: mais)? (?:ser contat\w+|ser contact\w+"
        r"|ser abord\w+|que me (?:mand\w+|envi\w+|lig\w+))"
    ),
    rf" (?:nao|n) (?:quero|desejo) mais (?:{_MESSAGES_PT}|nada de voces|nenhum\w* {_MESSAGES_PT}) ",
    (
        rf" (?:par\w{{1,4}}|deix\w{{1,3}}) (?:ja )?(?:de|com) (?:me |nos )?(?:mandar|enviar|escrever|ligar"
        rf"|encher|perturbar|incomodar|me chamar|procurar|essas? {_MESSAGES_PT}|esses? {_MESSAGES_PT}|spam) "
    ),
    (
        rf" (?:tir\w{{1,3}}|remov\w{{1,3}}|retir\w{{1,3}}|exclu\w{{1,4}}|apag\w{{1,3}}|delet\w{{1,3}}"
        rf"|descadastr\w{{1,4}}|bloque\w{{1,4}})(?: (?:o|os|todos|por favor|favor|logo|ai|ja)){{0,3}} (?:meus?"
        rf"|minhas?|nossos?|este|esse)(?: \w+)? ?{_DATA} "
    ),
    (
        r" me (?:tir\w{1,3}|remov\w{1,3}|retir\w{1,3}|exclu\w{1,4}|descadastr\w{1,4})(?: logo| ja)? "
        r"(?:d[aeo]s?|dess[ae]s?|dest[ae]s?|dai|daqui|desse)(?: \w+)? "
    ),
    r" me (?:tir\w{1,3}|remov\w{1,3}|exclu\w{1,4}) (?:dai|daqui) ",
    r" (?:exclus\w+|remoc\w+|eliminac\w+) (?:de todos )?(?:os|dos) (?:meus )?dados ",
    (
        r" (?:cancelar|cancela|cancele|cancelem) (?:a |o |essa |esta |minha )?(?:newsletter|inscric\w+"
        r"|assinatura (?:da newsletter|de emails?)|recebimento|ofertas|envio de|sms) "
    ),
    r" (?:descadastrar|descadastrem|descadastre|descadastra) ",
    r" (?:quero|gostaria de|preciso|posso|como) sair (?:d[ae]s?sa?|da|desta) (?:lista|transmissao|base) ",
    r" podem? parar(?: (?:viu|ja|por favor|com isso|obrigad[oa]|ta|ok)){0,3} $",
    r" podem? parar (?:de mandar|de me|com isso|com ess\w+) ",
    r" (?:para|parem|pare) (?:com isso|de mandar|de me) ",
    r" (?:me deixa|me deixem|me deixe) em paz ",
    rf" chega de (?:tant\w+ )?{_MESSAGES_PT} ",
    r" (?:nao tenho|sem) interesse em (?:continuar )?receb\w+ ",
    r" (?:esquec\w+|perc?am|bloquei\w+) (?:o )?meu (?:numero|contato) ",
    r" (?:vou bloquear voces|me bloque\w+ (?:logo|ai|por favor)) ",
    r" (?:e mail|email|numero|contato|cadastro) (?:fosse|seja|sejam) (?:excluid\w|removid\w|apagad\w) ",
)

OPT_OUT_PHRASES = tuple(re.compile(pattern) for pattern in (*_ENGLISH, *_SPANISH, *_PORTUGUESE))

ASKS_TO_KEEP_WRITING = re.compile(
    r"\b(?:seguir|sigamos|siga|continuar|continuemos|continuamos|keep|continue|still want"
    r"|would you like us to)\b.{0,40}"
    r"\b(?:recib\w+|receb\w+|envi\w+|mand\w+|escrib\w+|getting|receiving|sending|send|hearing)\b"
)
"""Our own question whether we may go on writing; a plain no to it is an opt-out."""

ASKS_TO_REMOVE = re.compile(
    r"\b(?:elimin\w+|borr\w+|quit\w+|remov\w+|exclu\w+|delete|remove|unsubscribe|dar\w* de baja|dej\w+ de "
    r"(?:recib|enviar|escrib)\w*|pa\w+ de (?:enviar|mandar|receber)|stop (?:sending|messag|writ)\w*)\b"
    r".{0,60}\b(?:numero|datos|dados|contacto|contato|number|data|details|list\w*|base|mensajes|mensagens"
    r"|messages|texts)\b"
)
"""Our own question whether to take them off; a plain yes to it is an opt-out."""

PLAIN_NO = _set(
    "no|nao|nop|nope|nah|no gracias|nao obrigado|nao obrigada|no thanks|no thank you|no no|ninguna|"
    "ninguno|no ninguna|no ninguno|nenhuma|nenhum|nao nenhuma|none|none of them|neither|mejor no|"
    "prefiero que no|melhor nao|negativo|nada|n|no quiero|nao quero|no not really|no no y no|paso|"
    "para nada"
)
PLAIN_YES = _set(
    "si|sim|yes|yep|yeah|ok|dale|claro|si por favor|sim por favor|yes please|pode|pode sim|s|y|confirmo|"
    "i confirm|correcto|isso|please do|sure|si confirmo|sim confirmo|adelante|pode apagar|hazlo|haganlo"
)
