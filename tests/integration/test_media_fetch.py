"""Getting files from Twilio over real HTTP: who is told our credentials, how far we follow, and what we refuse."""

from collections.abc import AsyncIterator, Collection

import httpx
import pytest

from agent.errors import MediaRefused, Permanent, Retryable
from channels.media_fetch import STORAGE_HOSTS, TwilioMediaFetcher
from tests.doubles.twilio_media import TwilioMediaDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.files import JPEG

PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.7"
MAX_BYTES = 200_000


@pytest.fixture(scope="module")
async def serving_twilio() -> AsyncIterator[TwilioMediaDouble]:
    """Twilio's API and its storage, up for all tests of this file."""
    async with TwilioMediaDouble() as double:
        yield double


@pytest.fixture
def twilio(serving_twilio: TwilioMediaDouble) -> TwilioMediaDouble:
    """Twilio's API and its storage, which have not been asked anything."""
    serving_twilio.reset()
    return serving_twilio


@pytest.fixture
async def fetcher(twilio: TwilioMediaDouble) -> AsyncIterator[TwilioMediaFetcher]:
    """A fetcher that believes both are where they should be, and takes small files."""
    opened = build(twilio)
    yield opened
    await opened.aclose()


def build(twilio: TwilioMediaDouble, *, token: str = AUTH_TOKEN, total_timeout_s: float = 60) -> TwilioMediaFetcher:
    return TwilioMediaFetcher(
        account_sid=ACCOUNT_SID,
        auth_token=token,
        base_url=twilio.api_url,
        trusted_origins=[twilio.storage_url],
        max_bytes=MAX_BYTES,
        total_timeout_s=total_timeout_s,
    )


async def test_file_is_fetched_with_credentials_that_the_storage_never_sees(
    twilio: TwilioMediaDouble, fetcher: TwilioMediaFetcher
) -> None:
    fetched = await fetcher.fetch(twilio.keep(JPEG, filename="../../photo of me.jpg"))
    assert fetched.content == JPEG
    assert fetched.filename == "photo of me.jpg"
    assert "authorization" in twilio.asked_api[0]
    assert "authorization" not in twilio.asked_storage[0]
    assert "cookie" not in twilio.asked_storage[0]


async def test_redirect_back_to_the_api_gets_no_credentials_either(
    twilio: TwilioMediaDouble, fetcher: TwilioMediaFetcher
) -> None:
    address = twilio.keep(JPEG).removeprefix("https://api.twilio.com")
    with pytest.raises(Permanent, match="TWILIO_AUTH_TOKEN"):
        await fetcher.fetch(twilio.keep(b"", location=f"{twilio.api_url}{address}"))
    assert ["authorization" in each for each in twilio.asked_api] == [True, False]


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "unannounced"])
async def test_file_over_the_limit_is_refused(
    twilio: TwilioMediaDouble, fetcher: TwilioMediaFetcher, chunked: bool
) -> None:
    with pytest.raises(MediaRefused, match="larger than 200000 bytes"):
        await fetcher.fetch(twilio.keep(b"x" * (MAX_BYTES + 1), chunked=chunked))
    assert len((await fetcher.fetch(twilio.keep(b"x" * MAX_BYTES, chunked=chunked))).content) == MAX_BYTES


async def test_file_that_never_ends_is_left_after_the_total_time(twilio: TwilioMediaDouble) -> None:
    fetcher = build(twilio, total_timeout_s=0.3)
    with pytest.raises(Retryable, match=r"within 0\.3 s"):
        await fetcher.fetch(twilio.keep(JPEG, stalls=True))
    await fetcher.aclose()


@pytest.mark.parametrize(
    ("status", "error"), [(404, Retryable), (429, Retryable), (503, Retryable), (403, Permanent), (410, Permanent)]
)
async def test_answers_say_whether_to_try_again(
    twilio: TwilioMediaDouble, fetcher: TwilioMediaFetcher, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error, match=str(status)):
        await fetcher.fetch(twilio.keep(JPEG, statuses=[status]))


async def test_wrong_token_is_named_as_what_to_mend(twilio: TwilioMediaDouble) -> None:
    fetcher = build(twilio, token="wrong")
    with pytest.raises(Permanent, match="check TWILIO_AUTH_TOKEN"):
        await fetcher.fetch(twilio.keep(JPEG))
    assert twilio.asked_storage == []
    await fetcher.aclose()


async def test_packed_answer_that_was_not_asked_for_is_not_unpacked(
    twilio: TwilioMediaDouble, fetcher: TwilioMediaFetcher
) -> None:
    with pytest.raises(Permanent, match="encoding"):
        await fetcher.fetch(twilio.keep(JPEG, encoding="gzip"))


