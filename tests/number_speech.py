"""Numbers up to 999,999 as they are said in Spanish, Portuguese and English."""

WORDS = """
cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho
diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve
/ treinta cuarenta cincuenta sesenta setenta ochenta noventa
/ ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos
/ zero um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete dezoito
dezenove / vinte trinta quarenta cinquenta sessenta setenta oitenta noventa
/ cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos
/ zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen / twenty thirty forty fifty sixty seventy eighty ninety
"""
ES_SMALL, ES_TENS, ES_HUNDREDS, PT_SMALL, PT_TENS, PT_HUNDREDS, EN_SMALL, EN_TENS = map(str.split, WORDS.split("/"))


def spell_es(n: int) -> str:
    if n < 30:
        return ES_SMALL[n]
    if n < 100:
        return ES_TENS[n // 10 - 3] + (f" y {ES_SMALL[n % 10]}" if n % 10 else "")
    if n < 1000:
        return "cien" if n == 100 else ES_HUNDREDS[n // 100 - 1] + (f" {spell_es(n % 100)}" if n % 100 else "")
    head = "" if n // 1000 == 1 else f"{spell_es(n // 1000)} ".replace("uno ", "ún " if n // 1000 == 21 else "un ")
    return f"{head}mil" + (f" {spell_es(n % 1000)}" if n % 1000 else "")


def spell_pt(n: int) -> str:
    if n < 20:
        return PT_SMALL[n]
    if n < 100:
        return PT_TENS[n // 10 - 2] + (f" e {PT_SMALL[n % 10]}" if n % 10 else "")
    if n < 1000:
        return "cem" if n == 100 else PT_HUNDREDS[n // 100 - 1] + (f" e {spell_pt(n % 100)}" if n % 100 else "")
    rest = n % 1000
    joint = " e " if rest and (rest < 100 or rest % 100 == 0) else " "
    return ("" if n // 1000 == 1 else spell_pt(n // 1000) + " ") + "mil" + (joint + spell_pt(rest) if rest else "")


def spell_en(n: int) -> str:
    if n < 20:
        return EN_SMALL[n]
    if n < 100:
        return EN_TENS[n // 10 - 2] + (f"-{EN_SMALL[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{EN_SMALL[n // 100]} hundred" + (f" and {spell_en(n % 100)}" if n % 100 else "")
    return f"{spell_en(n // 1000)} thousand" + (f" {spell_en(n % 1000)}" if n % 1000 else "")


SPELLERS = {"es": spell_es, "pt": spell_pt, "en": spell_en}
NOUNS = {"es": "euros", "pt": "reais", "en": "dollars"}
