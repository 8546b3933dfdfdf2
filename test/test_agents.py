"""Agent frameworks take `CreditsApi.get_credits` as a tool, as it is.

Each test asks the real library for the schema that a model gets, and calls the tool.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from at_client import CreditsApi
from at_client.sandbox import Sandbox
from support import pages
from support.facts import TOKEN
from support.makers import CapSys, MakeApi, MonkeyPatch
from support.service import Service

RunExample = Callable[[str], None]


@pytest.fixture
def api(sandbox: Sandbox, make_api: MakeApi) -> CreditsApi:
    """The operation, against the sandbox."""
    return make_api(sandbox.url, access_token=sandbox.token)


PAGE = pages.PROJECT / "docs" / "agents.md"


@pytest.fixture
def run_example(
    service: Service, monkeypatch: MonkeyPatch, capsys: CapSys
) -> RunExample:
    """Run the example of the page that uses a library, and compare what it prints.

    Each test begins with that, as some libraries take seconds to import.
    """
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("AT_CLIENT_HOST", service.url)

    def run(library: str) -> None:
        (chain,) = [
            chain
            for chain in pages.chains(PAGE)
            if f"from {library} import" in chain[0].code
        ]
        pages.run_chain(chain, capsys)

    return run


PARAMETERS = {
    "access_token": ["string", "null"],
    "auth_token": ["string", "null"],
    "timeout": ["number", "array", "null"],
}
"""What a model may set, each parameter to a value of one of these JSON types."""


def check_schema(schema: dict[str, Any]) -> None:
    """Check the schema of the parameters, and that each has its sentence."""
    assert not schema.get("required")

    types = {}
    for name, parameter in schema["properties"].items():
        assert parameter["description"]
        types[name] = [each["type"] for each in parameter["anyOf"]]
    assert types == PARAMETERS


# ---- Anthropic


def test_anthropic(api: CreditsApi, run_example: RunExample) -> None:
    """`beta_tool` reads signature and docstring, and calls with any arguments."""
    anthropic = pytest.importorskip("anthropic")
    run_example("anthropic")

    tool = anthropic.beta_tool(api.get_credits)
    definition = tool.to_dict()

    assert definition["name"] == "get_credits"
    check_schema(definition["input_schema"])
    description = definition["description"]
    assert "credits" in description
    assert "Args:" not in description

    arguments = {"timeout": [5, 5]}
    answered = tool.call(arguments)
    assert answered.remaining == 750


# ---- LangChain


def test_langchain_definition(api: CreditsApi) -> None:
    """LangChain writes the definition of a tool as OpenAI has it."""
    convert = pytest.importorskip("langchain_core.utils.function_calling")
    tool = convert.convert_to_openai_tool(api.get_credits)
    function = tool["function"]

    assert function["name"] == "get_credits"
    assert "credits" in function["description"]
    check_schema(function["parameters"])


def test_langchain_tool(api: CreditsApi, run_example: RunExample) -> None:
    """A structured tool has the schema, and answers a model with the numbers."""
    tools = pytest.importorskip("langchain_core.tools")
    run_example("langchain_core.tools")
    tool = tools.StructuredTool.from_function(api.get_credits, parse_docstring=True)

    assert tool.name == "get_credits"
    assert "credits" in tool.description
    check_schema(tool.args_schema.model_json_schema())

    call = {
        "type": "tool_call",
        "id": "1",
        "name": "get_credits",
        "args": {"timeout": 5},
    }
    message = tool.invoke(call)
    assert "=750" in message.content


# ---- MCP


def test_mcp(api: CreditsApi) -> None:
    """A server offers the method, and its client gets the names of the wire."""
    mcp = pytest.importorskip("mcp")
    servers = pytest.importorskip("mcp.server")
    server = servers.MCPServer("credits")
    add_tool = server.tool()
    add_tool(api.get_credits)

    async def talk() -> tuple[Any, Any]:
        """List the tools, and call the one that there is."""
        async with mcp.Client(server) as client:
            listed = await client.list_tools()
            answer = await client.call_tool("get_credits", {})
            return listed.tools[0], answer

    tool, answer = asyncio.run(talk())

    assert tool.name == "get_credits"
    assert tool.input_schema["properties"].keys() == PARAMETERS.keys()
    written = tool.output_schema["properties"]
    assert written["remaining_credits"]["type"] == "integer"
    assert answer.structured_content["remaining_credits"] == 750


# ---- Pydantic AI


def test_pydantic_ai(api: CreditsApi, run_example: RunExample) -> None:
    """An agent calls the method, and its model gets the answer as JSON."""
    pydantic_ai = pytest.importorskip("pydantic_ai")
    models = pytest.importorskip("pydantic_ai.models.test")
    run_example("pydantic_ai")

    tool = pydantic_ai.Tool(api.get_credits)
    model = models.TestModel()
    agent = pydantic_ai.Agent(model, tools=[tool])

    run = agent.run("How many credits are left?")
    output = asyncio.run(run).output

    check_schema(tool.function_schema.json_schema)
    results = json.loads(output)
    assert results["get_credits"]["remaining_credits"] == 750


# ---- OpenAI Agents


def test_openai_agents(api: CreditsApi, run_example: RunExample) -> None:
    """`function_tool` reads signature and docstring, and calls as the runner does."""
    agents = pytest.importorskip("agents")
    context = pytest.importorskip("agents.tool_context")
    run_example("agents")

    tool = agents.function_tool(api.get_credits)
    schema = tool.params_json_schema.copy()

    # Strict, as it is by default: a model must name every parameter.
    assert schema.pop("required") == list(PARAMETERS)
    assert tool.name == "get_credits"
    assert "credits" in tool.description
    check_schema(schema)

    arguments = '{"access_token": null, "timeout": 5}'
    asked = context.ToolContext(
        context=None,
        tool_name="get_credits",
        tool_call_id="1",
        tool_arguments=arguments,
    )
    waiting = tool.on_invoke_tool(asked, arguments)
    answered = asyncio.run(waiting)
    assert answered.remaining == 750
