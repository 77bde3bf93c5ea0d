// Writes the Parquet files of this folder with three programs that have nothing to do with Reprise, and rows.json with what they hold:
//
//	npm i @duckdb/node-api parquet-wasm apache-arrow hyparquet-writer
//	node testdata/parquet/make.mjs --modules node_modules
//
// DuckDB is written in C++; parquet-wasm is the Rust library of Apache Arrow; hyparquet-writer is written in JavaScript.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const modules = resolve(process.argv[process.argv.indexOf('--modules') + 1])
const require = createRequire(join(modules, 'x.js'))
const versionOf = name => JSON.parse(readFileSync(join(modules, name, 'package.json'))).version

// Conversations as data sets have them: lists of structs within lists of structs, null and empty in all places.
const call = (name, text) => ({ name, arguments: text })
const message = (role, content, calls = null) => ({ role, content, tool_calls: calls })
const chat = [
  { id: 1, messages: [message('system', 'Answer in one line.'), message('user', 'Which bird?'), message('assistant', 'A heron.')], tags: ['bird', 'short'], score: 0.5, good: true, note: null },
  { id: 2, messages: [message('user', 'Weather in Łódź — or 東京?'), message('assistant', null, [call('weather', '{"city": "Łódź", "days": 2.0}'), call('weather', '{"city": "東京"}')])], tags: [], score: 20, good: false, note: 'two calls' },
  { id: 3, messages: [message('user', 'if x:\n\treturn "a\\b"\r\n'), message('assistant', '', [])], tags: null, score: -1e-7, good: null, note: '' },
  { id: -4, messages: [], tags: ['a', null, ''], score: null, good: true, note: 'no turns 🪶' },
  { id: 5, messages: null, tags: ['bird'], score: 1e22, good: false, note: 'two calls' },
  { id: 6, messages: [message('user', 'Long: ' + 'the otter sleeps, the heron waits; '.repeat(12)), message('assistant', 'Yes.', [call('none', '{}')])], tags: ['long', 'bird'], score: 3.25, good: true, note: 'two calls' },
]
// Pairs for several row groups and pages: questions that repeat and answers that do not.
const pairs = Array.from({ length: 150 }, (_, i) => ({
  prompt: ['How many?', 'Which one?', 'When, in days?'][i % 3], completion: i % 50 === 7 ? null : `Number ${i * i % 97} of ${i}.`, n: i - 150, x: i / 8, big: i % 2 ? 9007199254740993 : -i,
}))
const big = pairs.map((_, i) => i % 2 ? 9007199254740993n : BigInt(-i)) // beyond a double

const out = name => join(here, name)
const made = {}

// DuckDB
{
  const { DuckDBInstance } = require('@duckdb/node-api')
  const c = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect()
  const dir = mkdtempSync(join(tmpdir(), 'make-'))
  const json = (name, rows) => { const p = join(dir, name); writeFileSync(p, rows); return p }
  const chatFile = json('chat.jsonl', chat.map(r => JSON.stringify(r)).join('\n'))
  const pairFile = json('pairs.jsonl', pairs.map((r, i) => JSON.stringify(r).replace(/"big":[^}]*/, `"big":${big[i]}`)).join('\n'))
  const chatTable = `(SELECT * FROM read_json('${chatFile}', format='newline_delimited', columns={id:'INTEGER',
    messages:'STRUCT(role VARCHAR, content VARCHAR, tool_calls STRUCT(name VARCHAR, arguments VARCHAR)[])[]', tags:'VARCHAR[]', score:'DOUBLE', good:'BOOLEAN', note:'VARCHAR'}))`
  const pairTable = `(SELECT * FROM read_json('${pairFile}', format='newline_delimited', columns={prompt:'VARCHAR', completion:'VARCHAR', n:'SMALLINT', x:'FLOAT', big:'BIGINT'}))`
  const copy = async (name, table, options) => {
    await c.run(`COPY ${table} TO '${out(name)}' (FORMAT parquet, ${options})`)
    made[name] = `DuckDB, ${options}`
  }
  await copy('chat-duckdb-snappy.parquet', chatTable, 'COMPRESSION snappy')
  await copy('chat-duckdb-gzip.parquet', chatTable, 'COMPRESSION gzip')
  await copy('pairs-duckdb-zstd.parquet', pairTable, 'COMPRESSION zstd, PARQUET_VERSION V2')
  rmSync(dir, { recursive: true })
}

