"""Agent frameworks take `CreditsApi.get_credits` as a tool, as it is; the real libraries do the asking."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import at_client
from at_client import CreditsApi
from support import pages
from support.facts import TOKEN
from support.makers import CapSys, MakeApi, MonkeyPatch
from support.service import Service

langchain_tools = pytest.importorskip("langchain_core.tools")
mcp = pytest.importorskip("mcp")
mcp_server = pytest.importorskip("mcp.server")
pydantic_ai = pytest.importorskip("pydantic_ai")
pydantic_ai_test = pytest.importorskip("pydantic_ai.models.test")


@pytest.fixture
def api(service: Service, make_api: MakeApi) -> CreditsApi:
    """The operation, against the service."""
    return make_api(service.url)


@pytest.fixture
def event_loop() -> Iterator[None]:
    """A loop for `Agent.run_sync`, which would otherwise leave one of its own open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def check_schema(schema: dict[str, Any]) -> None:
    """A model may set parameters that have a public name, and need not set any."""
    assert set(schema["properties"]) <= {"auth_token", "timeout"}
    assert not schema.get("required")


def test_langchain(api: CreditsApi) -> None:
    """LangChain makes a tool of the method, describes it by its docstring, and runs it for a tool call."""
    tool = langchain_tools.StructuredTool.from_function(api.get_credits)
    check_schema(tool.tool_call_schema.model_json_schema())
    assert tool.name == "get_credits"
    assert "credits" in tool.description
    assert tool.invoke({}).remaining == 750
    call = {
        "type": "tool_call",
        "id": "1",
        "name": "get_credits",
        "args": {"timeout": 5},
    }
    assert "remaining=750" in tool.invoke(call).content
    assert asyncio.run(tool.ainvoke({})).remaining == 750


def test_mcp(api: CreditsApi) -> None:
    """An MCP server offers the method, and its client gets the credits by their names on the wire."""
    server = mcp_server.MCPServer("credits")
    server.tool()(api.get_credits)

    async def talk() -> tuple[Any, Any]:
        async with mcp.Client(server) as client:
            return await client.list_tools(), await client.call_tool("get_credits", {})

    listed, answer = asyncio.run(talk())
    check_schema(listed.tools[0].input_schema)
    assert "remaining_credits" in listed.tools[0].output_schema["properties"]
    assert not answer.is_error
    assert answer.structured_content["remaining_credits"] == 750


@pytest.mark.usefixtures("event_loop")
def test_pydantic_ai(api: CreditsApi) -> None:
    """A Pydantic AI agent calls the method, and gets the model back."""
    tool = pydantic_ai.Tool(api.get_credits)
    check_schema(tool.function_schema.json_schema)
    agent = pydantic_ai.Agent(pydantic_ai_test.TestModel(), tools=[tool])
    assert (
        '"remaining_credits":750' in agent.run_sync("How many credits are left?").output
    )


def test_a_failed_call_is_raised(service: Service, make_api: MakeApi) -> None:
    """The framework gets the error itself, with a message that shows no token."""
    api = make_api(service.url, access_token="wr0ng-t0ken")
    tool = langchain_tools.StructuredTool.from_function(api.get_credits)
    with pytest.raises(at_client.UnauthorizedException) as caught:
        tool.invoke({})
    assert "wr0ng-t0ken" not in str(caught.value)


@pytest.mark.usefixtures("event_loop")
def test_every_block_runs(
    service: Service, monkeypatch: MonkeyPatch, capsys: CapSys
) -> None:
    """Every Python block of the page runs alone and prints what it shows; the server waits for nobody."""
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("AT_CLIENT_HOST", service.url)
    monkeypatch.setattr(mcp_server.MCPServer, "run", lambda _: None)
    pages.run_examples(pages.PROJECT / "docs" / "agents.md", capsys)
