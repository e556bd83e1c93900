import pytest

from agent.language import phone_prior
from agent.prices import choose_currency
from agent.tenant.file import load_tenant_file
from channels.email_mime import normalise_address
from channels.simulator_prospect import COUNTRIES, Country, Person, shown_address
from jobs.wiring import example_tenants

CURRENCIES = {"ES": "EUR", "MX": "MXN", "BR": "BRL", "US": "USD"}
LANGUAGES = {"ES": "es", "MX": "es", "BR": "pt", "US": "en"}

each_country = pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.code)


@each_country
def test_person_is_known_again_by_number_alone(country: Country) -> None:
    person = Person.invent(country)
    assert Person.known_by(person.number) == person
    assert person.country == country


@each_country
def test_number_tells_currency_and_likeliest_language(country: Country) -> None:
    person = Person.invent(country)
    lumen = load_tenant_file(example_tenants() / "lumen.yaml").tenant
    prior = phone_prior(person.number, lumen.languages)
    assert choose_currency(lumen, person.number) == CURRENCIES[country.code]
    assert max(prior, key=lambda language: prior[language]) == LANGUAGES[country.code]


@each_country
def test_mailbox_is_a_plain_example_address(country: Country) -> None:
    address = Person.invent(country).email
    assert normalise_address(address) == address
    assert address.isascii()
    assert address.endswith("@example.com")


def test_person_writes_mail_from_the_mailbox_and_the_rest_from_the_number() -> None:
    person = Person.known_by("+34600000434")
    assert person is not None
    assert person.address("whatsapp") == person.address("sms") == "+34600000434"
    assert person.address("email") == person.email


@pytest.mark.parametrize(
    "number",
    ["", "34600000434", "+", "+34", "+34600\n", "+3460000043400000", "+491701234567", "<script>", "+34６００000434"],
)
def test_nobody_is_known_by_a_malformed_or_foreign_number(number: str) -> None:
    assert Person.known_by(number) is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [("+34910555012", "+34 910 55 50 12"), ("hola@lumen.example", "hola@lumen.example"), ("", "")],
    ids=["number", "mailbox", "nothing"],
)
def test_address_is_shown_as_people_write_it(address: str, shown: str) -> None:
    assert shown_address(address) == shown