// Arrow's Rust library
{
  const arrow = require('apache-arrow')
  const wasm = require('parquet-wasm/node')
  const F = (name, type) => new arrow.Field(name, type, true)
  const write = (name, fields, rows, text, set) => {
    const type = new arrow.Struct(fields)
    const vector = arrow.vectorFromArray(rows, type)
    const table = new arrow.Table(new arrow.Schema(fields), new arrow.RecordBatch(new arrow.Schema(fields), vector.data[0]))
    let p = new wasm.WriterPropertiesBuilder()
    p = set(p)
    writeFileSync(out(name), wasm.writeParquet(wasm.Table.fromIPCStream(arrow.tableToIPC(table, 'stream')), p.build()))
    made[name] = 'parquet-wasm, ' + text
  }
  const T = new arrow.Utf8(), L = new arrow.LargeUtf8()
  const calls = new arrow.List(F('item', new arrow.Struct([F('name', T), F('arguments', T)])))
  const chatFields = text => [F('id', new arrow.Int32()), F('messages', new arrow.List(F('element', new arrow.Struct([F('role', text), F('content', text), F('tool_calls', calls)])))),
    F('tags', new arrow.List(F('item', text))), F('score', new arrow.Float64()), F('good', new arrow.Bool()), F('note', text)]
  const pairFields = [F('prompt', T), F('completion', T), F('n', new arrow.Int16()), F('x', new arrow.Float32()), F('big', new arrow.Int64())]
  const pairRows = pairs.map((r, i) => ({ ...r, big: big[i] }))
  write('chat-arrow-zstd.parquet', chatFields(T), chat, 'version 1.0, zstd', p => p.setCompression(wasm.Compression.ZSTD))
  write('chat-arrow-v2.parquet', chatFields(L), chat, 'version 2.0, large strings, snappy', p => p.setWriterVersion(wasm.WriterVersion.V2).setCompression(wasm.Compression.SNAPPY))
  write('pairs-arrow-groups.parquet', pairFields, pairRows, 'row groups of 64 rows, pages of 400 bytes, uncompressed',
    p => p.setMaxRowGroupSize(64).setDataPageSizeLimit(400).setWriteBatchSize(20).setCompression(wasm.Compression.UNCOMPRESSED))
  write('pairs-arrow-plain.parquet', pairFields, pairRows, 'version 2.0 without dictionaries, gzip', p => p.setWriterVersion(wasm.WriterVersion.V2).setDictionaryEnabled(false).setCompression(wasm.Compression.GZIP))
}

// hyparquet-writer
{
  const { parquetWriteFile } = await import(pathToFileURL(join(modules, 'hyparquet-writer', 'src', 'index.js')))
    .catch(() => import(pathToFileURL(require.resolve('hyparquet-writer'))))
  const column = (name, type, data) => ({ name, type, data })
  const write = parquetWriteFile ?? (await import(pathToFileURL(join(modules, 'hyparquet-writer', 'src', 'node.js')))).parquetWriteFile
  await write({
    filename: out('pairs-hyparquet.parquet'), rowGroupSize: 50,
    columnData: [column('prompt', 'STRING', pairs.map(r => r.prompt)), column('completion', 'STRING', pairs.map(r => r.completion)), column('n', 'INT32', pairs.map(r => r.n)),
      column('x', 'FLOAT', pairs.map(r => r.x)), column('big', 'INT64', big)],
  })
  made['pairs-hyparquet.parquet'] = 'hyparquet-writer, row groups of 50 rows'
}

writeFileSync(out('rows.json'), '{"chat":[\n' + chat.map(r => JSON.stringify(r)).join(',\n') + '\n],"pairs":[\n' +
  pairs.map((r, i) => JSON.stringify(r).replace(/"big":[^}]*/, `"big":${big[i]}`)).join(',\n') + '\n]}\n')
const sum = name => createHash('sha256').update(readFileSync(out(name))).digest('hex')
let bytes = 0
for (const name of Object.keys(made)) bytes += statSync(out(name)).size
writeFileSync(out('manifest.json'), JSON.stringify({
  made_by: 'testdata/parquet/make.mjs', command: 'node testdata/parquet/make.mjs --modules node_modules',
  oracle: Object.fromEntries(['@duckdb/node-api', 'parquet-wasm', 'apache-arrow', 'hyparquet-writer'].map(n => [n, versionOf(n)])),
  writers: made, files: Object.fromEntries([...Object.keys(made), 'rows.json', 'make.mjs'].sort().map(n => [n, sum(n)])),
}, null, 1) + '\n')
console.log(bytes, 'bytes of Parquet')
