"""Writes cases.json and jinja.json.gz: conversations rendered by Jinja2 as transformers sets it up (trim_blocks, lstrip_blocks, an
immutable sandbox, loop controls, generation, tojson that keeps characters, raise_exception).

All templates were written for this test. cases.json, for package tokenizer: five families after the habits of the published ones of
the Qwen, Llama, ChatML and Zephyr models, and features.py with a template for every thing that templates use. jinja.json.gz, for
package internal/jinja: these and the templates of more.py, each with every conversation there; equal outcomes are written once.

    apt-get install python3-jinja2                # 3.1.2
    /usr/bin/python3 testdata/chat/make.py        # from the root of the repository

With --check FILE…, nothing is written: every FILE is a published tokenizer_config.json or .jinja file, whose rendering by
Jinja2 is compared with that of `reprise inspect data --model DIR --data FILE --json`, where DIR (--model) holds
GPT-2's tokenizer.json; REPRISE names the command.
"""
import argparse
import copy
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

sys.dont_write_bytecode = True  # no folder of bytecode among the files of the manifest
import features  # noqa: E402
import more  # noqa: E402
from features import FEATURES  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
HEADERS = """{{- bos_token }}
{%- if date is not defined %}
    {%- if strftime_now is defined %}
        {%- set date = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\nDate: " + date + "\\n\\n" + system + "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
BRACKETS = (
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set rest = messages %}{% set system = false %}{% endif %}"
    "{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
THINKING = """{%- if tools %}
    {{- '<|im_start|>system\\nTools:' }}
    {%- for tool in tools %}
        {{- "\\n" + (tool | tojson) }}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(searching=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.searching and message.role == "user" and not(message.content.startswith('<tool_response>')) %}
        {%- set ns.searching = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role != "assistant" %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- else %}
        {%- set content = message.content %}
        {%- set thought = '' %}
        {%- if message.reasoning_content is defined and message.reasoning_content is not none %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in message.content %}
            {%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}
            {%- set thought = message.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}
            {{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for call in message.tool_calls %}
                {{- '\\n<tool_call>' ~ call.function.arguments | tojson ~ '</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
BLOCKS = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n' + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}
"""
TEMPLATES = {"chatml": CHATML, "headers": HEADERS, "brackets": BRACKETS, "thinking": THINKING, "blocks": BLOCKS}


def say(role, content, **more):
    return {"role": role, "content": content, **more}


CONVERSATIONS = [
    [say("user", "Hi")],
    [say("user", "Hi"), say("assistant", "Hello!")],
    [say("system", "Be brief.\n"), say("user", " What's 2+2? \n"), say("assistant", "\n4 "), say("user", "And <3&\"'é中?"), say("assistant", "{\"a\": 1}\n```py\nx\n```")],
    [say("user", "q"), say("assistant", "<think>\nhm\n</think>\n\nyes"), say("user", "r"), say("assistant", "<think>\nha\n</think>\n\nno")],
    [say("user", "q"), say("assistant", "yes", reasoning_content="well")],
    [say("user", "q"), say("assistant", "", tool_calls=[{"function": {"name": "f", "arguments": {"z": 1, "a": ["é<", 2.5, None, True]}}}])],
    [say("user", ""), say("assistant", "")],
    [say("assistant", "first"), say("user", "second")],
    [say("system", "Tu es bref."), say("user", "¿Cuánto es 12×3? 数を書く"), say("assistant", "36 🙂\n\n- one\n- two  "), say("user", "<b>\"&'</b>", name="Ann"),
     say("tool", "[1, 2.0]"), say("assistant", "\tdone\r\n", weight=2, score=0.5, ok=True, none=None, list=["a", "B", 3], map={"y": 1, "x": "é"})],
]
FEATURE_CONVERSATIONS = [1, 2, 8]  # of those; a template that looks at no message gets the first alone


class Generation(jinja2.ext.Extension):
    """{% generation %}, which transformers makes of a call block."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("body"), [], [], body).set_lineno(line)

    def body(self, caller):
        return caller()


class Raised(jinja2.exceptions.TemplateError):
    """What raise_exception raises."""


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])

    def raise_exception(message):
        raise Raised(message)

    env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    env.globals["raise_exception"] = raise_exception  # strftime_now is left out: see render in chat.go
    return env


def attempt(template, variables):
    """The text, or the error that Jinja2 or the template itself raised."""
    try:
        return {"text": environment().from_string(template).render(**variables)}
    except Raised as e:
        return {"raised": str(e)}
    except Exception as e:  # what a template may run into: undefined values, types that do not go together
        return {"error": "%s: %s" % (type(e).__name__, e)}


def variables(messages, header, bos="<s>", eos="</s>"):
    return dict(messages=messages, tools=None, documents=None, add_generation_prompt=header, bos_token=bos, eos_token=eos)


def render(template, messages, header, bos, eos):
    return attempt(template, variables(messages, header, bos, eos)).get("text")


def lines(items):
    return "[\n" + ",\n".join(json.dumps(x, ensure_ascii=False) for x in items) + "\n]"


def write_cases():
    cases = []
    templates = {**TEMPLATES, **FEATURES}
    assert len(templates) == len(TEMPLATES) + len(FEATURES)
    for name, template in templates.items():
        feature = name in FEATURES
        looks = template.count("messages") > 1  # not only to write the contents at the end
        for i in FEATURE_CONVERSATIONS[: 3 if looks else 1] if feature else range(len(CONVERSATIONS)):
            for header in (False, True) if not feature or "add_generation_prompt" in template else (False,):
                cases.append({"template": name, "conversation": i, "header": header, **attempt(template, variables(CONVERSATIONS[i], header))})
    with open(os.path.join(HERE, "cases.json"), "w", encoding="utf-8") as f:
        f.write('{"templates": %s,\n"conversations": %s,\n"cases": %s}\n' % (
            json.dumps(templates, ensure_ascii=False, indent=0), lines(CONVERSATIONS), lines(cases)))
    return {"templates": len(templates), "cases": len(cases)}


def write_jinja():
    compile_once = {}

    def outcome(template, context=more.CONTEXTS[0]):
        if template not in compile_once:
            try:
                compile_once[template] = environment().from_string(template)
            except Exception as e:
                compile_once[template] = e
        if isinstance(compile_once[template], Exception):
            return {"error": True}
        try:
            return {"text": compile_once[template].render(**copy.deepcopy(context))}
        except Raised as e:
            return {"raised": str(e)}
        except Exception:
            return {"error": True}

    templates = {**TEMPLATES, **{name: t.removesuffix(features.EACH + "<{{ m.content }}>" + features.END) for name, t in FEATURES.items()}, **more.templates(outcome)}
    assert len(set(templates.values())) > 400
    rows, renderings, errors = [], 0, 0
    for name, template in templates.items():
        outcomes, of = [], ""
        for context in more.CONTEXTS:
            o = outcome(template, context)
            assert " at 0x" not in o.get("text", ""), name
            if o not in outcomes:
                outcomes.append(o)
            of += "0123456789abcdef"[outcomes.index(o)]
            renderings += 1
            errors += "text" not in o
        rows.append({"name": name, "template": template, "outcomes": outcomes, "of": "" if len(outcomes) == 1 else of})
    text = '{"contexts": %s,\n"templates": %s}\n' % (lines(more.CONTEXTS), lines(rows))
    with open(os.path.join(HERE, "jinja.json.gz"), "wb") as f:
        f.write(gzip.compress(text.encode(), mtime=0))
    return {"templates": len(templates), "contexts": len(more.CONTEXTS), "renderings": renderings, "errors": errors}


def write():
    counts = {"cases.json": write_cases(), "jinja.json.gz": write_jinja()}
    names = ("cases.json", "features.py", "jinja.json.gz", "make.py", "more.py")
    files = {n: hashlib.sha256(open(os.path.join(HERE, n), "rb").read()).hexdigest() for n in names}
    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        f.write(json.dumps({"made_by": "testdata/chat/make.py", "command": "/usr/bin/python3 testdata/chat/make.py",
                            "oracle": {"package": "Debian python3-jinja2 " + jinja2.__version__, "python": sys.version.split()[0]},
                            "seed": None, "counts": counts, "files": files}, indent=1) + "\n")
    print(counts)


def check(model, files):
    differ = 0
    end = "<|endoftext|>"  # GPT-2's only special token
    for file in files:
        text = open(file, encoding="utf-8").read()
        template = json.loads(text)["chat_template"] if file.endswith(".json") else text
        with tempfile.TemporaryDirectory() as d:
            shutil.copy(os.path.join(model, "tokenizer.json"), d)
            open(os.path.join(d, "chat_template.jinja"), "w", encoding="utf-8").write(template)
            open(os.path.join(d, "tokenizer_config.json"), "w").write(json.dumps({"bos_token": end, "eos_token": end}))
            equal, refused, different = 0, [], []
            for messages in CONVERSATIONS[1:-1]:
                want = render(template, messages, False, end, end)
                if want is None:  # Jinja2 cannot run it: {% generation %}, or the template's own exception
                    continue
                data = os.path.join(d, "data.jsonl")
                open(data, "w", encoding="utf-8").write(json.dumps({"messages": messages}) + "\n")
                run = subprocess.run([os.environ["REPRISE"], "inspect", "data", "--model", d, "--data", data, "--json", "--max-seq-len", "100000", "--allow-no-end"],
                                     capture_output=True, text=True)
                if run.returncode != 0:
                    refused.append(run.stderr.strip())
                    continue
                got = json.loads(run.stdout)["shown"][-1]["text"]
                if got in (want, want + end):  # the end id is added where the template's end of a turn is no special token
                    equal += 1
                else:
                    different.append((got, want))
        print("%s %s: %d equal, %d refused, %d different" % (file.split(os.sep)[-3], os.path.basename(file), equal, len(refused), len(different)))
        for reason in refused[:1]:
            print("   refused:", reason)
        for got, want in different[:1]:
            print("   reprise %r\n   jinja2  %r" % (got, want))
        differ += len(different)
    sys.exit(1 if differ else 0)


parser = argparse.ArgumentParser()
parser.add_argument("--check", nargs="+", default=[])
parser.add_argument("--model")
options = parser.parse_args()
if options.check:
    check(options.model, options.check)
else:
    write()
