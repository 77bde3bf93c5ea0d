// Package jinja runs chat templates: the part of Jinja2 that they use, with Jinja2's output to the byte, set up as Hugging Face's
// transformers does (trim_blocks, lstrip_blocks, an immutable sandbox, break and continue, {% generation %}).
//
//	t, err := jinja.Parse(source)
//	out, err := t.Render(map[string]jinja.Value{"messages": messages, "add_generation_prompt": true})
//
// [DecodeJSON] makes values of JSON: the order of keys, long whole numbers and the difference between 20 and 20.0 survive.
//
// Supported: the tags if, for (conditions, else, recursive), set (also blocks and several names), with, macro, call, filter, print,
// raw, break, continue, generation; all operators, slices, inline if; loop and its fields; range, dict, namespace and
// raise_exception; Jinja2's tests; Jinja2's filters but those named below; the usual methods of texts, lists, dictionaries and
// tuples, with Python's meaning. tojson writes as Python's json.dumps does without ensure_ascii.
//
// Refused, by name: the tags block, extends, include, import, from, autoescape, do and trans; the filters attr, center,
// filesizeformat, pprint, random, striptags, urlencode, urlize, wordwrap and xmlattr; lipsum, cycler and joiner; methods that
// change a list or a dictionary; attributes with underscores; unknown filters, tests, tags and their arguments. What can be seen
// in the template is refused by [Parse], the rest when it runs. The results of escape and safe may be written, joined with ~ and
// little else. strftime_now is defined only where a date is given ([StrftimeNow]).
//
// Nothing outside the template and its variables can be reached. A rendering ends with an error after 5 million steps, 64 MiB of
// text or 512 MiB of values made; blocks, expressions and values may be nested 200 deep, macros 100. Text is Unicode as Go has it:
// characters that are newer than Python's tables may change their case.
package jinja
