"""Blocks: what they can do, what they cannot, and what ends those that try."""

import asyncio
import html
import os
import signal
import time

import psutil
import pytest

from jobrunner.services.mail.templates import InvalidTemplate, Limits, Renderer, RenderingFailed, compile_template
from jobrunner.services.mail.templates.slots import Block

ALLOWED = {"Person": {"name", "vip", "tags", "note", "account.name"}}
LONG_LOOP = (
    "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}"
)
QUICK = Limits(cpu=0.3, wall=20.0, batch=60.0)

if os.name == "nt":
    pytest.skip("blocks are not for Windows", allow_module_level=True)


async def write(text, values, kind="html", limits=QUICK):
    async with Renderer([compile_template(text, kind, ALLOWED, ["optOutUrl"])], limits) as renderer:
        ((result,),) = [r if isinstance(r, tuple) else (r,) for r in await renderer.render([values])]
        return result


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<p>{% if Person.vip %}Dear{% else %}Hi{% endif %} {Person.name}</p>", "<p>Dear A &amp; B</p>"),
        (
            "{% for tag in Person.tags %}{{ loop.index }}{{ tag }} {Person.name};{% endfor %}",
            "1x A &amp; B;2y A &amp; B;",
        ),
        ("{{ Person.name|upper }} {{ Person['name'] }}", "A &amp; B A &amp; B"),
        ("{{ Person.account.name }}|{{ Person.account.secret }}|{{ Person.secret }}|{{ Nobody.x.y }}", "Blau|||"),
        ("{{ Person.note }}", "one<br>\ntwo"),
        ("{{ today }} {{ currentYear + 1 }}", "Dec 31, 2026 2027"),
        ("{{ 6 * 7 }} {{ 'a' ~ 1 }} {{ [3, 1]|sort|join('-') }}", "42 a1 1-3"),
        ("{% raw %}{{ {Person.name} }}{% endraw %}", "{{ {Person.name} }}"),
        ("{# nothing #}x\n{{ 1 }}\n", "x\n1\n"),
    ],
)
async def test_what_blocks_are_for(text, written, values):
    assert (
        await write(
            text,
            values(vip=True, tags=["x", "y"], note="one\ntwo", name="A & B", account={"name": "Blau", "secret": "s"}),
        )
        == written
    )


async def test_only_the_stretch_with_blocks_leaves_for_the_sandbox():
    template = compile_template("<style>a{b:c}</style>{Person.name}{% if 1 %}x{% endif %}{today}!", "html", ALLOWED)

    kinds = [type(s).__name__ for s in template.segments]
    assert kinds == ["str", "Slot", "Block", "Slot", "str"]
    assert next(s for s in template.segments if isinstance(s, Block)).source == "{% if 1 %}x{% endif %}"


@pytest.mark.parametrize("name", ["{{7*7}}", "{% include 'x' %}", "<script>", "{Person.note}"])
@pytest.mark.parametrize("text", ["{{ Person.name }}{{1}}", "{% if 1 %}{Person.name}1{% endif %}"])
async def test_a_value_in_a_block_is_literal(name, text, values):
    """H11: what stands in a name is neither markup nor template."""
    written = await write(text, values(name=name, note="secret"))

    assert "<" not in written
    assert html.unescape(written) == f"{name}1"


ATTACKS = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''|attr('__class__') }}",
    "{{ Person|attr('__init__') }}",
    "{{ Person.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ namespace() }}",
    "{{ joiner.__init__ }}",
    "{{ range.__class__ }}",
    "{{ loop.__class__ }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
    "{{ 'x'.format(1) }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{0.__class__}'.format_map({}) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%s'|format(1) }}",
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ [0] * 1000000000 }}",
    "{{ 9**9**9 }}",
    "{{ 'x'|center(1000000000) }}",
    "{{ range(1000000000)|list }}",
    "{{ range(0, 1000000000)|sum }}",
    f"{LONG_LOOP}{{{{ 1 }}}}",
    "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxxxx{% endfor %}{% endfor %}",
    "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a|length }}",
    "{% set a = [0, 0] %}" + "{% set a = a + a %}" * 40 + "{{ a|length }}",
    "{% set a = 99999 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}",
    "{% import 'os' as os %}",
    "{% from 'x' import y %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% call f() %}{% endcall %}",
    "{% autoescape false %}{{ Person.name }}{% endautoescape %}",
    "{{ Person.name|safe }}",
    "{{ Person.name|map('upper')|list }}",
    "{{ Person.update({'a': 1}) }}",
    "{{ Person.tags.append(1) }}",
    "{{ [1]|first.__class__ }}",
    "{{ [[1]]|sort(attribute='__class__') }}",
    "{{ ['a']|selectattr('__class__')|list }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "-" * 5000 + "1 }}",
    "{{ 1 / 0 }}",
    "{{ 1 +* 2 }}",
    "{% if %}{% endif %}",
    "{% nonsense %}",
    "{% debug %}",
    "{% trans %}x{% endtrans %}",
    "{% do 1 %}",
    "{% for x in Person.name %}{% break %}{% endfor %}",
]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attacks_are_refused_or_ended(attack, values):
    """H10: refused where the template is compiled, or stopped by time, memory or size, outside the daemon."""
    began = time.monotonic()
    try:
        result = await write(attack, values(tags=["t"]))
    except InvalidTemplate as error:
        result = error

    assert isinstance(result, InvalidTemplate | RenderingFailed), result
    assert "\n" not in str(result)
    assert 20 < len(str(result)) < 500
    assert time.monotonic() - began < 10


