"""Promises of a result, of a later price and of a time, told in words that stand in no list of phrases."""

import pytest

from agent.guardrails.outcomes import promised_outcomes
from agent.guardrails.promises_later import done_by_then, held_prices
from agent.guardrails.sentences import read_sentences
from tests.hostile import assert_linear


def outcomes(text: str) -> list[str]:
    return [match[0] for sentence in read_sentences(text) for match in promised_outcomes(sentence)]


def prices(text: str) -> list[str]:
    published = frozenset({("date", "4-30")})
    return [match[0] for sentence in read_sentences(text) for match in held_prices(sentence, published)]


def times(text: str) -> list[str]:
    return [match[0] for sentence in read_sentences(text) for match in done_by_then(sentence)]


@pytest.mark.parametrize(
    "text",
    [
        "En tres meses estarás charlando con nativos sin despeinarte.",
        "Depois de doze semanas você conversa com qualquer gringo sem travar.",
        "Three Saturdays in and you'll be chatting away like a local.",
        "Con diez semanas te sobra: en el examen el B2 cae seguro.",
        "Com a preparação, o B2 já é seu.",
        "Ese dolor de espalda te lo quitamos en un mes.",
        "Four sessions and that shoulder pain will be history.",
        "Nossa equipe resolve essa dor em dez sessões.",
        "Con el plan mensual bajas de talla antes de Semana Santa.",
        "Seus dentes vão ficar três tons mais brancos.",
        "Con nosotros no vuelves a pagar un recargo.",
        "Com a gente você fica livre de multa.",
        "Your electricity bill will be next to nothing from month one.",
        "Al terminar te contratan en menos de medio año.",
        "Quem sai do curso ganha no mínimo o dobro.",
        "En mayo el mar está siempre ideal.",
        "After a month of yin yoga you'll sleep like a baby.",
        "Em dez semanas você canta afinado qualquer música.",
        "In three years you'll sell it for what you paid.",
        "The registry office will wave your application through.",
        "La Generalitat te paga la mitad.",
        "Todo mundo que faz o curso sai certificado.",
    ],
)
def test_result_told_plainly_is_found(text: str) -> None:
    assert outcomes(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hablas desde el primer día, en grupos de 8.",
        "¿Hablas inglés con soltura?",
        "Que hables sin acento no te lo puedo prometer.",
        "El dolor puede tardar en irse; lo valora la fisioterapeuta.",
        "Una sesión para quitar el dolor cuesta 90 €.",
        "The physio assesses your back in the first session.",
        "71% of the graduates who looked for a job found one.",
        "Que no haya multas no lo podemos prometer.",
        "O resultado varia de pessoa para pessoa.",
        "In ten weeks you'll work through every section.",
        "En cuatro días haces 4 inmersiones.",
        "The bank decides that, so I can't tell you it will be approved.",
        "El banco te pide tres recibos de sueldo.",
        "We can't say there will always be waves.",
    ],
)
def test_what_is_open_declined_or_only_described_is_no_result(text: str) -> None:
    assert not outcomes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Si te apuntas en verano te sigue costando 520 €.", True),
        ("Sure, in May you'd still pay €540.", True),
        ("O clube fica nos R$ 289 enquanto você estiver conosco.", True),
        ("A ti te lo dejamos en 240.000 también después de abril.", True),
        ("Sigue en 240.000 hasta el 30 de abril.", False),
        ("Desde mayo pasa a 260.000.", False),
        ("Queda en 540 € y puedes empezar cuando quieras.", False),
        ("Son 18.900 mesmo, em até dez vezes.", False),
    ],
)
def test_price_told_to_hold_later_is_found(text: str, *, expected: bool) -> None:
    assert bool(prices(text)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("En 48 horas tendrías uno nuevo puesto en tu casa.", True),
        ("En tres semanas, a más tardar, tienes la conexión lista.", True),
        ("Pay today and the panels are on your roof by the 20th.", True),
        ("Una fecha para tenerlo listo en dos semanas no la puedo prometer.", False),
        ("¿Lo necesitas instalado en dos semanas?", False),
        ("El curso dura doce semanas.", False),
    ],
)
def test_work_told_to_be_done_by_a_time_is_found(text: str, *, expected: bool) -> None:
    assert bool(times(text)) is expected


def test_long_text_is_read_in_linear_time() -> None:
    assert_linear(
        lambda text: (outcomes(text), prices(text), times(text)), "te quitamos el dolor en mayo sigue 540 € listo "
    )
