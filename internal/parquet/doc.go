// Package parquet reads the rows of a Parquet file as JSON objects, one a row. It reads what the data sets of language models are
// stored as and refuses the rest by name, for files that may come from a stranger: no panic, no unbounded memory, no network.
// (Libraries that read and write Parquet link Go's network packages, which SECURITY.md rules out.)
//
//	f, err := parquet.Open(file, size)
//	err = f.Rows(func(row int, object []byte) error { … })
//
// One page of every column is in memory at a time, with the column's dictionary; of a row that goes on over several pages, all.
// An error of a row is a [RowError].
//
//   - Pages: versions 1 and 2, with and without a dictionary; several row groups. Checksums are checked where they are there.
//   - Compression: none, Snappy, gzip, zstd. LZO, LZ4 and Brotli are refused.
//   - Encodings: plain, dictionary, RLE, the three delta encodings, byte stream split.
//   - Nesting: structs are objects, lists are lists (in the three forms that writers use), maps with text as keys are objects.
//   - Values: text, truth values, whole numbers, decimals and floats as JSON has them; a float that is a whole number keeps its
//     ".0", a float that is not a number is null, an infinite one is refused. Dates and times are text in ISO 8601, a UUID is text.
//     Bytes that are not text are refused with their column.
//
// The format is described at https://github.com/apache/parquet-format.
package parquet
