"""Writes chat.json: conversations rendered by Jinja2 as transformers sets it up (trim_blocks, lstrip_blocks, loop controls, tojson
that keeps characters, raise_exception), for TestRenderChat.

The templates were written for this test; they use what the published ones of the Qwen, Llama, ChatML and Zephyr families use.

    apt-get install python3-jinja2        # 3.1.2
    /usr/bin/python3 make_chat.py > chat.json

With --check FILE…, nothing is written: every FILE is a published tokenizer_config.json or .jinja file, whose rendering by
Jinja2 is compared with that of `reprise inspect data --model DIR --data FILE --json`, where DIR (--model) holds
GPT-2's tokenizer.json; REPRISE names the command.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

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
]


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    env.globals["raise_exception"] = raise_exception  # strftime_now is left out: see render in chat.go
    return env


def render(template, messages, header, bos="<s>", eos="</s>"):
    try:
        return environment().from_string(template).render(
            messages=messages, tools=None, documents=None, add_generation_prompt=header, bos_token=bos, eos_token=eos)
    except jinja2.exceptions.TemplateError:
        return None


def write():
    cases = []
    for name in TEMPLATES:
        for i in range(len(CONVERSATIONS)):
            for header in (False, True):
                cases.append({"template": name, "conversation": i, "header": header, "text": render(TEMPLATES[name], CONVERSATIONS[i], header)})
    json.dump({"made_by": "make_chat.py, Jinja2 " + jinja2.__version__, "templates": TEMPLATES, "conversations": CONVERSATIONS, "cases": cases},
              sys.stdout, ensure_ascii=False, indent=1)
    print()


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
