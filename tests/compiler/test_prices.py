"""Shipped prices: in step with genai-prices, and resolved as it resolves them."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version

import pytest

from compiler.plan_llm import Url
from compiler.prices import Listed, listed
from compiler.prices_data import PATH, main, table, write

OPENAI = Url("https", "api.openai.com", 443, "/v1")
ANTHROPIC = Url("https", "api.anthropic.com", 443, "/v1")


@cache
def shipped():
    return json.loads(PATH.read_text())


def test_made_from_the_installed_version():
    """An upgrade of genai-prices asks for new data: `python -m compiler.prices_data`."""
    assert shipped()["source"] == f"genai-prices {version('genai-prices')}"


def test_the_file_is_what_the_generator_writes(tmp_path):
    """Nobody edits the data by hand, and writing it again changes nothing."""
    write(table(date.fromisoformat(shipped()["as_of"])), tmp_path / "prices.json")
    assert (tmp_path / "prices.json").read_text() == PATH.read_text()


def test_the_generator_runs_as_a_command(monkeypatch):
    """The command writes the same table."""
    made_tables = []
    monkeypatch.setattr("compiler.prices_data.write", made_tables.append)
    assert main(["--as-of", shipped()["as_of"]]) == 0
    assert json.loads(json.dumps(made_tables[0])) == shipped()


def references():
    """Give (provider id, a URL of it, a model that it sells) for every exact name in the data."""
    urls = {
        "openai": "https://api.openai.com/v1",
        "anthropic": "https://api.anthropic.com/v1",
        "groq": "https://api.groq.com/openai/v1",
        "mistral": "https://api.mistral.ai/v1",
        "deepseek": "https://api.deepseek.com/v1",
        "google": "https://generativelanguage.googleapis.com/v1beta/openai",
        "openrouter": "https://openrouter.ai/api/v1",
        "x-ai": "https://api.x.ai/v1",
        "azure": "https://me.openai.azure.com/openai/v1",
    }
    for provider in shipped()["providers"]:
        for name, clause, *_ in provider["models"]:
            if provider["id"] in urls:
                clauses = clause[1:] if isinstance(clause, list) else [clause]
                texts = {c[1:] for c in clauses if isinstance(c, str) and c[0] in "=^"}
                for text in sorted({name, *texts}):
                    yield provider["id"], urls[provider["id"]], text


def by_date(model):
    return isinstance(model.prices, list)


def pico(price):
    if price is None:
        return None
    return round(Decimal(getattr(price, "base", price)) * 1_000_000)


def test_models_are_found_as_genai_prices_finds_them():
    """For every name in the data, model and prices are those of the library itself."""
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    when = datetime.fromisoformat(shipped()["as_of"]).replace(tzinfo=UTC, hour=23, minute=59)
    compared = 0
    for provider, url, name in references():
        _, host = url.split("//")
        host, _, path = host.partition("/")
        ours = listed(Url("https", host, 443, f"/{path}"), name)
        try:
            _, model = snapshot.find_provider_model(name, None, None, f"{url}/")
        except LookupError:
            assert ours == Listed(None, None), (provider, name)
            continue
        assert ours.context_window == model.context_window, (provider, name)
        conditions = [one.constraint for one in model.prices] if by_date(model) else []
        if any(hasattr(condition, "start_time") for condition in conditions):
            continue  # by the time of day; ours is the price without a condition
        theirs = model.get_prices(when)
        if theirs.input_mtok is None:
            assert ours.price is None, (provider, name)
            continue
        assert ours.price is not None, (provider, name)
        assert (ours.price.input, ours.price.output, ours.price.cached_input) == (
            pico(theirs.input_mtok),
            pico(theirs.output_mtok) or 0,
            pico(theirs.cache_read_mtok),
        ), (provider, name)
        compared += 1
    assert compared > 500


@pytest.mark.parametrize(
    "name", ["gpt-4o-mini", "GPT-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4o-mini-20240718"]
)
def test_names_of_one_model(name):
    """Dated snapshots, in either spelling, have their model's price."""
    price = listed(OPENAI, name).price
    assert (price.input, price.output, price.cached_input) == (150_000, 600_000, 75_000)


def test_a_compact_date_that_is_none():
    """Digits that are no date are left alone."""
    assert listed(OPENAI, "gpt-4o-mini-20249999").price is None


def test_the_provider_decides():
    """The same name elsewhere is another product: nobody knows its price."""
    assert listed(Url("https", "llm.example", 443, "/v1"), "gpt-4o-mini").price is None
    assert listed(ANTHROPIC, "gpt-4o-mini").price is None


def test_a_host_that_begins_like_another():
    """A look-alike host is not the provider."""
    assert listed(Url("https", "api.openai.com.evil.example", 443, "/v1"), "gpt-4o").price is None


def test_resellers_sell_the_models_of_others():
    """Azure has the prices of OpenAI's models that it lists none for itself."""
    assert (
        listed(Url("https", "me.openai.azure.com", 443, "/openai/v1"), "gpt-4o").price is not None
    )


def test_tiers_are_marked():
    """A price that rises with the prompt says that it is the first tier's."""
    assert listed(ANTHROPIC, "claude-sonnet-4-5").price.source.endswith(", first tier")


def test_embeddings_generate_nothing():
    """What has no output has an output price of 0."""
    price = listed(OPENAI, "text-embedding-3-small").price
    assert (price.input, price.output) == (20_000, 0)


def test_no_model_no_reading():
    """A gateway without models neither reads the data nor imports genai-prices."""
    program = (
        "import sys; from compiler.read import sources_of; from compiler import prices;"
        "from tests.compiler.stages import plan_of;"
        "plan_of('listeners: { a: 1 }');"
        "assert 'genai_prices' not in sys.modules;"
        "assert prices._data.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