async def test_one_mail_that_exceeds_fails_alone(values):
    """H10: the process is ended, another takes its place, and the others are written."""
    text = "{% if Person.vip %}" + LONG_LOOP + "{% endif %}{Person.name}{{1}}"
    async with Renderer([compile_template(text, "text", ALLOWED)], QUICK) as renderer:
        results = await renderer.render([values(name=str(n), vip=n in (1, 4)) for n in range(6)])

    assert [r if isinstance(r, tuple) else str(r) for r in results] == [
        ("01",),
        "the template could not be filled: its blocks compute for more than 0.3 s",
        ("21",),
        ("31",),
        "the template could not be filled: its blocks compute for more than 0.3 s",
        ("51",),
    ]
    assert renderer.sandbox.starts == 3


async def test_memory_has_a_limit(values):
    """H10."""
    text = "{% if Person.vip %}" + "{% set a = Person.name %}" + "{% set a = a ~ a %}" * 28 + "{% endif %}{{1}}"
    generous = Limits(cpu=20.0, wall=30.0)
    async with Renderer([compile_template(text, "text", ALLOWED)], generous) as renderer:
        results = await renderer.render([values(name="x" * 64, vip=n == 0) for n in range(2)])

    assert "memory" in str(results[0])
    assert results[1] == ("1",)


async def test_output_has_a_limit(values):
    """H10."""
    text = "{% for a in range(1000) %}{{ Person.name }}{% endfor %}"

    failed = await write(text, values(name="x" * 1000), limits=Limits(output=100_000))
    assert str(failed) == "the template could not be filled: it writes more than 100,000 characters"


async def test_a_batch_has_a_limit(values):
    """H10: a process that does not answer at all is killed."""
    async with Renderer([compile_template("{{1}}", "text", ALLOWED)], Limits(batch=2)) as renderer:
        assert renderer.sandbox.pid is not None
        os.kill(renderer.sandbox.pid, signal.SIGSTOP)
        (failed,) = await renderer.render([values()])
        assert str(failed) == "the blocks of a batch of templates took more than 2 s"
        await renderer.sandbox.start()  # a new one, whose start does not count for the next batch
        assert await renderer.render([values()]) == [("1",)]


async def test_a_killed_process_costs_one_mail(values):
    async with Renderer([compile_template("{{1}}", "text", ALLOWED)]) as renderer:
        assert renderer.sandbox.pid is not None
        os.kill(renderer.sandbox.pid, signal.SIGKILL)
        first, second = await renderer.render([values(), values()])

    assert "was killed" in str(first)
    assert second == ("1",)


async def test_the_process_has_nothing_of_ours(values, database_url, monkeypatch):
    """H10: no descriptor but its pipes, no environment, no session of ours."""
    import asyncpg

    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", "geheim")
    connection = await asyncpg.connect(database_url)
    async with Renderer([compile_template("{{1}}", "text", ALLOWED)]) as renderer:
        process = psutil.Process(renderer.sandbox.pid)
        assert process.net_connections("all") == []
        assert process.num_fds() == 3
        assert "JOBRUNNER_SECRET_KEY" not in process.environ()
        assert set(process.environ()) <= {"PYTHONPATH", "PYTHONHASHSEED", "LC_CTYPE"}
        assert os.getsid(process.pid) == process.pid
    await connection.close()


async def test_it_ends_with_the_daemon(values):
    """Its pipe ends when the daemon is killed."""
    async with Renderer([compile_template("{{1}}", "text", ALLOWED)]) as renderer:
        process = renderer.sandbox._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_a_cancelled_batch_leaves_nothing_behind_for_the_next(values):
    text = "{% if Person.vip %}" + LONG_LOOP + "{% endif %}{Person.name}"
    async with Renderer([compile_template(text, "text", ALLOWED)], Limits(cpu=30, wall=30)) as renderer:
        slow = asyncio.create_task(renderer.render([values(name="old", vip=True)]))
        await asyncio.sleep(0)
        slow.cancel()
        await asyncio.wait([slow])
        assert await renderer.render([values(name="new")]) == [("new",)]


async def test_the_line_of_a_mistake_is_that_of_the_template():
    template = compile_template("one\ntwo\n{{ 1 }}\n{{ ''.x() }}", "text", ALLOWED)

    with pytest.raises(InvalidTemplate, match="line 4 of the text is refused: nothing but range"):
        async with Renderer([template]):
            pass


async def test_without_blocks_no_process_is_started(values):
    async with Renderer([compile_template("{Person.name}", "subject", ALLOWED)]) as renderer:
        assert await renderer.render([values(name="a\nb")]) == [("a b",)]
        assert renderer.sandbox.pid is None


async def test_subject_html_and_text_go_together(values):
    templates = [
        compile_template("{{ Person.name }} – news", "subject", ALLOWED),
        compile_template("<b>{{ Person.name }}</b> {{ Person.vip }}", "html", ALLOWED),
        compile_template("{Person.name}", "text", ALLOWED),
    ]
    async with Renderer(templates) as renderer:
        (texts,) = await renderer.render([values(name="A\n<B>", vip=False)])

    assert texts == ("A <B> – news", "<b>A<br>\n&lt;B&gt;</b> False", "A\n<B>")
