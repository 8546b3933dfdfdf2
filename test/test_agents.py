"""Agent frameworks take `CreditsApi.get_credits` as a tool, as it is.

Each test asks the real library for the schema that a model gets, and calls the tool.
"""

import asyncio
import json
from typing import Any

import pytest

from at_client import CreditsApi, UnauthorizedException
from at_client.sandbox import Sandbox
from support import pages
from support.facts import TOKEN
from support.makers import CapSys, MakeApi, MonkeyPatch
from support.service import Service


@pytest.fixture
def api(sandbox: Sandbox, make_api: MakeApi) -> CreditsApi:
    """The operation, against the sandbox."""
    return make_api(sandbox.url, access_token=sandbox.token)


TEXT = {"type": "string"}
NUMBER = {"type": "number"}
NULL = {"type": "null"}
PAIR = {
    "type": "array",
    "prefixItems": [NUMBER, NUMBER],
    "minItems": 2,
    "maxItems": 2,
}
PARAMETERS = {
    "access_token": [TEXT, NULL],
    "auth_token": [TEXT, NULL],
    "timeout": [NUMBER, PAIR, NULL],
}
"""What a model may set, each parameter to any of these, as JSON Schema."""


def check_schema(schema: dict[str, Any], *, described: bool = True) -> None:
    """Check the schema of the parameters, and whether each has its sentence."""
    properties = schema["properties"]
    assert properties.keys() == PARAMETERS.keys()
    assert not schema.get("required")

    for name, parameter in properties.items():
        assert parameter["anyOf"] == PARAMETERS[name]
        assert parameter.get("default") is None
        assert ("description" in parameter) is described


# ---- Anthropic


def test_anthropic(api: CreditsApi) -> None:
    """`beta_tool` reads signature and docstring, and calls with any arguments."""
    anthropic = pytest.importorskip("anthropic")
    tool = anthropic.beta_tool(api.get_credits)
    definition = tool.to_dict()

    assert definition["name"] == "get_credits"
    assert "credits" in definition["description"]
    assert "Args:" not in definition["description"]
    check_schema(definition["input_schema"])

    pair = {"timeout": [5, 5]}
    assert tool.call({}).remaining == 750
    assert tool.call(pair).remaining == 750


# ---- LangChain


def test_langchain_definition(api: CreditsApi) -> None:
    """LangChain writes the definition of a tool as OpenAI has it."""
    convert = pytest.importorskip("langchain_core.utils.function_calling")
    function = convert.convert_to_openai_tool(api.get_credits)["function"]

    assert function["name"] == "get_credits"
    assert "credits" in function["description"]
    check_schema(function["parameters"])


@pytest.mark.parametrize("parsed", [False, True], ids=["as it is", "parsed"])
def test_langchain_tool(api: CreditsApi, *, parsed: bool) -> None:
    """A structured tool is made, with its docstring parsed or as it is, and called."""
    tools = pytest.importorskip("langchain_core.tools")
    tool = tools.StructuredTool.from_function(api.get_credits, parse_docstring=parsed)

    assert tool.name == "get_credits"
    assert "credits" in tool.description
    schema = tool.args_schema.model_json_schema()
    check_schema(schema, described=parsed)

    at_once = tool.invoke({"timeout": 5})
    awaited = asyncio.run(tool.ainvoke({}))
    assert at_once.remaining == 750
    assert awaited.remaining == 750


def test_langchain_tool_call(api: CreditsApi) -> None:
    """The call of a model is answered with a message that has the numbers."""
    tools = pytest.importorskip("langchain_core.tools")
    tool = tools.StructuredTool.from_function(api.get_credits)
    call = {"type": "tool_call", "id": "1", "name": "get_credits", "args": {}}
    assert "=750" in tool.invoke(call).content


def test_langchain_failure(sandbox: Sandbox, make_api: MakeApi) -> None:
    """A failed call raises its error, with a message that shows no token."""
    tools = pytest.importorskip("langchain_core.tools")
    api = make_api(sandbox.url, access_token="wr0ng-t0ken")
    tool = tools.StructuredTool.from_function(api.get_credits)

    with pytest.raises(UnauthorizedException) as caught:
        tool.invoke({})

    assert "wr0ng-t0ken" not in str(caught.value)


# ---- MCP


def test_mcp(api: CreditsApi) -> None:
    """A server offers the method, and its client gets the names of the wire."""
    mcp = pytest.importorskip("mcp")
    server = pytest.importorskip("mcp.server").MCPServer("credits")
    server.tool()(api.get_credits)

    async def talk() -> tuple[Any, Any]:
        """List the tools, and call the one that there is."""
        async with mcp.Client(server) as client:
            listed = await client.list_tools()
            answer = await client.call_tool("get_credits", {})
            return listed.tools[0], answer

    tool, answer = asyncio.run(talk())

    assert tool.name == "get_credits"
    check_schema(tool.input_schema, described=False)
    remaining = tool.output_schema["properties"]["remaining_credits"]
    assert remaining["type"] == "integer"
    assert not answer.is_error
    assert answer.structured_content["remaining_credits"] == 750


# ---- Pydantic AI


def test_pydantic_ai(api: CreditsApi) -> None:
    """An agent calls the method, and its model gets the answer as JSON."""
    pydantic_ai = pytest.importorskip("pydantic_ai")
    models = pytest.importorskip("pydantic_ai.models.test")
    tool = pydantic_ai.Tool(api.get_credits)
    agent = pydantic_ai.Agent(models.TestModel(), tools=[tool])

    answered = asyncio.run(agent.run("How many credits are left?"))

    check_schema(tool.function_schema.json_schema)
    output = json.loads(answered.output)
    assert output["get_credits"]["remaining_credits"] == 750


# ---- OpenAI Agents


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "not strict"])
def test_openai_agents(api: CreditsApi, *, strict: bool) -> None:
    """`function_tool` reads signature and docstring, and calls as the runner does."""
    agents = pytest.importorskip("agents")
    context = pytest.importorskip("agents.tool_context")
    tool = agents.function_tool(api.get_credits, strict_mode=strict)
    schema = dict(tool.params_json_schema)

    def call(arguments: str) -> Any:
        """Call the tool with arguments as a model writes them."""
        asked = context.ToolContext(
            context=None,
            tool_name="get_credits",
            tool_call_id="1",
            tool_arguments=arguments,
        )
        return asyncio.run(tool.on_invoke_tool(asked, arguments))

    if strict:  # there, a model must name every parameter
        assert set(schema.pop("required")) == PARAMETERS.keys()
    assert tool.name == "get_credits"
    assert "credits" in tool.description
    check_schema(schema)
    assert call("{}").remaining == 750
    assert call('{"access_token": null, "timeout": 5}').remaining == 750


# ---- The page


def test_every_block_runs(
    service: Service, monkeypatch: MonkeyPatch, capsys: CapSys
) -> None:
    """Every Python block of the page runs alone, and prints what the page shows.

    The MCP server is not started: it would read what a person types.
    """
    server = pytest.importorskip("mcp.server").MCPServer
    monkeypatch.setattr(server, "run", lambda _: None)
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("AT_CLIENT_HOST", service.url)
    pages.run_examples(pages.PROJECT / "docs" / "agents.md", capsys)
