"""The program that writes the blocks of templates: a process of its own which has nothing and may do nothing.

It is run by its path, so that it imports Jinja2 and nothing of ours. It reads requests, one JSON object a line, and
answers each with one. Its memory is limited by the kernel, the time of each request by two timers whose signals end
the process: neither can be caught by what a template does, nor put off by C code that holds the interpreter lock.
"""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import ChainableUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

# fmt: off
FILTERS = frozenset({
    "abs", "batch", "capitalize", "count", "default", "d", "e", "escape", "first", "float", "int", "join", "last",
    "length", "list", "lower", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "select",
    "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "trim", "truncate", "unique", "upper",
    "urlencode", "wordcount",
})
# What a template may consist of. No macros, no recursion, no other templates, no way to switch escaping off.
NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.AssignBlock, nodes.With,
    nodes.FilterBlock, nodes.Scope, nodes.Const, nodes.Name, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair,
    nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div,
    nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.Concat,
)
# fmt: on
LONGEST_RANGE = 10_000
LARGEST_NUMBER = 10**18


class Refused(Exception):
    """The template asks for what it may not have."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2 with data only: dictionaries, lists, texts, numbers. No object has an attribute but a loop."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a field of a record, or what a loop says of itself."""
        if isinstance(obj, dict):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, LoopContext) and not attribute.startswith("_"):
            return super().getattr(obj, attribute)
        if isinstance(obj, ChainableUndefined) and not attribute.startswith("_"):
            return obj
        raise SecurityError(f"a {type(obj).__name__} has no attribute {attribute!r} here")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item of a list, text or record."""
        if isinstance(obj, dict | list | tuple | str) and not isinstance(argument, str):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                return self.undefined(obj=obj, name=argument)
        return self.getattr(obj, str(argument))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse what grows out of bounds, or formats."""
        if operator == "**" or (operator in ("*", "%") and not (_is_number(left) and _is_number(right))):
            raise SecurityError(f"{operator} is for numbers only" if operator != "**" else "** cannot be used here")
        result = super().call_binop(context, operator, left, right)
        if _is_number(result) and abs(result) > LARGEST_NUMBER:
            raise SecurityError("a number grows too large")
        return result


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def make_environment(kind: str) -> Environment:
    """Return the environment for `html`, `text` or `subject`."""
    html = kind == "html"
    environment = Environment(
        autoescape=html, undefined=ChainableUndefined, keep_trailing_newline=True, cache_size=0,
        finalize=_html if html else _text,
    )  # fmt: skip
    environment.globals = {"range": _range}
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    return environment


def _html(value: Any) -> Any:
    """Line ends of a value are line breaks; whether it is a constant, a field or computed."""
    if value is None:
        return ""
    return Markup(str(escape(value)).replace("\n", "<br>\n")) if isinstance(value, str) else value  # noqa: S704


def _text(value: Any) -> Any:
    return "" if value is None else value


def _range(*arguments: int) -> range:
    numbers = range(*arguments)
    if len(numbers) > LONGEST_RANGE:
        raise SecurityError(f"a range has at most {LONGEST_RANGE:,} numbers here")
    return numbers


def check(tree: nodes.Template) -> None:
    """Refuse a template with anything in it that is not known to be harmless."""
    for node in _walk(tree):
        if type(node) not in NODES:
            raise Refused(f"{type(node).__name__.lower()} cannot be used here", node.lineno)
        if isinstance(node, nodes.For) and node.recursive:
            raise Refused("a recursive loop cannot be used here", node.lineno)
        if isinstance(node, nodes.Call) and not _is_harmless(node):
            raise Refused("nothing but range(…) and loop.cycle(…) can be called here", node.lineno)
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise Refused(f"the filter {node.name!r} cannot be used here", node.lineno)


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [node]
    while waiting:
        yield (current := waiting.pop())
        waiting += current.iter_child_nodes()


def _is_harmless(call: nodes.Call) -> bool:
    called = call.node
    if call.dyn_args is not None or call.dyn_kwargs is not None:
        return False
    if isinstance(called, nodes.Name):
        return called.name == "range"
    return (
        isinstance(called, nodes.Getattr)
        and called.attr in ("cycle", "changed")
        and isinstance(called.node, nodes.Name)
        and called.node.name == "loop"
    )


class Writer:
    """Keeps the templates that were defined, and writes from them."""

    def __init__(self, output_limit: int) -> None:
        self._environments = {kind: make_environment(kind) for kind in ("html", "text", "subject")}
        self._templates: dict[int, tuple[str, Callable[[Any], Iterator[str]], Any]] = {}
        self._limit = output_limit

    def define(self, id: int, kind: str, source: str) -> None:
        """Compile a template and keep it."""
        environment = self._environments[kind]
        check(environment.parse(source))
        template = environment.from_string(source)
        self._templates[id] = (kind, template.root_render_func, template.new_context)

    def write(self, values: dict[str, Any], stretches: list[tuple[int, list[str]]]) -> list[str]:
        """Write one mail's stretches: each the template and the texts of its placeholders, escaped already."""
        return [self._write_one(values, id, slots) for id, slots in stretches]

    def _write_one(self, values: dict[str, Any], id: int, slots: list[str]) -> str:
        kind, render, new_context = self._templates[id]
        ready = [Markup(text) for text in slots] if kind == "html" else slots  # noqa: S704 - escaped
        pieces: list[str] = []
        room = self._limit
        for piece in render(new_context({**values, "slots": ready})):
            room -= len(piece)
            if room < 0:
                raise Refused(f"it writes more than {self._limit:,} characters")
            pieces.append(piece)
        return "".join(pieces)


def answer(writer: Writer, request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks."""
    try:
        if "define" in request:
            writer.define(request["define"], request["kind"], request["source"])
            return {}
        return {"texts": writer.write(request["values"], request["write"])}
    except TemplateSyntaxError as error:
        return {"error": error.message, "line": error.lineno}
    except Refused as error:
        return {"error": str(error), "line": error.line}
    except MemoryError:
        return {"error": "it takes more memory than it may", "end": True}
    except RecursionError:
        return {"error": "it is nested too deeply"}
    except (TemplateError, ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
        return {"error": str(error).partition("\n")[0][:300] or type(error).__name__}


def confine(memory: int) -> None:
    """Give up what a template has no business with. Limits hold for good: they cannot be raised again."""
    import resource

    for name, most in (("RLIMIT_AS", memory), ("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", 0), ("RLIMIT_NPROC", 0)):
        if (limit := getattr(resource, name, None)) is not None:
            try:
                resource.setrlimit(limit, (most, most))
            except (ValueError, OSError):
                pass  # macOS takes no RLIMIT_AS; time and output are limited there all the same


def main() -> None:
    """Answer until the other side hangs up."""
    options = json.loads(sys.argv[1])
    confine(options["memory"])
    sys.setrecursionlimit(500)
    writer = Writer(options["output"])
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    for line in requests:
        signal.setitimer(signal.ITIMER_PROF, options["cpu"])
        signal.setitimer(signal.ITIMER_REAL, options["wall"])
        reply = answer(writer, json.loads(line))
        encoded = json.dumps(reply).encode() + b"\n"
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(encoded)
        answers.flush()
        if reply.get("end"):
            return


if __name__ == "__main__":
    main()