REDIRECTS = {
    "metadata service": ("https://169.254.169.254/latest/meta-data/", "no host of the provider"),
    "metadata service without https": ("http://169.254.169.254/latest/meta-data/", "not plain https"),
    "this machine": ("https://127.0.0.1/", "no host of the provider"),
    "a database of this machine": ("https://localhost:5432/", "not plain https"),
    "another site": ("https://evil.example/x.jpg", "no host of the provider"),
    "a look-alike": ("https://twilio.com.evil.example/x.jpg", "no host of the provider"),
    "a suffix that is no domain": ("https://nottwilio.com/x.jpg", "no host of the provider"),
    "credentials in the address": ("https://a:b@media.twiliocdn.com/x.jpg", "not plain https"),
    "plain http": ("http://media.twiliocdn.com/x.jpg", "not plain https"),
    "another scheme": ("file:///etc/passwd", "not plain https"),
    "another port": ("https://media.twiliocdn.com:8443/x.jpg", "not plain https"),
    "a port that is none": ("https://media.twiliocdn.com:99999/x.jpg", "malformed"),
    "a label that is too long": (f"https://{'a' * 64}.twiliocdn.com/x.jpg", "no possible host"),
}


@pytest.mark.parametrize(("location", "reason"), REDIRECTS.values(), ids=REDIRECTS.keys())
async def test_redirect_to_a_place_off_the_list_is_refused(
    twilio: TwilioMediaDouble, fetcher: TwilioMediaFetcher, location: str, reason: str
) -> None:
    with pytest.raises(MediaRefused, match=reason):
        await fetcher.fetch(twilio.keep(JPEG, location=location))
    with pytest.raises(MediaRefused, match=reason):  # nor if the webhook itself names it
        await fetcher.fetch(location)


async def test_address_that_is_none_is_refused(fetcher: TwilioMediaFetcher, twilio: TwilioMediaDouble) -> None:
    with pytest.raises(MediaRefused, match="malformed"):
        await fetcher.fetch(f"{twilio.api_url}/\x01{'a' * 70_000}")


async def test_redirects_without_end_are_refused(twilio: TwilioMediaDouble, fetcher: TwilioMediaFetcher) -> None:
    url = twilio.keep(JPEG)
    (twilio.files[url.rpartition("/")[2]]).location = f"{twilio.api_url}{url.removeprefix('https://api.twilio.com')}"
    with pytest.raises((MediaRefused, Permanent)):
        await fetcher.fetch(url)
    assert len(twilio.asked_api) <= 6


ADDRESSES = {
    "private": [PRIVATE],
    "loopback": ["127.0.0.1"],
    "link-local": ["169.254.169.254"],
    "shared": ["100.64.0.1"],
    "IPv6 loopback": ["::1"],
    "IPv6 private": ["fd00::1"],
    "IPv4 in IPv6": ["::ffff:127.0.0.1"],
    "private behind NAT64": ["64:ff9b::a00:7"],
    "private behind 6to4": ["2002:a00:7::1"],
    "one of two": [PUBLIC, PRIVATE],
    "multicast": ["224.0.0.1"],
    "none": [],
}


@pytest.mark.parametrize("addresses", ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_listed_host_whose_name_leads_off_the_internet_is_refused(addresses: list[str]) -> None:
    async def resolve(host: str, port: int) -> Collection[str]:
        return addresses

    fetcher = TwilioMediaFetcher(account_sid="AC1", auth_token="t", resolve=resolve)
    with pytest.raises(MediaRefused, match="not on the public internet"):
        await fetcher.fetch("https://media.twiliocdn.com/x.jpg")
    await fetcher.aclose()


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    asked: list[httpx.Request] = []

    async def resolve(host: str, port: int) -> Collection[str]:
        return [PUBLIC]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 1:
            return httpx.Response(307, headers={"location": "https://s3-external-1.amazonaws.com/media/x?sig=1"})
        return httpx.Response(200, stream=httpx.ByteStream(JPEG))

    fetcher = TwilioMediaFetcher(account_sid="AC1", auth_token="t", resolve=resolve)
    await fetcher.aclose()
    fetcher._http = httpx.AsyncClient(transport=httpx.MockTransport(answer))  # the internet is not at hand
    assert (await fetcher.fetch("https://api.twilio.com/2010-04-01/x")).content == JPEG
    await fetcher.aclose()
    assert [str(each.url) for each in asked] == [
        f"https://{PUBLIC}/2010-04-01/x",
        f"https://{PUBLIC}/media/x?sig=1",
    ]
    names = ["api.twilio.com", "s3-external-1.amazonaws.com"]
    assert [each.headers["host"] for each in asked] == names
    assert [each.extensions["sni_hostname"] for each in asked] == names
    assert ["authorization" in each.headers for each in asked] == [True, False]


async def test_operator_may_name_further_storage() -> None:
    async def resolve(host: str, port: int) -> Collection[str]:
        return [PRIVATE]

    fetcher = TwilioMediaFetcher(account_sid="AC1", auth_token="t", hosts=["files.example"], resolve=resolve)
    assert "files.example" not in STORAGE_HOSTS
    with pytest.raises(MediaRefused, match="public internet"):  # known, but looked at all the same
        await fetcher.fetch("https://eu.files.example/x.jpg")
    await fetcher.aclose()


async def test_host_that_cannot_be_found_is_tried_again() -> None:
    async def resolve(host: str, port: int) -> Collection[str]:
        raise OSError("no such host")

    fetcher = TwilioMediaFetcher(account_sid="AC1", auth_token="t", resolve=resolve)
    with pytest.raises(Retryable, match="cannot be found"):
        await fetcher.fetch("https://api.twilio.com/x")
    await fetcher.aclose()
